// Path-specific in C++ too.
struct Mutex { void lock(); void unlock(); bool try_lock(); };
struct Guard { explicit Guard(Mutex& x) : m(x) { m.lock(); } ~Guard() { m.unlock(); } Mutex& m; };
int work();
extern "C" void kfree(const void *);

int bad(Mutex& m)
{
  if (m.try_lock()) return work();  // expect: cxxlock
  return 0;
}

int good(Mutex& m)
{
  if (!m.try_lock()) return 0;
  m.unlock();
  return 1;
}
