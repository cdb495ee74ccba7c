// A template once, whatever its instances; lambdas.
template <class T> T twice(T* p) { delete p; return *p; }
int uses() { return twice(new int) + static_cast<int>(twice(new long)); }
template <class T> void unused(T* p) { p->lock(); release(*p); p->field = 3; }
template <class M> struct Lock {
  explicit Lock(M& m) : m_(m) { m_.lock(); }
  ~Lock() { m_.unlock(); }
  M& m_;
};
struct Mutex { void lock(); void unlock(); };
int locked(Mutex& m, int n) {
  Lock<Mutex> l(m);
  auto f = [&, n](int k) { m.lock(); return k + n; };
  if constexpr (sizeof(int) == 4) return f(3);
  return 0;
}
int sum(int (&a)[4]) {
  int s = 0;
  for (int v : a) s += v;
  auto [x, y] = reinterpret_cast<int (&)[2]>(a);
  return s + x + y;
}
