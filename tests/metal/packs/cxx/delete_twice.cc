// Deleted twice.

struct N { int v; };
void bad(N* n, bool a) {
  if (a) delete n;
  delete n;  // expect: cxx.delete
}
void good(N* n, bool a) {
  if (a) {
    delete n;
    return;
  }
  delete n;
}
