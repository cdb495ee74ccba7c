// Huge pages as hugetlbfs, MAP_HUGETLB, memfd and System V give them. Needs the right to mount and to
// set vm.nr_hugepages: ends with 77 where that is missing. compare.py runs it.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../guest/clauses.h"

#define MB2 (2ul << 20)
#define RW (PROT_READ | PROT_WRITE)
#define HUGE_ANON (MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB)

static sigjmp_buf jump;
static volatile int trying;
static void on_fault(int sig, siginfo_t* info, void* uc) {
  (void)uc;
  if (!trying) {
    printf("unexpected signal %d code %d\n", sig, info->si_code);
    fflush(stdout);
    _exit(2);
  }
  siglongjmp(jump, sig * 100 + info->si_code);
}
static int touch_read(volatile char* p) {
  int r = sigsetjmp(jump, 1);
  trying = 1;
  if (r == 0) (void)*p;
  trying = 0;
  return r;
}
static int touch_write(volatile char* p, char value) {
  int r = sigsetjmp(jump, 1);
  trying = 1;
  if (r == 0) *p = value;
  trying = 0;
  return r;
}

static int set(const char* path, int n) {
  FILE* f = fopen(path, "w");
  if (f == NULL) return -1;
  fprintf(f, "%d\n", n);
  return fclose(f);
}
static long get(const char* path) {
  long n = -1;
  FILE* f = fopen(path, "r");
  if (f == NULL) return -1;
  if (fscanf(f, "%ld", &n) != 1) n = -2;
  fclose(f);
  return n;
}
#define SYS "/sys/kernel/mm/hugepages/hugepages-2048kB/"
static void pool(const char* when) {
  long total = field("/proc/meminfo", "HugePages_Total"), free = field("/proc/meminfo", "HugePages_Free"),
       reserved = field("/proc/meminfo", "HugePages_Rsvd"),
       surplus = field("/proc/meminfo", "HugePages_Surp");
  printf("%s: total %ld free %ld reserved %ld surplus %ld%s\n", when, total, free, reserved, surplus,
         total == get(SYS "nr_hugepages") && free == get(SYS "free_hugepages") &&
                 reserved == get(SYS "resv_hugepages") && surplus == get(SYS "surplus_hugepages")
             ? ""
             : " (but /sys differs)");
}

