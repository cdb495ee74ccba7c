// The file system proper. One lock guards everything; the parts by file:
//
//   volume.cpp          mount, unmount, statistics, the background thread
//   volume_build.cpp    from scanned nodes to the index: names, link counts, orphans
//   volume_recover.cpp  what a power cut left: suspect blocks, half-done renames
//   volume_load.cpp     an inode from its nodes, the cache of loaded ones
//   volume_write.cpp    making nodes; space: reserve, pacing of collection
//   volume_names.cpp    lookup ... rename
//   volume_content.cpp  read, write, truncate, attributes
//   volume_xattr.cpp    extended attributes
//   volume_gc.cpp       garbage collection
//   volume_check.cpp    check()
#pragma once

#include <atomic>
#include <map>
#include <thread>
#include <unordered_map>

#include "jffs2/fs/file_system.h"
#include "jffs2/fs/inode.h"
#include "jffs2/fs/log.h"
#include "jffs2/fs/scan.h"
#include "jffs2/lock_order.h"

namespace quire::jffs2 {

class Volume final : public FileSystem {
 public:
  Volume(FlashDevice& device, const MountOptions& options, ByteOrder order);
  ~Volume() override;

  /// Builds the index and recovers. Called once, before the volume is shared.
  Result<> mount() EXCLUDES(lock_);

  ByteOrder order() const override { return order_; }
  bool read_only() const override { return read_only_; }
  Result<> unmount() override;
  Result<Ino> lookup(Ino dir, std::string_view name) override;
  Result<Ino> parent(Ino dir) override;
  Result<std::vector<DirEntry>> readdir(Ino dir, u64 cookie, u32 limit) override;
  Result<Ino> create(Ino dir, std::string_view name, const NewInode& how) override;
  Result<Ino> mkdir(Ino dir, std::string_view name, const NewInode& how) override;
  Result<Ino> mknod(Ino dir, std::string_view name, const NewInode& how, u32 major, u32 minor) override;
  Result<Ino> symlink(Ino dir, std::string_view name, std::string_view target, const NewInode& how) override;
  Result<> link(Ino ino, Ino dir, std::string_view name) override;
  Result<> unlink(Ino dir, std::string_view name) override;
  Result<> rmdir(Ino dir, std::string_view name) override;
  Result<> rename(Ino old_dir, std::string_view old_name, Ino new_dir, std::string_view new_name,
                  u32 flags) override;
  Result<> open(Ino ino) override;
  void close(Ino ino) override;
  Result<u32> read(Ino ino, u64 offset, std::span<u8> out) override;
  Result<u32> write(Ino ino, u64 offset, std::span<const u8> data) override;
  Result<std::string> readlink(Ino ino) override;
  Result<Attr> getattr(Ino ino) override;
  Result<Attr> setattr(Ino ino, const SetAttr& what) override;
  Result<std::vector<u8>> getxattr(Ino ino, std::string_view name) override;
  Result<> setxattr(Ino ino, std::string_view name, std::span<const u8> value, int flags) override;
  Result<> removexattr(Ino ino, std::string_view name) override;
  Result<std::vector<std::string>> listxattr(Ino ino) override;
  Result<> fsync(Ino ino) override;
  Result<> sync() override;
  StatFs statfs() override;
  Result<bool> gc_step() override;
  Result<> gc_all() override;
  Statistics statistics() override;
  Result<std::vector<Finding>> check() override;
  std::vector<Ino> inodes() override;

 private:
  /// What the scan found (volume_build.cpp).
  struct FoundName;
  struct MountScan;
  /// The newest node of an extended attribute's datum.
  struct Datum {
    RefId ref = kNoRef;
    u32 users = 0;
  };
  /// The newest xref of an (inode, datum) pair.
  struct Xref {
    RefId ref = kNoRef;
    u32 seqno = 0;   ///< odd: removed
    u32 ghosts = 0;  ///< obsolete xrefs of the pair still on flash
  };
  using XrefKey = std::pair<u32, u32>;  ///< ino, xid
  /// With so many free blocks or fewer the background thread collects.
  static constexpr u32 kBackgroundStarts = reserve_of(Purpose::data) + 2;

  // volume.cpp
  Result<> usable() const REQUIRES(lock_);
  void note(const std::string& text) const;
  u32 now() const;
  void background();
  void fail_read_only(const char* why) REQUIRES(lock_);

