// A throw that is caught in the function.
struct Mutex { void lock(); void unlock(); bool try_lock(); };
struct Guard { explicit Guard(Mutex& x) : m(x) { m.lock(); } ~Guard() { m.unlock(); } Mutex& m; };
int work();
extern "C" void kfree(const void *);

int bad(Mutex& m, int a)
{
  m.lock();
  try {
    if (a) throw 1;
    m.unlock();
  } catch (int) {
    return -1;  // expect: cxxlock
  }
  return 0;
}

int good(Mutex& m, int a)
{
  m.lock();
  try {
    if (a) throw 1;
  } catch (int) {
    work();
  }
  m.unlock();
  return 0;
}
