// A mutex that is a member.
struct Mutex { void lock(); void unlock(); bool try_lock(); };
struct Guard { explicit Guard(Mutex& x) : m(x) { m.lock(); } ~Guard() { m.unlock(); } Mutex& m; };
int work();
extern "C" void kfree(const void *);

struct Box {
  Mutex m;
  int v;
  int bad(int a);
  int good(int a);
};

int Box::bad(int a)
{
  m.lock();
  if (a) return v;  // expect: cxxlock
  m.unlock();
  return 0;
}

int Box::good(int a)
{
  Guard g(m);
  if (a) return v;
  return 0;
}
