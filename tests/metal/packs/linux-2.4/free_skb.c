// A buffer handed over and then looked at.
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
#define GFP_KERNEL 0x07
#define GFP_ATOMIC 0x20
void *kmalloc(size_t, int); void kfree(const void *); void *vmalloc(unsigned long); void vfree(void *);
void schedule(void); void down(void *); void up(void *);
unsigned long copy_from_user(void *, const void *, unsigned long); unsigned long copy_to_user(void *, const void *, unsigned long);
int work(void);
struct sk_buff { int len; struct sk_buff *next; };
struct sk_buff *alloc_skb(unsigned, int); void kfree_skb(struct sk_buff *);
struct dev { spinlock_t lock; rwlock_t rw; int n; char *buf; struct dev *next; };

int bad(struct sk_buff *skb) {
	kfree_skb(skb);
	return skb->len; // expect: linux-2.4.free
}
int good(struct sk_buff *skb) {
	int n = skb->len;
	kfree_skb(skb);
	return n;
}
