// A range-based loop.
struct Mutex { void lock(); void unlock(); bool try_lock(); };
struct Guard { explicit Guard(Mutex& x) : m(x) { m.lock(); } ~Guard() { m.unlock(); } Mutex& m; };
int work();
extern "C" void kfree(const void *);

int bad(Mutex& m)
{
  int values[] = {1, 2, 3};
  for (int v : values) {
    m.lock();
    if (v == work()) return v;  // expect: cxxlock
    m.unlock();
  }
  return 0;
}

int good(Mutex& m)
{
  int values[] = {1, 2, 3};
  for (int v : values) {
    Guard g(m);
    if (v == work()) return v;
  }
  return 0;
}
