// A large variable.
int bad() {
  char buffer[65536];  // expect: quire.stack
  buffer[0] = 1;
  return buffer[0];
}
int good() {
  char buffer[4096];
  buffer[0] = 1;
  return buffer[0];
}
