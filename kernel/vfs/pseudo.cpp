#include "kernel/vfs/pseudo.h"

#include <unistd.h>

#include "kernel/vfs/memory_inode.h"

namespace quire::vfs {
namespace {

timespec start_time() {
  static const timespec t = now();
  return t;
}

class TextFileDescription final : public File {
 public:
  TextFileDescription(Ref<TextFile> node, int flags) : File(flags), node_(std::move(node)) {}

  Result<std::size_t> read(IoBuffer& to, i64 offset) override {
    bool again = false;
    {
      LockGuard g(position_lock_);
      again = !made_ || (offset >= 0 ? offset == 0 : position_ == 0);
    }
    if (again) {  // with no lock held: it may ask anything of the kernel
      std::string text = TRY(node_->generate());
      LockGuard g(position_lock_);
      text_ = std::move(text);
      made_ = true;
    }
    LockGuard g(position_lock_);
    u64 at = offset >= 0 ? static_cast<u64>(offset) : position_;
    if (at >= text_.size()) return 0;
    std::size_t n = TRY(to.put(std::as_bytes(std::span(text_)).subspan(at)));
    if (offset < 0) position_ += n;
    return n;
  }
  Result<std::size_t> write(IoBuffer& from, i64) override {
    std::string text(std::min<std::size_t>(from.remaining(), page_size), '\0');
    text.resize(TRY(from.get(std::as_writable_bytes(std::span(text)))));
    TRY_VOID(node_->store(text));
    return text.size();
  }
  Result<u64> seek(i64 offset, int whence) override {
    LockGuard g(position_lock_);
    if (whence == SEEK_END) return err(EINVAL);
    return move_position(position_, offset, whence, 0);
  }
  Result<> truncate(u64) override { return {}; }
  Inode* inode() override { return node_.get(); }
  std::string describe() override { return path_description(); }

 private:
  Ref<TextFile> node_;
  std::string text_ GUARDED_BY(position_lock_);
  bool made_ GUARDED_BY(position_lock_) = false;
};

class PseudoDirectoryFile final : public File {
 public:
  PseudoDirectoryFile(Ref<PseudoDirectory> node, int flags) : File(flags), node_(std::move(node)) {}

  Result<std::size_t> read(IoBuffer&, i64) override { return err(EISDIR); }
  Result<u64> seek(i64 offset, int whence) override {
    LockGuard g(position_lock_);
    return move_position(position_, offset, whence, 0);
  }
  Result<> read_directory(DirSink& sink) override {
    bool again = false;
    {
      LockGuard g(position_lock_);
      again = position_ == 0 || list_.empty();
    }
    std::vector<PseudoEntry> list;
    if (again) {  // with no lock held: it may ask anything of the kernel
      u64 own = TRY(node_->attributes()).inode;
      list = {{".", S_IFDIR, own}, {"..", S_IFDIR, own}};
      for (auto& e : node_->list()) list.push_back(std::move(e));
    }
    LockGuard g(position_lock_);
    if (again) list_ = std::move(list);
    for (; position_ < list_.size(); ++position_) {
      const PseudoEntry& e = list_[position_];
      u64 inode = e.inode != 0 ? e.inode : 1;
      if (!sink.add(e.name, inode, static_cast<u8>(e.type >> 12), position_ + 1)) break;
    }
    return {};
  }
  Result<> sync(bool) override { return {}; }
  Inode* inode() override { return node_.get(); }
  std::string describe() override { return path_description(); }

 private:
  Ref<PseudoDirectory> node_;
  std::vector<PseudoEntry> list_ GUARDED_BY(position_lock_);
};

}  // namespace

Result<struct statfs> PseudoFileSystem::statfs() {
  struct statfs s{};
  s.f_type = magic_;
  s.f_bsize = s.f_frsize = page_size;
  s.f_namelen = 255;
  return s;
}

PseudoInode::PseudoInode(PseudoFileSystem& fs, u32 mode, u64 inode)
    : Inode(fs, mode & S_IFMT), mode_(mode), number_(inode != 0 ? inode : fs.next_inode()) {}

Result<Attributes> PseudoInode::attributes() {
  Attributes a;
  a.mode = mode_;
  a.uid = uid_;
  a.gid = gid_;
  a.nlink = links();
  a.inode = number_;
  a.device = file_system().device();
  a.size = size();
  a.block_size = 1024;
  a.atime = a.mtime = a.ctime = start_time();
  return a;
}

Result<> PseudoInode::set_attributes(const AttributeChange& c) {
  if (c.uid || c.gid || c.mode) return err(EPERM);
  return {};  // sizes (O_TRUNC by shells) and times
}

Result<Ref<File>> PseudoDirectory::open(int flags) {
  return Ref<File>(make_ref<PseudoDirectoryFile>(Ref<PseudoDirectory>(this), flags));
}

Result<Ref<Inode>> StaticDirectory::lookup(std::string_view name) {
  auto it = nodes_.find(name);
  if (it == nodes_.end()) return err(ENOENT);
  return it->second;
}

std::vector<PseudoEntry> StaticDirectory::list() {
  std::vector<PseudoEntry> out;
  for (auto& [name, node] : nodes_) {
    auto a = node->attributes();
    out.push_back({name, node->type(), a ? a->inode : 1});
  }
  return out;
}

u32 StaticDirectory::links() {
  u32 n = 2;
  for (auto& [name, node] : nodes_) n += node->is_directory() ? 1 : 0;
  return n;
}

Result<Ref<File>> TextFile::open(int flags) {
  return Ref<File>(make_ref<TextFileDescription>(Ref<TextFile>(this), flags));
}

Result<std::optional<MagicTarget>> PseudoLink::follow_magic() {
  if (!magic_) return std::nullopt;
  return TRY(magic_());
}

}  // namespace quire::vfs
