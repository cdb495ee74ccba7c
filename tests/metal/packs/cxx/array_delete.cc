// new[] and delete.

void bad(int n) {
  int* p = new int[n];
  delete p;  // expect: cxx.mismatch
}
void good(int n) {
  int* p = new int[n];
  delete[] p;
}
