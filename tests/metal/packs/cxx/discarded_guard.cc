// Guards that let go at once.
#include "../include/cxx.h"

struct S { std::mutex m; int n; };
void braces(std::mutex& m) {
  std::lock_guard<std::mutex>{m};  // expect: cxx.discarded-guard
}
void named(std::mutex& m) {
  std::lock_guard<std::mutex> g(m);
}
void member(S& s) {
  std::lock_guard<std::mutex>(s.m);  // expect: cxx.discarded-guard
  s.n = 1;
}
void member_named(S& s) {
  std::lock_guard<std::mutex> g(s.m);
  s.n = 1;
}
void unique(std::mutex& m) {
  std::unique_lock<std::mutex>{m};  // expect: cxx.discarded-guard
  work();
}
void unique_named(std::mutex& m) {
  std::unique_lock<std::mutex> g{m};
  work();
}
void scoped(S& s) {
  std::scoped_lock<std::mutex>(s.m);  // expect: cxx.discarded-guard
  work();
}
void scoped_named(S& s) {
  std::scoped_lock g(s.m);
  work();
}
void in_branch(S& s, bool b) {
  if (b) std::lock_guard<std::mutex>{s.m};  // expect: cxx.discarded-guard
  s.n = 2;
}
void in_branch_named(S& s, bool b) {
  if (b) {
    std::lock_guard<std::mutex> g{s.m};
    s.n = 2;
  }
}
void in_loop(S& s) {
  for (int i = 0; i < 3; ++i) std::unique_lock<std::mutex>(s.m);  // expect: cxx.discarded-guard
}
std::unique_lock<std::mutex> returned(S& s) {
  return std::unique_lock<std::mutex>(s.m);
}
void take(std::unique_lock<std::mutex> g);
void handed(S& s) {
  take(std::unique_lock<std::mutex>(s.m));
}
bool asked(S& s) {
  return std::unique_lock<std::mutex>(s.m).owns_lock();
}
void in_lambda(S& s) {
  auto f = [&] {
    std::lock_guard<std::mutex>{s.m};  // expect: cxx.discarded-guard
    s.n = 3;
  };
  f();
}
void in_lambda_named(S& s) {
  auto f = [&] {
    std::lock_guard<std::mutex> g{s.m};
    s.n = 3;
  };
  f();
}
struct C {
  std::mutex m_;
  int n_;
  void set() {
    std::lock_guard<std::mutex>{m_};  // expect: cxx.discarded-guard
    n_ = 1;
  }
  void set_named() {
    std::lock_guard<std::mutex> g{m_};
    n_ = 1;
  }
  void twice() {
    std::lock_guard<std::mutex> g{m_};
    std::scoped_lock<std::mutex>{m_};  // expect: cxx.discarded-guard
    n_ = 2;
  }
};
template <class T> void in_template(T& t) {
  std::scoped_lock<std::mutex>{t.m};  // expect: cxx.discarded-guard
  t.n = 4;
}
void instantiates(S& s) { in_template(s); }
void by_hand(S& s) {
  s.m.lock();
  s.n = 5;
  s.m.unlock();
}
