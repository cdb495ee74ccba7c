#include "kernel/main/system_mounts.h"

#include <sys/mount.h>
#include <sys/utsname.h>

#include <bit>

#include "kernel/fs/dev/dev.h"
#include "kernel/fs/hugetlbfs/hugetlbfs.h"
#ifndef QUIRE_WITHOUT_JFFS2
#include "kernel/fs/jffs2/jffs2_fs.h"
#endif
#include "kernel/fs/pipe/pipe.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/fs/sys/sys.h"
#include "kernel/fs/tmpfs/tmpfs.h"
#include "kernel/fs/tty/tty.h"
#include "kernel/vfs/memory_inode.h"
#include "kernel/vfs/services.h"

namespace quire::cli {
namespace {

Result<Ref<vfs::FileSystem>> new_tmpfs(mm::MemoryManager& memory, u32 mode) {
  fs::tmpfs::Options o;
  o.mode = mode;
  return Ref<vfs::FileSystem>(TRY(fs::tmpfs::Tmpfs::create(&memory, o)));
}

Ref<vfs::FileSystem> proc(task::Kernel& kernel, u64 memory_limit) {
  utsname host{};
  ::uname(&host);
  fs::proc::Settings s;
  s.release = host.release;
  s.version = host.version;
  s.host_name = [&kernel] { return kernel.host_name(); };
  s.domain_name = [&kernel] { return kernel.domain_name(); };
  s.memory_limit = memory_limit;
  return fs::proc::instance(s);
}

unsigned cpus(task::Kernel& kernel) {
  return std::max(1u, static_cast<unsigned>(std::popcount(kernel.cpu_mask())));
}

/// Null where there is no such directory and none can be made. A directory of the host that the guest may
/// write gets none: that would outlive the sandbox.
Result<Ref<vfs::Mount>> mount_at(const vfs::Lookup& at, const std::string& point,
                                 const Ref<vfs::FileSystem>& fs, u64 flags, const char* source,
                                 bool make = true) {
  auto path = vfs::walk(at, point, vfs::walk_follow | vfs::walk_directory);
  if (make && !path && path.error().value() == ENOENT && vfs::make_directory(at, point, 0755))
    path = vfs::walk(at, point, vfs::walk_follow | vfs::walk_directory);
  if (!path) return Ref<vfs::Mount>();
  auto mount = TRY(vfs::MountTable::instance().mount(*path, fs, flags, source));
  mount->lock();
  return mount;
}

}  // namespace

Result<> mount_system(const vfs::Lookup& at, mm::MemoryManager& memory, task::Kernel& kernel,
                      u64 memory_limit, bool make_directories) {
  constexpr u64 usual = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  TRY_VOID(mount_at(at, "/proc", proc(kernel, memory_limit), usual, "proc", make_directories));
  TRY_VOID(mount_at(at, "/sys", fs::sys::instance(cpus(kernel)), usual, "sysfs", make_directories));
  auto run = TRY(
      mount_at(at, "/run", TRY(new_tmpfs(memory, 0755)), MS_NOSUID | MS_NODEV, "tmpfs", make_directories));
  auto dev = TRY(mount_at(at, "/dev", TRY(new_tmpfs(memory, 0755)), MS_NOSUID, "tmpfs", make_directories));
  if (dev) {
    vfs::Lookup in_dev{at.root, vfs::Path{dev, dev->root()}, at.credentials, 0};
    TRY_VOID(fs::dev::populate(in_dev));
    TRY_VOID(mount_at(at, "/dev/pts", fs::tty::devpts(), MS_NOSUID | MS_NOEXEC, "devpts"));
    TRY_VOID(mount_at(at, "/dev/shm", TRY(new_tmpfs(memory, 01777)), MS_NOSUID | MS_NODEV, "tmpfs"));
  }
  // Where systems expect these directories.
  if (run)
    for (const char* d : {"/run/lock", "/run/user"}) (void)vfs::make_directory(at, d, 0755);
  return {};
}

Result<> provide_services(mm::MemoryManager& memory, task::Kernel& kernel) {
  vfs::set_device_opener(1, fs::dev::open_memory_device);
  vfs::set_device_opener(5, fs::tty::open_device);
  vfs::set_device_opener(136, fs::tty::open_device);
  vfs::set_fifo_opener(fs::pipe::open_fifo);
  vfs::Services& s = vfs::services();
  s.create_pipe = fs::pipe::create_pipe;
  s.memory_files = TRY(new_tmpfs(memory, 0700));
  s.file_system_types["tmpfs"] = [&memory](const vfs::MountRequest& r) -> Result<Ref<vfs::FileSystem>> {
    auto options = TRY(fs::tmpfs::parse_options(r.options, memory.total_bytes()));
    return Ref<vfs::FileSystem>(TRY(fs::tmpfs::Tmpfs::create(&memory, options)));
  };
  s.huge_memory_files = TRY(fs::hugetlbfs::HugetlbFs::create(memory, {}));
  s.file_system_types["hugetlbfs"] = [&memory](const vfs::MountRequest& r) -> Result<Ref<vfs::FileSystem>> {
    fs::hugetlbfs::Options own;
    own.uid = r.credentials->fsuid;
    own.gid = r.credentials->fsgid;
    const auto options = TRY(fs::hugetlbfs::parse_options(r.options, memory.huge_pages().counts(), own));
    return Ref<vfs::FileSystem>(TRY(fs::hugetlbfs::HugetlbFs::create(memory, options)));
  };
  s.file_system_types["proc"] = [&kernel](const vfs::MountRequest&) -> Result<Ref<vfs::FileSystem>> {
    return proc(kernel, 0);
  };
  s.file_system_types["sysfs"] = [&kernel](const vfs::MountRequest&) -> Result<Ref<vfs::FileSystem>> {
    return fs::sys::instance(cpus(kernel));
  };
#ifndef QUIRE_WITHOUT_JFFS2
  s.file_system_types["jffs2"] = [&memory](const vfs::MountRequest& r) -> Result<Ref<vfs::FileSystem>> {
    auto options = TRY(fs::jffs2::parse_options(r.options));
    options.read_only = (r.flags & MS_RDONLY) != 0;
    if (!r.source_path || !r.source_path.inode()->is_regular()) return err(ENOTBLK);
    // The library maps the image: it must be a file of the host, one that the guest may open so.
    auto image = TRY(vfs::open_path(r.source_path, options.read_only ? O_RDONLY : O_RDWR, *r.credentials));
    if (image->host_fd() < 0) return err(EINVAL);
    std::string path = "/proc/self/fd/" + std::to_string(image->host_fd());
    return Ref<vfs::FileSystem>(TRY(fs::jffs2::Jffs2::open(path, memory, options)));
  };
#endif
  s.file_system_types["devpts"] = [](const vfs::MountRequest&) -> Result<Ref<vfs::FileSystem>> {
    return fs::tty::devpts();
  };
  return {};
}

}  // namespace quire::cli
