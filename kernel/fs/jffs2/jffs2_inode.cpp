#include "kernel/fs/jffs2/jffs2_inode.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "kernel/mm/memory_object.h"
#include "kernel/vfs/memory_inode.h"

namespace quire::fs::jffs2 {
namespace {

constexpr std::size_t chunk = 64 * 1024;

timespec seconds(u32 t) { return {.tv_sec = t, .tv_nsec = 0}; }
u32 to_seconds(const timespec& t) {
  return t.tv_sec < 0 ? 0 : static_cast<u32>(std::min<i64>(t.tv_sec, ~u32{0}));
}

/// Pages of mapped files come straight from the library.
class Pages final : public mm::PageSource {
 public:
  explicit Pages(Ref<vfs::FileSystem> fs, lib::FileSystem& library, lib::Ino number)
      : fs_(std::move(fs)), library_(library), number_(number) {
    open_ = library_.open(number_).has_value();
  }
  ~Pages() override {
    if (open_) library_.close(number_);
  }
  Result<std::size_t> read(u64 offset, std::span<std::byte> to) override {
    return TRY(library_.read(number_, offset, {reinterpret_cast<u8*>(to.data()), to.size()}));
  }
  Result<std::size_t> write(u64 offset, std::span<const std::byte> from) override {
    return TRY(library_.write(number_, offset, {reinterpret_cast<const u8*>(from.data()), from.size()}));
  }

