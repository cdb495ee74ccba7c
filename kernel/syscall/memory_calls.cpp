// The mmap family: arguments are decoded here, the rules are kernel/mm's.
#include <sys/mman.h>

#include <algorithm>
#include <array>

#include "kernel/mm/huge_pool.h"
#include "kernel/syscall/file_common.h"
#include "kernel/syscall/handlers_memory.h"
#include "kernel/task/kernel.h"
#include "kernel/task/pidfd.h"

namespace quire::syscall {
namespace {

constexpr int prot_sem = 8;
constexpr u64 known_flags = MAP_SHARED | MAP_PRIVATE | MAP_SHARED_VALIDATE | MAP_FIXED | MAP_ANONYMOUS |
                            MAP_32BIT | MAP_GROWSDOWN | 0x0800 /* DENYWRITE */ | 0x1000 /* EXECUTABLE */ |
                            MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK |
                            MAP_HUGETLB | MAP_FIXED_NOREPLACE | 0x4000000 /* UNINITIALIZED */ |
                            (u64{0x3f} << 26);

Access access_of(int prot) { return static_cast<Access>(prot & (PROT_READ | PROT_WRITE | PROT_EXEC)); }

Result<> take_file(Task& task, mm::MapRequest& r, int fd, u64 flags) {
  auto file = TRY(task.fds().get(fd));
  if (file->path_only()) return err(EBADF);
  if (r.length == 0) return err(EINVAL);
  if (!file->readable()) return err(EACCES);
  if (r.shared && allows(r.access, Access::write) && !file->writable()) return err(EACCES);
  if ((flags & MAP_GROWSDOWN) != 0) return err(EINVAL);
  auto mappable = TRY(file->map(r.offset, r.length, r.access, r.shared));
  r.max_access = r.shared ? mappable.max_shared : mappable.max_private;
  if (!allows(r.max_access, r.access)) return err(EACCES);
  r.object = mappable.object;
  r.offset = mappable.offset;
  r.name = file->describe();
  if (auto st = file->stat()) {
    r.device = st->st_dev;
    r.inode = st->st_ino;
  }
  r.keep_alive = file;
  return {};
}

}  // namespace

QUIRE_SYSCALL(mmap) {
  const u64 flags = args[3];
  mm::MapRequest r;
  r.address = args.addr(0);
  r.length = args[1];
  r.offset = args[5];
  if (r.offset % page_size != 0) return err(EINVAL);
  r.access = access_of(args.i(2));
  r.no_replace = (flags & MAP_FIXED_NOREPLACE) != 0;
  r.fixed = (flags & MAP_FIXED) != 0 || r.no_replace;
  r.grows_down = (flags & MAP_GROWSDOWN) != 0;
  r.populate = (flags & MAP_POPULATE) != 0 && (flags & MAP_NONBLOCK) == 0;
  r.no_reserve = (flags & MAP_NORESERVE) != 0;
  r.locked = (flags & MAP_LOCKED) != 0;
  r.low_2g = (flags & MAP_32BIT) != 0;
  r.stack = (flags & MAP_STACK) != 0;
  const u64 type = flags & 0xf;
  r.shared = type == MAP_SHARED || type == MAP_SHARED_VALIDATE;
  if ((flags & MAP_ANONYMOUS) == 0) {
    const bool huge_flag = (flags & MAP_HUGETLB) != 0;
    const bool valid = type == MAP_SHARED || type == MAP_PRIVATE || type == MAP_SHARED_VALIDATE;
    if (!valid) {
      (void)TRY(task.fds().get(args.i(4)));
      return err(EINVAL);
    }
    if (type == MAP_SHARED_VALIDATE && (flags & ~known_flags) != 0) return err(EOPNOTSUPP);
    TRY_VOID(take_file(task, r, args.i(4), flags));
    if (huge_flag && (r.object == nullptr || !r.object->huge())) return err(EINVAL);
  } else {
    if (type != MAP_SHARED && type != MAP_PRIVATE) return err(EINVAL);
    if (r.shared && r.grows_down) return err(EINVAL);
    r.offset = 0;
    if ((flags & MAP_HUGETLB) != 0) {
      if (!huge_size_known(flags >> MAP_HUGE_SHIFT)) return err(EINVAL);
      r.length = round_up(r.length, huge_size);
      r.object = TRY(mm::MemoryObject::create_huge(task.kernel().mm(), r.length, nullptr));
      r.name = "/anon_hugepage (deleted)";
    }
  }
  return TRY(task.mm().map(r)).value();
}

QUIRE_SYSCALL(munmap) {
  TRY_VOID(task.mm().unmap(args.addr(0), args[1]));
  return 0;
}

QUIRE_SYSCALL(mprotect) {
  const int prot = args.i(2);
  const int grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
  if ((prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | prot_sem | PROT_GROWSDOWN | PROT_GROWSUP)) != 0)
    return err(EINVAL);
  TRY_VOID(task.mm().protect(args.addr(0), args[1], access_of(prot), grows));
  return 0;
}

