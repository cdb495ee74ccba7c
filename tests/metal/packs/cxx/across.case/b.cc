// The rules of pack cxx across files: what is called.
#include "../../include/cxx.h"
#include "shared.h"

void discard(N* n) { delete n; }
char* obtain() {
  char* p = static_cast<char*>(malloc(10));
  return p;
}
void hand_over(Text& t) { keep(std::move(t)); }
