// A plug-in for plugin_host: freestanding, no C library. Its entry is an ordinary function.
static long rot13(char* text, long n) {
  long changed = 0;
  for (long i = 0; i < n; ++i) {
    char c = text[i], base = c >= 'a' && c <= 'z' ? 'a' : c >= 'A' && c <= 'Z' ? 'A' : 0;
    if (base == 0) continue;
    text[i] = (char)(base + (c - base + 13) % 26);
    ++changed;
  }
  return changed;
}

long plugin(long function, char* text, long n) {
  switch (function) {
    case 0:
      return rot13(text, n);
    case 1:
      return *(volatile long*)0x1234;
    case 2: {
      // unlink("/etc/passwd"): comes back to the host, which refuses.
      long r;
      __asm__ volatile("syscall" : "=a"(r) : "a"(87L), "D"("/etc/passwd") : "rcx", "r11", "memory");
      return r;
    }
    default:
      for (;;) __asm__ volatile("");
  }
}
