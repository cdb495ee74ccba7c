// Normalised expressions.
struct node {
  struct node *next;
  int value, *array;
  struct { int inner; };
  char name[8];
};
enum color { RED, GREEN = 7 };
struct ops {
  int (*open)(struct node *);
  struct { void (*close)(void); } nested;
};
static int my_open(struct node *n) { return n->value; }
static void my_close(void) {}
struct ops table[] = {{.open = my_open, .nested = {my_close}}, {my_open}};
static int (*hook)(struct node *) = my_open;
void take(void *, int);

int normal(struct node *p, int i) {
  int a[4] = {1, 2};
  *(a + i) = 1;
  i[a] = 2;
  (*p).value = 3;
  p->array[i] += 4;
  (&*p)->value++;
  take(&p->next->value, -GREEN);
  take(p->name, (int)(long)p);
  p->inner = sizeof(struct node);
  i = ({ int t = i; t + 1; });
  i = (take(p, 1), 5);
  i = i ?: 6;
  hook = &my_open;
  return hook(p) + (*hook)(p) + table[0].open(p);
}

int assembly(int *p) {
  int out, flags;
  __asm__ __volatile__("pushf; pop %0" : "=r"(flags) : "r"(p), "m"(*p) : "memory");
  __asm__ goto("jmp %l[away]" : : : : away);
  out = flags;
  return out;
away:
  return 0;
}

int vla(int n) {
  char buffer[n];
  static int calls;
  extern int elsewhere;
  calls++;
  return buffer[0] + elsewhere;
}

int computed(int n) {
  static void *labels[] = {&&one, &&two};
  goto *labels[n];
one:
  return 1;
two:
  return 2;
}

void cleanup(int *p);
int cleaned(int n) {
  int x __attribute__((cleanup(cleanup))) = n;
  if (n) return 1;
  return 0;
}

int builtin(int n) {
  if (__builtin_constant_p(n)) return 1;
  if (n < 0) __builtin_unreachable();
  return _Generic(n, int: 2, default: 3) + __builtin_choose_expr(1, 4, 5);
}