  // volume_build.cpp
  /// Scans the chip and builds the index. Blocks that are damaged, or lack the front that a whole erase
  /// leaves, go to `odd`, in their order.
  Result<> build(std::vector<BlockIndex>& odd) REQUIRES(lock_);
  Result<> take_block(BlockIndex b, BlockScan& scan, MountScan& found) REQUIRES(lock_);
  void add_nodes(BlockIndex b, const BlockScan& scan, MountScan& found) REQUIRES(lock_);
  void resolve_names(MountScan& found) REQUIRES(lock_);
  void settle_double_directories(MountScan& found) REQUIRES(lock_);
  void walk_tree(MountScan& found) REQUIRES(lock_);
  /// Names of directories that count under another: for recovery to remove.
  void drop_second_names(MountScan& found) REQUIRES(lock_);
  void resolve_xattrs(std::vector<std::pair<RefId, ScannedNode>>& nodes) REQUIRES(lock_);
  /// True when what `a` refers to was written after `b`, as far as stamps and places tell.
  bool written_later(RefId a, RefId b) const REQUIRES(lock_);

  // volume_recover.cpp
  Result<> recover(const std::vector<BlockIndex>& odd) REQUIRES(lock_);
  /// Erases the blocks and empties the list.
  Result<> erase_all(std::vector<BlockIndex>& blocks) REQUIRES(lock_);
  void settle_losers() REQUIRES(lock_);
  /// Copies what is live in a block, and all of what power may have failed in; the block stays.
  Result<> copy_out(BlockIndex b) REQUIRES(lock_);
  /// Where the last programmed page of a NAND block begins; NOR: the block's end.
  u64 last_page_of(BlockIndex b) REQUIRES(lock_);
  /// Whether a copy of this obsolete node is one that counts.
  bool counts_elsewhere(const NodeRef& node, std::span<const u8> bytes) REQUIRES(lock_);
  /// Copies an obsolete node, which stays obsolete; one that is damaged is left.
  Result<> copy_superseded(RefId id) REQUIRES(lock_);

  // volume_load.cpp
  Result<Inode*> load(Ino ino) REQUIRES(lock_);
  Result<Inode*> load_dir(Ino ino) REQUIRES(lock_);
  Result<> read_nodes(Inode& inode) REQUIRES(lock_);
  /// Loads again what a damaged node changed; the object stays.
  Result<> reload(Inode& inode) REQUIRES(lock_);
  void trim_cache() REQUIRES(lock_);
  void count_memory(Inode& inode) REQUIRES(lock_);
  void forget_loaded(Ino ino) REQUIRES(lock_);
  void damaged(RefId id, const char* what) REQUIRES(lock_);
  Result<InodeNode> read_header(RefId id) REQUIRES(lock_);
  /// Expands a node's data into `out` (its dsize).
  Result<> read_data(RefId id, const InodeNode& node, std::span<u8> out) REQUIRES(lock_);

  // volume_write.cpp
  u64 capacity(Purpose purpose) const REQUIRES(lock_);
  bool tight() const REQUIRES(lock_);
  /// Makes sure that nodes of `need` bytes in all (entries included) can be written, collecting
  /// garbage as that takes. Invalidates nothing that is loaded, but fragments may move.
  Result<> make_room(u32 need, Purpose purpose) REQUIRES(lock_);
  /// An inode node with the inode's fields and the next version.
  Result<RefId> put_node(Inode& inode, InodeNode node, std::span<const u8> stored, Purpose purpose)
      REQUIRES(lock_);
  Result<RefId> put_dirent(Inode& dir, std::string_view name, Ino ino, FileType type, Purpose purpose)
      REQUIRES(lock_);
  /// Writes fields only (and the data of what is not a regular file).
  Result<> put_metadata(Inode& inode, Purpose purpose) REQUIRES(lock_);
  /// Writes file bytes as nodes and lays them over the fragments. make_room() was called for it.
  Result<> put_range(Inode& inode, u32 start, std::span<const u8> bytes, Purpose purpose) REQUIRES(lock_);
  Result<> put_data(Inode& inode, const InodeNode& node, std::span<const u8> stored, Purpose purpose)
      REQUIRES(lock_);
  Result<> put_hole(Inode& inode, u32 start, u32 length, Purpose purpose) REQUIRES(lock_);
  void lay_over(Inode& inode, RefId ref, u32 start, u32 length) REQUIRES(lock_);
  void drop_refs(const std::vector<RefId>& dropped) REQUIRES(lock_);

  // volume_names.cpp
  Result<Ino> make(Ino dir, std::string_view name, const NewInode& how, std::span<const u8> data)
      REQUIRES(lock_);
  /// Replaces a name's dirent; the one before becomes a ghost.
  Result<> set_name(Inode& dir, std::string_view name, Ino ino, FileType type, Purpose purpose)
      REQUIRES(lock_);
  void lose_link(Ino ino, FileType type) REQUIRES(lock_);
  Result<> remove(Ino dir, std::string_view name, bool directory) REQUIRES(lock_);
  Result<bool> is_below(Ino dir, Ino ancestor) REQUIRES(lock_);

