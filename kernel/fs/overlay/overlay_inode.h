// One object of an overlay.
#pragma once

#include <map>

#include "kernel/fs/overlay/overlay.h"
#include "kernel/vfs/file.h"

namespace quire::fs::overlay {

/// The numbers an inode shows; they never change.
struct Identity {
  u64 device = 0, inode = 0;
};

class OverlayInode final : public vfs::Inode {
 public:
  OverlayInode(Overlay& fs, u32 type, Identity identity, Ref<vfs::Inode> lower, Ref<vfs::Inode> upper,
               u32 links);
  ~OverlayInode() override;

  Result<vfs::Attributes> attributes() override;
  Result<vfs::Owner> owner() override { return now()->owner(); }
  Result<> set_attributes(const vfs::AttributeChange& change) override;
  Result<Ref<vfs::Inode>> lookup(std::string_view name) override;
  Result<Ref<vfs::Inode>> create(std::string_view name, const vfs::NewNode& node) override;
  Result<> link(std::string_view name, vfs::Inode& target) override;
  Result<> unlink(std::string_view name, vfs::Inode& victim) override;
  Result<> rmdir(std::string_view name, vfs::Inode& victim) override;
  Result<> rename(std::string_view name, vfs::Inode& moved, vfs::Inode& new_dir, std::string_view new_name,
                  vfs::Inode* replaced, u32 flags) override;
  bool still_valid(std::string_view name, vfs::Inode* cached, bool last) override;
  Result<Ref<vfs::File>> open(int flags) override;
  Result<std::string> read_link() override { return now()->read_link(); }
  Result<std::string> get_xattr(const std::string& name) override { return now()->get_xattr(name); }
  Result<> set_xattr(const std::string& name, std::string_view value, int flags) override;
  Result<> remove_xattr(const std::string& name) override;
  Result<std::vector<std::string>> list_xattrs() override { return now()->list_xattrs(); }

  Overlay& overlay() const { return static_cast<Overlay&>(file_system()); }
  const Ref<vfs::Inode>& lower() const { return lower_; }
  bool has_upper() const { return upper_ready_.load(std::memory_order_acquire) != nullptr; }
  /// The side whose contents and attributes hold now. Both live as long as this.
  vfs::Inode* now() const {
    vfs::Inode* upper = upper_ready_.load(std::memory_order_acquire);
    return upper != nullptr ? upper : lower_.get();
  }
  /// Makes the upper copy if there is none. `with_data`: false when it is about to be truncated to 0.
  Result<vfs::Inode*> copy_up(bool with_data = true);
  Identity identity() const { return identity_; }

  /// Differs from the lower directory by names?
  bool changed_names() const;
  struct Name {
    std::string name;
    u32 type;
    u64 inode;
  };
  /// All names of a directory but "." and "..": the lower ones that still show, then those of here.
  Result<std::vector<Name>> names();

 private:
  /// A name that differs; null: a whiteout.
  using Names = std::map<std::string, Ref<OverlayInode>, std::less<>>;

  Result<bool> lower_has(std::string_view name);
  Result<> remove_name(std::string_view name);
  Result<> modified();
  void change_links(int by);
  u32 link_count(u32 lower_links) const;
  Result<bool> is_empty();

  const Identity identity_;
  const Ref<vfs::Inode> lower_;  // null: made here
  Mutex<locks::inode> copying_;
  Ref<vfs::Inode> upper_ GUARDED_BY(copying_);
  std::atomic<vfs::Inode*> upper_ready_{nullptr};  // upper_, once it is complete; never changes again
  std::atomic<int> links_{0};                      // own count if made here, else what was added
  std::atomic<bool> kept_{false};
  mutable SharedMutex<locks::inode> lock_;
  Names names_ GUARDED_BY(lock_);
};

}  // namespace quire::fs::overlay
