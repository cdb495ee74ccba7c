// Moved on one path only.
namespace std { template <typename T> struct rr { using type = T; }; template <typename T> struct rr<T&> { using type = T; };
template <typename T> constexpr typename rr<T>::type&& move(T&& t) noexcept { return static_cast<typename rr<T>::type&&>(t); } }
struct Text { Text(); Text(Text&&); Text(const Text&); ~Text(); Text& operator=(Text&&); int size() const; void clear(); };
void keep(Text t);

int bad(bool a) {
  Text t;
  if (a) keep(std::move(t));
  return t.size();  // expect: cxx.use-after-move
}
int good(bool a) {
  Text t;
  if (a) {
    keep(std::move(t));
    return 0;
  }
  return t.size();
}