static void anonymous(void) {
  printf("-- anonymous\n");
  printf("none: %s\n", mapped(mmap(NULL, MB2, RW, HUGE_ANON, -1, 0)));
  printf("none, not reserved: ");
  char* p = mmap(NULL, MB2, RW, HUGE_ANON | MAP_NORESERVE, -1, 0);
  printf("%s", mapped(p));
  printf(", touch %d\n", touch_write(p, 1));
  munmap(p, MB2);
  set("/proc/sys/vm/nr_hugepages", 8);
  pool("eight");
  printf("nine: %s\n", mapped(mmap(NULL, 9 * MB2, RW, HUGE_ANON, -1, 0)));
  printf("bad size: %s\n", mapped(mmap(NULL, MB2, RW, HUGE_ANON | 13 << MAP_HUGE_SHIFT, -1, 0)));
  p = mmap(NULL, 3 * MB2 - 5000, RW, HUGE_ANON | 21 << MAP_HUGE_SHIFT, -1, 0);
  printf("three: %s, aligned %d\n", mapped(p), (unsigned long)p % MB2 == 0);
  pool("mapped");
  p[0] = 1, p[2 * MB2 + 5] = 2;
  pool("touched");
  printf("smaps: kernel page %ld, private %ld, shared %ld, rss %ld\n", smaps(p, "KernelPageSize"),
         smaps(p, "Private_Hugetlb"), smaps(p, "Shared_Hugetlb"), smaps(p, "Rss"));
  printf("munmap a part: %s", result(munmap(p, 4096)));
  printf(", cut: %s\n", result(munmap(p + 4096, MB2)));
  printf("mprotect a part: %s", result(mprotect(p, 4096, PROT_READ)));
  printf(", unaligned: %s\n", result(mprotect(p + 4096, MB2, PROT_READ)));
  printf("mprotect a page: %s", result(mprotect(p, MB2, PROT_READ)));
  printf(", read %d", touch_read(p));
  printf(", write %d\n", touch_write(p, 3));
  printf("back: %s", result(mprotect(p, MB2, RW)));
  printf(", write %d", touch_write(p, 4));
  printf(", byte %d\n", p[0]);
  printf("dontneed unaligned: %s\n", result(madvise(p + 4096, MB2, MADV_DONTNEED)));
  printf("dontneed less than a page: %s", result(madvise(p, 4096, MADV_DONTNEED)));
  printf(", byte %d\n", p[0]);
  printf("dontneed: %s", result(madvise(p, MB2, MADV_DONTNEED)));
  printf(", byte %d\n", p[0]);
  printf("free: %s", result(madvise(p, MB2, MADV_FREE)));
  printf(", cold: %s", result(madvise(p, MB2, MADV_COLD)));
  printf(", remove: %s\n", result(madvise(p, MB2, MADV_REMOVE)));
  printf("wipeonfork: %s", result(madvise(p, MB2, MADV_WIPEONFORK)));
  printf(", dontfork: %s", result(madvise(p, MB2, MADV_DONTFORK)));
  printf(", dofork: %s\n", result(madvise(p, MB2, MADV_DOFORK)));
  unsigned char present[1536];
  printf("mincore: %s", result(mincore(p, 3 * MB2, present)));
  printf(" %d%d%d\n", present[0] & 1, present[512] & 1, present[1024] & 1);
  printf("mlock: %s", result(mlock(p, MB2)));
  printf(", munlock: %s\n", result(munlock(p, MB2)));
  printf("grow: %s\n", mapped(mremap(p, 3 * MB2, 4 * MB2, MREMAP_MAYMOVE)));
  printf("unaligned move: %s\n", mapped(mremap(p + 4096, MB2, MB2, MREMAP_MAYMOVE)));
  munmap(p, 3 * MB2);
  p = mmap(NULL, 3 * MB2, RW, HUGE_ANON, -1, 0);
  p[2 * MB2 + 5] = 2;
  char* place = mmap(NULL, 8 * MB2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  place = (char*)(((unsigned long)place + MB2 - 1) & ~(MB2 - 1));
  char* moved = mremap(p, 3 * MB2, 3 * MB2, MREMAP_MAYMOVE | MREMAP_FIXED, place);
  printf("move: %s", mapped(moved));
  printf(", bytes %d", moved[0]);
  printf(" %d", moved[2 * MB2 + 5]);
  printf(", old %d\n", touch_read(p));
  pool("moved");
  printf("fixed over a part: %s\n",
         mapped(mmap(moved + 4096, 4096, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)));
  printf("unaligned fixed: %s\n", mapped(mmap(moved + 4096, MB2, RW, HUGE_ANON | MAP_FIXED, -1, 0)));
  printf("shrink: %s\n", mapped(mremap(moved, 3 * MB2, 2 * MB2, 0)));
  printf("shrunk tail %d\n", touch_read(moved + 2 * MB2));
  pool("shrunk");
  munmap(moved, 2 * MB2);
  pool("unmapped");
}

static void forks(void) {
  printf("-- fork\n");
  char* p = mmap(NULL, 2 * MB2, RW, HUGE_ANON, -1, 0);
  p[0] = 1, p[MB2] = 2;
  int go[2], back[2];
  if (pipe(go) != 0 || pipe(back) != 0) return;
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    char c = 0;
    if (read(go[0], &c, 1) != 1) _exit(9);
    printf("child sees %d %d\n", p[0], p[MB2]);
    int wrote = touch_write(p + MB2, 9);
    printf("child writes: %d, sees %d\n", wrote, p[MB2]);
    fflush(stdout);
    _exit(0);
  }
  p[0] = 11;
  pool("parent wrote");
  if (write(go[1], "x", 1) != 1) return;
  waitpid(child, NULL, 0);
  printf("parent sees %d %d\n", p[0], p[MB2]);
  pool("child gone");
  // The pool is short: the parent's reservation counts, the child loses the page.
  set("/proc/sys/vm/nr_hugepages", 2);
  pool("two");
  child = fork();
  if (child == 0) {
    char c = 0;
    if (read(go[0], &c, 1) != 1) _exit(9);
    printf("child reads: %d", touch_read(p));
    printf(", writes the other: %d\n", touch_write(p + MB2, 5));
    fflush(stdout);
    _exit(0);
  }
  p[0] = 12;
  if (write(go[1], "x", 1) != 1) return;
  waitpid(child, NULL, 0);
  printf("parent sees %d %d\n", p[0], p[MB2]);
  munmap(p, 2 * MB2);
  set("/proc/sys/vm/nr_hugepages", 8);
  pool("unmapped");
  p = mmap(NULL, MB2, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
  fflush(stdout);
  child = fork();
  if (child == 0) {
    p[7] = 7;
    _exit(0);
  }
  waitpid(child, NULL, 0);
  printf("shared: %d\n", p[7]);
  munmap(p, MB2);
}

static void files(const char* dir) {
  printf("-- files\n");
  char name[200];
  struct stat st;
  struct statfs fs;
  printf("no such size: %s\n", result(mount("none", dir, "hugetlbfs", 0, "pagesize=16k")));
  printf("bad option: %s\n", result(mount("none", dir, "hugetlbfs", 0, "nonsense=1")));
  printf("least above most: %s\n", result(mount("none", dir, "hugetlbfs", 0, "size=2M,min_size=4M")));
  printf("too much at least: %s\n", result(mount("none", dir, "hugetlbfs", 0, "min_size=64M")));
  printf("mount: %s\n",
         result(mount("none", dir, "hugetlbfs", 0, "size=8M,min_size=4M,mode=1770,gid=7,nr_inodes=4")));
  pool("mounted");
  stat(dir, &st);
  printf("root: mode %o uid %d gid %d\n", st.st_mode, st.st_uid, st.st_gid);
  statfs(dir, &fs);
  printf("statfs: type %lx bsize %ld blocks %lu free %lu files %lu free %lu\n", (long)fs.f_type,
         (long)fs.f_bsize, fs.f_blocks, fs.f_bfree, fs.f_files, fs.f_ffree);
  snprintf(name, sizeof name, "%s/file", dir);
  int fd = open(name, O_CREAT | O_RDWR, 0600);
  printf("write: %s\n", result(write(fd, "x", 1)));
  printf("truncate: %s", result(ftruncate(fd, 4096)));
  printf(", by pages: %s\n", result(ftruncate(fd, MB2)));
  char* p = mmap(NULL, MB2, RW, MAP_SHARED, fd, 4096);
  printf("unaligned offset: %s\n", mapped(p));
  p = mmap(NULL, 5 * MB2, RW, MAP_SHARED, fd, 0);
  printf("beyond the mount's size: %s\n", mapped(p));
  p = mmap(NULL, 2 * MB2 + 1, RW, MAP_SHARED, fd, 0);
  fstat(fd, &st);
  printf("map: %s, file size %ld, block size %ld, blocks %ld\n", mapped(p), (long)st.st_size / (long)MB2,
         (long)st.st_blksize, (long)st.st_blocks);
  pool("mapped");
  p[MB2 + 1] = 5;
  char byte = 0;
  printf("read: %s", result(pread(fd, &byte, 1, MB2 + 1)));
  printf(" %d\n", byte);
  printf("punch: %s\n", result(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, MB2, MB2)));
  pool("punched");
  printf("then %d\n", p[MB2 + 1]);
  printf("allocate: %s", result(fallocate(fd, 0, 0, 2 * MB2)));
  printf(", zero range: %s\n", result(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, MB2)));
  pool("allocated");
  printf("private copy: ");
  char* q = mmap(NULL, MB2, RW, MAP_PRIVATE, fd, 0);
  p[3] = 1;
  printf("%d ", q[3]);
  q[3] = 2;
  printf("%d %d\n", q[3], p[3]);
  pool("copied");
  munmap(q, MB2);
  printf("cut: %s", result(ftruncate(fd, MB2)));
  printf(", then %d\n", touch_read(p + MB2));
  printf("below: %d\n", touch_read(p));
  munmap(p, 3 * MB2);
  pool("unmapped");
  p = mmap(NULL, MB2, PROT_READ, MAP_SHARED, fd, 4 * MB2);
  printf("beyond the end: %s", mapped(p));
  printf(", touch %d\n", touch_read(p));
  munmap(p, MB2);
  for (int i = 0; i < 4; ++i) {
    snprintf(name, sizeof name, "%s/more%d", dir, i);
    int more = open(name, O_CREAT | O_RDWR, 0600);
    printf("%s ", result(more));
    if (more >= 0) close(more);
  }
  printf("\n");
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    if (setgid(1000) != 0 || setuid(1000) != 0) _exit(1);
    snprintf(name, sizeof name, "%s/file", dir);
    printf("as another: %s\n", result(open(name, O_RDONLY)));
    fflush(stdout);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  close(fd);
  printf("umount: %s\n", result(umount(dir)));
  pool("unmounted");
}

