// System V shared memory: shmget, shmat, shmdt, shmctl.
#include <sys/ipc.h>
#include <sys/shm.h>

#include <algorithm>
#include <ctime>

#include "kernel/mm/huge_pool.h"
#include "kernel/mm/shm.h"
#include "kernel/syscall/handlers_memory.h"
#include "kernel/syscall/support.h"
#include "kernel/task/kernel.h"

namespace quire::syscall {
namespace {

constexpr u64 largest_segment = u64{1} << 46;
constexpr int stat_any = 15;  // SHM_STAT_ANY

mm::ShmTable& table(Task& task) { return task.kernel().mm().shm(); }

bool in_group(const vfs::Credentials& c, u32 gid) {
  return c.egid == gid || std::find(c.groups.begin(), c.groups.end(), gid) != c.groups.end();
}

/// Does the caller have all the rights of `want` (4 read, 2 write)? EACCES.
Result<> permit(Task& task, const mm::ShmSegment::Status& s, u32 want) {
  const vfs::Credentials& c = task.credentials();
  u32 granted = s.mode;
  if (c.euid == s.uid || c.euid == s.creator_uid)
    granted >>= 6;
  else if (in_group(c, s.gid) || in_group(c, s.creator_gid))
    granted >>= 3;
  if ((want & ~granted & 7) != 0 && !c.capable(cap_ipc_owner)) return err(EACCES);
  return {};
}

bool owns(Task& task, const mm::ShmSegment::Status& s) {
  const vfs::Credentials& c = task.credentials();
  return c.euid == s.uid || c.euid == s.creator_uid || c.capable(cap_sys_admin);
}

u64 pages_of(u64 bytes) { return round_up(bytes, page_size) >> page_shift; }

}  // namespace

QUIRE_SYSCALL(shmget) {
  const i32 key = args.i(0);
  const u64 size = args[1];
  const int flags = args.i(2);
  mm::ShmTable& segments = table(task);
  for (;;) {
    if (key != IPC_PRIVATE) {
      if (auto found = segments.by_key(key); found != nullptr) {
        if ((flags & IPC_CREAT) != 0 && (flags & IPC_EXCL) != 0) return err(EEXIST);
        if (size > found->size) return err(EINVAL);
        const auto mode = static_cast<u32>(flags);
        TRY_VOID(permit(task, segments.status(*found), (mode | mode >> 3 | mode >> 6) & 7));
        return static_cast<u64>(found->id);
      }
      if ((flags & IPC_CREAT) == 0) return err(ENOENT);
    }
    if (size == 0 || size > largest_segment) return err(EINVAL);
    const bool huge = (flags & SHM_HUGETLB) != 0;
    if (huge && !huge_size_known(static_cast<u32>(flags) >> 26)) return err(EINVAL);
    if (huge && !task.credentials().capable(cap_ipc_lock)) return err(EPERM);
    mm::ShmSegment::Status s;
    s.uid = s.creator_uid = task.credentials().euid;
    s.gid = s.creator_gid = task.credentials().egid;
    s.mode = static_cast<u32>(flags) & 0777;
    s.creator_pid = task.pid();
    s.changed = std::time(nullptr);
    auto object =
        TRY(huge ? mm::MemoryObject::create_huge(task.kernel().mm(), round_up(size, huge_size), nullptr)
                 : mm::MemoryObject::create_anonymous(task.kernel().mm(), round_up(size, page_size)));
    if (huge && (flags & SHM_NORESERVE) == 0) TRY_VOID(object->reserve_pages(0, object->size()));
    auto added = segments.add(key, size, std::move(object), s);
    if (added) return static_cast<u64>((*added)->id);
    if (added.error() != Errno(EEXIST)) return err(added.error());
  }
}

QUIRE_SYSCALL(shmat) {
  const int flags = args.i(2);
  u64 address = args[1];
  if (args.i(0) < 0) return err(EINVAL);
  if (address % page_size != 0) {
    if ((flags & SHM_RND) == 0) return err(EINVAL);
    address = round_down(address, page_size);
    if (address == 0 && (flags & SHM_REMAP) != 0) return err(EINVAL);
  }
  if (address == 0 && (flags & SHM_REMAP) != 0) return err(EINVAL);
  mm::ShmTable& segments = table(task);
  auto segment = TRY(segments.by_id(args.i(0)));
  const bool read_only = (flags & SHM_RDONLY) != 0;
  const u32 want = (read_only ? 4u : 6u) | ((flags & SHM_EXEC) != 0 ? 1u : 0u);
  TRY_VOID(permit(task, segments.status(*segment), want));
  mm::MapRequest r;
  r.address = GuestAddr(address);
  r.length = segment->object->size();
  r.access = Access::read | (read_only ? Access::none : Access::write) |
             ((flags & SHM_EXEC) != 0 ? Access::exec : Access::none);
  r.max_access = Access::read | Access::exec | (read_only ? Access::none : Access::write);
  r.fixed = address != 0;
  r.no_replace = address != 0 && (flags & SHM_REMAP) == 0;
  r.shared = true;
  r.object = segment->object;
  r.inode = static_cast<u64>(segment->id);
  char name[32];
  std::snprintf(name, sizeof name, "/SYSV%08x (deleted)", static_cast<u32>(segment->key));
  r.name = name;
  r.keep_alive = segment;
  auto at = task.mm().map(r);
  if (!at) return err(at.error() == Errno(EEXIST) ? EINVAL : at.error().value());
  segments.update(*segment, [&](mm::ShmSegment::Status& s) {
    s.attached = std::time(nullptr);
    s.last_pid = task.pid();
  });
  return at->value();
}

QUIRE_SYSCALL(shmdt) {
  if (args[0] % page_size != 0) return err(EINVAL);
  // The whole attachment, however it was cut up since: areas that show the segment as mapped from here.
  const auto first = task.mm().find_vma(args.addr(0));
  const auto kept = task.mm().keep_alive(args.addr(0));
  auto* segment = dynamic_cast<mm::ShmSegment*>(kept.get());
  if (!first || segment == nullptr || args[0] < first->offset || first->range.begin != args.addr(0) ||
      first->offset != 0)
    return err(EINVAL);
  const u64 base = args[0];
  const u64 end = base + segment->object->size();
  for (u64 at = base; at < end;) {
    const auto v = task.mm().find_vma(GuestAddr(at));
    if (!v) {
      at += page_size;
      continue;
    }
    const u64 stop = std::min(end, v->range.end.value());
    if (task.mm().keep_alive(GuestAddr(at)).get() == segment &&
        v->offset + (at - v->range.begin.value()) == at - base)
      TRY_VOID(task.mm().unmap(GuestAddr(at), stop - at));
    at = stop;
  }
  table(task).update(*segment, [&](mm::ShmSegment::Status& s) {
    s.detached = std::time(nullptr);
    s.last_pid = task.pid();
  });
  return 0;
}

QUIRE_SYSCALL(shmctl) {
  mm::ShmTable& segments = table(task);
  const int command = args.i(1) & ~0x100;  // IPC_64 is how x86-64 always does it
  if (args.i(0) < 0) return err(EINVAL);
  if (command == IPC_INFO) {
    struct shminfo info{};
    info.shmmax = ~u64{0} - (u64{1} << 24);
    info.shmmin = 1;
    info.shmmni = mm::ShmTable::most_segments;
    info.shmseg = mm::ShmTable::most_segments;
    info.shmall = ~u64{0} - (u64{1} << 24);
    TRY_VOID(task.mm().write(args.addr(2), info));
    const auto all = segments.list();
    return all.empty() ? 0 : all.size() - 1;
  }
  if (command == SHM_INFO) {
    struct shm_info info{};
    const auto all = segments.list();
    for (const auto& s : all) {
      ++info.used_ids;
      info.shm_tot += pages_of(s->size);
      info.shm_rss += pages_of(s->object->bytes_used());
    }
    TRY_VOID(task.mm().write(args.addr(2), info));
    return all.empty() ? 0 : all.size() - 1;
  }
  const bool by_index = command == SHM_STAT || command == stat_any;
  auto segment = TRY(by_index ? segments.by_index(args.i(0)) : segments.by_id(args.i(0)));
  const mm::ShmSegment::Status s = segments.status(*segment);
  switch (command) {
    case IPC_STAT:
    case SHM_STAT:
    case stat_any: {
      if (command != stat_any) TRY_VOID(permit(task, s, 4));
      struct shmid_ds ds{};
      ds.shm_perm.__key = s.removed ? 0 : segment->key;
      ds.shm_perm.uid = s.uid;
      ds.shm_perm.gid = s.gid;
      ds.shm_perm.cuid = s.creator_uid;
      ds.shm_perm.cgid = s.creator_gid;
      ds.shm_perm.mode =
          static_cast<unsigned short>(s.mode | (s.removed ? SHM_DEST : 0) | (s.locked ? SHM_LOCKED : 0));
      ds.shm_segsz = segment->size;
      ds.shm_atime = s.attached;
      ds.shm_dtime = s.detached;
      ds.shm_ctime = s.changed;
      ds.shm_cpid = s.creator_pid;
      ds.shm_lpid = s.last_pid;
      ds.shm_nattch = segments.attached(*segment, 1);
      TRY_VOID(task.mm().write(args.addr(2), ds));
      return by_index ? static_cast<u64>(segment->id) : 0;
    }
    case IPC_SET: {
      const auto ds = TRY(task.mm().read<struct shmid_ds>(args.addr(2)));
      if (!owns(task, s)) return err(EPERM);
      segments.update(*segment, [&](mm::ShmSegment::Status& now) {
        now.uid = ds.shm_perm.uid;
        now.gid = ds.shm_perm.gid;
        now.mode = ds.shm_perm.mode & 0777u;
        now.changed = std::time(nullptr);
      });
      return 0;
    }
    case IPC_RMID:
      if (!owns(task, s)) return err(EPERM);
      segments.remove(*segment);
      return 0;
    case SHM_LOCK:
    case SHM_UNLOCK:
      if (!owns(task, s)) return err(EPERM);
      segments.update(*segment, [&](mm::ShmSegment::Status& now) { now.locked = command == SHM_LOCK; });
      return 0;
    default:
      return err(EINVAL);
  }
}

}  // namespace quire::syscall
