// The rules of pack cxx across files: callers.
#include "../../include/cxx.h"
#include "shared.h"

int deleted(N* n) {
  discard(n);
  return n->v;  // expect: cxx.delete
}
int deleted_right(N* n) {
  int v = n->v;
  discard(n);
  return v;
}
void made_by_malloc() {
  char* p = obtain();
  delete p;  // expect: cxx.mismatch
}
void made_by_malloc_right() {
  char* p = obtain();
  free(p);
}
int moved_here() {
  Text t;
  hand_over(t);
  return t.size();  // expect: cxx.use-after-move
}
int moved_right() {
  Text t;
  hand_over(t);
  t.clear();
  return t.size();
}
