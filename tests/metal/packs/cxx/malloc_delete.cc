// malloc and delete.

extern "C" void* malloc(unsigned long);
extern "C" void free(void*);
void bad() {
  int* p = static_cast<int*>(malloc(4));
  delete p;  // expect: cxx.mismatch
}
void good() {
  int* p = static_cast<int*>(malloc(4));
  free(p);
}
