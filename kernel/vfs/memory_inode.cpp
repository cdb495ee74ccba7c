#include "kernel/vfs/memory_inode.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "kernel/vfs/memory_file.h"

namespace quire::vfs {
namespace {
constexpr u64 max_file_size = u64{1} << 43;  // 8 TiB: within the memory file's address space
constexpr std::size_t max_xattr_bytes = 65536;
constexpr u32 max_major = 512;
std::array<std::atomic<DeviceOpener>, max_major> device_openers{};
std::atomic<FifoOpener> fifo_opener{nullptr};
}  // namespace

void set_device_opener(u32 number, DeviceOpener opener) { device_openers.at(number).store(opener); }
void set_fifo_opener(FifoOpener opener) { fifo_opener.store(opener); }
Result<Ref<File>> open_device(Inode& node, u64 rdev, int flags) {
  u32 number = major(rdev);
  DeviceOpener opener =
      number < max_major && node.type() == S_IFCHR ? device_openers[number].load() : nullptr;
  if (opener == nullptr) return err(ENXIO);
  return opener(node, rdev, flags);
}
Result<Ref<File>> open_fifo(Inode& node, int flags) {
  auto opener = fifo_opener.load();
  if (opener == nullptr) return err(ENXIO);
  return opener(node, flags);
}

Result<u64> move_position(u64& position, i64 offset, int whence, u64 size) {
  i64 base = 0;
  switch (whence) {
    case SEEK_SET:
      break;
    case SEEK_CUR:
      base = static_cast<i64>(position);
      break;
    case SEEK_END:
      base = static_cast<i64>(size);
      break;
    default:
      return err(EINVAL);
  }
  i64 to = 0;
  if (__builtin_add_overflow(base, offset, &to)) return err(EOVERFLOW);
  if (to < 0) return err(EINVAL);
  position = static_cast<u64>(to);
  return position;
}

Result<> MemoryFileSystem::charge(u64 bytes) {
  u64 before = used_.fetch_add(bytes, std::memory_order_relaxed);
  if (max_bytes_ == 0 || before + bytes <= max_bytes_) return {};
  uncharge(bytes);
  return err(ENOSPC);
}

Result<> MemoryFileSystem::count_inode() {
  if (inodes_.fetch_add(1, std::memory_order_relaxed) < max_inodes_ || max_inodes_ == 0) return {};
  uncount_inode();
  return err(ENOSPC);
}

Result<struct statfs> MemoryFileSystem::statfs() {
  struct statfs s{};
  s.f_type = 0x01021994;  // TMPFS_MAGIC
  s.f_bsize = s.f_frsize = page_size;
  u64 total = max_bytes_ != 0 ? max_bytes_ : mm_ != nullptr ? mm_->total_bytes() : 0;
  u64 used = used_.load(std::memory_order_relaxed);
  u64 free = total > used ? total - used : 0;
  if (mm_ != nullptr) free = std::min(free, mm_->free_bytes());
  s.f_blocks = total / page_size;
  s.f_bfree = s.f_bavail = free / page_size;
  u64 inodes = inodes_.load(std::memory_order_relaxed);
  s.f_files = max_inodes_ != 0 ? max_inodes_ : 1'000'000;
  s.f_ffree = s.f_files > inodes ? s.f_files - inodes : 0;
  s.f_namelen = 255;
  return s;
}

MemoryInode::MemoryInode(MemoryFileSystem& fs, const NewNode& node) : Inode(fs, node.mode & S_IFMT) {
  LockGuard g(lock_);
  a_.mode = node.mode;
  a_.uid = node.uid;
  a_.gid = node.gid;
  a_.rdev = node.rdev;
  a_.nlink = is_directory() ? 2 : 0;
  a_.inode = fs.next_inode();
  a_.device = fs.device();
  a_.atime = a_.mtime = a_.ctime = a_.btime = now();
  a_.has_btime = true;
  small_ = node.target;
}

MemoryInode::~MemoryInode() {
  memory_fs().uncharge(charged_);
  memory_fs().uncount_inode();
}

Result<Ref<Inode>> MemoryInode::make(MemoryFileSystem& fs, const NewNode& node) {
  TRY_VOID(fs.count_inode());
  if (S_ISDIR(node.mode)) return Ref<Inode>(make_ref<MemoryDirectory>(fs, node));
  if (S_ISREG(node.mode)) {
    auto made = fs.make_regular(node);
    if (!made) fs.uncount_inode();
    return made;
  }
  return Ref<Inode>(Ref<MemoryInode>::adopt(new MemoryInode(fs, node)));
}

Result<Ref<Inode>> MemoryFileSystem::make_regular(const NewNode& node) {
  return Ref<Inode>(Ref<MemoryInode>::adopt(new MemoryInode(*this, node)));
}

Result<Attributes> MemoryInode::attributes() {
  SharedLockGuard g(lock_);
  Attributes a = a_;
  if (is_regular()) {
    a.size = size_locked();
    // In whole pages, as disks and tmpfs show it; what lies beyond the end (a huge page's rest) is not
    // counted.
    u64 most = round_up(a.size, page_size);
    a.blocks = (object_ ? std::min(object_->bytes_used(), most) : most) / 512;
  } else if (is_symlink()) {
    a.size = small_.size();
  }
  return a;
}

Result<Owner> MemoryInode::owner() {
  SharedLockGuard g(lock_);
  return Owner{a_.mode, a_.uid, a_.gid};
}

Result<> MemoryInode::set_attributes(const AttributeChange& change) {
  LockGuard g(lock_);
  timespec t = now();
  if (change.size) {
    if (!is_regular()) return err(EINVAL);
    u64 old = size_locked();
    if ((*change.size < old && (seals() & F_SEAL_SHRINK) != 0) ||
        (*change.size > old && (seals() & F_SEAL_GROW) != 0))
      return err(EPERM);
    TRY_VOID(resize_locked(*change.size));
    a_.mtime = t;
  }
  if (change.mode) a_.mode = (a_.mode & S_IFMT) | *change.mode;
  if (change.uid) a_.uid = *change.uid;
  if (change.gid) a_.gid = *change.gid;
  if (change.atime) a_.atime = *change.atime;
  if (change.mtime) a_.mtime = *change.mtime;
  a_.ctime = t;
  return {};
}

Result<> MemoryInode::set_charged(u64 bytes) {
  if (bytes > charged_)
    TRY_VOID(memory_fs().charge(bytes - charged_));
  else
    memory_fs().uncharge(charged_ - bytes);
  charged_ = bytes;
  return {};
}

Result<> MemoryInode::promote() {
  if (object_) return {};
  if (memory_fs().manager() == nullptr) return err(EFBIG);
  auto object = TRY(mm::MemoryObject::create_anonymous(*memory_fs().manager(), small_.size()));
  if (!small_.empty()) {
    std::size_t n = TRY(object->write(0, std::as_bytes(std::span(small_))));
    if (n != small_.size()) return err(ENOSPC);
  }
  object_ = std::move(object);
  small_ = {};
  return {};
}

Result<> MemoryInode::resize_locked(u64 size) {
  if (size > max_file_size) return err(EFBIG);
  if (!object_ && size > max_small) TRY_VOID(promote());
  if (object_) {
    TRY_VOID(object_->resize(size));
    return set_charged(std::min(charged_, round_up(size, page_size)));
  }
  TRY_VOID(set_charged(size == 0 ? 0 : page_size));
  small_.resize(size);
  return {};
}

Result<Ref<mm::MemoryObject>> MemoryInode::object() {
  {
    SharedLockGuard g(lock_);
    if (object_) return object_;
  }
  LockGuard g(lock_);
  TRY_VOID(promote());
  return object_;
}

namespace {

/// Copies from an object into a buffer: straight into pinned guest pages when it is worth the pin.
Result<std::size_t> read_object(mm::MemoryObject& object, IoBuffer& to, u64 offset) {
  std::size_t done = 0;
  std::array<std::byte, page_size> bounce;
  while (to.remaining() != 0) {
    std::size_t n = 0;
    auto pin = to.remaining() >= page_size ? to.pin(64 * 1024, Access::write)
                                           : Result<std::unique_ptr<mm::Pin>>(err(EFAULT));
    if (pin) {
      for (std::span<std::byte> piece : (*pin)->pieces()) {
        auto r = object.read(offset + n, piece);
        if (!r && done + n == 0) return r;
        if (!r) break;
        n += *r;
        if (*r < piece.size()) break;
      }
      pin->reset();
      to.advance(n);
    } else {
      auto r = object.read(offset, std::span(bounce).first(std::min(bounce.size(), to.remaining())));
      if (!r && done == 0) return r;
      if (!r || *r == 0) break;
      auto put = to.put(std::span(bounce).first(*r));
      if (!put && done == 0) return put;
      n = put.value_or(0);
    }
    if (n == 0) break;
    done += n;
    offset += n;
  }
  return done;
}

Result<std::size_t> write_object(mm::MemoryObject& object, IoBuffer& from, u64 offset) {
  std::size_t done = 0;
  std::array<std::byte, page_size> bounce;
  while (from.remaining() != 0) {
    std::size_t n = 0;
    auto pin = from.remaining() >= page_size ? from.pin(64 * 1024, Access::read)
                                             : Result<std::unique_ptr<mm::Pin>>(err(EFAULT));
    Result<std::size_t> failed = std::size_t{0};
    if (pin) {
      for (std::span<std::byte> piece : (*pin)->pieces()) {
        auto r = object.write(offset + n, piece);
        if (!r) failed = r;
        n += r.value_or(0);
        if (!r || *r < piece.size()) break;
      }
      pin->reset();
      from.advance(n);
    } else {
      auto got = from.get(std::span(bounce).first(std::min(bounce.size(), from.remaining())));
      if (!got)
        failed = got;
      else {
        auto r = object.write(offset, std::span(bounce).first(*got));
        if (!r) failed = r;
        n = r.value_or(0);
        from.rewind(*got - n);
      }
    }
    if (!failed && done + n == 0) return failed;
    if (n == 0) break;
    done += n;
    offset += n;
  }
  return done;
}

}  // namespace

Result<std::size_t> MemoryInode::read(IoBuffer& to, u64 offset) {
  Ref<mm::MemoryObject> object;
  {
    SharedLockGuard g(lock_);
    if (!object_) {
      if (offset >= small_.size()) return 0;
      return to.put(std::as_bytes(std::span(small_)).subspan(offset));
    }
    object = object_;
  }
  return read_object(*object, to, offset);
}

Result<std::size_t> MemoryInode::write(IoBuffer& from, u64& offset, bool append) {
  if (from.remaining() == 0) return 0;
  LockGuard g(lock_);
  if ((seals() & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0) return err(EPERM);
  u64 size = size_locked();
  if (append) offset = size;
  if (offset >= max_file_size) return err(EFBIG);
  u64 end = offset + from.remaining();
  if (end > size && (seals() & F_SEAL_GROW) != 0) return err(EPERM);
  if (!object_ && end > max_small) TRY_VOID(promote());
  std::size_t done = 0;
  if (object_) {
    // Charged by what is stored, which is looked up when a file has grown by much.
    if (round_up(end, page_size) > charged_) {
      u64 stored = object_->bytes_used() + round_up(from.remaining(), page_size);
      if (stored > charged_) TRY_VOID(set_charged(stored));
    }
    done = TRY(write_object(*object_, from, offset));
  } else {
    TRY_VOID(set_charged(page_size));
    if (small_.size() < end) small_.resize(end);
    auto got = from.get(std::as_writable_bytes(std::span(small_)).subspan(offset, from.remaining()));
    if (!got || offset + *got < end) small_.resize(std::max<u64>(size, offset + got.value_or(0)));
    if (!got) {
      small_.resize(size);
      return got;
    }
    done = *got;
  }
  a_.mtime = a_.ctime = now();
  return done;
}

Result<> MemoryInode::allocate(int mode, u64 offset, u64 length) {
  if (!is_regular()) return err(ENODEV);
  LockGuard g(lock_);
  u64 end = offset + length;
  if (end > max_file_size) return err(EFBIG);
  if ((mode & FALLOC_FL_PUNCH_HOLE) != 0 || (mode & FALLOC_FL_ZERO_RANGE) != 0) {
    if ((seals() & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0) return err(EPERM);
    bool keep = (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)) != 0;
    if (!keep && end > size_locked()) TRY_VOID(resize_locked(end));
    end = std::min(end, size_locked());
    if (offset < end) {
      if (object_)
        TRY_VOID(object_->punch(offset, end - offset));
      else
        std::fill(small_.begin() + static_cast<i64>(offset), small_.begin() + static_cast<i64>(end), '\0');
    }
  } else if ((mode & ~FALLOC_FL_KEEP_SIZE) != 0) {
    return err(EOPNOTSUPP);
  } else if ((mode & FALLOC_FL_KEEP_SIZE) == 0 && end > size_locked()) {
    if ((seals() & F_SEAL_GROW) != 0) return err(EPERM);
    TRY_VOID(memory_fs().charge(length));  // is there room?
    memory_fs().uncharge(length);
    TRY_VOID(resize_locked(end));
  }
  a_.mtime = a_.ctime = now();
  return {};
}

Result<u64> MemoryInode::seek_data(u64 offset, bool hole) {
  SharedLockGuard g(lock_);
  if (offset >= size_locked()) return err(ENXIO);
  if (!object_) return hole ? small_.size() : offset;
  return hole ? object_->seek_hole(offset) : object_->seek_data(offset);
}

Result<> MemoryInode::add_seals(u32 seals) {
  LockGuard g(lock_);
  if ((seals_.load() & F_SEAL_SEAL) != 0) return err(EPERM);
  constexpr u32 known = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
  if ((seals & ~known) != 0) return err(EINVAL);
  if ((seals & ~seals_.load() & F_SEAL_WRITE) != 0 && object_ && object_->mapped_writable())
    return err(EBUSY);
  seals_.fetch_or(seals);
  return {};
}

Result<std::string> MemoryInode::read_link() {
  if (!is_symlink()) return err(EINVAL);
  SharedLockGuard g(lock_);
  return small_;
}

void MemoryInode::change_links(int by) {
  LockGuard g(lock_);
  a_.nlink = static_cast<u32>(static_cast<int>(a_.nlink) + by);
  a_.ctime = now();
}

Result<std::string> MemoryInode::get_xattr(const std::string& name) {
  SharedLockGuard g(lock_);
  auto it = xattrs_.find(name);
  if (it == xattrs_.end()) return err(ENODATA);
  return it->second;
}

Result<> MemoryInode::set_xattr(const std::string& name, std::string_view value, int flags) {
  LockGuard g(lock_);
  auto it = xattrs_.find(name);
  if (it == xattrs_.end() && (flags & XATTR_REPLACE) != 0) return err(ENODATA);
  if (it != xattrs_.end() && (flags & XATTR_CREATE) != 0) return err(EEXIST);
  std::size_t sum = name.size() + value.size();
  for (auto& [n, v] : xattrs_) sum += n.size() + v.size();
  if (sum > max_xattr_bytes) return err(ENOSPC);
  xattrs_[name] = value;
  a_.ctime = now();
  return {};
}

Result<> MemoryInode::remove_xattr(const std::string& name) {
  LockGuard g(lock_);
  if (xattrs_.erase(name) == 0) return err(ENODATA);
  a_.ctime = now();
  return {};
}

Result<std::vector<std::string>> MemoryInode::list_xattrs() {
  SharedLockGuard g(lock_);
  std::vector<std::string> names;
  for (auto& [n, v] : xattrs_) names.push_back(n);
  return names;
}

Result<Ref<File>> MemoryInode::open(int flags) {
  switch (type()) {
    case S_IFREG:
      return Ref<File>(make_ref<MemoryFile>(Ref<MemoryInode>(this), flags));
    case S_IFIFO:
      return open_fifo(*this, flags);
    case S_IFCHR:
    case S_IFBLK:
      return open_device(*this, TRY(attributes()).rdev, flags);
    default:
      return err(ENXIO);
  }
}

// --- MemoryFile ----------------------------------------------------------------------------------

Result<std::size_t> MemoryFile::read(IoBuffer& to, i64 offset) {
  if (offset >= 0) return node_->read(to, static_cast<u64>(offset));
  LockGuard g(position_lock_);
  std::size_t n = TRY(node_->read(to, position_));
  position_ += n;
  return n;
}

Result<std::size_t> MemoryFile::write(IoBuffer& from, i64 offset) {
  bool append = (flags() & O_APPEND) != 0;
  if (offset >= 0) {
    u64 at = static_cast<u64>(offset);
    return node_->write(from, at, append);
  }
  LockGuard g(position_lock_);
  u64 at = position_;
  std::size_t n = TRY(node_->write(from, at, append));
  position_ = at + n;
  return n;
}

Result<u64> MemoryFile::seek(i64 offset, int whence) {
  if (whence == SEEK_DATA || whence == SEEK_HOLE) {
    if (offset < 0) return err(ENXIO);
    u64 at = TRY(node_->seek_data(static_cast<u64>(offset), whence == SEEK_HOLE));
    LockGuard g(position_lock_);
    position_ = at;
    return at;
  }
  u64 size = whence == SEEK_END ? TRY(node_->attributes()).size : 0;
  LockGuard g(position_lock_);
  return move_position(position_, offset, whence, size);
}

Result<Mappable> MemoryFile::map(u64 offset, u64, Access access, bool shared) {
  u32 seals = node_->seals();
  bool sealed = (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0;
  if (shared && sealed && writable() && allows(access, Access::write)) return err(EPERM);
  Mappable m;
  m.object = TRY(node_->object());
  m.offset = offset;
  m.max_private = Access::read | Access::write | Access::exec;
  m.max_shared = Access::read | Access::exec;
  if (writable() && !sealed) m.max_shared = m.max_shared | Access::write;
  return m;
}

Result<u64> MemoryFile::control(int command, u64 argument) {
  if (command == F_GET_SEALS) return node_->seals();
  if (command != F_ADD_SEALS) return File::control(command, argument);
  if (!writable()) return err(EPERM);
  TRY_VOID(node_->add_seals(static_cast<u32>(argument)));
  return 0;
}

}  // namespace quire::vfs
