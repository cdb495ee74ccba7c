// Shapes of control flow.
int g(int);
void done(void);
_Noreturn void die(void);

int short_circuit(int a, int b) {
  if (a && (b || g(a)) && !g(b)) return 1;
  return a || b;
}

int loops(int n) {
  int s = 0;
  for (int i = 0; i < n; i++) {
    if (i == 3) continue;
    if (i == 5) break;
    s += i;
  }
  while (n--) s++;
  do {
    s--;
  } while (s > 10);
  do {
    done();
  } while (0);
  for (;;)
    if (g(s)) break;
  return s;
}

int jumps(int n) {
  int r = -1;
again:
  if (n < 0) goto out;
  if (n > 100) {
    int t = g(n);
    n = t;
    goto again;
  }
  r = 0;
out:
  done();
  return r;
}

int choose(unsigned n) {
  switch (n) {
    case 1:
      return 1;
    case 2 ... 5:
      n++;
    case 7:
      done();
      break;
    default:
      die();
  }
  switch (n) {
    case 9:
      done();
  }
  return 0;
}

int constant(int n) {
  if (0) done();
  if (sizeof(int) == 4) n++;
  while (1) {
    if (n > 3) return n;
    n++;
  }
}

int ternary(int *p, int n) {
  int x = n ? g(1) : g(2);
  x = p ? *p : 0;
  g(n ? 1 : 2);
  return n > 1 ? x : -1;
}

int truth(int *p) {
  if (!!p == 0) return 1;
  if ((p != 0) != 0) return 2;
  if (__builtin_expect(!p, 0)) return 3;
  return 0;
}