static void others(void) {
  printf("-- memfd and System V\n");
  int fd = memfd_create("x", MFD_HUGETLB | MFD_ALLOW_SEALING);
  printf("memfd: %s", result(fd));
  printf(", truncate %s\n", result(ftruncate(fd, 2 * MB2)));
  char* p = mmap(NULL, 2 * MB2, RW, MAP_SHARED, fd, 0);
  p[0] = 1;
  pool("memfd");
  printf("seal: %s", result(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK)));
  printf(", cut: %s\n", result(ftruncate(fd, 0)));
  munmap(p, 2 * MB2);
  close(fd);
  pool("closed");
  printf("bad size: %s\n", result(memfd_create("x", MFD_HUGETLB | 13u << MAP_HUGE_SHIFT)));
  printf("too large: %s\n", result(shmget(IPC_PRIVATE, 99 * MB2, SHM_HUGETLB | IPC_CREAT | 0600)));
  int id = shmget(IPC_PRIVATE, MB2 + 1, SHM_HUGETLB | IPC_CREAT | 0600);
  pool("segment");
  p = shmat(id, NULL, 0);
  printf("attach: %s, aligned %d\n", mapped(p), (unsigned long)p % MB2 == 0);
  p[MB2] = 3;
  pool("attached");
  printf("detach: %s", result(shmdt(p)));
  printf(", remove: %s\n", result(shmctl(id, IPC_RMID, NULL)));
  pool("removed");
  set("/proc/sys/vm/nr_hugepages", 1);
  set(SYS "nr_overcommit_hugepages", 2);
  pool("one and two");
  p = mmap(NULL, 3 * MB2, RW, HUGE_ANON, -1, 0);
  printf("surplus: %s\n", mapped(p));
  pool("mapped");
  printf("more: %s\n", mapped(mmap(NULL, MB2, RW, HUGE_ANON, -1, 0)));
  p[0] = p[MB2] = 1;
  set(SYS "nr_hugepages", 0);
  pool("none");
  munmap(p, 3 * MB2);
  pool("unmapped");
  set("/proc/sys/vm/nr_overcommit_hugepages", 0);
  // The huge-page calls that Linux had once.
  errno = 0;
  printf("nr_hugepages: %s\n", result(set("/proc/sys/vm/nr_hugepages", -1)));
}

int main(void) {
  struct sigaction act = {.sa_flags = SA_SIGINFO | SA_NODEFER};
  act.sa_sigaction = on_fault;
  sigaction(SIGSEGV, &act, NULL);
  sigaction(SIGBUS, &act, NULL);
  char dir[] = "/tmp/hugetlb-test-XXXXXX";
  if (mkdtemp(dir) == NULL) return 1;
  if (get("/proc/sys/vm/nr_hugepages") != 0 || set("/proc/sys/vm/nr_hugepages", 8) != 0 ||
      get("/proc/sys/vm/nr_hugepages") != 8) {
    rmdir(dir);
    printf("no huge pages to be had\n");
    return 77;
  }
  set("/proc/sys/vm/nr_hugepages", 0);
  (void)unshare(CLONE_NEWNS);
  (void)mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
  anonymous();
  forks();
  files(dir);
  others();
  rmdir(dir);
  return 0;
}
