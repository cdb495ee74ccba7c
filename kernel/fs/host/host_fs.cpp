#include "kernel/fs/host/host_fs.h"

#include <sys/resource.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "kernel/fs/host/host_inode.h"

namespace quire::fs::host {

HostFd::~HostFd() { ::close(fd_); }

HostFileSystem::HostFileSystem(Ref<HostFd> root, mm::MemoryManager& mm, const Options& options)
    : root_(std::move(root)), mm_(mm), options_(options) {}
HostFileSystem::~HostFileSystem() = default;

Result<Ref<HostFileSystem>> HostFileSystem::create(int directory, mm::MemoryManager& mm,
                                                   const Options& options) {
  auto fd = make_ref<HostFd>(directory);
  vfs::Attributes a = TRY(stat_at(directory, ""));
  if (!S_ISDIR(a.mode) && !S_ISREG(a.mode)) return err(ENOTDIR);
  // The caches share the process's descriptors with everything else.
  Options fitted = options;
  struct rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    fitted.max_directories = std::min<std::size_t>(options.max_directories, limit.rlim_cur / 8 + 2);
    fitted.max_objects = std::min<std::size_t>(options.max_objects, limit.rlim_cur / 8 + 2);
  }
  auto fs = Ref<HostFileSystem>::adopt(new HostFileSystem(std::move(fd), mm, fitted));
  fs->set_device(a.device);
  return fs;
}

Result<Ref<vfs::Inode>> HostFileSystem::root() {
  Ref<HostInode> inode = inode_for(TRY(stat_at(root_->get(), "")), nullptr, "");
  keep_directory(*inode, root_);
  return Ref<vfs::Inode>(inode);
}

Result<struct statfs> HostFileSystem::statfs() {
  struct statfs s{};
  if (::fstatfs(root_->get(), &s) != 0) return err(Errno::last());
  return s;
}

Result<> HostFileSystem::sync() {
  std::list<Ref<HostInode>> objects;
  {
    LockGuard g(lock_);
    objects = objects_;
  }
  Result<> first;
  for (auto& inode : objects)
    if (auto r = inode->write_back(); !r && first) first = r;
  return first;
}

Ref<HostInode> HostFileSystem::inode_for(const vfs::Attributes& found, HostInode* parent,
                                         std::string_view name) {
  Key key{found.device, found.inode};
  auto living = [&]() REQUIRES(lock_) -> Ref<HostInode> {
    auto it = inodes_.find(key);
    // Inode numbers are used again: another type is another file.
    if (it == inodes_.end() || it->second->type() != (found.mode & S_IFMT) || !it->second->try_ref())
      return nullptr;
    return Ref<HostInode>::adopt(it->second);
  };
  Ref<HostInode> inode, fresh;
  {
    LockGuard g(lock_);
    inode = living();
  }
  if (!inode) {
    fresh = make_ref<HostInode>(*this, found, parent, name);
    LockGuard g(lock_);
    inode = living();
    if (!inode) {
      inodes_[key] = fresh.get();
      return fresh;
    }
  }
  inode->refresh(found);
  if (parent != nullptr) inode->set_place(parent, name);
  return inode;
}

void HostFileSystem::forget(HostInode& inode) {
  Ref<HostFd> fd;
  LockGuard g(lock_);
  auto it = inodes_.find(inode.key());
  if (it != inodes_.end() && it->second == &inode) inodes_.erase(it);
  if (!inode.directory_) return;
  directories_.erase(inode.directory_place_);
  fd = std::move(inode.directory_);
}

void HostFileSystem::keep_directory(HostInode& inode, Ref<HostFd> fd) {
  Ref<HostFd> closed;  // after the lock
  LockGuard g(lock_);
  if (inode.directory_) return;
  inode.directory_ = std::move(fd);
  inode.directory_place_ = directories_.insert(directories_.end(), &inode);
  if (directories_.size() <= options_.max_directories) return;
  // The root's is the anchor of all: never the oldest to go.
  auto oldest = directories_.begin();
  if ((*oldest)->directory_ == root_) ++oldest;
  closed = std::move((*oldest)->directory_);
  directories_.erase(oldest);
}

Ref<HostFd> HostFileSystem::directory_fd_of(HostInode& inode) {
  LockGuard g(lock_);
  return inode.directory_;
}

void HostFileSystem::keep_object(HostInode& inode) {
  Ref<HostInode> oldest;
  {
    LockGuard g(lock_);
    if (inode.in_objects_) return;
    inode.in_objects_ = true;
    objects_.push_back(Ref<HostInode>(&inode));
    if (objects_.size() <= options_.max_objects) return;
    oldest = std::move(objects_.front());
    objects_.pop_front();
    oldest->in_objects_ = false;
  }
  oldest->drop_pages();
}

}  // namespace quire::fs::host
