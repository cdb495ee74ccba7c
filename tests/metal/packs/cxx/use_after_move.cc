// Objects are not used after they were moved from.
#include "../include/cxx.h"

int size_after() {
  Text t;
  keep(std::move(t));
  return t.size();  // expect: cxx.use-after-move
}
int size_before() {
  Text t;
  int n = t.size();
  keep(std::move(t));
  return n;
}
int cleared() {
  Text t;
  keep(std::move(t));
  t.clear();
  return t.size();
}
void twice() {
  Text t;
  keep(std::move(t));
  keep(std::move(t));  // expect: cxx.use-after-move
}
void in_turn() {
  Text t;
  keep(std::move(t));
  t = Text();
  keep(std::move(t));
}
void added() {
  Text t;
  keep(std::move(t));
  t.add(1);  // expect: cxx.use-after-move
}
void assigned() {
  Text t;
  keep(std::move(t));
  t.assign(1);
  t.add(1);
}
void branch(bool b) {
  Text t;
  if (b) keep(std::move(t));
  t.add(1);  // expect: cxx.use-after-move
}
void branch_apart(bool b) {
  Text t;
  if (b)
    keep(std::move(t));
  else
    t.add(1);
}
void parameter(Text t) {
  keep(std::move(t));
  t.add(2);  // expect: cxx.use-after-move
}
void parameter_last(Text t) {
  t.add(2);
  keep(std::move(t));
}
void loop(int n) {
  Text t;
  while (n--) keep(std::move(t));  // expect: cxx.use-after-move
}
void loop_own(int n) {
  while (n--) {
    Text t;
    keep(std::move(t));
  }
}
int constructed() {
  Text t;
  Text u(std::move(t));
  return t.size();  // expect: cxx.use-after-move
}
int constructed_right() {
  Text t;
  Text u(std::move(t));
  return u.size();
}
int assigned_from() {
  Text t, u;
  u = std::move(t);
  return t.size();  // expect: cxx.use-after-move
}
int assigned_from_right() {
  Text t, u;
  u = std::move(t);
  return u.size();
}
int by_switch(int w) {
  Text t;
  switch (w) {
    case 1:
      keep(std::move(t));
      break;
    default:
      break;
  }
  return t.size();  // expect: cxx.use-after-move
}
int by_switch_right(int w) {
  Text t;
  switch (w) {
    case 1:
      keep(std::move(t));
      return 0;
    default:
      break;
  }
  return t.size();
}
int other() {
  Text t, u;
  keep(std::move(t));
  return u.size();
}
int later() {
  Text t;
  keep(std::move(t));
  work();
  if (work()) return t.size();  // expect: cxx.use-after-move
  return 0;
}
