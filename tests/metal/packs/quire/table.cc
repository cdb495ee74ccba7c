// Page tables that were made.
#include "quire.h"
namespace quire::mm {
struct D { Table* t; };
Table* lost_early() {
  Table* t = new Table(1);
  if (work()) return nullptr;  // expect: quire.table
  return t;
}
Table* dropped_early() {
  Table* t = new Table(1);
  if (work()) {
    delete t;
    return nullptr;
  }
  return t;
}
int never_put() {
  Table* t = new Table(2);
  t->used = 3;
  return work();  // expect: quire.table
}
void put(Table& up) {
  Table* t = new Table(2);
  set(up, 1, Entry::to_table(t));
}
void put_sometimes(Table& up, bool yes) {
  Table* t = new Table(2);
  if (yes) set(up, 1, Entry::to_table(t));
}  // expect: quire.table
void put_or_dropped(Table& up, bool yes) {
  Table* t = new Table(2);
  if (yes)
    set(up, 1, Entry::to_table(t));
  else
    drop(t);
}
u32 used_after() {
  Table* t = new Table(1);
  delete t;
  return t->used;  // expect: quire.table
}
u32 used_before() {
  Table* t = new Table(1);
  u32 n = t->used;
  delete t;
  return n;
}
void dropped_twice(Table* t) {
  delete t;
  delete t;  // expect: quire.table
}
void dropped_once(Table* t) {
  if (work()) {
    delete t;
    return;
  }
  delete t;
}
u32 dropped_then_read(Table* t) {
  delete t;
  return t->used;  // expect: quire.table
}
void stored(D& d) {
  Table* t = new Table(3);
  d.t = t;
}
void gathered(Gather& g) {
  Table* t = new Table(3);
  g.table(t);
}
void loop_loses(Table& up) {
  for (int i = 0; i < 4; ++i) {
    Table* t = new Table(1);
    if (work()) break;  // expect: quire.table
    set(up, i, Entry::to_table(t));
  }
}
void loop_puts(Table& up) {
  for (int i = 0; i < 4; ++i) {
    Table* t = new Table(1);
    set(up, i, Entry::to_table(t));
  }
}
static Table* make(int level) {
  Table* t = new Table(level);
  return t;
}
int made_elsewhere_lost() {
  Table* t = make(1);
  t->used = 0;
  return work();  // expect: quire.table
}
Table* made_elsewhere() {
  Table* t = make(1);
  t->used = 0;
  return t;
}
static void free_it(Table* t) { delete t; }
u32 freed_elsewhere_read(Table* t) {
  free_it(t);
  return t->used;  // expect: quire.table
}
void freed_elsewhere(Table* t) {
  free_it(t);
}
void lost_by_overwriting(Table& up) {
  Table* t = new Table(1);
  t = &up;  // expect: quire.table
  t->used = 1;
}
void switch_loses(Table& up, int what) {
  Table* t = new Table(1);
  switch (what) {
    case 1:
      set(up, 1, Entry::to_table(t));
      break;
    case 2:
      delete t;
      break;
    default:
      break;
  }
}  // expect: quire.table
}
