// Objects are not used after delete.
#include "../include/cxx.h"

int used(N* n) {
  delete n;
  return n->v;  // expect: cxx.delete
}
int used_before(N* n) {
  int v = n->v;
  delete n;
  return v;
}
void twice(N* n) {
  delete n;
  delete n;  // expect: cxx.delete
}
void reset(N* n) {
  delete n;
  n = nullptr;
  delete n;
}
void list(N* n) {
  while (n) {
    delete n;
    n = n->next;  // expect: cxx.delete
  }
}
void list_right(N* n) {
  while (n) {
    N* next = n->next;
    delete n;
    n = next;
  }
}
int array(int* a) {
  delete[] a;
  return a[1];  // expect: cxx.delete
}
int array_right(int* a) {
  int v = a[1];
  delete[] a;
  return v;
}
void array_twice(int* a, bool b) {
  if (b) delete[] a;
  delete[] a;  // expect: cxx.delete
}
void array_either(int* a, bool b) {
  if (b) {
    delete[] a;
    return;
  }
  delete[] a;
}
struct O {
  N* n_;
  int use() {
    delete n_;
    return n_->v;  // expect: cxx.delete
  }
  int use_right() {
    int v = n_->v;
    delete n_;
    n_ = nullptr;
    return v;
  }
  void twice() {
    delete n_;
    delete n_;  // expect: cxx.delete
  }
  void renew() {
    delete n_;
    n_ = new N;
    n_->v = 1;
  }
};
static void drop(N* n) { delete n; }
int dropped(N* n) {
  drop(n);
  return n->v;  // expect: cxx.delete
}
int dropped_last(N* n) {
  int v = n->v;
  drop(n);
  return v;
}
int alias(N* n) {
  N* m = n;
  delete n;
  return m->v;  // expect: cxx.delete
}
int other(N* n, N* m) {
  delete n;
  return m->v;
}
void written(N* n) {
  delete n;
  n->v = 0;  // expect: cxx.delete
}
void branch(N* n, bool b) {
  if (b) delete n;
  if (!b) n->v = 1;
}
