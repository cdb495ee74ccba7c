// /proc/mm: an address space for the opening, records that act on it.
#define _GNU_SOURCE
#include "spaces.h"

#include <sys/stat.h>

static const unsigned long at = 0x10000000;

static struct proc_mm_op map_op(unsigned long address, unsigned long length, unsigned long prot,
                                unsigned long flags, long fd, unsigned long offset) {
  struct proc_mm_op op;
  memset(&op, 0, sizeof op);
  op.op = MM_MMAP;
  op.u.mmap.addr = address;
  op.u.mmap.len = length;
  op.u.mmap.prot = prot;
  op.u.mmap.flags = flags;
  op.u.mmap.fd = (unsigned long)fd;
  op.u.mmap.offset = offset;
  return op;
}

int main(void) {
  if (only_native()) return ended();
  struct stat st;
  CHECK(stat("/proc/mm", &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0777) == 0222);
  int mm = open("/proc/mm", O_WRONLY | O_CLOEXEC);
  int second = open("/proc/mm", O_WRONLY | O_CLOEXEC);
  CHECK(mm >= 0 && second >= 0);

  // MM_MMAP: anonymous memory, and a file of the writer's at an offset in bytes.
  struct proc_mm_op op =
      map_op(at, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  CHECK(write(mm, &op, sizeof op) == (long)sizeof op);
  CHECK(put(mm, at, "space", 6) == 6);
  char text[8];
  CHECK(get(second, text, at, 6) == -1 && errno == EFAULT);  // each opening is another one
  int file = (int)syscall(SYS_memfd_create, "proc_mm", 0);
  CHECK(ftruncate(file, 8192) == 0 && pwrite(file, "page 1", 7, 4096) == 7);
  op = map_op(at + 0x100000, 4096, PROT_READ, MAP_SHARED | MAP_FIXED, file, 4096);
  CHECK(write(mm, &op, sizeof op) == (long)sizeof op);
  CHECK(get(mm, text, at + 0x100000, 7) == 7 && strcmp(text, "page 1") == 0);

  // MM_MPROTECT, MM_MUNMAP.
  memset(&op, 0, sizeof op);
  op.op = MM_MPROTECT;
  op.u.mprotect.addr = at;
  op.u.mprotect.len = 4096;
  op.u.mprotect.prot = PROT_READ;
  CHECK(write(mm, &op, sizeof op) == (long)sizeof op);
  CHECK(put(mm, at, "x", 1) == -1 && errno == EFAULT);
  CHECK(get(mm, text, at, 6) == 6 && strcmp(text, "space") == 0);
  memset(&op, 0, sizeof op);
  op.op = MM_MUNMAP;
  op.u.munmap.addr = at;
  op.u.munmap.len = 8192;
  CHECK(write(mm, &op, sizeof op) == (long)sizeof op);
  CHECK(get(mm, text, at, 1) == -1 && errno == EFAULT);
  CHECK(get(mm, text, at + 8192, 1) == 1);
  // A record may end where its part does.
  CHECK(write(mm, &op, 8 + sizeof op.u.munmap) == (long)(8 + sizeof op.u.munmap));

  // MM_COPY_SEGMENTS: from another one; there are no segments of one's own to copy.
  memset(&op, 0, sizeof op);
  op.op = MM_COPY_SEGMENTS;
  op.u.copy_segments = second;
  CHECK(write(mm, &op, sizeof op) == (long)sizeof op);
  op.u.copy_segments = 999;
  REFUSES(proc_mm, EBADF, write(mm, &op, sizeof op));
  op.u.copy_segments = file;
  REFUSES(proc_mm, EINVAL, write(mm, &op, sizeof op));

  // The other calls take such a descriptor, and code runs there.
  static const unsigned char code[] = {0xb8, 0x2a, 0, 0, 0, 0x0f, 0x05};  // mov $42,%eax ; syscall
  op = map_op(code_at, code_size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
              -1, 0);
  CHECK(write(mm, &op, sizeof op) == (long)sizeof op);
  CHECK(put(mm, code_at, code, sizeof code) == sizeof code);
  struct mm_context c = start();
  CHECK(run(mm, &c) == MM_EXIT_SYSCALL && c.regs.orig_rax == 42);
  // Written through another address space's eyes: the record lies there.
  op = map_op(at, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  CHECK(put(mm, code_at + 1024, &op, sizeof op) == sizeof op);
  CHECK(INDIRECT(mm, SYS_write, (unsigned long)second, code_at + 1024, sizeof op) == (long)sizeof op);
  CHECK(get(second, text, at, 1) == 1);

  // Errors: of the record, and of the call it stands for.
  op = map_op(at + 1, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  REFUSES(proc_mm, EINVAL, write(mm, &op, sizeof op));
  op = map_op(at, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, 999, 0);
  REFUSES(proc_mm, EBADF, write(mm, &op, sizeof op));
  op.op = 53;
  REFUSES(proc_mm, EINVAL, write(mm, &op, sizeof op));
  op.op = MM_MMAP;
  REFUSES(proc_mm, EINVAL, write(mm, &op, 16));  // cut short
  REFUSES(proc_mm, EINVAL, write(mm, &op, 2));
  char longer[sizeof op + 8];
  memset(longer, 0, sizeof longer);
  REFUSES(proc_mm, EINVAL, write(mm, longer, sizeof longer));
  REFUSES(proc_mm, EFAULT, syscall(SYS_write, mm, 8, sizeof op));
  REFUSES(proc_mm, EBADF, read(mm, longer, 1));  // opened for writing
  CHECK(close(mm) == 0);
  REFUSES(proc_mm, EBADF, write(mm, &op, sizeof op));
  return ended();
}
