// Dentries (cached names) and paths.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "kernel/vfs/inode.h"

namespace quire::vfs {

struct NameHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
};

/// A name in a directory, with what it names: the vfs's cache of look-ups. A dentry without inode says
/// that the name is known not to exist. The tree holds its children, and children hold their parents;
/// prune() lets go of what nobody uses.
///
/// Locks: lock_ guards children_ of this one and parent_/name_ of this one. Renames also hold the
/// global rename lock, so whoever holds that sees a still tree.
class Dentry : public RefCounted {
 public:
  static Ref<Dentry> make_root(Ref<Inode> inode);
  /// A dentry outside any tree (pipes, sockets, memfd), with a name to show.
  static Ref<Dentry> make_unattached(Ref<Inode> inode, std::string name);
  ~Dentry() override;

  Inode* inode() const { return inode_.get(); }
  const Ref<Inode>& inode_ref() const { return inode_; }
  bool negative() const { return inode_ == nullptr; }
  std::string name() const;
  Ref<Dentry> parent() const;  // null at a root
  bool is_root() const { return root_; }
  /// No longer reachable by name (unlinked).
  bool deleted() const { return deleted_.load(std::memory_order_acquire); }
  bool has_mounts() const { return mounts_.load(std::memory_order_acquire) != 0; }

  /// The child of that name: cached, or asked of the file system (and then cached, even when absent:
  /// look at negative()). Errors other than ENOENT are returned. `last` as in Inode::still_valid.
  Result<Ref<Dentry>> lookup(std::string_view name, bool last);

  // --- changes; the caller holds this directory's inode()->directory_lock ------------------------------
  /// Makes `inode` the child `name`, in place of any cached one.
  Ref<Dentry> attach(std::string_view name, Ref<Inode> inode);
  /// The child was removed; it stays usable by who holds it.
  void detach(std::string_view name);
  /// Moves child `from` to new_parent (which may be this). Global rename lock held.
  void move(std::string_view from, Dentry& new_parent, std::string_view to);
  /// Swaps two children (RENAME_EXCHANGE). Global rename lock held.
  void exchange(std::string_view name, Dentry& other_parent, std::string_view other);

  /// True if `ancestor` is this or above this in the tree.
  bool is_below(const Dentry& ancestor) const;
  /// Lets go of cached names under this that nobody uses. All: also those used recently.
  void prune(bool all);

  void count_mount(int by) { mounts_.fetch_add(by, std::memory_order_acq_rel); }
  static Mutex<locks::rename>& rename_lock();
  /// Prunes everywhere if very many names are cached. Called between path walks, with no lock held.
  static void limit_cache();

 private:
  Dentry(Ref<Inode> inode, Ref<Dentry> parent, std::string name, bool root);

  Ref<Inode> inode_;
  const bool root_;
  std::atomic<bool> deleted_{false};
  std::atomic<bool> used_{true};
  std::atomic<int> mounts_{0};
  mutable SharedMutex<locks::dentry> lock_;
  Ref<Dentry> parent_ GUARDED_BY(lock_);
  std::string name_ GUARDED_BY(lock_);
  std::unordered_map<std::string, Ref<Dentry>, NameHash, std::equal_to<>> children_ GUARDED_BY(lock_);
};

/// A place in the tree of mounts. Empty paths (no dentry) name nothing.
struct Path {
  Ref<Mount> mount;
  Ref<Dentry> dentry;

  Inode* inode() const { return dentry ? dentry->inode() : nullptr; }
  explicit operator bool() const { return dentry != nullptr; }
  friend bool operator==(const Path& a, const Path& b) = default;
};

struct MagicTarget {
  Path path;
  Ref<File> file;  // set when there is an open file behind it
};

}  // namespace quire::vfs
