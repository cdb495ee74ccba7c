#include "kernel/vfs/inode.h"

#include <sys/sysmacros.h>

#include "kernel/vfs/file.h"
#include "kernel/vfs/file_locks.h"
#include "kernel/vfs/inotify.h"

namespace quire::vfs {

struct stat to_stat(const Attributes& a) {
  struct stat s{};
  s.st_dev = a.device;
  s.st_ino = a.inode;
  s.st_nlink = a.nlink;
  s.st_mode = a.mode;
  s.st_uid = a.uid;
  s.st_gid = a.gid;
  s.st_rdev = a.rdev;
  s.st_size = static_cast<i64>(a.size);
  s.st_blksize = a.block_size;
  s.st_blocks = static_cast<i64>(a.blocks);
  s.st_atim = a.atime;
  s.st_mtim = a.mtime;
  s.st_ctim = a.ctime;
  return s;
}

Attributes from_stat(const struct stat& s) {
  Attributes a;
  a.device = s.st_dev;
  a.inode = s.st_ino;
  a.nlink = static_cast<u32>(s.st_nlink);
  a.mode = s.st_mode;
  a.uid = s.st_uid;
  a.gid = s.st_gid;
  a.rdev = s.st_rdev;
  a.size = static_cast<u64>(s.st_size);
  a.block_size = static_cast<u32>(s.st_blksize);
  a.blocks = static_cast<u64>(s.st_blocks);
  a.atime = s.st_atim;
  a.mtime = s.st_mtim;
  a.ctime = s.st_ctim;
  return a;
}

timespec now() {
  timespec t{};
  clock_gettime(CLOCK_REALTIME, &t);
  return t;
}

Inode::Inode(FileSystem& fs, u32 type) : fs_(&fs), type_(type) {}

Inode::~Inode() {
  delete locks_.load();
  delete watches_.load();
}

Result<Owner> Inode::owner() {
  Attributes a = TRY(attributes());
  return Owner{a.mode, a.uid, a.gid};
}
Result<> Inode::set_attributes(const AttributeChange&) { return err(EPERM); }

Result<Ref<Inode>> Inode::lookup(std::string_view) { return err(is_directory() ? ENOENT : ENOTDIR); }
Result<Ref<Inode>> Inode::create(std::string_view, const NewNode&) {
  return err(is_directory() ? EROFS : ENOTDIR);
}
Result<> Inode::link(std::string_view, Inode&) { return err(is_directory() ? EPERM : ENOTDIR); }
Result<> Inode::unlink(std::string_view, Inode&) { return err(is_directory() ? EPERM : ENOTDIR); }
Result<> Inode::rmdir(std::string_view, Inode&) { return err(is_directory() ? EPERM : ENOTDIR); }
Result<> Inode::rename(std::string_view, Inode&, Inode&, std::string_view, Inode*, u32) {
  return err(is_directory() ? EPERM : ENOTDIR);
}
bool Inode::still_valid(std::string_view, Inode*, bool) { return true; }

Result<std::string> Inode::read_link() { return err(EINVAL); }
Result<std::optional<MagicTarget>> Inode::follow_magic() { return std::nullopt; }

Result<std::string> Inode::get_xattr(const std::string&) { return err(EOPNOTSUPP); }
Result<> Inode::set_xattr(const std::string&, std::string_view, int) { return err(EOPNOTSUPP); }
Result<> Inode::remove_xattr(const std::string&) { return err(EOPNOTSUPP); }
Result<std::vector<std::string>> Inode::list_xattrs() { return std::vector<std::string>{}; }

namespace {
/// Makes *slot's object at first use; of two threads that both do, one wins.
template <typename T>
T& make_once(std::atomic<T*>& slot) {
  T* have = slot.load(std::memory_order_acquire);
  if (have != nullptr) return *have;
  auto fresh = std::make_unique<T>();
  if (slot.compare_exchange_strong(have, fresh.get(), std::memory_order_acq_rel)) return *fresh.release();
  return *have;
}
}  // namespace

FileLocks& Inode::file_locks() { return make_once(locks_); }
InodeWatches& Inode::watches() { return make_once(watches_); }

FileSystem::FileSystem() {
  static std::atomic<u32> next{0x51};  // minors of the unnamed devices (major 0) that we hand out
  device_ = makedev(0, next.fetch_add(1));
}

Result<Ref<Inode>> FileSystem::make_orphan(const NewNode&) { return err(EOPNOTSUPP); }

}  // namespace quire::vfs
