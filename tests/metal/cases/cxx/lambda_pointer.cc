// A lambda that is made a pointer is not called by that; one that has things to destroy is not called by that either.
struct Mutex { void lock(); void unlock(); bool try_lock(); };
struct Own { Own(const Own&); ~Own(); };
void keep_it(void *f);
template <class F> void keep(F f) { keep_it(&f); }
#define CALL(e) do { (void)(e); } while (0)
int start(void *(*body)(void *), void *given);

int bad(Mutex& m, const Own& own)
{
  auto f = [&m, own](int a) {
    m.lock();
    if (a) return 1;  // expect: cxxlock
    m.unlock();
    return 0;
  };
  return f(2);
}

int good(Mutex& m)
{
  m.lock();
  CALL(start([](void *p) -> void * { static_cast<Mutex *>(p)->lock(); static_cast<Mutex *>(p)->unlock(); return nullptr; }, &m));
  m.unlock();
  return 0;
}

int kept(Mutex& m, const Own& own)
{
  m.lock();
  keep([&m, own] { m.lock(); m.unlock(); });
  m.unlock();
  return 0;
}
