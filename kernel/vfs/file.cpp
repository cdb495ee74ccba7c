#include "kernel/vfs/file.h"

#include <poll.h>
#include <sys/inotify.h>

#include "kernel/vfs/epoll.h"
#include "kernel/vfs/file_locks.h"
#include "kernel/vfs/inotify.h"

namespace quire::vfs {

File::~File() {
  if (watched_.load(std::memory_order_acquire)) forget_watched_file(*this);
  Inode* i = path_.inode();
  if (i == nullptr) return;
  if (FileLocks* l = i->file_locks_if_any()) l->release_file(this);
  if (!path_only())
    notify_watches(path_, (flags() & O_ACCMODE) != O_RDONLY ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
}

Result<std::size_t> File::read(IoBuffer&, i64) { return err(EINVAL); }
Result<std::size_t> File::write(IoBuffer&, i64) { return err(EINVAL); }
Result<std::size_t> File::peek(IoBuffer&) { return err(EINVAL); }
Result<u64> File::seek(i64, int) { return err(ESPIPE); }
Result<> File::read_directory(DirSink&) { return err(ENOTDIR); }
Result<u64> File::ioctl(mm::AddressSpace&, u32, u64) { return err(ENOTTY); }
u32 File::poll() { return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM; }
Result<Mappable> File::map(u64, u64, Access, bool) { return err(ENODEV); }
Result<> File::sync(bool) { return path_ && path_.inode()->is_regular() ? Result<>{} : err(EINVAL); }
Result<> File::truncate(u64 size) {
  Inode* i = inode();
  if (i == nullptr || !i->is_regular()) return err(EINVAL);
  return i->set_attributes({.size = size});
}
Result<> File::allocate(int, u64, u64) { return err(EOPNOTSUPP); }

Result<Attributes> File::attributes() {
  Inode* i = inode();
  if (i != nullptr) return i->attributes();
  // Files without an inode of their own share one face, as Linux's anon_inode has it.
  Attributes a;
  a.mode = 0600;
  a.inode = 1;
  a.device = 0xd;
  return a;
}
Result<struct stat> File::stat() { return to_stat(TRY(attributes())); }

Result<struct statfs> File::statfs() {
  Inode* i = inode();
  if (i != nullptr) return i->file_system().statfs();
  struct statfs s{};
  s.f_type = 0x09041934;  // ANON_INODE_FS_MAGIC
  s.f_bsize = s.f_frsize = page_size;
  s.f_namelen = 255;
  return s;
}

Result<> File::set_attributes(const AttributeChange& change) {
  Inode* i = inode();
  if (i == nullptr) return err(EINVAL);
  return i->set_attributes(change);
}

Result<u64> File::control(int command, u64) {
  constexpr int set_pipe_size = 1031, get_pipe_size = 1032;
  return err(command == set_pipe_size || command == get_pipe_size ? EBADF : EINVAL);
}
Result<Ref<File>> File::reopen(int) { return err(ENXIO); }

std::string File::path_description() const { return path_name(path_, Path{}); }

u64 File::position() {
  LockGuard g(position_lock_);
  return position_;
}

}  // namespace quire::vfs
