// Macro uses: outermost and nested, with arguments, with and without code.
#define cli() __asm__ __volatile__("cli" : : : "memory")
#define save_flags(x) __asm__ __volatile__("pushf; pop %0" : "=g"(x))
#define local_irq_save(x) do { save_flags(x); cli(); } while (0)
#define spin_lock_irqsave(l, f) do { local_irq_save(f); spin_lock(l); } while (0)
#define spin_unlock(l) do { } while (0)
#define might_sleep()
#define note(x)
#define GFP_WAIT 0x10
#define GFP_KERNEL (GFP_WAIT | 2)
#define current get_current()
#define FAILED(x) (!(x))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define min(a, b) ((a) < (b) ? (a) : (b))
#define BUG_ON(c) do { if (unlikely((c) != 0)) BUG(); } while (0)
#define list_for_each(p, h) for (p = (h)->next; p != (h); p = p->next)
#define copy(to, from) ({ int left = do_copy(to, from); left; })
#define get(x, p) ({ x = *(p); 0; })
#define CALL(f, x) f(x)
#define EXPORT_SYMBOL(s) extern int exported_##s

struct list { struct list *next; int lock; };
void spin_lock(int *);
void BUG(void);
struct list *get_current(void);
void *kmalloc(unsigned long, int);
int do_copy(void *, void *);
int use(int);

int statements(struct list *p) {
  unsigned long flags;
  spin_lock_irqsave(&p->lock, flags);
  might_sleep();
  note(p->next);
  spin_unlock(&p->lock);
  BUG_ON(!p);
  return 0;
}
EXPORT_SYMBOL(statements);

int expressions(struct list *h, int n) {
  struct list *p = kmalloc(n, GFP_KERNEL), *q;
  if (unlikely(!p) || FAILED(h)) return -1;
  if (likely(n > 1) && copy(p, h)) return -2;
  list_for_each(q, h) use(min(n, 3));
  get(n, &h->lock);
  CALL(use, n);
  return current->lock;
}
