/* What the kernel rules look at, as it looks to a driver: declarations and macros, no insides. */
#pragma once
typedef struct { int v; } spinlock_t;
typedef struct { int v; } rwlock_t;
typedef unsigned long size_t;
struct mutex { int v; };
#define NULL ((void *)0)
void spin_lock(spinlock_t *); void spin_unlock(spinlock_t *);
void spin_lock_irq(spinlock_t *); void spin_unlock_irq(spinlock_t *);
void spin_lock_bh(spinlock_t *); void spin_unlock_bh(spinlock_t *);
int spin_trylock(spinlock_t *);
void read_lock(rwlock_t *); void read_unlock(rwlock_t *); void write_lock(rwlock_t *); void write_unlock(rwlock_t *);
void mutex_lock(void *); void mutex_unlock(void *); int mutex_trylock(void *);
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
#define save_flags(x) __asm__ volatile("pushfl ; popl %0" : "=g"(x) : : "memory")
#define restore_flags(x) __asm__ volatile("pushl %0 ; popfl" : : "g"(x) : "memory")
#define local_irq_save(x) __asm__ volatile("pushfl ; popl %0 ; cli" : "=g"(x) : : "memory")
#define local_irq_restore(x) restore_flags(x)
#define local_irq_disable() __asm__ volatile("cli")
#define local_irq_enable() __asm__ volatile("sti")
#define spin_lock_irqsave(l, f) do { local_irq_save(f); spin_lock(l); } while (0)
#define spin_unlock_irqrestore(l, f) do { spin_unlock(l); local_irq_restore(f); } while (0)
#define read_lock_irqsave(l, f) do { local_irq_save(f); read_lock(l); } while (0)
#define read_unlock_irqrestore(l, f) do { read_unlock(l); local_irq_restore(f); } while (0)
#ifndef GFP_KERNEL /* waits by the bits of either kernel */
#define GFP_KERNEL 0xcc1
#define GFP_ATOMIC 0xa20
#endif
void *kmalloc(size_t, int); void kfree(const void *); void *vmalloc(unsigned long); void vfree(void *);
void *kzalloc(size_t, int); void msleep(int);
void *kmem_cache_alloc(void *, int); void kmem_cache_free(void *, void *);
void schedule(void); void down(void *); void up(void *);
unsigned long copy_from_user(void *, const void *, unsigned long);
unsigned long copy_to_user(void *, const void *, unsigned long);
int get_user(int, const int *); int put_user(int, int *);
long strncpy_from_user(char *, const char *, long);
void panic(const char *, ...);
int printk(const char *, ...);
void *memcpy(void *, const void *, size_t); void *memset(void *, int, size_t);
int work(void);
typedef struct { int counter; } atomic_t;
void atomic_inc(atomic_t *);
struct sk_buff { int len; struct sk_buff *next; atomic_t users; void *data; };
struct sk_buff *alloc_skb(unsigned, int); void kfree_skb(struct sk_buff *); struct sk_buff *skb_get(struct sk_buff *);
struct sk_buff *skb_clone(struct sk_buff *, int);
struct dev { spinlock_t lock, other; rwlock_t rw; struct mutex mutex; int n; char *buf; struct dev *next; struct sk_buff *skb; int (*op)(struct dev *); };
