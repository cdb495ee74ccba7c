// Inodes that live in memory: attributes, extended attributes and contents. tmpfs is made of them, and
// so are the nodes of /dev and the upper side of an overlay.
#pragma once

#include <map>

#include "kernel/vfs/file.h"

namespace quire::vfs {

/// What all memory inodes of one file system share: limits and usage.
class MemoryFileSystem : public FileSystem {
 public:
  /// Makes the inode of a regular file; it was counted already. What it holds is the file system's choice.
  virtual Result<Ref<Inode>> make_regular(const NewNode& node);

  MemoryFileSystem(mm::MemoryManager* mm, u64 max_bytes, u64 max_inodes)
      : mm_(mm), max_bytes_(max_bytes), max_inodes_(max_inodes) {}

  mm::MemoryManager* manager() const { return mm_; }
  u64 next_inode() { return next_inode_.fetch_add(1, std::memory_order_relaxed); }
  /// Counts bytes of contents before they are written: ENOSPC beyond the limit (0: none).
  Result<> charge(u64 bytes);
  void uncharge(u64 bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  Result<> count_inode();
  void uncount_inode() { inodes_.fetch_sub(1, std::memory_order_relaxed); }

  Result<struct statfs> statfs() override;

 private:
  mm::MemoryManager* const mm_;
  const u64 max_bytes_, max_inodes_;
  std::atomic<u64> used_{0}, inodes_{0}, next_inode_{1};
};

/// Attributes and xattrs of any kind of node; contents of regular files; targets of links.
///
/// Small contents are kept in the kernel's heap and move to a MemoryObject when they outgrow a page or
/// are mapped: a tree of small files costs no frames of the memory file each.
class MemoryInode : public Inode {
 public:
  static Result<Ref<Inode>> make(MemoryFileSystem& fs, const NewNode& node);
  ~MemoryInode() override;

  Result<Attributes> attributes() override;
  Result<Owner> owner() override;
  Result<> set_attributes(const AttributeChange& change) override;
  Result<Ref<File>> open(int flags) override;
  Result<std::string> read_link() override;
  Result<std::string> get_xattr(const std::string& name) override;
  Result<> set_xattr(const std::string& name, std::string_view value, int flags) override;
  Result<> remove_xattr(const std::string& name) override;
  Result<std::vector<std::string>> list_xattrs() override;

  Result<std::size_t> read(IoBuffer& to, u64 offset);
  /// `append`: at the end, whose offset comes back in `offset`.
  Result<std::size_t> write(IoBuffer& from, u64& offset, bool append);
  Result<> allocate(int mode, u64 offset, u64 length);
  Result<u64> seek_data(u64 offset, bool hole);
  /// The object to map; made now if the contents were small.
  Result<Ref<mm::MemoryObject>> object();
  /// Seals as memfd has them; F_SEAL_SEAL unless made with MFD_ALLOW_SEALING.
  Result<> add_seals(u32 seals);
  u32 seals() const { return seals_.load(std::memory_order_acquire); }
  void set_seals(u32 seals) { seals_.store(seals, std::memory_order_release); }

 protected:
  MemoryInode(MemoryFileSystem& fs, const NewNode& node);
  MemoryFileSystem& memory_fs() const { return static_cast<MemoryFileSystem&>(file_system()); }
  friend class MemoryDirectory;
  friend class MemoryFileSystem;

  /// Changes of the link count, with ctime.
  void change_links(int by);
  void touch_modified();

  Result<> resize_locked(u64 size) REQUIRES(lock_);
  Result<> promote() REQUIRES(lock_);
  Result<> set_charged(u64 bytes) REQUIRES(lock_);
  u64 size_locked() const REQUIRES_SHARED(lock_) { return object_ ? object_->size() : small_.size(); }

  static constexpr std::size_t max_small = 4096;

  mutable SharedMutex<locks::inode> lock_;
  Attributes a_ GUARDED_BY(lock_);
  std::string small_ GUARDED_BY(lock_);  // contents, or the target of a link
  Ref<mm::MemoryObject> object_ GUARDED_BY(lock_);
  u64 charged_ GUARDED_BY(lock_) = 0;
  std::map<std::string, std::string> xattrs_ GUARDED_BY(lock_);
  std::atomic<u32> seals_{1};  // F_SEAL_SEAL
};

/// A directory in memory.
class MemoryDirectory final : public MemoryInode {
 public:
  MemoryDirectory(MemoryFileSystem& fs, const NewNode& node);
  ~MemoryDirectory() override;

  Result<Ref<Inode>> lookup(std::string_view name) override;
  Result<Ref<Inode>> create(std::string_view name, const NewNode& node) override;
  Result<> link(std::string_view name, Inode& target) override;
  Result<> unlink(std::string_view name, Inode& victim) override;
  Result<> rmdir(std::string_view name, Inode& victim) override;
  Result<> rename(std::string_view name, Inode& moved, Inode& new_dir, std::string_view new_name,
                  Inode* replaced, u32 flags) override;
  Result<Ref<File>> open(int flags) override;

  /// Entries from position `from` on (positions are stable: an entry keeps its own), for getdents.
  struct Entry {
    u64 position;
    std::string name;
    Ref<Inode> inode;
  };
  std::vector<Entry> entries(u64 from, std::size_t max) const;
  bool empty() const;

 private:
  struct Slot {
    Ref<Inode> inode;
    u64 position = 0;
  };
  void put(std::string_view name, Ref<Inode> inode) REQUIRES(lock_);
  Ref<Inode> take(std::string_view name) REQUIRES(lock_);

  std::map<std::string, Slot, std::less<>> names_ GUARDED_BY(lock_);
  std::map<u64, std::string> order_ GUARDED_BY(lock_);
  u64 next_position_ GUARDED_BY(lock_) = 3;  // 1 and 2 stand after "." and ".."
};

/// Opens device nodes of one major number; registered by the composition before any is opened.
using DeviceOpener = Result<Ref<File>> (*)(Inode& node, u64 rdev, int flags);
void set_device_opener(u32 major, DeviceOpener opener);
/// ENXIO for unknown numbers.
Result<Ref<File>> open_device(Inode& node, u64 rdev, int flags);
/// Opens a FIFO's inode; blocks for the other end as fifo(7) says.
using FifoOpener = Result<Ref<File>> (*)(Inode& node, int flags);
void set_fifo_opener(FifoOpener opener);
Result<Ref<File>> open_fifo(Inode& node, int flags);

/// Moves position_ as lseek says for SEEK_SET, SEEK_CUR and SEEK_END (`size`). EINVAL.
Result<u64> move_position(u64& position, i64 offset, int whence, u64 size);

}  // namespace quire::vfs
