// JFFS2 as a library: a mounted file system on a flash device.
//
// Operations name inodes by number, as FUSE and a kernel's VFS do; paths are the caller's business.
// Every operation may be called from any thread; one lock (kFsLock) serialises them with the steps
// of garbage collection, and no call holds it longer than one step needs.
//
// Durability: on NOR every operation is on the medium when it returns. On NAND the last page's worth
// waits in memory until fsync(), sync() or a later operation pushes it out. Operations reach the
// medium in the order in which they were made.
//
// Errors of every operation: EIO (damaged node, failing medium), ENOENT (no such inode or name).
// Errors of every modifying one: EROFS, ENOSPC (removing names and shrinking files works where
// growing no longer does), and EIO once the medium refuses writes for good (the mount is then
// read-only).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "jffs2/codec/compress.h"
#include "jffs2/codec/node.h"
#include "jffs2/flash/device.h"

namespace quire::jffs2 {

struct MountOptions {
  bool read_only = false;
  /// Byte order; unset: told by the nodes found (little on an empty chip).
  std::optional<ByteOrder> order{};
  CompressPolicy compression{};
  /// Most file bytes in one node that is written (a multiple of 4096 up to 65536).
  u32 max_node_data = 4096;
  /// Threads of the mount scan; 0: one a CPU, at most 8.
  unsigned scan_threads = 0;
  /// Read blocks in full even where they have a summary (a check does).
  bool ignore_summaries = false;
  /// Collect garbage and erase blocks in the background.
  bool background_gc = true;
  /// How long one modifying operation may spend on garbage while space is not yet pressing.
  u32 gc_budget_us = 2000;
  /// Chosen by tests to replay a run (choice of blocks for wear levelling).
  u64 seed = 0;
  /// Seconds since 1970 for time stamps; unset: the host's clock.
  std::function<u32()> clock{};
  /// Memory for loaded inodes (fragments, directories) that nobody has open, in bytes; those used last
  /// stay whatever it is. 0: 16 bytes a live node, at least 256 KiB.
  u64 cache_bytes = 0;
  /// What a person should know: damaged nodes, foreign node types. May be called with the lock held.
  std::function<void(const std::string&)> log{};
};

struct Attr {
  Ino ino{};
  u32 mode = 0;  ///< with S_IFMT
  u32 nlink = 0;
  u32 uid = 0;
  u32 gid = 0;
  u32 rdev_major = 0;
  u32 rdev_minor = 0;
  u64 size = 0;    ///< of a symlink: its target's length; of a directory: 0
  u64 stored = 0;  ///< bytes of flash that its live nodes take
  u32 atime = 0;
  u32 mtime = 0;
  u32 ctime = 0;
};

/// Which attributes setattr() changes; ctime is set by itself unless given.
struct SetAttr {
  std::optional<u32> mode{};  ///< permission bits only
  std::optional<u32> uid{};   ///< EINVAL above 65535: the format has 16 bits
  std::optional<u32> gid{};
  std::optional<u64> size{};
  std::optional<u32> atime{};
  std::optional<u32> mtime{};
  std::optional<u32> ctime{};
};

/// Who makes an inode, and how.
struct NewInode {
  u32 mode = 0;  ///< permission bits; the type is the operation's (mknod: with S_IFMT)
  u32 uid = 0;
  u32 gid = 0;
};

struct DirEntry {
  std::string name;
  Ino ino{};
  FileType type = FileType::unknown;
  u64 cookie = 0;  ///< where readdir() goes on after this entry
};

struct StatFs {
  u64 total_bytes = 0;
  u64 free_bytes = 0;       ///< free and reclaimable
  u64 available_bytes = 0;  ///< the same less the reserve
  u64 inodes = 0;
  u32 max_name = kMaxName;
};

enum class BlockState : u8 { free, open, used, dirty, erase_pending, bad };

struct BlockInfo {
  BlockState state = BlockState::free;
  u32 used = 0;       ///< live nodes that were checked
  u32 unchecked = 0;  ///< live as far as known, CRC not yet looked at
  u32 dirty = 0;      ///< obsolete nodes, damage
  u32 wasted = 0;     ///< cleanmarker, stamp, padding, summary, gaps
  u32 free = 0;
  u32 nodes = 0;
  u32 erases = 0;  ///< since mount
  bool summary = false;
};

struct Statistics {
  std::vector<BlockInfo> blocks;
  u64 live_nodes = 0;
  u64 obsolete_nodes = 0;
  u64 inodes = 0;
  u64 bytes_of_memory = 0;  ///< of the index: references, inodes, what is loaded
  u64 damaged_nodes = 0;    ///< bad CRC or length, met so far
  u64 unknown_nodes = 0;
  u64 orphans = 0;  ///< inodes without a name, dropped at mount
  u64 summaries_used = 0;
  u64 mount_ns = 0;
  u64 gc_moved_nodes = 0;
  u64 gc_erased_blocks = 0;
  u64 written_nodes = 0;
  u64 programmed_bytes = 0;
};

/// One finding of check().
struct Finding {
  enum class Kind : u8 {
    accounting,     ///< space counts do not add up: a fault of this program
    damaged_node,   ///< a live node's CRC is wrong
    bad_tree,       ///< cycle, two parents, wrong nlink
    dangling_name,  ///< a name whose inode is absent
    orphan_inode,   ///< an inode without a name (harmless, cleaned by a writing mount)
    gap_in_file,    ///< bytes below the size that no node covers (they read as zeros)
  };
  Kind kind;
  Ino ino{};
  u64 flash_offset = 0;
  std::string text;
};

class FileSystem {
 public:
  /// Mounts. The device must outlive the file system. EINVAL: no JFFS2 in that byte order, or too
  /// few erase blocks (5) for writing; ENOTSUP: node types that forbid any mount.
  static Result<std::unique_ptr<FileSystem>> mount(FlashDevice& device, const MountOptions& options);
  /// Makes the chip an empty file system: erases blocks that are not erased, writes cleanmarkers.
  static Result<> format(FlashDevice& device, ByteOrder order);

