// The body of a lambda is a function of its own.
struct Mutex { void lock(); void unlock(); bool try_lock(); };
struct Guard { explicit Guard(Mutex& x) : m(x) { m.lock(); } ~Guard() { m.unlock(); } Mutex& m; };
int work();
extern "C" void kfree(const void *);

int bad(Mutex& m)
{
  auto f = [&m](int a) {
    m.lock();
    if (a) return 1;  // expect: cxxlock
    m.unlock();
    return 0;
  };
  return f(2);
}

int good(Mutex& m)
{
  auto f = [&m](int a) {
    Guard g(m);
    return a;
  };
  return f(2);
}
