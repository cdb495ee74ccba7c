#include "jffs2/tool/mkfs.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <unordered_map>

#include "base/byte_order.h"
#include "jffs2/codec/acl.h"
#include "jffs2/codec/crc.h"
#include "jffs2/tool/chunk_pipeline.h"
#include "jffs2/tool/packer.h"

namespace quire::jffs2 {

namespace {

constexpr u64 kMaxImage = u64{4} << 30;
constexpr u32 kNobody = 65534;
// Less room than this at a block's end is not worth a piece of a node.
constexpr u32 kLeastPiece = 128;

u32 clamp_time(i64 t) { return static_cast<u32>(std::clamp<i64>(t, 0, std::numeric_limits<u32>::max())); }

struct XattrName {
  XattrPrefix prefix;
  std::string_view name;
};

std::optional<XattrName> split_xattr_name(std::string_view full) {
  if (full == "system.posix_acl_access") return XattrName{XattrPrefix::acl_access, ""};
  if (full == "system.posix_acl_default") return XattrName{XattrPrefix::acl_default, ""};
  constexpr std::pair<std::string_view, XattrPrefix> prefixes[] = {
      {"user.", XattrPrefix::user}, {"security.", XattrPrefix::security}, {"trusted.", XattrPrefix::trusted}};
  for (auto [text, prefix] : prefixes)
    if (full.starts_with(text) && full.size() > text.size())
      return XattrName{prefix, full.substr(text.size())};
  return std::nullopt;
}

Status check_options(const MkfsOptions& options) {
  if (options.erase_size < 8192 || options.erase_size % 4 != 0 || options.erase_size > (1u << 30))
    return fail("the erase block must have at least 8 KiB, and a multiple of 4 bytes");
  if (options.cleanmarker != 0 && options.cleanmarker < kCleanmarkerSize)
    return fail("a cleanmarker has at least 12 bytes");
  if (options.cleanmarker >= options.erase_size / 2) return fail("the cleanmarker does not fit its block");
  if (options.page_size < 512 || options.page_size > (1u << 20))
    return fail("the page size must be between 512 bytes and 1 MiB");
  return {};
}

class ImageMaker {
 public:
  ImageMaker(const SourceTree& tree, const MkfsOptions& options, const Packer::Write& write,
             const std::function<void(u64)>& progress)
      : tree_(tree),
        options_(options),
        packer_(options, write),
        progress_(progress),
        recompressor_(options.compression) {}

  Outcome<MkfsReport> make() {
    number(0);
    for (std::size_t index : order_) CHECK_VOID(check_inode(tree_.inodes[index]));
    std::vector<const SourceInode*> files;
    for (std::size_t index : order_)
      if (S_ISREG(tree_.inodes[index].mode)) files.push_back(&tree_.inodes[index]);
    pipeline_.emplace(std::move(files), options_);
    for (std::size_t index : order_) {
      CHECK_VOID(write_inode(index));
      if (tree_.inodes[index].is_directory()) CHECK_VOID(write_names(index));
      report_.files++;
      if (packer_.bytes() > kMaxImage) return fail("the image would be larger than 4 GiB");
    }
    if (options_.xattrs) CHECK_VOID(write_xattrs());
    CHECK_VOID(packer_.finish());
    report_.image_bytes = packer_.bytes();
    report_.nodes = packer_.nodes();
    return std::move(report_);
  }

 private:
  Status check_inode(const SourceInode& inode) {
    if (inode.content && inode.content->size() > std::numeric_limits<u32>::max())
      return fail(path_of(inode) + ": larger than 4 GiB");
    if (S_ISLNK(inode.mode) && inode.target.size() > kMaxSymlink)
      return fail(fmt::format("{}: target longer than {} bytes, which Linux's JFFS2 refuses", path_of(inode),
                              kMaxSymlink));
    if (!options_.squash_owners && (inode.uid > 0xFFFF || inode.gid > 0xFFFF))
      report_.warnings.push_back(
          fmt::format("{}: owner {}:{} does not fit the format's 16 bits; {} is written", path_of(inode),
                      inode.uid, inode.gid, kNobody));
    return {};
  }

