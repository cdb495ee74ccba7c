#include "kernel/fs/tmpfs/tmpfs.h"

#include <fmt/format.h>

#include <charconv>

namespace quire::fs::tmpfs {
namespace {

/// "64k", "10m", "2g", "50%" (of `whole`), or plain.
Result<u64> parse_size(std::string_view text, u64 whole) {
  u64 v = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc() || text.empty()) return err(EINVAL);
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (unit.empty()) return v;
  if (unit.size() != 1) return err(EINVAL);
  u64 factor = 1;
  switch (unit[0]) {
    case 'k':
    case 'K':
      factor = 1024;
      break;
    case 'm':
    case 'M':
      factor = 1u << 20;
      break;
    case 'g':
    case 'G':
      factor = 1u << 30;
      break;
    case '%':
      return whole / 100 * v;
    default:
      return err(EINVAL);
  }
  if (__builtin_mul_overflow(v, factor, &v)) return err(EINVAL);
  return v;
}

Result<u32> parse_number(std::string_view text, int base) {
  u32 v = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v, base);
  if (error != std::errc() || end != text.data() + text.size()) return err(EINVAL);
  return v;
}

}  // namespace

Result<Options> parse_options(std::string_view text, u64 total_memory) {
  Options o;
  while (!text.empty()) {
    std::string_view item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    std::size_t eq = item.find('=');
    std::string_view key = item.substr(0, eq), value = eq == item.npos ? "" : item.substr(eq + 1);
    if (key == "size")
      o.max_bytes = TRY(parse_size(value, total_memory));
    else if (key == "nr_blocks")
      o.max_bytes = TRY(parse_size(value, 0)) * page_size;
    else if (key == "nr_inodes")
      o.max_inodes = TRY(parse_size(value, 0));
    else if (key == "mode")
      o.mode = TRY(parse_number(value, 8)) & 07777;
    else if (key == "uid")
      o.uid = TRY(parse_number(value, 10));
    else if (key == "gid")
      o.gid = TRY(parse_number(value, 10));
    else if (key != "" && key != "huge" && key != "mpol" && key != "inode64" && key != "inode32")
      return err(EINVAL);
  }
  return o;
}

Tmpfs::Tmpfs(mm::MemoryManager* mm, const Options& options)
    : MemoryFileSystem(mm, options.max_bytes, options.max_inodes), options_(options) {}

Result<Ref<Tmpfs>> Tmpfs::create(mm::MemoryManager* mm, const Options& options) {
  auto fs = Ref<Tmpfs>::adopt(new Tmpfs(mm, options));
  vfs::NewNode node{.mode = S_IFDIR | options.mode, .uid = options.uid, .gid = options.gid, .target = {}};
  auto root = TRY(vfs::MemoryInode::make(*fs, node));
  LockGuard g(fs->lock_);
  fs->root_ = std::move(root);
  return fs;
}

Result<Ref<vfs::Inode>> Tmpfs::root() {
  LockGuard g(lock_);
  if (!root_) return err(EBUSY);
  return std::move(root_);
}

Result<Ref<vfs::Inode>> Tmpfs::make_orphan(const vfs::NewNode& node) {
  return vfs::MemoryInode::make(*this, node);
}

std::string Tmpfs::options() const {
  std::string s;
  if (options_.max_bytes != 0) s += fmt::format("size={}k", options_.max_bytes / 1024);
  if (options_.max_inodes != 0) s += fmt::format("{}nr_inodes={}", s.empty() ? "" : ",", options_.max_inodes);
  if (options_.mode != 01777) s += fmt::format("{}mode={:o}", s.empty() ? "" : ",", options_.mode);
  return s;
}

}  // namespace quire::fs::tmpfs
