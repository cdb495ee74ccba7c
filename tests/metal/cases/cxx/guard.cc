// A guard releases in its destructor.
struct Mutex { void lock(); void unlock(); bool try_lock(); };
struct Guard { explicit Guard(Mutex& x) : m(x) { m.lock(); } ~Guard() { m.unlock(); } Mutex& m; };
int work();
extern "C" void kfree(const void *);

int bad(Mutex& m, int a)
{
  m.lock();
  if (a) return 1;  // expect: cxxlock
  m.unlock();
  return 0;
}

int good(Mutex& m, int a)
{
  Guard g(m);
  if (a) return 1;
  work();
  return 0;
}