  // Only for messages, of which there may be one for each file.
  std::string path_of(const SourceInode& wanted) {
    if (names_.empty()) {
      names_.resize(tree_.inodes.size());
      for (std::size_t parent : order_)
        for (const auto& [name, child] : tree_.inodes[parent].children) names_[child] = {parent, &name};
    }
    std::string path;
    for (std::size_t at = static_cast<std::size_t>(&wanted - tree_.inodes.data()); at != 0;) {
      const auto& [parent, name] = names_[at];
      path = "/" + *name + path;
      at = parent;
    }
    return path.empty() ? "/" : path;
  }

  // Inode numbers rise with the names, depth first, so that equal trees give equal images.
  void number(std::size_t root) {
    std::vector<std::size_t> stack{root};
    while (!stack.empty()) {
      std::size_t index = stack.back();
      stack.pop_back();
      if (inos_.contains(index)) continue;
      inos_[index] = static_cast<u32>(inos_.size()) + 1;
      order_.push_back(index);
      const auto& children = tree_.inodes[index].children;
      for (auto child = children.rbegin(); child != children.rend(); ++child) stack.push_back(child->second);
    }
  }

  InodeNode meta(std::size_t index, u32 version) const {
    const SourceInode& inode = tree_.inodes[index];
    InodeNode node;
    node.ino = Ino(inos_.at(index));
    node.version = Version(version);
    node.mode = inode.mode & (S_IFMT | 07777);
    // As mkfs.jffs2: what group and others could read stays readable, nothing is writable by them.
    if (options_.squash_permissions && !S_ISLNK(inode.mode))
      node.mode &= ~static_cast<u32>(S_ISUID | S_ISGID | S_IWGRP | S_IWOTH);
    if (!options_.squash_owners) {
      node.uid = static_cast<u16>(inode.uid > 0xFFFF ? kNobody : inode.uid);
      node.gid = static_cast<u16>(inode.gid > 0xFFFF ? kNobody : inode.gid);
    }
    // Access and change times are those of the copy at hand, not of the content: with them the same
    // tree would give another image after each reading.
    if (!options_.zero_times) node.mtime = node.atime = node.ctime = clamp_time(inode.mtime);
    return node;
  }

  Status write_inode(std::size_t index) {
    const SourceInode& inode = tree_.inodes[index];
    if (S_ISREG(inode.mode)) return write_file(index);
    InodeNode node = meta(index, 1);
    std::vector<u8> data;
    if (S_ISLNK(inode.mode)) {
      data.assign(inode.target.begin(), inode.target.end());
      node.isize = static_cast<u32>(data.size());
    } else if (S_ISCHR(inode.mode) || S_ISBLK(inode.mode)) {
      data = device_number(inode.device_major, inode.device_minor);
    }
    node.dsize = static_cast<u32>(data.size());
    return add_inode(node, data);
  }

  // Two bytes where they do, as every kernel reads them; else Linux's 32-bit form.
  std::vector<u8> device_number(u32 device_major, u32 device_minor) const {
    std::vector<u8> data;
    if (device_major < 256 && device_minor < 256) {
      data.resize(2);
      store<u16>(data.data(), static_cast<u16>(device_major << 8 | device_minor), options_.order);
    } else {
      data.resize(4);
      store<u32>(data.data(),
                 (device_minor & 0xFF) | (device_major & 0xFFF) << 8 | (device_minor & ~u32{0xFF}) << 12,
                 options_.order);
    }
    return data;
  }

