#include "kernel/fs/jffs2/jffs2_fs.h"

#include <charconv>

#include "jffs2/fs/erase_size.h"
#include "jffs2/fs/scan.h"
#include "kernel/fs/jffs2/jffs2_inode.h"

namespace quire::fs::jffs2 {
namespace {

constexpr u32 root_number = 1;
constexpr u32 magic = 0x72b6;  // JFFS2_SUPER_MAGIC
constexpr u32 usual_erase_size = 64 * 1024;
constexpr u32 any_erase_size = 4096;  // to look with
constexpr u32 least_blocks = 8;       // to write; the library needs five

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

/// The chip in the image: its block size where nobody told it, its size where it must grow.
Result<lib::FileDeviceOptions> chip_in(const std::string& path, const Options& options) {
  lib::FileDeviceOptions d{.erase_size = options.erase_size, .file_offset = options.offset};
  if (d.erase_size == 0) {
    d.erase_size = any_erase_size;
    d.erase_size = lib::detect_erase_size(*TRY(lib::open_file_device(path, d))).value_or(usual_erase_size);
  }
  auto looking = TRY(lib::open_file_device(path, d));
  // Before anything is written: a file that is no image must stay as it is.
  if (!lib::detect_order(*looking)) return err(EINVAL);
  u64 size = looking->geometry().size();
  d.read_only = options.read_only;
  d.durable = true;
  if (!options.read_only) d.size = std::max<u64>(size, u64{least_blocks} * d.erase_size);
  return d;
}

}  // namespace

const char* reason(Errno error) {
  switch (error.value()) {
    case EINVAL:
      return "no JFFS2 file system";
    case ENOTSUP:
      return "the JFFS2 file system holds nodes that forbid mounting it";
    case EBUSY:
      return "somebody else is writing to the image";
    case EFBIG:
      return "the image is larger than JFFS2 can be";
    default:
      return error.message();
  }
}

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
  auto d = TRY(chip_in(path, options));
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
