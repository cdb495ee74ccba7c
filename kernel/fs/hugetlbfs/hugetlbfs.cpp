#include "kernel/fs/hugetlbfs/hugetlbfs.h"

#include <fmt/format.h>
#include <linux/falloc.h>
#include <sys/statfs.h>

#include <algorithm>
#include <charconv>

#include "kernel/vfs/memory_file.h"

namespace quire::fs::hugetlbfs {
namespace {

constexpr u64 largest_file = u64{1} << 43;

struct Size {
  u64 value = 0;
  bool percent = false;
};

Result<Size> parse_size(std::string_view text) {
  Size s;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), s.value);
  if (error != std::errc()) return err(EINVAL);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (unit.empty()) return s;
  if (unit.size() != 1) return err(EINVAL);
  if (unit[0] == '%') {
    s.percent = true;
    return s;
  }
  const std::size_t scale = std::string_view("kKmMgGtT").find(unit[0]);
  if (scale == std::string_view::npos) return err(EINVAL);
  if (__builtin_mul_overflow(s.value, u64{1} << (10 * (scale / 2 + 1)), &s.value)) return err(EINVAL);
  return s;
}

Result<u64> parse_pages(std::string_view text, const mm::HugePageCounts& pool) {
  const Size s = TRY(parse_size(text));
  return s.percent ? pool.total * std::min<u64>(s.value, 100) / 100 : s.value / huge_size;
}

Result<u32> parse_number(std::string_view text, int base) {
  u32 v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v, base);
  if (error != std::errc() || end != text.data() + text.size()) return err(EINVAL);
  return v;
}

class HugeFile;

/// A regular file: always a huge object, never a string in the heap.
class HugeInode final : public vfs::MemoryInode {
 public:
  HugeInode(vfs::MemoryFileSystem& fs, const vfs::NewNode& node, Ref<mm::MemoryObject> object)
      : MemoryInode(fs, node) {
    LockGuard g(lock_);
    object_ = std::move(object);
  }

  Result<vfs::Attributes> attributes() override {
    auto a = TRY(MemoryInode::attributes());
    a.block_size = huge_size;
    return a;
  }
  Result<> set_attributes(const vfs::AttributeChange& change) override {
    if (change.size && *change.size % huge_size != 0) return err(EINVAL);
    return MemoryInode::set_attributes(change);
  }
  Result<Ref<vfs::File>> open(int flags) override;
  Result<std::string> get_xattr(const std::string&) override { return err(EOPNOTSUPP); }
  Result<> set_xattr(const std::string&, std::string_view, int) override { return err(EOPNOTSUPP); }
  Result<> remove_xattr(const std::string&) override { return err(EOPNOTSUPP); }
  Result<std::vector<std::string>> list_xattrs() override { return std::vector<std::string>(); }

  Result<> allocate_pages(int mode, u64 offset, u64 length) {
    if ((mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) != 0) return err(EOPNOTSUPP);
    if ((mode & FALLOC_FL_PUNCH_HOLE) != 0) return MemoryInode::allocate(mode, offset, length);
    LockGuard g(lock_);
    const u64 end = offset + length;
    if (end > largest_file) return err(EFBIG);
    const u64 old = object_->size();
    if (end > old && (seals() & F_SEAL_GROW) != 0) return err(EPERM);
    // Pages beyond the end are reached only while the file is as long as they are.
    if (round_up(end, huge_size) > old) TRY_VOID(object_->resize(round_up(end, huge_size)));
    auto done = object_->allocate(offset, length);
    const bool keep = !done || (mode & FALLOC_FL_KEEP_SIZE) != 0;
    if (keep && round_up(end, huge_size) > old) TRY_VOID(object_->resize(old));
    a_.ctime = vfs::now();
    return done;
  }
};

class HugeFile final : public vfs::MemoryFile {
 public:
  HugeFile(Ref<HugeInode> node, int flags) : MemoryFile(node, flags), node_(std::move(node)) {}
  Result<std::size_t> write(vfs::IoBuffer&, i64) override { return err(EINVAL); }
  Result<> allocate(int mode, u64 offset, u64 length) override {
    return node_->allocate_pages(mode, offset, length);
  }
  Result<vfs::Mappable> map(u64 offset, u64 length, Access access, bool shared) override {
    if (offset % huge_size != 0) return err(EINVAL);
    return MemoryFile::map(offset, length, access, shared);
  }

 private:
  const Ref<HugeInode> node_;
};