  Status add_inode(const InodeNode& node, std::span<const u8> stored) {
    scratch_.clear();
    encode_inode(scratch_, node, stored, options_.order);
    if (scratch_.size() > packer_.room(NodeType::inode)) CHECK_VOID(packer_.next_block());
    return packer_.add(scratch_, {.type = NodeType::inode, .ino = node.ino, .version = node.version});
  }

  Status write_file(std::size_t index) {
    const SourceInode& inode = tree_.inodes[index];
    u32 version = 0;
    u32 isize = inode.content ? static_cast<u32>(inode.content->size()) : 0;
    // Neighbouring holes become one node, however the data came.
    std::optional<Chunk> hole;
    while (true) {
      std::optional<Chunk> chunk = CHECK(pipeline_->next());
      if (chunk) {
        report_.file_bytes += chunk->length;
        progress_(chunk->length);
      }
      bool more_hole = chunk && chunk->stored.method == Compression::zero;
      if (more_hole && hole) {
        hole->length += chunk->length;
        continue;
      }
      if (hole) CHECK_VOID(write_chunk(index, isize, version, *hole));
      hole.reset();
      if (!chunk) break;
      if (more_hole)
        hole = std::move(chunk);
      else
        CHECK_VOID(write_chunk(index, isize, version, *chunk));
    }
    if (version != 0) return {};
    InodeNode empty = meta(index, 1);
    empty.isize = isize;
    return add_inode(empty, {});
  }

  // Writes the chunk as one node, or, where a block ends in it, as several.
  Status write_chunk(std::size_t index, u32 isize, u32& version, Chunk& chunk) {
    std::span<const u8> rest = chunk.data;
    u64 offset = chunk.offset;
    u32 length = chunk.length;
    Compressed stored = std::move(chunk.stored);
    while (true) {
      u32 room = packer_.room(NodeType::inode);
      u32 size = kInodeSize + static_cast<u32>(stored.bytes.size());
      if (size > room) {
        auto piece = room > kInodeSize + kLeastPiece
                         ? recompressor_.compress_prefix(rest, room - kInodeSize, stored)
                         : NodeCompressor::Piece{};
        if (piece.length == 0) {
          CHECK_VOID(packer_.next_block());
          continue;
        }
        CHECK_VOID(add_inode(data_node(index, isize, ++version, offset, piece.length, piece.stored),
                             piece.stored.bytes));
        rest = rest.subspan(piece.length);
        offset += piece.length;
        length -= piece.length;
        if (rest.empty()) return {};
        stored = recompressor_.compress(rest);
        continue;
      }
      return add_inode(data_node(index, isize, ++version, offset, length, stored), stored.bytes);
    }
  }

  InodeNode data_node(std::size_t index, u32 isize, u32 version, u64 offset, u32 length,
                      const Compressed& stored) const {
    InodeNode node = meta(index, version);
    node.isize = isize;
    node.offset = static_cast<u32>(offset);
    node.dsize = length;
    node.compression = stored.method;
    return node;
  }

  // A directory's own node took version 1 of the counter that it shares with its names.
  Status write_names(std::size_t index) {
    u32 version = 1;
    for (const auto& [name, child] : tree_.inodes[index].children) {
      const SourceInode& target = tree_.inodes[child];
      DirentNode node;
      node.pino = Ino(inos_.at(index));
      node.version = Version(++version);
      node.ino = Ino(inos_.at(child));
      node.mctime = options_.zero_times ? 0 : clamp_time(tree_.inodes[index].mtime);
      node.type = file_type_of_mode(target.mode);
      node.name = name;
      scratch_.clear();
      encode_dirent(scratch_, node, options_.order);
      u32 n = static_cast<u32>(name.size());
      if (scratch_.size() > packer_.room(NodeType::dirent, n)) CHECK_VOID(packer_.next_block());
      CHECK_VOID(packer_.add(scratch_, {.type = NodeType::dirent,
                                        .ino = node.ino,
                                        .pino = node.pino,
                                        .version = node.version,
                                        .file_type = node.type,
                                        .name = name}));
    }
    return {};
  }

