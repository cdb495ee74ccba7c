// eventfd, inotify, pipes and memfd.
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>

#include "kernel/syscall/file_common.h"
#include "kernel/syscall/handlers_event.h"
#include "kernel/vfs/eventfd.h"
#include "kernel/vfs/inotify.h"
#include "kernel/vfs/memory_inode.h"
#include "kernel/vfs/services.h"

namespace quire::syscall {
namespace {

Result<u64> make_eventfd(Task& task, u32 count, int flags) {
  if ((flags & ~(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE)) != 0) return err(EINVAL);
  auto file = make_ref<vfs::EventFd>(count, (flags & EFD_SEMAPHORE) != 0, O_RDWR | (flags & O_NONBLOCK));
  return install(task, std::move(file), (flags & EFD_CLOEXEC) != 0);
}

Result<u64> make_inotify(Task& task, int flags) {
  if ((flags & ~(IN_CLOEXEC | IN_NONBLOCK)) != 0) return err(EINVAL);
  return install(task, make_ref<vfs::Inotify>(O_RDONLY | (flags & O_NONBLOCK)), (flags & IN_CLOEXEC) != 0);
}

Result<Ref<vfs::File>> inotify_at(Task& task, int fd) {
  Ref<vfs::File> file = TRY(file_at(task, fd));
  if (dynamic_cast<vfs::Inotify*>(file.get()) == nullptr) return err(EINVAL);
  return file;
}

Result<u64> make_pipe(Task& task, GuestAddr at, int flags) {
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) != 0) return err(EINVAL);
  auto create = vfs::services().create_pipe;
  if (create == nullptr) return err(ENOSYS);
  auto [reader, writer] = create(flags, task.credentials().fsuid, task.credentials().fsgid);
  bool cloexec = (flags & O_CLOEXEC) != 0;
  int fds[2];
  fds[0] = static_cast<int>(TRY(install(task, std::move(reader), cloexec)));
  auto second = install(task, std::move(writer), cloexec);
  if (!second) {
    (void)task.fds().close(fds[0]);
    return err(second.error());
  }
  fds[1] = static_cast<int>(*second);
  auto written = task.mm().write(at, fds);
  if (!written) {
    (void)task.fds().close(fds[0]);
    (void)task.fds().close(fds[1]);
    return err(written.error());
  }
  return 0;
}

}  // namespace

QUIRE_SYSCALL(eventfd) { return make_eventfd(task, args.u(0), 0); }
QUIRE_SYSCALL(eventfd2) { return make_eventfd(task, args.u(0), args.i(1)); }

QUIRE_SYSCALL(inotify_init) { return make_inotify(task, 0); }
QUIRE_SYSCALL(inotify_init1) { return make_inotify(task, args.i(0)); }

QUIRE_SYSCALL(inotify_add_watch) {
  Ref<vfs::File> file = TRY(inotify_at(task, args.i(0)));
  std::string name = TRY(path_in(task, args.addr(1)));
  u32 mask = args.u(2);
  auto at = TRY(lookup_at(task, AT_FDCWD, name));
  u32 walk = ((mask & IN_DONT_FOLLOW) != 0 ? 0 : u32{vfs::walk_follow}) |
             ((mask & IN_ONLYDIR) != 0 ? u32{vfs::walk_directory} : 0);
  vfs::Path path = TRY(vfs::walk(at, name, walk));
  TRY_VOID(vfs::check_access(path, R_OK, task.credentials()));
  return static_cast<u64>(TRY(static_cast<vfs::Inotify&>(*file).add_watch(path.dentry->inode_ref(), mask)));
}

QUIRE_SYSCALL(inotify_rm_watch) {
  Ref<vfs::File> file = TRY(inotify_at(task, args.i(0)));
  TRY_VOID(static_cast<vfs::Inotify&>(*file).remove_watch(args.i(1)));
  return 0;
}

QUIRE_SYSCALL(pipe) { return make_pipe(task, args.addr(0), 0); }
QUIRE_SYSCALL(pipe2) { return make_pipe(task, args.addr(0), args.i(1)); }

QUIRE_SYSCALL(tee) {
  Ref<vfs::File> in = TRY(file_at(task, args.i(0)));
  Ref<vfs::File> out = TRY(file_at(task, args.i(1)));
  if ((args.u(3) & ~0xfu) != 0) return err(EINVAL);
  if (!in->readable() || !out->writable()) return err(EBADF);
  std::vector<std::byte> bytes(std::min<u64>(args[2], 65536));
  vfs::IoBuffer to{std::span<std::byte>(bytes)};
  std::size_t n = TRY(in->peek(to));
  if (n == 0) return 0;
  vfs::IoBuffer from{std::span<const std::byte>(bytes).first(n)};
  return TRY(out->write(from));
}

QUIRE_SYSCALL(vmsplice) {
  Ref<vfs::File> file = TRY(file_at(task, args.i(0)));
  if ((args.u(3) & ~0xfu) != 0) return err(EINVAL);
  auto buffer = TRY(vector_at(task, args.addr(1), args[2]));
  // The pages are copied, which a program cannot tell but by writing to what it gave away.
  if (file->writable()) return TRY(file->write(buffer));
  return TRY(file->read(buffer));
}

QUIRE_SYSCALL(memfd_create) {
  u32 flags = args.u(1);
  constexpr u32 huge_size_bits = 0x3fu << 26;
  if ((flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | huge_size_bits | 0x18u)) != 0)
    return err(EINVAL);
  bool huge = (flags & MFD_HUGETLB) != 0;
  if (!huge && (flags & huge_size_bits) != 0) return err(EINVAL);
  if (huge && !huge_size_known(flags >> 26)) return err(ENODEV);
  constexpr std::size_t max_name = 249;
  auto name = task.mm().copy_in_string(args.addr(0), max_name + 1);
  if (!name) return err(name.error().value() == ENAMETOOLONG ? EINVAL : name.error().value());
  const Ref<vfs::FileSystem>& fs = huge ? vfs::services().huge_memory_files : vfs::services().memory_files;
  if (!fs) return err(huge ? EINVAL : ENOSYS);
  const auto& c = task.credentials();
  constexpr u32 no_exec = 8;  // MFD_NOEXEC_SEAL
  vfs::NewNode node{.mode = S_IFREG | ((flags & no_exec) != 0 ? 0666u : 0777u),
                    .uid = c.fsuid,
                    .gid = c.fsgid,
                    .target = {}};
  Ref<vfs::Inode> inode = TRY(fs->make_orphan(node));
  if ((flags & (MFD_ALLOW_SEALING | no_exec)) != 0)
    if (auto* memory = dynamic_cast<vfs::MemoryInode*>(inode.get())) memory->set_seals(0);
  Ref<vfs::File> file = TRY(inode->open(O_RDWR));
  file->set_path({nullptr, vfs::Dentry::make_unattached(inode, "/memfd:" + *name + " (deleted)")});
  file->set_flags(O_RDWR | 0100000);
  return install(task, std::move(file), (flags & MFD_CLOEXEC) != 0);
}

}  // namespace quire::syscall
