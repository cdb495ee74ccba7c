// Something whose pages can be mapped and shared: a file's page cache, tmpfs contents, shared
// anonymous memory, SysV shm, a hugetlb file.
#pragma once

#include <atomic>
#include <memory>
#include <span>

#include "base/ref.h"
#include "base/result.h"
#include "kernel/abi/types.h"

namespace quire::mm {

class HugeSubpool;
class MemoryManager;

/// Where an object's pages come from and go to. Implemented by file systems; called with no mm lock.
class PageSource {
 public:
  virtual ~PageSource() = default;
  /// Reads up to to.size() bytes at `offset`; fewer at the end of the file.
  virtual Result<std::size_t> read(u64 offset, std::span<std::byte> to) = 0;
  /// Writes dirty bytes back. EROFS where the source is read-only.
  virtual Result<std::size_t> write(u64 offset, std::span<const std::byte> from) = 0;
};

/// Pages keyed by index, living in the memory file in 2 MiB blocks congruent with their offsets.
/// All methods may be called from any thread, with no lock of rank >= object held.
class MemoryObject : public RefCounted {
 public:
  /// Contents that start as zeros (tmpfs, memfd, shared anonymous memory).
  static Result<Ref<MemoryObject>> create_anonymous(MemoryManager& mm, u64 size);
  /// Contents that come from `source`. `patch_key` (non-zero) names the contents for patched text.
  static Result<Ref<MemoryObject>> create_backed(MemoryManager& mm, std::unique_ptr<PageSource> source,
                                                 u64 size, u64 patch_key);

  /// Contents in huge pages of the pool, as hugetlbfs has them: pages come at the first touch or by
  /// allocate(). Sizes are multiples of huge_size. `sub`: the mount's share; null: none.
  static Result<Ref<MemoryObject>> create_huge(MemoryManager& mm, u64 size, Ref<HugeSubpool> sub);
  virtual bool huge() const = 0;
  /// Huge objects: pages for [offset, offset+length). ENOSPC when the pool is short.
  virtual Result<> allocate(u64 offset, u64 length) = 0;
  /// Huge objects: keeps a page in the pool for each of [offset, offset+length) that has none, until
  /// the object is truncated or gone. ENOMEM.
  virtual Result<> reserve_pages(u64 offset, u64 length) = 0;

  virtual u64 size() const = 0;
  /// Shrinking unmaps what lies beyond the end from every address space, waits until no guest can
  /// reach it, and zeros the tail of the last page. EFBIG, EPERM (sealed).
  virtual Result<> resize(u64 size) = 0;
  /// File reads and writes through the cache. Stop at the end of the object; read returns 0 there.
  /// write() extends the object when it ends beyond it. The caller copies to guests itself: these
  /// work on kernel memory; ENOSPC / ENOMEM when the memory file is full.
  virtual Result<std::size_t> read(u64 offset, std::span<std::byte> to) = 0;
  virtual Result<std::size_t> write(u64 offset, std::span<const std::byte> from) = 0;
  /// Drops the storage of [offset, offset+length): reads as zeros (FALLOC_FL_PUNCH_HOLE).
  virtual Result<> punch(u64 offset, u64 length) = 0;
  /// Next offset >= from with data / a hole, as SEEK_DATA and SEEK_HOLE. ENXIO past the end.
  virtual Result<u64> seek_data(u64 from) = 0;
  virtual Result<u64> seek_hole(u64 from) = 0;
  /// Writes dirty mapped pages back to the source (msync, fsync).
  virtual Result<> write_back() = 0;
  /// Drops clean cached pages: the source changed (revalidation).
  virtual void invalidate() = 0;
  /// Some mapping of it is shared and may be made writable.
  virtual bool mapped_writable() const = 0;
  /// Bytes with storage (st_blocks).
  virtual u64 bytes_used() const = 0;
};

}  // namespace quire::mm
