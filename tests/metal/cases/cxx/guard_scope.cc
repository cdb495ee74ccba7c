// The guard's scope ends before the second lock.
struct Mutex { void lock(); void unlock(); bool try_lock(); };
struct Guard { explicit Guard(Mutex& x) : m(x) { m.lock(); } ~Guard() { m.unlock(); } Mutex& m; };
int work();
extern "C" void kfree(const void *);

void bad(Mutex& m)
{
  Guard g(m);
  m.lock();  // expect: cxxlock
}

void good(Mutex& m)
{
  {
    Guard g(m);
    work();
  }
  m.lock();
  m.unlock();
}
