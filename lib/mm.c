// libquire-mm: the address-space calls as functions. No state, no allocation.
#include <quire/mm.h>

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int create_mm(unsigned flags) { return (int)syscall(QUIRE_NR_create_mm, flags); }

long mm_indirect(int mm, const unsigned long call[7], unsigned flags) {
  return syscall(QUIRE_NR_mm_indirect, mm, call, flags);
}

long mm_indirect_batch(int mm, struct mm_batch* batch) {
  return syscall(QUIRE_NR_mm_indirect, mm, batch, MM_BATCH);
}

int mm_switch(int mm) { return (int)syscall(QUIRE_NR_mm_switch, mm); }

int mm_run(int mm, struct mm_context* ctx, unsigned flags) {
  return (int)syscall(QUIRE_NR_mm_run, mm, ctx, flags);
}

ssize_t mm_read(int mm, const struct iovec* local, unsigned long nlocal, const struct iovec* remote,
                unsigned long nremote, unsigned flags) {
  return syscall(QUIRE_NR_mm_read, mm, local, nlocal, remote, nremote, flags);
}

ssize_t mm_write(int mm, const struct iovec* local, unsigned long nlocal, const struct iovec* remote,
                 unsigned long nremote, unsigned flags) {
  return syscall(QUIRE_NR_mm_write, mm, local, nlocal, remote, nremote, flags);
}

void* mm_map(int mm, void* remote, size_t length, int prot, int flags, void* address) {
  return (void*)syscall(QUIRE_NR_mm_map, mm, remote, length, prot, flags, address);
}

void* mm_mmap(int mm, void* address, size_t length, int prot, int flags, int fd, off_t offset) {
  const unsigned long call[7] = {SYS_mmap,
                                 (unsigned long)address,
                                 length,
                                 (unsigned long)prot,
                                 (unsigned long)flags,
                                 (unsigned long)(long)fd,
                                 (unsigned long)offset};
  return (void*)mm_indirect(mm, call, 0);
}

int mm_munmap(int mm, void* address, size_t length) {
  const unsigned long call[7] = {SYS_munmap, (unsigned long)address, length, 0, 0, 0, 0};
  return (int)mm_indirect(mm, call, 0);
}

int mm_mprotect(int mm, void* address, size_t length, int prot) {
  const unsigned long call[7] = {SYS_mprotect, (unsigned long)address, length, (unsigned long)prot, 0, 0, 0};
  return (int)mm_indirect(mm, call, 0);
}

const char* quire_mm_hint(void) {
  return "this kernel has no create_mm(2): run the program under quire, as in 'quire run -- PROGRAM'";
}
