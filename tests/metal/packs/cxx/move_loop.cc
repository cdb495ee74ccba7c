// Moved in every round.
namespace std { template <typename T> struct rr { using type = T; }; template <typename T> struct rr<T&> { using type = T; };
template <typename T> constexpr typename rr<T>::type&& move(T&& t) noexcept { return static_cast<typename rr<T>::type&&>(t); } }
struct Text { Text(); Text(Text&&); Text(const Text&); ~Text(); Text& operator=(Text&&); int size() const; void clear(); };
void keep(Text t);

void bad(int n) {
  Text t;
  for (int i = 0; i < n; ++i) keep(std::move(t));  // expect: cxx.use-after-move
}
void good(int n) {
  for (int i = 0; i < n; ++i) {
    Text t;
    keep(std::move(t));
  }
}