QUIRE_SYSCALL(brk) { return task.mm().brk(args.addr(0)).value(); }

QUIRE_SYSCALL(mremap) {
  return TRY(task.mm().remap(args.addr(0), args[1], args[2], args.i(3), args.addr(4))).value();
}

QUIRE_SYSCALL(msync) {
  TRY_VOID(task.mm().sync(args.addr(0), args[1], args.i(2)));
  return 0;
}

QUIRE_SYSCALL(mincore) {
  const u64 begin = args[0];
  if (begin % page_size != 0) return err(EINVAL);
  u64 pages = args[1] / page_size + (args[1] % page_size != 0 ? 1 : 0);
  GuestAddr out = args.addr(2);
  std::array<u8, 4096> part;
  for (u64 at = begin; pages != 0;) {
    const u64 n = std::min<u64>(pages, part.size());
    TRY_VOID(task.mm().mincore(GuestAddr(at), n * page_size, std::span(part).first(n)));
    TRY_VOID(task.mm().copy_out(out, part.data(), n));
    at += n * page_size;
    out += n;
    pages -= n;
  }
  return 0;
}

QUIRE_SYSCALL(madvise) {
  TRY_VOID(task.mm().advise(args.addr(0), args[1], args.i(2)));
  return 0;
}

QUIRE_SYSCALL(process_madvise) {
  constexpr int cold = 20, pageout = 21, willneed = 3, collapse = 25;
  const int advice = args.i(3);
  if (args[4] != 0) return err(EINVAL);
  if (args[2] > IOV_MAX) return err(EINVAL);
  std::vector<struct iovec> parts(args[2]);
  TRY_VOID(task.mm().copy_in(parts.data(), args.addr(1), parts.size() * sizeof(struct iovec)));
  auto file = TRY(task.fds().get(args.i(0)));
  task::Process* process = task::process_of(*file);
  if (process == nullptr) return err(EBADF);
  auto other = process->any_task();
  if (other == nullptr) return err(ESRCH);
  if (&other->process() != &task.process() && !may_inspect(task, *other)) return err(EPERM);
  if (advice != cold && advice != pageout && advice != willneed && advice != collapse) return err(EINVAL);
  auto mm = other->mm_snapshot();
  if (mm == nullptr) return err(ESRCH);
  u64 done = 0;
  for (const auto& part : parts) {
    auto advised = mm->advise(GuestAddr(reinterpret_cast<u64>(part.iov_base)), part.iov_len, advice);
    if (!advised) {
      if (done != 0) break;
      return err(advised.error());
    }
    done += part.iov_len;
  }
  return done;
}

QUIRE_SYSCALL(remap_file_pages) {
  const u64 begin = args[0] & ~(page_size - 1);
  const u64 length = args[1] & ~(page_size - 1);
  if (args[2] != 0) return err(EINVAL);
  if (begin + length <= begin) return err(EINVAL);
  if (args[3] + (length >> page_shift) < args[3] || args[3] > ~u64{0} >> page_shift) return err(EINVAL);
  TRY_VOID(task.mm().remap_file_pages(GuestAddr(begin), length, args[3] * page_size));
  return 0;
}

// The processor's protection keys are not offered: as on a processor without them.
QUIRE_SYSCALL(pkey_mprotect) {
  if (args.i(3) != -1) return err(EINVAL);
  return sys_mprotect(task, args);
}

QUIRE_SYSCALL(pkey_alloc) {
  if (args[0] != 0 || (args[1] & ~u64{3}) != 0) return err(EINVAL);
  return err(ENOSPC);
}

QUIRE_SYSCALL(pkey_free) { return err(EINVAL); }

}  // namespace quire::syscall