  // volume_content.cpp
  Result<> read_range(Inode& inode, u32 start, std::span<u8> out) REQUIRES(lock_);
  Result<> resize(Inode& inode, u32 size) REQUIRES(lock_);
  Result<Attr> attributes(Inode& inode) REQUIRES(lock_);
  Result<std::vector<u8>> special_data(Inode& inode) REQUIRES(lock_);
  Result<> flush() REQUIRES(lock_);

  // volume_xattr.cpp
  struct FoundXattr {
    XrefKey key;
    std::vector<u8> value;
    std::vector<XrefKey> stale{};  ///< older ones of the same name, whose removal was cut
  };
  Result<std::vector<std::pair<std::string, FoundXattr>>> xattrs_of(Ino ino) REQUIRES(lock_);
  Result<> put_xref(const XrefKey& key, u32 seqno, Purpose purpose) REQUIRES(lock_);
  /// Removes one attribute's xrefs, the oldest first, so that a cut brings no older value back.
  Result<> remove_xrefs(const FoundXattr& found) REQUIRES(lock_);
  void drop_datum_user(u32 xid) REQUIRES(lock_);
  void drop_xattrs(Ino ino) REQUIRES(lock_);

  // volume_gc.cpp
  std::optional<BlockIndex> pick_victim(bool any_gain) REQUIRES(lock_);
  i64 gain_of(const Block& block) const REQUIRES(lock_);
  Result<bool> step(bool any_gain) REQUIRES(lock_);
  Result<> move(RefId id) REQUIRES(lock_);
  Result<> move_inode_node(RefId id) REQUIRES(lock_);
  Result<> move_dirent(RefId id) REQUIRES(lock_);
  Result<> move_xattr(RefId id) REQUIRES(lock_);
  Result<RefId> copy_verbatim(RefId id) REQUIRES(lock_);
  Result<> rewrite(Inode& inode, u32 start, u32 length) REQUIRES(lock_);
  void before_erase(BlockIndex block) REQUIRES(lock_);
  /// Drops the removal of a name, if it is one and nothing is left on flash that it must hide.
  void drop_idle_removal(Directory& directory, u32 entry) REQUIRES(lock_);
  void node_moved(RefId from, RefId to) REQUIRES(lock_);

  FlashDevice& device_;
  const MountOptions options_;
  const ByteOrder order_;
  mutable Mutex<kFsLock> lock_;
  std::atomic<bool> read_only_{false};

  Index index_ GUARDED_BY(lock_);
  Medium medium_ GUARDED_BY(lock_);
  Log log_ GUARDED_BY(lock_);
  std::unordered_map<Ino, std::unique_ptr<Inode>> loaded_ GUARDED_BY(lock_);
  u64 loaded_memory_ GUARDED_BY(lock_) = 0;
  u64 use_clock_ GUARDED_BY(lock_) = 0;
  std::unordered_map<u32, Datum> data_ GUARDED_BY(lock_);
  std::map<XrefKey, Xref> xrefs_ GUARDED_BY(lock_);
  Ino highest_ino_ GUARDED_BY(lock_){1};
  u32 highest_xid_ GUARDED_BY(lock_) = 0;
  u32 highest_xseqno_ GUARDED_BY(lock_) = 0;
  bool unmounted_ GUARDED_BY(lock_) = false;
  /// Names that lost against another of the same directory (a cut rename): to be removed on flash.
  struct Loser {
    Ino dir;
    std::string name;
    Ino winner_dir;
    std::string winner;
  };
  std::vector<Loser> losers_ GUARDED_BY(lock_);
  /// Nodes move only as they are, with their old versions (volume_recover.cpp).
  bool recovering_ GUARDED_BY(lock_) = false;

  std::optional<BlockIndex> victim_ GUARDED_BY(lock_);
  u32 victim_at_ GUARDED_BY(lock_) = 0;
  u64 moved_bytes_ GUARDED_BY(lock_) = 0;
  i64 gc_debt_ GUARDED_BY(lock_) = 0;
  u32 picks_ GUARDED_BY(lock_) = 0;
  Statistics counters_ GUARDED_BY(lock_);
  std::vector<u8> scratch_ GUARDED_BY(lock_);
  std::vector<u8> node_ GUARDED_BY(lock_);  ///< a node being made

  CondVar wake_;
  bool stop_ GUARDED_BY(lock_) = false;
  std::thread collector_;
};

}  // namespace quire::jffs2
