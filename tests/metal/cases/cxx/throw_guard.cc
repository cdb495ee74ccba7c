// Unwinding runs the destructors of what lives.
struct Mutex { void lock(); void unlock(); bool try_lock(); };
struct Guard { explicit Guard(Mutex& x) : m(x) { m.lock(); } ~Guard() { m.unlock(); } Mutex& m; };
int work();
extern "C" void kfree(const void *);

int bad(Mutex& m, int a)
{
  try {
    m.lock();
    if (a) throw 1;
    m.unlock();
  } catch (...) {
    return -1;  // expect: cxxlock
  }
  return 0;
}

int good(Mutex& m, int a)
{
  try {
    Guard g(m);
    if (a) throw 1;
  } catch (...) {
    return -1;
  }
  return 0;
}
