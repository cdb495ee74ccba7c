// A JFFS2 image as a file system of the guest, read-only or written to the image. The format and all its
// rules are the library's (jffs2/fs); this only translates.
#pragma once

#include <memory>
#include <unordered_map>

#include "jffs2/flash/file_device.h"
#include "jffs2/fs/file_system.h"
#include "kernel/mm/memory_manager.h"
#include "kernel/vfs/inode.h"

namespace quire::fs::jffs2 {

namespace lib = ::quire::jffs2;

class JffsInode;

struct Options {
  bool read_only = true;
  u32 erase_size = 0;  // 0: told by the image, else 64 KiB
  u64 offset = 0;      // of the chip in the image file
};
/// mount(2)'s data: "erase_size=128k,offset=0". EINVAL.
Result<Options> parse_options(std::string_view text);

/// Why an image was not opened, for people.
const char* reason(Errno error);

class Jffs2 final : public vfs::FileSystem {
 public:
  /// Opens and mounts the image; one too small to be written to grows to eight blocks. Errors of open(2);
  /// EINVAL: no JFFS2 of that geometry; ENOTSUP: nodes that forbid a mount; EBUSY: another writes to it.
  static Result<Ref<Jffs2>> open(const std::string& path, mm::MemoryManager& mm, const Options& options);
  ~Jffs2() override;

  const char* type_name() const override { return "jffs2"; }
  Result<Ref<vfs::Inode>> root() override;
  Result<struct statfs> statfs() override;
  Result<> sync() override { return library_->sync(); }

  lib::FileSystem& library() const { return *library_; }
  mm::MemoryManager& manager() const { return mm_; }
  /// The inode of that number: the living one, or a new one.
  Result<Ref<JffsInode>> inode_for(lib::Ino number);
  void forget(JffsInode& inode);

 private:
  Jffs2(std::unique_ptr<lib::FlashDevice> device, std::unique_ptr<lib::FileSystem> library,
        mm::MemoryManager& mm)
      : device_(std::move(device)), library_(std::move(library)), mm_(mm) {}

  const std::unique_ptr<lib::FlashDevice> device_;
  const std::unique_ptr<lib::FileSystem> library_;
  mm::MemoryManager& mm_;
  Mutex<locks::host_table> lock_;
  std::unordered_map<u32, JffsInode*> inodes_ GUARDED_BY(lock_);
};

}  // namespace quire::fs::jffs2
