// Nine test, the tenth does not.
typedef struct { int v; } spinlock_t;
typedef struct { int v; } rwlock_t;
typedef unsigned long size_t;
void spin_lock(spinlock_t *); void spin_unlock(spinlock_t *); void spin_lock_irq(spinlock_t *); void spin_unlock_irq(spinlock_t *);
int spin_trylock(spinlock_t *);
void read_lock(rwlock_t *); void read_unlock(rwlock_t *); void write_lock(rwlock_t *); void write_unlock(rwlock_t *);
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
#define save_flags(x) __asm__ volatile("pushfl ; popl %0" : "=g"(x) : : "memory")
#define restore_flags(x) __asm__ volatile("pushl %0 ; popfl" : : "g"(x) : "memory")
#define local_irq_save(x) __asm__ volatile("pushfl ; popl %0 ; cli" : "=g"(x) : : "memory")
#define local_irq_restore(x) restore_flags(x)
#define spin_lock_irqsave(l, f) do { local_irq_save(f); spin_lock(l); } while (0)
#define spin_unlock_irqrestore(l, f) do { spin_unlock(l); local_irq_restore(f); } while (0)
#define GFP_KERNEL 0xcc0
#define GFP_ATOMIC 0xa20
void *kmalloc(size_t, int); void kfree(const void *); void *vmalloc(unsigned long); void vfree(void *);
void schedule(void); void down(void *); void up(void *);
unsigned long copy_from_user(void *, const void *, unsigned long); unsigned long copy_to_user(void *, const void *, unsigned long);
int work(void);
struct sk_buff { int len; struct sk_buff *next; };
struct sk_buff *alloc_skb(unsigned, int); void kfree_skb(struct sk_buff *);
struct dev { spinlock_t lock; rwlock_t rw; int n; char *buf; struct dev *next; };
void mutex_lock(void *); void mutex_unlock(void *); int mutex_trylock(void *); void *kzalloc(size_t, int); void msleep(int);
#define local_irq_disable() __asm__ volatile("cli")
#define local_irq_enable() __asm__ volatile("sti")
struct mutex { int v; };

struct dev *find(int);
int u0(void) { struct dev *d = find(0); if (!d) return 0; return d->n; }
int u1(void) { struct dev *d = find(1); if (!d) return 0; return d->n; }
int u2(void) { struct dev *d = find(2); if (!d) return 0; return d->n; }
int u3(void) { struct dev *d = find(3); if (!d) return 0; return d->n; }
int u4(void) { struct dev *d = find(4); if (!d) return 0; return d->n; }
int u5(void) { struct dev *d = find(5); if (!d) return 0; return d->n; }
int u6(void) { struct dev *d = find(6); if (!d) return 0; return d->n; }
int u7(void) { struct dev *d = find(7); if (!d) return 0; return d->n; }
int u8(void) { struct dev *d = find(8); if (!d) return 0; return d->n; }
int u9(void) { struct dev *d = find(9); if (!d) return 0; return d->n; }

int bad(void) {
	struct dev *d = find(99);
	return d->n; // expect: linux.inferred-check
}
