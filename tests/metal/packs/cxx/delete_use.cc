// Used after delete.

struct N { int v; N* next; };
int bad(N* n) {
  delete n;
  return n->v;  // expect: cxx.delete
}
int good(N* n) {
  int v = n->v;
  delete n;
  return v;
}
