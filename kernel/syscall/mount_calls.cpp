// mount, umount2, sync.
#include <fcntl.h>
#include <sys/mount.h>

#include "kernel/syscall/file_common.h"
#include "kernel/syscall/handlers_event.h"
#include "kernel/vfs/services.h"

namespace quire::syscall {
namespace {

constexpr u64 kept_flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME;

Result<std::string> optional_string(Task& task, GuestAddr at, std::size_t max) {
  if (at.value() == 0) return std::string();
  return task.mm().copy_in_string(at, max);
}

Result<vfs::Path> path_of(Task& task, const std::string& name, u32 walk) {
  auto at = TRY(lookup_at(task, AT_FDCWD, name));
  return vfs::walk(at, name, walk);
}

Result<> flush_all() {
  Result<> first;
  for (auto& fs : vfs::MountTable::instance().file_systems())
    if (auto r = fs->sync(); !r && first) first = r;
  return first;
}

}  // namespace

QUIRE_SYSCALL(mount) {
  if (!task.credentials().capable(cap_sys_admin)) return err(EPERM);
  std::string type = TRY(optional_string(task, args.addr(2), 4096));
  std::string source = TRY(optional_string(task, args.addr(0), 4096));
  std::string target = TRY(path_in(task, args.addr(1)));
  std::string data = TRY(optional_string(task, args.addr(4), 4096));
  u64 flags = args[3];
  if ((flags & 0xffff0000) == 0xc0ed0000) flags &= 0xffff;  // MS_MGC_VAL of old
  vfs::Path at = TRY(path_of(task, target, vfs::walk_follow));
  auto& table = vfs::MountTable::instance();
  if ((flags & MS_REMOUNT) != 0) {
    if (!(at.dentry == at.mount->root())) return err(EINVAL);
    // A mount that was handed in read-only stays so.
    if (at.mount->locked() && at.mount->read_only() && (flags & MS_RDONLY) == 0) return err(EPERM);
    at.mount->set_flags(flags & kept_flags);
    return 0;
  }
  if ((flags & MS_BIND) != 0) {
    vfs::Path what = TRY(path_of(task, source, vfs::walk_follow));
    TRY_VOID(table.bind(what, at, (flags & MS_REC) != 0, 0));
    return 0;
  }
  if ((flags & MS_MOVE) != 0) {
    vfs::Path what = TRY(path_of(task, source, vfs::walk_follow));
    TRY_VOID(table.move(what, at));
    return 0;
  }
  if ((flags & (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)) != 0) return 0;  // there is one namespace
  auto& types = vfs::services().file_system_types;
  auto it = types.find(type);
  if (it == types.end()) return err(ENODEV);
  vfs::MountRequest request{.source = source,
                            .source_path = {},
                            .options = data,
                            .flags = flags,
                            .credentials = task.credentials_ref()};
  if (auto p = path_of(task, source, vfs::walk_follow)) request.source_path = *std::move(p);
  Ref<vfs::FileSystem> fs = TRY(it->second(request));
  TRY_VOID(table.mount(at, std::move(fs), flags & kept_flags, source.empty() ? "none" : source));
  return 0;
}

QUIRE_SYSCALL(umount2) {
  if (!task.credentials().capable(cap_sys_admin)) return err(EPERM);
  std::string target = TRY(path_in(task, args.addr(0)));
  u32 flags = args.u(1);
  if ((flags & ~u32{MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW}) != 0) return err(EINVAL);
  vfs::Path at = TRY(path_of(task, target, (flags & UMOUNT_NOFOLLOW) != 0 ? 0 : u32{vfs::walk_follow}));
  if (at.mount && at.mount->locked()) return err(EINVAL);
  (void)at.mount->file_system().sync();
  TRY_VOID(vfs::MountTable::instance().unmount(at, (flags & MNT_DETACH) != 0));
  return 0;
}

QUIRE_SYSCALL(sync) {
  (void)flush_all();
  return 0;
}

QUIRE_SYSCALL(syncfs) {
  Ref<vfs::File> file = TRY(file_at(task, args.i(0)));
  if (file->path().mount) TRY_VOID(file->path().mount->file_system().sync());
  return 0;
}

}  // namespace quire::syscall
