// Arguments, environment, standard output and exit status.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char** argv) {
  printf("hello %d %s\n", argc, getenv("HOME") != NULL ? "home" : "no home");
  fprintf(stderr, "to stderr\n");
  char* p = malloc(10 << 20);
  memset(p, 7, 10 << 20);
  printf("%d\n", p[12345]);
  return argv[argc] == NULL ? 3 : 4;
}
