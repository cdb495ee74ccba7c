// An instance of a template is a function like any other; reported once.
struct Mutex { void lock(); void unlock(); bool try_lock(); };
struct Guard { explicit Guard(Mutex& x) : m(x) { m.lock(); } ~Guard() { m.unlock(); } Mutex& m; };
int work();
extern "C" void kfree(const void *);

template <typename T>
T bad(Mutex& m, T a)
{
  m.lock();
  if (a) return a;  // expect: cxxlock
  m.unlock();
  return a;
}

template <typename T>
T good(Mutex& m, T a)
{
  Guard g(m);
  if (a) return a;
  return a;
}

template int bad<int>(Mutex&, int);
template long bad<long>(Mutex&, long);
template int good<int>(Mutex&, int);
