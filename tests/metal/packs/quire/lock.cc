// A lock taken by hand.
namespace quire {
template <const int& C> class Mutex { public: void lock(); void unlock(); };
}
extern const int kClass;
int work();
int bad(quire::Mutex<kClass>& m) {
  m.lock();
  if (work()) return 1;  // expect: quire.lock
  m.unlock();
  return 0;
}
int good(quire::Mutex<kClass>& m) {
  m.lock();
  int r = work();
  m.unlock();
  return r;
}
