/*
 * Address spaces as objects: system calls of the Quire kernel for guest programs.
 *
 * A descriptor made by create_mm() is an address space. It can be filled from outside (mm_indirect,
 * mm_write), run in (mm_run), entered for good (mm_switch), copied (MM_CLONE), handed to
 * another process over a unix socket, and is freed when nothing refers to it. See mm_overview(7).
 *
 * C and C++; needs no other library for the constants and structures. The functions are in libquire-mm.
 */
#ifndef QUIRE_MM_H
#define QUIRE_MM_H

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define QUIRE_NR_create_mm 1000
#define QUIRE_NR_mm_indirect 1001
#define QUIRE_NR_mm_switch 1002
#define QUIRE_NR_mm_run 1003
#define QUIRE_NR_mm_read 1004
#define QUIRE_NR_mm_write 1005
#define QUIRE_NR_mm_map 1006

/* create_mm flags */
#define MM_CLONE                                                                           \
  1u /* a copy-on-write copy of the caller's address space, page tables shared; of that of \
      * the descriptor when called through mm_indirect */

/* mm_indirect flags */
#define MM_BATCH 1u /* `call` points to struct mm_batch: an array of calls in one crossing */

/* One call of a batch: in call[0] the number, in call[1..6] the arguments; `result` as the system call
 * itself returns it (a negative errno on failure). */
struct mm_call {
  uint64_t call[7];
  int64_t result;
};
/* A batch stops at the first call that fails if MM_BATCH_STOP is set; `done` counts those executed. */
#define MM_BATCH_STOP 1u
struct mm_batch {
  uint64_t calls; /* address of struct mm_call[count] */
  uint32_t count; /* at most 1024 */
  uint32_t flags;
  uint32_t done;
  uint32_t reserved; /* 0 */
};

/* Registers in the order of struct user_regs_struct. */
struct mm_regs {
  uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
  uint64_t orig_rax;
  uint64_t rip, cs, rflags, rsp, ss;
  uint64_t fs_base, gs_base;
};

/* Why mm_run() returned. */
#define MM_EXIT_SYSCALL 1   /* a system call: number in orig_rax, none was executed */
#define MM_EXIT_FAULT 2     /* a page fault: fault_address, fault_access */
#define MM_EXIT_EXCEPTION 3 /* another exception: signal, code, trap_no, error_code, fault_address */
#define MM_EXIT_SIGNAL 4    /* a signal is due for the caller */

#define MM_ACCESS_READ 1u
#define MM_ACCESS_WRITE 2u
#define MM_ACCESS_EXEC 4u

struct mm_context {
  uint32_t size;   /* in: sizeof(struct mm_context) */
  uint32_t reason; /* out: MM_EXIT_* */
  struct mm_regs regs;
  uint64_t fault_address;
  uint32_t fault_access; /* MM_ACCESS_* of the access that failed */
  int32_t signal;        /* the signal that Linux would send for the exception */
  int32_t code;          /* its si_code */
  uint32_t reserved;     /* 0 */
  uint64_t trap_no, error_code;
  /* The extended state: an XSAVE area in standard format in the caller's memory, 64-byte aligned, read
   * before and written after the run; 0: the run goes on with what the calling thread's last run left, if
   * that was in this address space and without an area too, and starts from the initial state otherwise.
   * xstate_size is at least that of the area (a zeroed buffer means the initial state). */
  uint64_t xstate;
  uint64_t xstate_size;
};

/* Records for /proc/mm, laid out as the SKAS3 patch of User-mode Linux has them: opening the file makes an
 * address space, and each record written to it acts there with the writer's descriptors. See proc_mm(4). */
#define MM_MMAP 54
#define MM_MUNMAP 55
#define MM_MPROTECT 56
#define MM_COPY_SEGMENTS 57

struct proc_mm_op {
  int op;
  union {
    struct {
      unsigned long addr, len, prot, flags, fd, offset;
    } mmap;
    struct {
      unsigned long addr, len;
    } munmap;
    struct {
      unsigned long addr, len;
      unsigned int prot;
    } mprotect;
    int copy_segments; /* descriptor of the address space to copy from */
  } u;
};

/* The calls. Each returns -1 and sets errno on failure; ENOSYS on a kernel without them, then
 * quire_mm_hint() says how to run the program. */
int create_mm(unsigned flags);
long mm_indirect(int mm, const unsigned long call[7], unsigned flags);
int mm_switch(int mm);
int mm_run(int mm, struct mm_context* ctx, unsigned flags);
ssize_t mm_read(int mm, const struct iovec* local, unsigned long nlocal, const struct iovec* remote,
                unsigned long nremote, unsigned flags);
ssize_t mm_write(int mm, const struct iovec* local, unsigned long nlocal, const struct iovec* remote,
                 unsigned long nremote, unsigned flags);
/* Maps [remote, remote+length) of `mm` into the caller's address space, at `address` or, if that is null,
 * anywhere; flags: 0, or mmap's MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_POPULATE. The source range becomes a
 * shared object, and stays shared after a fork. */
void* mm_map(int mm, void* remote, size_t length, int prot, int flags, void* address);

/* mm_indirect with MM_BATCH: how many calls were carried out. */
long mm_indirect_batch(int mm, struct mm_batch* batch);

/* Convenience: mmap, munmap and mprotect in another address space. */
void* mm_mmap(int mm, void* address, size_t length, int prot, int flags, int fd, off_t offset);
int mm_munmap(int mm, void* address, size_t length);
int mm_mprotect(int mm, void* address, size_t length, int prot);
/* One line that says how to run a program that needs these calls: "run it under quire: ...". */
const char* quire_mm_hint(void);

#ifdef __cplusplus
}
#endif

#endif
