#include "kernel/fs/host/host_inode.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "kernel/fs/host/host_file.h"
#include "kernel/mm/memory_object.h"
#include "kernel/vfs/memory_inode.h"

namespace quire::fs::host {
namespace {

constexpr u64 name_believed_ns = 1'000'000'000;  // in the middle of a path
constexpr u64 same_moment_ns = 1'000'000;        // between the look-up and the question after it

u64 monotonic_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<u64>(t.tv_sec) * 1'000'000'000 + static_cast<u64>(t.tv_nsec);
}

timespec to_timespec(const statx_timestamp& t) { return {t.tv_sec, t.tv_nsec}; }

/// File systems of the host that hand out more than files: never to be seen by a guest.
bool is_off_limits(int fd) {
  struct statfs s{};
  if (::fstatfs(fd, &s) != 0) return true;
  switch (static_cast<u32>(s.f_type)) {
    case PROC_SUPER_MAGIC:
    case SYSFS_MAGIC:
    case DEVPTS_SUPER_MAGIC:
    case DEBUGFS_MAGIC:
    case TRACEFS_MAGIC:
    case SECURITYFS_MAGIC:
    case BPF_FS_MAGIC:
    case CGROUP_SUPER_MAGIC:
    case CGROUP2_SUPER_MAGIC:
    case NSFS_MAGIC:
    case EFIVARFS_MAGIC:
    case 0x19800202:  // MQUEUE_MAGIC
      return true;
    default:
      return false;
  }
}

}  // namespace

Result<vfs::Attributes> stat_at(int directory, const char* name) {
  struct statx s{};
  int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (name[0] == '\0' ? AT_EMPTY_PATH : 0);
  if (::statx(directory, name, flags, STATX_BASIC_STATS | STATX_BTIME, &s) != 0) return err(Errno::last());
  vfs::Attributes a;
  a.mode = s.stx_mode;
  a.uid = s.stx_uid;
  a.gid = s.stx_gid;
  a.nlink = s.stx_nlink;
  a.inode = s.stx_ino;
  a.device = makedev(s.stx_dev_major, s.stx_dev_minor);
  a.rdev = makedev(s.stx_rdev_major, s.stx_rdev_minor);
  a.size = s.stx_size;
  a.blocks = s.stx_blocks;
  a.block_size = s.stx_blksize;
  a.atime = to_timespec(s.stx_atime);
  a.mtime = to_timespec(s.stx_mtime);
  a.ctime = to_timespec(s.stx_ctime);
  a.btime = to_timespec(s.stx_btime);
  a.has_btime = (s.stx_mask & STATX_BTIME) != 0;
  return a;
}

HostInode::HostInode(HostFileSystem& fs, const vfs::Attributes& found, HostInode* parent,
                     std::string_view name)
    : Inode(fs, found.mode & S_IFMT), key_{found.device, found.inode} {
  LockGuard g(lock_);
  parent_ = Ref<HostInode>(parent);
  name_ = name;
  a_ = found;
  refreshed_.store(monotonic_ns());
  if (parent == nullptr) return;
  off_limits_ = parent->off_limits_.load();
}

HostInode::~HostInode() NO_THREAD_SAFETY_ANALYSIS {
  host_fs().forget(*this);
  // The parents, without recursion: host trees can be deeper than our stack. No lock: it is ours alone.
  HostInode* p = parent_.release();
  while (p != nullptr && p->unref()) {
    HostInode* next = p->parent_.release();
    delete p;
    p = next;
  }
}

Ref<HostInode> HostInode::parent() const {
  SharedLockGuard g(lock_);
  return parent_;
}
std::string HostInode::name() const {
  SharedLockGuard g(lock_);
  return name_;
}
void HostInode::set_place(HostInode* parent, std::string_view name) {
  Ref<HostInode> old;
  {
    SharedLockGuard g(lock_);
    if (parent_.get() == parent && name_ == name) return;
  }
  LockGuard g(lock_);
  old = std::move(parent_);
  parent_ = Ref<HostInode>(parent);
  name_ = name;
}

bool HostInode::fresh(u64 for_ns) const {
  u64 at = refreshed_.load(std::memory_order_acquire);
  return at != 0 && monotonic_ns() - at < for_ns;
}

void HostInode::refresh(const vfs::Attributes& found) {
  LockGuard g(lock_);
  a_ = found;
  refreshed_.store(monotonic_ns(), std::memory_order_release);
}