 private:
  const Ref<vfs::FileSystem> fs_;
  lib::FileSystem& library_;
  const lib::Ino number_;
  bool open_ = false;
};

}  // namespace

JffsInode::JffsInode(Jffs2& fs, lib::Ino number, u32 type) : Inode(fs, type), number_(number) {
  (void)library().open(number_);
}

JffsInode::~JffsInode() {
  jffs().forget(*this);
  library().close(number_);
}

Result<vfs::Attributes> JffsInode::attributes() {
  lib::Attr s = TRY(library().getattr(number_));
  vfs::Attributes a;
  a.mode = s.mode;
  a.uid = s.uid;
  a.gid = s.gid;
  a.nlink = s.nlink;
  a.inode = number_.value();
  a.device = file_system().device();
  a.rdev = makedev(s.rdev_major, s.rdev_minor);
  a.size = s.size;
  a.blocks = (s.size + 511) / 512;
  a.atime = seconds(s.atime);
  a.mtime = seconds(s.mtime);
  a.ctime = seconds(s.ctime);
  return a;
}

Result<> JffsInode::set_attributes(const vfs::AttributeChange& c) {
  lib::SetAttr s;
  s.mode = c.mode;
  s.uid = c.uid;
  s.gid = c.gid;
  s.size = c.size;
  if (c.atime) s.atime = to_seconds(*c.atime);
  if (c.mtime) s.mtime = to_seconds(*c.mtime);
  TRY(library().setattr(number_, s));
  if (c.size) contents_changed();
  return {};
}

Result<Ref<vfs::Inode>> JffsInode::lookup(std::string_view name) {
  if (!is_directory()) return err(ENOTDIR);
  return Ref<vfs::Inode>(TRY(jffs().inode_for(TRY(library().lookup(number_, name)))));
}

Result<Ref<vfs::Inode>> JffsInode::create(std::string_view name, const vfs::NewNode& node) {
  lib::NewInode how{.mode = node.mode & 07777, .uid = node.uid, .gid = node.gid};
  Result<lib::Ino> made = err(EINVAL);
  switch (node.mode & S_IFMT) {
    case S_IFREG:
      made = library().create(number_, name, how);
      break;
    case S_IFDIR:
      made = library().mkdir(number_, name, how);
      break;
    case S_IFLNK:
      made = library().symlink(number_, name, node.target, how);
      break;
    default:
      how.mode = node.mode;
      made = library().mknod(number_, name, how, major(node.rdev), minor(node.rdev));
  }
  if (!made) return err(made.error());
  return Ref<vfs::Inode>(TRY(jffs().inode_for(*made)));
}

Result<> JffsInode::link(std::string_view name, vfs::Inode& target) {
  return library().link(static_cast<JffsInode&>(target).number_, number_, name);
}
Result<> JffsInode::unlink(std::string_view name, vfs::Inode&) { return library().unlink(number_, name); }
Result<> JffsInode::rmdir(std::string_view name, vfs::Inode&) { return library().rmdir(number_, name); }
Result<> JffsInode::rename(std::string_view name, vfs::Inode&, vfs::Inode& new_dir, std::string_view new_name,
                           vfs::Inode*, u32 flags) {
  return library().rename(number_, name, static_cast<JffsInode&>(new_dir).number_, new_name, flags);
}

Result<Ref<vfs::File>> JffsInode::open(int flags) {
  switch (type()) {
    case S_IFREG:
      return Ref<vfs::File>(make_ref<JffsFile>(Ref<JffsInode>(this), flags));
    case S_IFDIR:
      return Ref<vfs::File>(make_ref<JffsDirectoryFile>(Ref<JffsInode>(this), flags));
    case S_IFIFO:
      return vfs::open_fifo(*this, flags);
    case S_IFCHR:
    case S_IFBLK: {
      vfs::Attributes a = TRY(attributes());
      return vfs::open_device(*this, a.rdev, flags);
    }
    default:
      return err(ENXIO);
  }
}

Result<std::string> JffsInode::read_link() {
  if (!is_symlink()) return err(EINVAL);
  return library().readlink(number_);
}

Result<std::string> JffsInode::get_xattr(const std::string& name) {
  auto v = TRY(library().getxattr(number_, name));
  return std::string(v.begin(), v.end());
}
Result<> JffsInode::set_xattr(const std::string& name, std::string_view value, int flags) {
  return library().setxattr(number_, name, {reinterpret_cast<const u8*>(value.data()), value.size()}, flags);
}
Result<> JffsInode::remove_xattr(const std::string& name) { return library().removexattr(number_, name); }
Result<std::vector<std::string>> JffsInode::list_xattrs() { return library().listxattr(number_); }

Result<Ref<mm::MemoryObject>> JffsInode::pages() {
  u64 size = TRY(library().getattr(number_)).size;
  LockGuard g(lock_);
  if (!object_) {
    auto source = std::make_unique<Pages>(Ref<vfs::FileSystem>(&file_system()), library(), number_);
    object_ = TRY(mm::MemoryObject::create_backed(jffs().manager(), std::move(source), size, 0));
  }
  return object_;
}

void JffsInode::contents_changed() {
  Ref<mm::MemoryObject> object;
  {
    LockGuard g(lock_);
    object = object_;
  }
  if (!object) return;
  object->invalidate();
  if (auto a = library().getattr(number_); a && a->size != object->size()) (void)object->resize(a->size);
}

Result<std::size_t> JffsFile::read_at(vfs::IoBuffer& to, u64 offset) {
  std::vector<u8> bounce(std::min(chunk, to.remaining()));
  std::size_t done = 0;
  while (to.remaining() != 0) {
    auto n = node_->library().read(node_->number(), offset + done,
                                   std::span(bounce).first(std::min(bounce.size(), to.remaining())));
    if (!n) return done != 0 ? Result<std::size_t>(done) : err(n.error());
    if (*n == 0) break;
    auto put = to.put(std::as_bytes(std::span(bounce)).first(*n));
    if (!put) return done != 0 ? Result<std::size_t>(done) : put;
    done += *put;
    if (*put < *n) break;
  }
  return done;
}

Result<std::size_t> JffsFile::write_at(vfs::IoBuffer& from, u64 offset) {
  std::vector<u8> bounce(std::min(chunk, from.remaining()));
  std::size_t done = 0;
  while (from.remaining() != 0) {
    auto n =
        from.get(std::as_writable_bytes(std::span(bounce)).first(std::min(bounce.size(), from.remaining())));
    if (!n) return done != 0 ? Result<std::size_t>(done) : n;
    auto put = node_->library().write(node_->number(), offset + done, std::span(bounce).first(*n));
    if (!put) return done != 0 ? Result<std::size_t>(done) : err(put.error());
    done += *put;
  }
  node_->contents_changed();
  return done;
}

Result<std::size_t> JffsFile::read(vfs::IoBuffer& to, i64 offset) {
  if (offset >= 0) return read_at(to, static_cast<u64>(offset));
  LockGuard g(position_lock_);
  std::size_t n = TRY(read_at(to, position_));
  position_ += n;
  return n;
}

Result<std::size_t> JffsFile::write(vfs::IoBuffer& from, i64 offset) {
  bool append = (flags() & O_APPEND) != 0;
  LockGuard g(position_lock_);
  u64 at = offset >= 0 ? static_cast<u64>(offset) : position_;
  if (append) at = TRY(node_->library().getattr(node_->number())).size;
  std::size_t n = TRY(write_at(from, at));
  if (offset < 0) position_ = at + n;
  return n;
}

Result<u64> JffsFile::seek(i64 offset, int whence) {
  u64 size = TRY(node_->library().getattr(node_->number())).size;
  LockGuard g(position_lock_);
  if (whence == SEEK_DATA || whence == SEEK_HOLE) {
    if (offset < 0 || static_cast<u64>(offset) >= size) return err(ENXIO);
    position_ = whence == SEEK_DATA ? static_cast<u64>(offset) : size;
    return position_;
  }
  return vfs::move_position(position_, offset, whence, size);
}

Result<vfs::Mappable> JffsFile::map(u64 offset, u64, Access, bool) {
  vfs::Mappable m;
  m.object = TRY(node_->pages());
  m.offset = offset;
  m.max_private = Access::read | Access::write | Access::exec;
  m.max_shared = Access::read | Access::exec;
  if (writable() && !node_->library().read_only()) m.max_shared = m.max_shared | Access::write;
  return m;
}

Result<> JffsFile::sync(bool) {
  auto object = TRY(node_->pages());
  if (!node_->library().read_only()) TRY_VOID(object->write_back());
  return node_->library().fsync(node_->number());
}

Result<u64> JffsDirectoryFile::seek(i64 offset, int whence) {
  LockGuard g(position_lock_);
  return vfs::move_position(position_, offset, whence, 0);
}

Result<> JffsDirectoryFile::read_directory(vfs::DirSink& sink) {
  LockGuard g(position_lock_);
  lib::FileSystem& library = node_->library();
  // Positions: 0 and 1 are "." and "..", the library's cookies follow.
  if (position_ == 0) {
    if (!sink.add(".", node_->number().value(), DT_DIR, 1)) return {};
    position_ = 1;
  }
  if (position_ == 1) {
    lib::Ino up = TRY(library.parent(node_->number()));
    if (!sink.add("..", up.value(), DT_DIR, 2)) return {};
    position_ = 2;
  }
  for (;;) {
    auto entries = TRY(library.readdir(node_->number(), position_ - 2, 64));
    if (entries.empty()) return {};
    for (const lib::DirEntry& e : entries) {
      if (!sink.add(e.name, e.ino.value(), static_cast<u8>(e.type), e.cookie + 2)) return {};
      position_ = e.cookie + 2;
    }
  }
}

}  // namespace quire::fs::jffs2
