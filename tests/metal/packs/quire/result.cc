// Results that nobody looks at.
#include "quire.h"
namespace quire {
Result<int> step();
struct Space {
  Result<u64> unmap(u64 a);
  virtual Result<u64> map(u64 a);
};
struct E { int v; };
void dropped() {
  step();  // expect: quire.result
}
bool kept() {
  auto r = step();
  return static_cast<bool>(r);
}
void dropped_method(Space& s) {
  s.unmap(1);  // expect: quire.result
}
bool tested_method(Space& s) {
  return static_cast<bool>(s.unmap(1));
}
void dropped_virtual(Space& s) {
  s.map(1);  // expect: quire.result
}
Result<int> passed_on() {
  return step();
}
void dropped_in_branch(bool b) {
  if (b) step();  // expect: quire.result
}
int tested(bool b) {
  if (!step()) return 1;
  return 0;
}
void dropped_in_loop() {
  for (int i = 0; i < 3; ++i) step();  // expect: quire.result
}
void meant() {
  (void)step();
}
int value_of() {
  return *step();
}
int error_of() {
  return step().error().value;
}
void dropped_beside(Space& s) {
  if (s.unmap(2)) s.unmap(3);  // expect: quire.result
}
Result<int> tried() {
  return TRY(step()) + TRY(step());
}
Result<int> tried_then_dropped() {
  int n = TRY(step());
  step();  // expect: quire.result
  return n;
}
void in_lambda() {
  auto f = [] { step(); };  // expect: quire.result
  f();
}
bool in_lambda_returned() {
  auto f = [] { return step(); };
  return static_cast<bool>(f());
}
void comma() {
  int n = (step(), 1);  // expect: quire.result
  (void)n;
}
void handed(void (*take)(Result<int>)) {
  take(step());
}
template <class T> void in_template(T& t) {
  t.unmap(4);  // expect: quire.result
}
void instantiates(Space& s) { in_template(s); }
bool chosen(bool b, Space& s) {
  return b ? static_cast<bool>(s.unmap(1)) : static_cast<bool>(step());
}
int in_condition() {
  int n = 0;
  while (step()) ++n;
  return n;
}
}