  FileSystem() = default;
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;
  /// As unmount(), errors ignored.
  virtual ~FileSystem() = default;

  virtual ByteOrder order() const = 0;
  /// True when mounted so, when the device is, or when the content or a failure forces it.
  virtual bool read_only() const = 0;
  /// Flushes, stops the background thread. Every later call fails with EIO.
  virtual Result<> unmount() = 0;

  // Names.
  virtual Result<Ino> lookup(Ino dir, std::string_view name) = 0;
  /// Parent of a directory (the root's is the root).
  virtual Result<Ino> parent(Ino dir) = 0;
  /// Entries after `cookie` (0: from the start), without "." and "..", at most `limit`. Cookies stay
  /// valid while the directory is open (open()); entries made or removed meanwhile may or may not show.
  virtual Result<std::vector<DirEntry>> readdir(Ino dir, u64 cookie, u32 limit) = 0;

  // Making names. EEXIST, ENAMETOOLONG (254), ENOTDIR, EINVAL ("", ".", "..", '/' or NUL inside).
  virtual Result<Ino> create(Ino dir, std::string_view name, const NewInode& how) = 0;
  virtual Result<Ino> mkdir(Ino dir, std::string_view name, const NewInode& how) = 0;
  /// Device, fifo or socket by S_IFMT of how.mode.
  virtual Result<Ino> mknod(Ino dir, std::string_view name, const NewInode& how, u32 major, u32 minor) = 0;
  /// ENAMETOOLONG past kMaxSymlink.
  virtual Result<Ino> symlink(Ino dir, std::string_view name, std::string_view target,
                              const NewInode& how) = 0;
  /// EPERM for directories.
  virtual Result<> link(Ino ino, Ino dir, std::string_view name) = 0;

  // Removing names. An inode that is open lives on until its last close().
  virtual Result<> unlink(Ino dir, std::string_view name) = 0;
  /// ENOTEMPTY, ENOTDIR.
  virtual Result<> rmdir(Ino dir, std::string_view name) = 0;
  /// As renameat2(2) with flags 0 or RENAME_NOREPLACE (RENAME_EXCHANGE: EINVAL). A power cut leaves
  /// the old name, the new one or both; a replaced target reads old or new.
  virtual Result<> rename(Ino old_dir, std::string_view old_name, Ino new_dir, std::string_view new_name,
                          u32 flags = 0) = 0;

  // Content.
  /// Keeps the inode (and a directory's cookies) alive until close(). Calls nest.
  virtual Result<> open(Ino ino) = 0;
  virtual void close(Ino ino) = 0;
  /// Bytes read: short at the end of file, 0 past it. EISDIR.
  virtual Result<u32> read(Ino ino, u64 offset, std::span<u8> out) = 0;
  /// Writes all of `data` or fails; what was written before a failure stays. EFBIG past 4 GiB - 1.
  virtual Result<u32> write(Ino ino, u64 offset, std::span<const u8> data) = 0;
  virtual Result<std::string> readlink(Ino ino) = 0;

  virtual Result<Attr> getattr(Ino ino) = 0;
  virtual Result<Attr> setattr(Ino ino, const SetAttr& what) = 0;

  // Extended attributes by full name: user.*, security.*, trusted.*, system.posix_acl_access and
  // system.posix_acl_default (values in Linux's xattr form). ENODATA, ENOTSUP (other prefixes),
  // ERANGE (name over 255 or node over a block).
  virtual Result<std::vector<u8>> getxattr(Ino ino, std::string_view name) = 0;
  /// `flags`: XATTR_CREATE (EEXIST), XATTR_REPLACE (ENODATA) or 0.
  virtual Result<> setxattr(Ino ino, std::string_view name, std::span<const u8> value, int flags = 0) = 0;
  virtual Result<> removexattr(Ino ino, std::string_view name) = 0;
  virtual Result<std::vector<std::string>> listxattr(Ino ino) = 0;

  // Durability and space.
  virtual Result<> fsync(Ino ino) = 0;
  virtual Result<> sync() = 0;
  virtual StatFs statfs() = 0;

  // Maintenance.
  /// One step of collection: erases a block or moves a node. False: nothing is worth collecting.
  virtual Result<bool> gc_step() = 0;
  /// Collects until no block is dirty enough to gain anything.
  virtual Result<> gc_all() = 0;
  virtual Statistics statistics() = 0;
  /// Loads every inode, verifies every live node's CRC, the tree and the space accounting.
  virtual Result<std::vector<Finding>> check() = 0;
  /// All inode numbers that have a name, rising.
  virtual std::vector<Ino> inodes() = 0;
};

}  // namespace quire::jffs2
