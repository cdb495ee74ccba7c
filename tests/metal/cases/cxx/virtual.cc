// A virtual call reaches its overrider.
struct Mutex { void lock(); void unlock(); bool try_lock(); };
struct Guard { explicit Guard(Mutex& x) : m(x) { m.lock(); } ~Guard() { m.unlock(); } Mutex& m; };
int work();
extern "C" void kfree(const void *);

struct Base { virtual ~Base() {} virtual void leave(Mutex& m); };
struct Quiet : Base { void leave(Mutex& m) override { m.unlock(); } };
void Base::leave(Mutex& m) { m.unlock(); }

int bad(Base& b, Mutex& m, int a)
{
  m.lock();
  if (a) return 1;  // expect: cxxlock
  b.leave(m);
  return 0;
}

int good(Base& b, Mutex& m)
{
  m.lock();
  b.leave(m);
  return 0;
}
