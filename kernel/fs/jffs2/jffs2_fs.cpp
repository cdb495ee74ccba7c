#include "kernel/fs/jffs2/jffs2_fs.h"

#include <charconv>

#include "kernel/fs/jffs2/jffs2_inode.h"

namespace quire::fs::jffs2 {
namespace {

constexpr u32 root_number = 1;
constexpr u32 magic = 0x72b6;  // JFFS2_SUPER_MAGIC

Result<u64> parse_size(std::string_view text) {
  u64 v = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc()) return err(EINVAL);
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  u64 factor = unit.empty()                                  ? 1
               : unit == "k" || unit == "K" || unit == "KiB" ? 1024
               : unit == "m" || unit == "M"                  ? 1u << 20
                                                             : 0;
  if (factor == 0 || __builtin_mul_overflow(v, factor, &v)) return err(EINVAL);
  return v;
}

}  // namespace

Result<Options> parse_options(std::string_view text) {
  Options o;
  while (!text.empty()) {
    std::string_view item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    std::size_t eq = item.find('=');
    if (eq == item.npos) return err(EINVAL);
    std::string_view key = item.substr(0, eq), value = item.substr(eq + 1);
    u64 v = TRY(parse_size(value));
    if (key == "erase_size" && v <= 16u << 20)
      o.erase_size = static_cast<u32>(v);
    else if (key == "offset")
      o.offset = v;
    else
      return err(EINVAL);
  }
  return o;
}

Result<Ref<Jffs2>> Jffs2::open(const std::string& path, mm::MemoryManager& mm, const Options& options) {
  lib::FileDeviceOptions d;
  d.erase_size = options.erase_size;
  d.file_offset = options.offset;
  d.read_only = options.read_only;
  d.durable = true;
  auto device = TRY(lib::open_file_device(path, d));
  lib::MountOptions m;
  m.read_only = options.read_only;
  auto library = TRY(lib::FileSystem::mount(*device, m));
  return Ref<Jffs2>::adopt(new Jffs2(std::move(device), std::move(library), mm));
}

Jffs2::~Jffs2() { (void)library_->unmount(); }

Result<Ref<vfs::Inode>> Jffs2::root() { return Ref<vfs::Inode>(TRY(inode_for(lib::Ino(root_number)))); }

Result<struct statfs> Jffs2::statfs() {
  lib::StatFs f = library_->statfs();
  struct statfs s{};
  s.f_type = magic;
  s.f_bsize = s.f_frsize = page_size;
  s.f_blocks = f.total_bytes / page_size;
  s.f_bfree = f.free_bytes / page_size;
  s.f_bavail = f.available_bytes / page_size;
  s.f_files = f.inodes;
  s.f_namelen = f.max_name;
  return s;
}

Result<Ref<JffsInode>> Jffs2::inode_for(lib::Ino number) {
  auto living = [&]() REQUIRES(lock_) -> Ref<JffsInode> {
    auto it = inodes_.find(number.value());
    if (it == inodes_.end() || !it->second->try_ref()) return nullptr;
    return Ref<JffsInode>::adopt(it->second);
  };
  {
    LockGuard g(lock_);
    if (auto have = living()) return have;
  }
  lib::Attr a = TRY(library_->getattr(number));
  auto fresh = make_ref<JffsInode>(*this, number, a.mode & S_IFMT);
  Ref<JffsInode> have;
  {
    LockGuard g(lock_);
    have = living();
    if (!have) inodes_[number.value()] = fresh.get();
  }
  return have ? have : fresh;
}

void Jffs2::forget(JffsInode& inode) {
  LockGuard g(lock_);
  auto it = inodes_.find(inode.number().value());
  if (it != inodes_.end() && it->second == &inode) inodes_.erase(it);
}

}  // namespace quire::fs::jffs2
