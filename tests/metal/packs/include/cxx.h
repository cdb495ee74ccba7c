// What the rules of pack cxx look at: a few names of the standard library, without their insides.
#pragma once
using size_t = decltype(sizeof 0);
extern "C" void* malloc(size_t);
extern "C" void* calloc(size_t, size_t);
extern "C" void free(void*);
namespace std {
template <typename T> struct rr { using type = T; };
template <typename T> struct rr<T&> { using type = T; };
template <typename T> constexpr typename rr<T>::type&& move(T&& t) noexcept { return static_cast<typename rr<T>::type&&>(t); }
class mutex {
 public:
  void lock();
  void unlock();
};
template <class M> class lock_guard {
 public:
  explicit lock_guard(M& m);
  ~lock_guard();
  lock_guard(const lock_guard&) = delete;
};
template <class M> class unique_lock {
 public:
  explicit unique_lock(M& m);
  unique_lock(unique_lock&&);
  ~unique_lock();
  bool owns_lock() const;
};
template <class M> class scoped_lock {
 public:
  explicit scoped_lock(M& m);
  ~scoped_lock();
};
}
struct Text {
  Text();
  Text(Text&&);
  Text(const Text&);
  ~Text();
  Text& operator=(Text&&);
  int size() const;
  void clear();
  void assign(int);
  void add(int);
};
void keep(Text t);
void look(const Text& t);
int work();
struct N { int v; N* next; };
