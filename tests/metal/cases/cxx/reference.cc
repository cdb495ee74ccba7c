// A reference is another name.
struct Mutex { void lock(); void unlock(); bool try_lock(); };
struct Guard { explicit Guard(Mutex& x) : m(x) { m.lock(); } ~Guard() { m.unlock(); } Mutex& m; };
int work();
extern "C" void kfree(const void *);

struct Dev { Mutex m; };

int bad(Dev& d, int a)
{
  Mutex& m = d.m;
  m.lock();
  if (a) return 1;  // expect: cxxlock
  d.m.unlock();
  return 0;
}

int good(Dev& d)
{
  Mutex& m = d.m;
  m.lock();
  d.m.unlock();
  return 0;
}
