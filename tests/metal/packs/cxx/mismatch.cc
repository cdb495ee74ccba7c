// new and delete, new[] and delete[], malloc and free.
#include "../include/cxx.h"

void scalar_as_array() {
  int* p = new int;
  delete[] p;  // expect: cxx.mismatch
}
void scalar_as_scalar() {
  int* p = new int;
  delete p;
}
void array_as_scalar() {
  int* p = new int[4];
  delete p;  // expect: cxx.mismatch
}
void array_as_array() {
  int* p = new int[4];
  delete[] p;
}
void new_as_malloc() {
  N* p = new N;
  free(p);  // expect: cxx.mismatch
}
void malloc_as_malloc() {
  N* p = static_cast<N*>(malloc(sizeof(N)));
  free(p);
}
void malloc_as_new() {
  N* p = static_cast<N*>(malloc(sizeof(N)));
  delete p;  // expect: cxx.mismatch
}
void calloc_as_new() {
  N* p = static_cast<N*>(calloc(1, sizeof(N)));
  delete p;  // expect: cxx.mismatch
}
void calloc_as_calloc() {
  N* p = static_cast<N*>(calloc(1, sizeof(N)));
  free(p);
}
void malloc_as_array() {
  char* p = static_cast<char*>(malloc(10));
  delete[] p;  // expect: cxx.mismatch
}
void array_as_malloc() {
  char* p = new char[10];
  free(p);  // expect: cxx.mismatch
}
void on_one_path(bool b) {
  int* p = new int[2];
  if (b)
    delete p;  // expect: cxx.mismatch
  else
    delete[] p;
}
void on_both(bool b) {
  int* p = new int[2];
  if (b) {
    delete[] p;
    return;
  }
  delete[] p;
}
void two_makers(bool b) {
  int* p;
  if (b)
    p = new int[2];
  else
    p = new int[3];
  delete[] p;
}
void alias() {
  int* p = new int[2];
  int* q = p;
  delete q;  // expect: cxx.mismatch
}
void alias_right() {
  int* p = new int[2];
  int* q = p;
  delete[] q;
}
struct H {
  int* a_;
  void fill() {
    a_ = new int[8];
    delete a_;  // expect: cxx.mismatch
  }
  void fill_right() {
    a_ = new int[8];
    delete[] a_;
  }
};
static void drop(int* p) { delete p; }  // expect: cxx.mismatch
void by_helper() {
  int* p = new int[3];
  drop(p);
}
static void drop_array(int* p) { delete[] p; }
void by_helper_right() {
  int* p = new int[3];
  drop_array(p);
}
void renewed() {
  int* p = new int[3];
  delete[] p;
  p = new int;
  delete p;
}
