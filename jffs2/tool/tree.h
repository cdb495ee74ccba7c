// The tree of files that a list of nodes stands for: a forgiving reader that needs no flash geometry
// and takes what it can from damaged images. (FileSystem in jffs2/fs is the strict one that mounts.)
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "jffs2/codec/node.h"
#include "jffs2/tool/node_list.h"

namespace quire::jffs2 {

/// False for names that no file can have: "", ".", "..", with '/' or NUL inside. Linux never writes
/// them; whoever takes names from an image to a host must not either.
bool is_plain_name(std::string_view name);

/// A name in a directory.
struct TreeName {
  std::string name;
  Ino ino;
  FileType type = FileType::unknown;
  u32 node = 0;        ///< index in the node list
  bool again = false;  ///< a directory already met under another name (a rename cut short)
};

/// A piece of a file: bytes [begin, end) come from one node; what no piece covers is a hole.
struct Extent {
  u64 begin = 0;
  u64 end = 0;
  u32 node = 0;        ///< index in the node list
  u64 node_begin = 0;  ///< file offset of the node's first byte
};

struct TreeInode {
  bool known = false;              ///< a sound inode node was found; else only names speak of it
  InodeNode meta;                  ///< of the highest version; its data is not in memory
  u32 links = 0;                   ///< names that lead to it from the root
  std::vector<u32> nodes;          ///< sound inode nodes, by rising version
  std::vector<TreeName> children;  ///< of a directory, in byte order
  std::vector<u32> damaged;        ///< its nodes with a bad data CRC

  bool is_directory() const { return (meta.mode & 0170000) == 0040000; }
  bool is_file() const { return (meta.mode & 0170000) == 0100000; }
  bool is_symlink() const { return (meta.mode & 0170000) == 0120000; }
  bool is_device() const { return (meta.mode & 0170000) == 0020000 || (meta.mode & 0170000) == 0060000; }
};

struct DeviceNumber {
  u32 major = 0;
  u32 minor = 0;
};

class Tree {
 public:
  /// `bytes` and `nodes` must outlive the tree; nodes of one byte order only.
  Tree(std::span<const u8> bytes, std::span<const FoundNode> nodes, ByteOrder order);

  /// nullptr when nothing is known of it. The root is always there, if need be made up as Linux does.
  const TreeInode* find(Ino ino) const;
  const TreeInode& root() const;
  /// Inodes that no name leads to from the root.
  std::vector<Ino> orphans() const;

  /// The pieces of a file below its size, in order of offset.
  std::vector<Extent> extents(const TreeInode& inode) const;
  /// Expands a node's data; EIO when it cannot be.
  Result<std::vector<u8>> node_data(u32 node) const;
  /// A symbolic link's target.
  Result<std::string> target(const TreeInode& inode) const;
  Result<DeviceNumber> device(const TreeInode& inode) const;
  /// Attributes by full name, values as getxattr(2) gives them.
  std::map<std::string, std::vector<u8>> xattrs(Ino ino) const;
  /// Nodes of attributes and references that count.
  const std::vector<u32>& attribute_nodes() const { return attribute_nodes_; }
  /// CRC-32 as zlib and cksum tools have it, of the whole contents.
  Result<u32> checksum(const TreeInode& inode) const;

  /// Calls with each inode number once, rising.
  void for_each(const std::function<void(Ino, const TreeInode&)>& visit) const;
  std::size_t size() const { return inodes_.size(); }

  std::span<const u8> bytes() const { return bytes_; }
  std::span<const FoundNode> nodes() const { return nodes_; }
  ByteOrder order() const { return order_; }

 private:
  void gather();
  void resolve_names();
  void connect();
  void gather_xattrs();

  std::span<const u8> bytes_;
  std::span<const FoundNode> nodes_;
  ByteOrder order_;
  std::map<Ino, TreeInode> inodes_;
  struct Name {
    u32 node;
    Version version;
  };
  std::map<Ino, std::map<std::string_view, Name>> names_;  // while building
  std::unordered_map<Xid, u32> data_;                      // newest datum of each attribute
  std::unordered_map<Ino, std::vector<Xid>> xattrs_;
  std::vector<u32> attribute_nodes_;
};

/// Visits every name below the root in order, parents first: path without leading slash ("" is the
/// root itself), inode number, inode (nullptr: a name without an inode), and the name (nullptr for
/// the root). A directory's contents are visited under one of its names only, and not under one that
/// is no plain name.
using TreeVisitor =
    std::function<void(const std::string& path, Ino ino, const TreeInode* inode, const TreeName* name)>;
void walk_tree(const Tree& tree, const TreeVisitor& visit);

}  // namespace quire::jffs2