Result<Ref<vfs::File>> HugeInode::open(int flags) {
  return Ref<vfs::File>(make_ref<HugeFile>(Ref<HugeInode>(this), flags));
}

}  // namespace

Result<Options> parse_options(std::string_view text, const mm::HugePageCounts& pool,
                              const Options& defaults) {
  Options o = defaults;
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    const std::size_t eq = item.find('=');
    const std::string_view key = item.substr(0, eq);
    const std::string_view value = eq == std::string_view::npos ? "" : item.substr(eq + 1);
    if (key == "pagesize") {
      const Size s = TRY(parse_size(value));
      if (s.percent || s.value != huge_size) return err(EINVAL);
    } else if (key == "size") {
      o.most_pages = TRY(parse_pages(value, pool));
    } else if (key == "min_size") {
      o.least_pages = TRY(parse_pages(value, pool));
    } else if (key == "nr_inodes") {
      const Size s = TRY(parse_size(value));
      if (s.percent) return err(EINVAL);
      o.max_inodes = s.value;
    } else if (key == "mode") {
      o.mode = TRY(parse_number(value, 8)) & 01777;
    } else if (key == "uid") {
      o.uid = TRY(parse_number(value, 10));
    } else if (key == "gid") {
      o.gid = TRY(parse_number(value, 10));
    } else if (!key.empty()) {
      return err(EINVAL);
    }
  }
  if (o.most_pages && o.least_pages > *o.most_pages) return err(EINVAL);
  return o;
}

HugetlbFs::HugetlbFs(mm::MemoryManager& mm, const Options& options, Ref<mm::HugeSubpool> share)
    : MemoryFileSystem(&mm, 0, options.max_inodes), options_(options), share_(std::move(share)) {}

Result<Ref<HugetlbFs>> HugetlbFs::create(mm::MemoryManager& mm, const Options& options) {
  Ref<mm::HugeSubpool> share;
  if (options.most_pages || options.least_pages != 0)
    share = TRY(mm.huge_pages().make_subpool(options.most_pages, options.least_pages));
  auto fs = Ref<HugetlbFs>::adopt(new HugetlbFs(mm, options, std::move(share)));
  const vfs::NewNode node{
      .mode = S_IFDIR | options.mode, .uid = options.uid, .gid = options.gid, .target = {}};
  auto root = TRY(vfs::MemoryInode::make(*fs, node));
  LockGuard g(fs->lock_);
  fs->root_ = std::move(root);
  return fs;
}

Result<Ref<vfs::Inode>> HugetlbFs::root() {
  LockGuard g(lock_);
  if (!root_) return err(EBUSY);
  return std::move(root_);
}

Result<Ref<vfs::Inode>> HugetlbFs::make_orphan(const vfs::NewNode& node) {
  return vfs::MemoryInode::make(*this, node);
}

Result<Ref<vfs::Inode>> HugetlbFs::make_regular(const vfs::NewNode& node) {
  auto object = TRY(mm::MemoryObject::create_huge(*manager(), 0, share_));
  return Ref<vfs::Inode>(make_ref<HugeInode>(*this, node, std::move(object)));
}

Result<struct statfs> HugetlbFs::statfs() {
  auto s = TRY(MemoryFileSystem::statfs());
  s.f_type = 0x958458f6;  // HUGETLBFS_MAGIC
  s.f_bsize = s.f_frsize = huge_size;
  s.f_blocks = s.f_bfree = s.f_bavail = 0;
  if (share_ != nullptr && share_->most()) {
    s.f_blocks = *share_->most();
    s.f_bfree = s.f_bavail = s.f_blocks - std::min<u64>(s.f_blocks, share_->used());
  }
  if (options_.max_inodes == 0) s.f_files = s.f_ffree = 0;
  return s;
}

std::string HugetlbFs::options() const {
  std::string s;
  if (options_.uid != 0) s += fmt::format("uid={},", options_.uid);
  if (options_.gid != 0) s += fmt::format("gid={},", options_.gid);
  if (options_.mode != 0755) s += fmt::format("mode={:o},", options_.mode);
  if (options_.max_inodes != 0) s += fmt::format("nr_inodes={},", options_.max_inodes);
  s += "pagesize=2M";
  if (options_.most_pages) s += fmt::format(",size={}", *options_.most_pages * huge_size);
  if (options_.least_pages != 0) s += fmt::format(",min_size={}", options_.least_pages * huge_size);
  return s;
}

}  // namespace quire::fs::hugetlbfs
