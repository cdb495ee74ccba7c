#include "kernel/platform/native/memory_file.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>

#include "kernel/abi/newer_calls.h"
#include "kernel/platform/holes.h"
#include "kernel/platform/native/host_calls.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

// int quire_checked_copy(void* to, const void* from, size_t n): 0, or 1 when SIGBUS cut it short.
asm(R"(
        .text
        .globl quire_checked_copy
        .type quire_checked_copy, @function
quire_checked_copy:
        mov %rdx, %rcx
        .globl quire_checked_copy_at
quire_checked_copy_at:
        rep movsb
        xor %eax, %eax
        ret
        .globl quire_checked_copy_failed
quire_checked_copy_failed:
        mov $1, %eax
        ret
        .size quire_checked_copy, . - quire_checked_copy
)");
extern "C" int quire_checked_copy(void* to, const void* from, std::size_t n);
extern "C" const char quire_checked_copy_at[], quire_checked_copy_failed[];

namespace quire::platform::native {
namespace {

/// A full memory file shows as SIGBUS. A checked copy survives it; elsewhere it is fatal, as ever.
void on_sigbus(int signo, siginfo_t*, void* context) {
  auto* uc = static_cast<ucontext_t*>(context);
  greg_t& rip = uc->uc_mcontext.gregs[REG_RIP];
  if (rip == reinterpret_cast<greg_t>(quire_checked_copy_at)) {
    rip = reinterpret_cast<greg_t>(quire_checked_copy_failed);
    return;
  }
  signal(signo, SIG_DFL);
}

bool write_file(const char* path, const char* text) {
  Fd fd(open(path, O_WRONLY | O_CLOEXEC));
  const auto n = static_cast<ssize_t>(std::strlen(text));
  return fd && write(fd.get(), text, static_cast<std::size_t>(n)) == n;
}

bool enter_namespaces(uid_t uid, gid_t gid) {
  // Root may have the right to mount without a user namespace, or user namespaces may be forbidden.
  if (uid == 0 && unshare(CLONE_NEWNS) == 0) return true;
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  char line[64];
  std::snprintf(line, sizeof line, "0 %u 1", uid);
  if (!write_file("/proc/self/uid_map", line)) return false;
  write_file("/proc/self/setgroups", "deny");
  std::snprintf(line, sizeof line, "0 %u 1", gid);
  return write_file("/proc/self/gid_map", line);
}

int fsconfig_string(int fd, const char* key, const char* value) {
  return static_cast<int>(syscall(SYS_fsconfig, fd, FSCONFIG_SET_STRING, key, value, 0));
}

/// In the child: a file in a tmpfs that is attached nowhere, so it vanishes with its last user.
int open_tmpfs_file() {
  Fd fs(static_cast<int>(syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC)));
  if (!fs || fsconfig_string(fs.get(), "huge", "advise") != 0 ||
      fsconfig_string(fs.get(), "size", "0") != 0 ||
      syscall(SYS_fsconfig, fs.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
    return -1;
  Fd mount(static_cast<int>(syscall(SYS_fsmount, fs.get(), FSMOUNT_CLOEXEC, 0)));
  if (!mount) return -1;
  return openat(mount.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

// The child shares this process's memory and descriptors, for it makes one descriptor and ends: no page
// is copied for it. It must touch nothing else of ours.
struct TmpfsRequest {
  uid_t uid;
  gid_t gid;
  int fd = -1;
};
int make_in_child(void* given) {
  auto* request = static_cast<TmpfsRequest*>(given);
  if (enter_namespaces(request->uid, request->gid)) request->fd = open_tmpfs_file();
  return 0;
}

Fd make_tmpfs_file() {
  TmpfsRequest request{.uid = geteuid(), .gid = getegid()};
  constexpr std::size_t stack_size = 64 * 1024;
  const auto stack = std::make_unique<std::byte[]>(stack_size);
  const pid_t child = clone(make_in_child, stack.get() + stack_size,
                            CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, &request);
  if (child < 0) return Fd();
  int status;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return Fd(request.fd);
}

Fd make_memfd() {
  // Where the host wants an explicit word on executability, memory of programs is executable.
  int fd = memfd_create("quire-memory", MFD_CLOEXEC | MFD_EXEC);
  if (fd < 0 && errno == EINVAL) fd = memfd_create("quire-memory", MFD_CLOEXEC);
  return Fd(fd);
}

/// Maps the file at a 2 MiB boundary.
std::byte* map_whole(int fd, u64 size) {
  void* space =
      mmap(nullptr, size + huge_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (space == MAP_FAILED) return nullptr;
  const u64 start = reinterpret_cast<u64>(space);
  const u64 base = round_up(start, huge_size);
  if (base != start) munmap(space, base - start);
  munmap(reinterpret_cast<void*>(base + size), start + huge_size - base);
  void* at = mmap(reinterpret_cast<void*>(base), size, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd, 0);
  if (at == MAP_FAILED) {
    munmap(reinterpret_cast<void*>(base), size);
    return nullptr;
  }
  return static_cast<std::byte*>(at);
}

}  // namespace

Result<Fd> MemoryFile::open_file(const std::string& preference) {
  if (preference != "auto" && preference != "tmpfs" && preference != "memfd") return err(EINVAL);
  Fd fd;
  if (preference != "memfd") fd = make_tmpfs_file();
  if (!fd && preference == "tmpfs") return err(EPERM);
  if (!fd) fd = make_memfd();
  if (!fd) return err(Errno::last());
  return fd;
}

Result<std::unique_ptr<MemoryFile>> MemoryFile::create(Fd fd) {
  // As large as the host lets a sparse file and one mapping of it be; beyond the file size limit
  // ftruncate would raise SIGXFSZ.
  u64 size = u64{16} << 40;
  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  std::byte* base = nullptr;
  for (; size >= (u64{1} << 30); size >>= 1) {
    if (limit.rlim_cur != RLIM_INFINITY && size > limit.rlim_cur) continue;
    if (ftruncate(fd.get(), static_cast<off_t>(size)) != 0) continue;
    base = map_whole(fd.get(), size);
    if (base != nullptr) break;
  }
  if (base == nullptr) return err(ENOMEM);
  madvise(base, size, MADV_DONTDUMP);

  struct sigaction action{};
  action.sa_sigaction = on_sigbus;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
  sigaction(SIGBUS, &action, nullptr);

  return std::unique_ptr<MemoryFile>(new MemoryFile(std::move(fd), base, size));
}

MemoryFile::~MemoryFile() { munmap(base_, bytes_); }

const MemoryKind& MemoryFile::kind() const {
  std::call_once(probed_, [this] { kind_ = probe(); });
  return kind_;
}

// What the host gives is tried out on the file's last windows, which are emptied again.
MemoryKind MemoryFile::probe() const {
  MemoryKind kind;
  const u64 window = bytes_ - huge_size;
  const FrameNumber first(window >> page_shift);
  auto empty = [this](FrameNumber f) {
    (void)fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(file_offset(f)),
                    static_cast<off_t>(huge_size));
  };
  // A memfd's pages are small here, under the usual setting of shmem_enabled.
  madvise(at(first), huge_size, MADV_HUGEPAGE);
  base_[window] = std::byte{1};
  kind.tmpfs_huge_advise = next_hole(first, first + pages_per_huge) == first + pages_per_huge;
  madvise(at(first), huge_size, MADV_NOHUGEPAGE);
  empty(first);
  // Elsewhere: a window advised against huge pages is never collapsed.
  const FrameNumber other = first - pages_per_huge;
  const std::byte one{1};
  kind.collapse = checked_copy(at(other), &one, 1) && madvise(at(other), huge_size, MADV_COLLAPSE) == 0;
  empty(other);
  return kind;
}

bool MemoryFile::checked_copy(void* to, const void* from, std::size_t n) const {
  return quire_checked_copy(to, from, n) == 0;
}

// Through the file: stores through the mapping would fault at every page of the hole.
Result<> MemoryFile::copy_to_holes(FrameNumber from, FrameNumber to, PageCount n) const {
  auto source = static_cast<off_t>(file_offset(from));
  auto target = static_cast<off_t>(file_offset(to));
  u64 left = n.value() << page_shift;
  while (left != 0) {
    const ssize_t done = copy_file_range(fd_.get(), &source, fd_.get(), &target, left, 0);
    if (done > 0) {
      left -= static_cast<u64>(done);
    } else if (done < 0 && errno == EINTR) {
      continue;
    } else if (done < 0 && (errno == ENOSPC || errno == ENOMEM)) {
      return err(Errno::last());
    } else {
      if (!checked_copy(base_ + target, base_ + source, left)) return err(EFAULT);
      left = 0;
    }
  }
  return {};
}

Result<> MemoryFile::punch(FrameNumber first, PageCount n) {
  if (n.value() == 0) return {};
  int r;
  do
    r = fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  static_cast<off_t>(file_offset(first)), static_cast<off_t>(n.value() << page_shift));
  while (r != 0 && errno == EINTR);
  if (r != 0) return err(Errno::last());
  return {};
}

FrameNumber MemoryFile::next_data(FrameNumber from, FrameNumber limit) const {
  if (!(from < limit)) return limit;
  if (in_memory(*this, from)) return from;
  const off_t at = lseek(fd_.get(), static_cast<off_t>(file_offset(from)), SEEK_DATA);
  return at < 0 ? limit : std::min(limit, FrameNumber(static_cast<u64>(at) >> page_shift));
}

FrameNumber MemoryFile::next_hole(FrameNumber from, FrameNumber limit) const {
  return end_of_data(*this, from, limit);
}

// mincore goes through the pages one by one where they are not mapped here: 90-190 us for 2 MiB of small
// pages; this takes 25, and one step for a huge page (Linux 6.5).
u64 MemoryFile::stored(FrameNumber first, PageCount n) const {
  struct {
    u64 offset, length;
  } range{file_offset(first), n.value() << page_shift};
  struct {
    u64 cached, dirty, written_back, evicted, recently_evicted;
  } found{};
  if (!no_cachestat_.load(std::memory_order_relaxed)) {
    if (syscall(SYS_cachestat, fd_.get(), &range, &found, 0) == 0) return found.cached;
    no_cachestat_.store(true, std::memory_order_relaxed);
  }
  return Memory::stored(first, n);
}

void MemoryFile::advise_huge(FrameNumber first, PageCount n, bool on) {
  madvise(at(first), n.value() << page_shift, on ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

Result<> MemoryFile::collapse(FrameNumber first) {
  if (madvise(at(first), huge_size, MADV_COLLAPSE) != 0) return err(Errno::last());
  return {};
}

u64 MemoryFile::bytes_used() const {
  struct stat st;
  return fstat(fd_.get(), &st) == 0 ? static_cast<u64>(st.st_blocks) * 512 : 0;
}

bool MemoryFile::frame_of(const void* p, FrameNumber* f) const {
  const u64 offset = static_cast<u64>(static_cast<const std::byte*>(p) - base_);
  if (static_cast<const std::byte*>(p) < base_ || offset >= bytes_) return false;
  *f = FrameNumber(offset >> page_shift);
  return true;
}

}  // namespace quire::platform::native
