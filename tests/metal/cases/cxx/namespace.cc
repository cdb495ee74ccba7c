// Names in a namespace.
struct Mutex { void lock(); void unlock(); bool try_lock(); };
struct Guard { explicit Guard(Mutex& x) : m(x) { m.lock(); } ~Guard() { m.unlock(); } Mutex& m; };
int work();
extern "C" void kfree(const void *);

namespace n {
int bad(Mutex& m, int a)
{
  m.lock();
  while (a--)
    if (work()) return 1;  // expect: cxxlock
  m.unlock();
  return 0;
}

int good(Mutex& m, int a)
{
  m.lock();
  while (a--)
    if (work()) break;
  m.unlock();
  return 0;
}
}  // namespace n