  bool wanted(std::string_view name) const {
    if (!options_.only_selinux && !options_.only_acls) return true;
    return (options_.only_selinux && name.starts_with("security.")) ||
           (options_.only_acls && name.starts_with("system.posix_acl_"));
  }

  // Equal attributes of several files are stored once.
  Status write_xattrs() {
    std::map<std::pair<std::string, std::vector<u8>>, Xid> known;
    u32 seqno = 0;
    for (std::size_t index : order_) {
      for (const auto& [full, value] : tree_.inodes[index].xattrs) {
        if (!wanted(full)) continue;
        auto name = split_xattr_name(full);
        if (!name) {
          report_.warnings.push_back(fmt::format("{}: attribute {} left out: JFFS2 has no place for it",
                                                 path_of(tree_.inodes[index]), full));
          continue;
        }
        std::vector<u8> bytes = CHECK(flash_value(tree_.inodes[index], *name, full, value));
        auto [at, fresh] = known.try_emplace({full, bytes}, Xid(static_cast<u32>(known.size()) + 1));
        if (fresh) CHECK_VOID(write_datum(tree_.inodes[index], at->second, *name, bytes));
        XrefNode xref{.ino = Ino(inos_.at(index)), .xid = at->second, .seqno = seqno += 2};
        scratch_.clear();
        encode_xref(scratch_, xref, options_.order);
        if (scratch_.size() > packer_.room(NodeType::xref)) CHECK_VOID(packer_.next_block());
        CHECK_VOID(packer_.add(scratch_, {.type = NodeType::xref}));
      }
    }
    return {};
  }

  Outcome<std::vector<u8>> flash_value(const SourceInode& inode, const XattrName& name,
                                       const std::string& full, const std::string& value) {
    std::vector<u8> bytes(value.begin(), value.end());
    if (name.prefix != XattrPrefix::acl_access && name.prefix != XattrPrefix::acl_default) return bytes;
    auto acl = acl_from_xattr(bytes, options_.order);
    if (!acl) return fail(fmt::format("{}: attribute {} is malformed", path_of(inode), full));
    return std::move(*acl);
  }

  Status write_datum(const SourceInode& inode, Xid xid, const XattrName& name, std::span<const u8> value) {
    XattrNode node{
        .xid = xid, .version = Version(1), .prefix = name.prefix, .name = name.name, .value = value};
    if (pad4(node.size()) > packer_.fresh_room(NodeType::xattr) || value.size() > 0xFFFF ||
        name.name.size() > 0xFF)
      return fail(fmt::format("{}: attribute {} is too large for an erase block", path_of(inode), name.name));
    scratch_.clear();
    encode_xattr(scratch_, node, options_.order);
    if (scratch_.size() > packer_.room(NodeType::xattr)) CHECK_VOID(packer_.next_block());
    return packer_.add(scratch_, {.type = NodeType::xattr, .version = node.version, .xid = xid});
  }

  const SourceTree& tree_;
  const MkfsOptions& options_;
  Packer packer_;
  const std::function<void(u64)>& progress_;
  NodeCompressor recompressor_;  ///< for pieces at block ends
  std::optional<ChunkPipeline> pipeline_;
  std::unordered_map<std::size_t, u32> inos_;
  std::vector<std::size_t> order_;                                 ///< inodes as numbered
  std::vector<std::pair<std::size_t, const std::string*>> names_;  ///< parent and a name; see path_of()
  std::vector<u8> scratch_;
  MkfsReport report_;
};

}  // namespace

Outcome<MkfsReport> make_image(const SourceTree& tree, const MkfsOptions& options, const Packer::Write& write,
                               const std::function<void(u64)>& progress) {
  CHECK_VOID(check_options(options));
  return ImageMaker(tree, options, write, progress).make();
}

}  // namespace quire::jffs2