Result<Ref<HostFd>> HostInode::directory_fd() {
  if (Ref<HostFd> have = host_fs().directory_fd_of(*this)) return have;
  // Upwards to one that is open, then down again.
  std::vector<Ref<HostInode>> chain{Ref<HostInode>(this)};
  Ref<HostFd> at;
  while (!at) {
    Ref<HostInode> up = chain.back()->parent();
    if (!up || chain.size() > 4096) return err(ESTALE);
    at = host_fs().directory_fd_of(*up);
    if (!at) chain.push_back(std::move(up));
  }
  while (!chain.empty()) {
    HostInode& d = *chain.back();
    int fd = ::openat(at->get(), d.name().c_str(), O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return err(errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? ESTALE : errno);
    auto opened = make_ref<HostFd>(fd);
    vfs::Attributes a = TRY(stat_at(fd, ""));
    if (Key{a.device, a.inode} != d.key_) return err(ESTALE);
    Ref<HostInode> above = d.parent();
    if (above && above->key_.device != d.key_.device) d.off_limits_ = is_off_limits(fd);
    host_fs().keep_directory(d, opened);
    at = std::move(opened);
    chain.pop_back();
  }
  return at;
}

Result<Ref<HostFd>> HostInode::open_host(int flags) {
  Ref<HostInode> up = parent();
  if (!up) {
    Ref<HostFd> own = TRY(directory_fd());
    // A single file handed in (-v FILE:...) is opened anew through its descriptor.
    int fd = is_directory() ? ::openat(own->get(), ".", flags | O_CLOEXEC)
                            : ::open(fmt::format("/proc/self/fd/{}", own->get()).c_str(),
                                     flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) return err(Errno::last());
    return make_ref<HostFd>(fd);
  }
  Ref<HostFd> dir = TRY(up->directory_fd());
  // O_NONBLOCK: if the name has become a FIFO, the open must not wait for its other end.
  int extra = O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  if (is_regular() && (flags & (O_ACCMODE | O_PATH)) == O_RDONLY) {
    SharedLockGuard g(lock_);
    if (a_.uid == ::geteuid()) extra |= O_NOATIME;  // reading leaves no trace where that is allowed
  }
  int fd = ::openat(dir->get(), name().c_str(), flags | extra);
  if (fd < 0 && errno == EPERM && (extra & O_NOATIME) != 0)
    fd = ::openat(dir->get(), name().c_str(), flags | (extra & ~O_NOATIME));
  if (fd < 0) return err(errno == ENOENT || errno == ELOOP || errno == ENOTDIR ? ESTALE : errno);
  auto opened = make_ref<HostFd>(fd);
  vfs::Attributes a = TRY(stat_at(fd, ""));
  if (Key{a.device, a.inode} != key_ || (a.mode & S_IFMT) != type()) return err(ESTALE);
  refresh(a);
  return opened;
}

Result<Ref<vfs::Inode>> HostInode::lookup(std::string_view name) {
  if (!is_directory()) return err(ENOTDIR);
  Ref<HostFd> dir = TRY(directory_fd());
  if (off_limits_) return err(EACCES);
  auto found = stat_at(dir->get(), std::string(name).c_str());
  if (!found) return err(found.error());
  return Ref<vfs::Inode>(host_fs().inode_for(*found, this, name));
}

bool HostInode::still_valid(std::string_view name, vfs::Inode* cached, bool last) {
  auto* inode = static_cast<HostInode*>(cached);
  if (!last && inode != nullptr && inode->fresh(name_believed_ns)) return true;
  auto dir = directory_fd();
  if (!dir) return false;
  auto found = stat_at((*dir)->get(), std::string(name).c_str());
  if (!found) return inode == nullptr && found.error().value() == ENOENT;
  if (inode == nullptr || Key{found->device, found->inode} != inode->key_ ||
      (found->mode & S_IFMT) != inode->type())
    return false;
  inode->refresh(*found);
  return true;
}

Result<vfs::Attributes> HostInode::attributes() {
  if (!fresh(same_moment_ns)) {
    Result<vfs::Attributes> found = err(ESTALE);
    if (Ref<HostInode> up = parent()) {
      if (auto dir = up->directory_fd()) found = stat_at((*dir)->get(), name().c_str());
    } else {
      found = stat_at(TRY(directory_fd())->get(), "");
    }
    // A file that is no longer there under this name keeps the attributes last seen.
    if (found && Key{found->device, found->inode} == key_) refresh(*found);
  }
  SharedLockGuard g(lock_);
  return a_;
}

Result<vfs::Owner> HostInode::owner() {
  if (!fresh(name_believed_ns)) TRY(attributes());
  SharedLockGuard g(lock_);
  return vfs::Owner{a_.mode, a_.uid, a_.gid};
}

Result<Ref<vfs::File>> HostInode::open(int flags) {
  switch (type()) {
    case S_IFDIR: {
      auto fd = TRY(open_host(O_RDONLY | O_DIRECTORY));
      if (off_limits_) return err(EACCES);
      host_fs().keep_directory(*this, fd);
      return Ref<vfs::File>(make_ref<HostDirectoryFile>(Ref<HostInode>(this), std::move(fd), flags));
    }
    case S_IFREG: {
      int mode =
          host_fs().writable() ? flags & (O_ACCMODE | O_APPEND | O_SYNC | O_DSYNC | O_DIRECT) : O_RDONLY;
      if (!host_fs().writable() && (flags & O_ACCMODE) != O_RDONLY) return err(EROFS);
      if ((mode & O_ACCMODE) == O_ACCMODE) mode &= ~O_ACCMODE;
      Result<Ref<HostFd>> fd = err(EACCES);
      // Mapping a file needs it readable, whatever the guest asked for.
      if ((mode & O_ACCMODE) == O_WRONLY) fd = open_host((mode & ~O_ACCMODE) | O_RDWR);
      if (!fd) fd = open_host(mode);
      if (!fd) return err(fd.error());
      return Ref<vfs::File>(make_ref<HostFile>(Ref<HostInode>(this), *std::move(fd), flags));
    }
    case S_IFIFO:
      // A FIFO that guests made lives among guests; one of the host leads out of the sandbox.
      if (host_fs().writable()) return vfs::open_fifo(*this, flags);
      return err(EACCES);
    default:
      return err(type() == S_IFSOCK ? ENXIO : EACCES);
  }
}

Result<std::string> HostInode::read_link() {
  if (!is_symlink()) return err(EINVAL);
  Ref<HostInode> up = parent();
  if (!up) return err(ESTALE);
  char target[4097];
  ssize_t n = ::readlinkat(TRY(up->directory_fd())->get(), name().c_str(), target, sizeof target);
  if (n < 0) return err(Errno::last());
  if (n > 4096) return err(ENAMETOOLONG);
  return std::string(target, static_cast<std::size_t>(n));
}

}  // namespace quire::fs::host
