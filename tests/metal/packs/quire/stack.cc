// Variables on the stack of a kernel thread.
#include "quire.h"
namespace quire {
struct Big { char bytes[20000]; };
struct Small { char bytes[200]; };
void use(void*);
void array() {
  char b[16384];  // expect: quire.stack
  use(b);
}
void array_small() {
  char b[16383];
  use(b);
}
void structure() {
  Big b;  // expect: quire.stack
  use(&b);
}
void structure_small() {
  Small b;
  use(&b);
}
void in_block() {
  if (work()) {
    char b[65536];  // expect: quire.stack
    use(b);
  }
}
void in_block_static() {
  if (work()) {
    static char b[65536];
    use(b);
  }
}
void in_loop() {
  for (int i = 0; i < 2; ++i) {
    u64 b[4096];  // expect: quire.stack
    use(b);
  }
}
void in_loop_small() {
  for (int i = 0; i < 2; ++i) {
    u64 b[512];
    use(b);
  }
}
void of_structures() {
  Small b[100];  // expect: quire.stack
  use(b);
}
void of_few_structures() {
  Small b[50];
  use(b);
}
void in_lambda() {
  auto f = [] {
    char b[20000];  // expect: quire.stack
    use(b);
  };
  f();
}
void in_lambda_small() {
  auto f = [] {
    char b[200];
    use(b);
  };
  f();
}
void matrix() {
  char b[128][128];  // expect: quire.stack
  use(b);
}
void matrix_small() {
  char b[64][64];
  use(b);
}
void initialised() {
  char b[16384] = {1};  // expect: quire.stack
  use(b);
}
void pointer() {
  Big* b = new Big;
  use(b);
}
void second() {
  char a[16];
  char b[40000];  // expect: quire.stack
  use(a);
  use(b);
}
void reference() {
  static Big big;
  Big& b = big;
  use(&b);
}
void after_return() {
  if (work()) return;
  char b[30000];  // expect: quire.stack
  use(b);
}
void two_half() {
  char a[12000];
  char b[12000];
  use(a);
  use(b);
}
void frame() {  // expect: quire.stack
  char a[12000];
  char b[12000];
  char c[12000];
  use(a);
  use(b);
  use(c);
}
}
