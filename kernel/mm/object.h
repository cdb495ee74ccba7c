// MemoryObject as mm implements it: a page cache in blocks of the memory file.
//
// Contents live in 2 MiB windows, one block each. An object without a source has every page; one with
// a source keeps a bit a page for what was read. Text that is mapped privately for execution is kept a
// second time with its system-call sites patched.
#pragma once

#include <bitset>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/lock.h"
#include "kernel/abi/lock_order.h"
#include "kernel/mm/blocks.h"
#include "kernel/mm/huge_pool.h"
#include "kernel/mm/memory_object.h"
#include "kernel/platform/platform.h"

namespace quire::mm {

class ManagerImpl;
class ObjectImpl;
class PageTables;

/// An address space as an object sees it.
class ObjectMapper {
 public:
  /// Keeps the address space alive; null if it is being destroyed.
  virtual Ref<RefCounted> hold_alive() = 0;
  /// Takes the pages [begin, end) (byte offsets in the object) out of every mapping of it, and returns
  /// once no guest thread of this address space reaches them. With `even_private` also the private
  /// copies made of them (truncation).
  virtual void forget_object_range(const ObjectImpl& object, u64 begin, u64 end, bool even_private) = 0;
  /// Huge pages: if the window still names `block`, the private mapping there loses it for good (touching it
  /// is SIGBUS): who reserved the page needs it and the pool is short.
  virtual void give_up_huge_page(u64 window, BlockNumber block) = 0;
  /// Whose places the reverse map tells.
  virtual const PageTables* tables_identity() const = 0;
  /// It takes no lazy fault: pages are not taken from it where that can be helped.
  virtual bool prompt() const = 0;

 protected:
  ~ObjectMapper() = default;
};

class ObjectImpl final : public MemoryObject {
 public:
  ObjectImpl(ManagerImpl& manager, std::unique_ptr<PageSource> source, u64 size, u64 patch_key);
  ObjectImpl(ManagerImpl& manager, u64 size, Ref<HugeSubpool> sub);
  ~ObjectImpl() override;

  bool huge() const override { return huge_; }
  Result<> allocate(u64 offset, u64 length) override;
  Result<> reserve_pages(u64 offset, u64 length) override;
  u64 size() const override { return size_.load(std::memory_order_acquire); }
  Result<> resize(u64 size) override;
  Result<std::size_t> read(u64 offset, std::span<std::byte> to) override;
  Result<std::size_t> write(u64 offset, std::span<const std::byte> from) override;
  Result<> punch(u64 offset, u64 length) override;
  Result<u64> seek_data(u64 from) override;
  Result<u64> seek_hole(u64 from) override;
  Result<> write_back() override;
  void invalidate() override;
  /// Memory is short: drops clean pages, but none that real-time tasks map. False: there were none.
  bool reclaim();
  bool mapped_writable() const override;
  u64 bytes_used() const override;

  // --- for address spaces ---------------------------------------------------------------------------
  bool backed() const { return source_ != nullptr; }
  /// Pages may be missing: only those present have a block and their bit in `valid`.
  bool sparse() const { return backed() || huge_; }
  const Ref<HugeSubpool>& subpool() const { return subpool_; }
  /// A writable mapping makes a huge file as long as itself.
  void extend(u64 size);
  /// Huge objects: takes a page out of all private mappings but `keep`'s that name it.
  void give_up_elsewhere(BlockNumber block, const ObjectMapper* keep);
  bool patchable() const { return patch_key_ != 0; }
  /// Pages that exist: the size in pages, rounded up.
  u64 page_count() const { return (size() + page_size - 1) >> page_shift; }

  /// Consecutive pages in consecutive frames.
  struct Run {
    u64 first = 0, end = 0;  // page indices
    FrameNumber frame{};     // of `first`
    FrameNumber at(u64 index) const { return frame + (index - first); }
  };
  /// The run of present pages around `index`, within [low, high) and the object's size. None: the page
  /// is not present (fill() brings it) or lies beyond the end. Objects without a source have every
  /// page; ENOMEM when no block is left for it.
  Result<std::optional<Run>> run_around(u64 index, u64 low, u64 high, bool patched);
  /// The first present page in [low, high), as the run it begins.
  Result<std::optional<Run>> next_run(u64 low, u64 high, bool patched);
  /// Reads the page at `index` and some around it from the source. Called with no mm lock held.
  /// ENXIO beyond the end; errors of the source; ENOMEM.
  Result<> fill(u64 index, bool patched);
  /// A system call trapped at a SYSCALL of the patched copy: once that is worth it, its page is taken from
  /// all who map it, patched, and shown again at the next fault. Called with no mm lock held.
  void call_trapped(u64 offset, const platform::TrappedCall& call);
  /// Notes that guests can write these pages (shared mapping): they are written back.
  void mark_dirty(u64 first, u64 end);
  /// Pages with storage in [first, end).
  u64 resident_pages(u64 first, u64 end) const;
  bool page_resident(u64 index) const;

  /// Makes sure that an object without a source has blocks for [first, end), consecutive where it can.
  /// ENOMEM.
  Result<> reserve(u64 first, u64 end);
  /// Takes a block of contents over as window `number`, which has none yet: one whole count of it more.
  void adopt(u64 number, BlockNumber block);
  /// Registers that `mapper` maps so many pages more / fewer.
  void add_mapper(ObjectMapper* mapper, u64 pages, bool shared_writable);
  void remove_mapper(ObjectMapper* mapper, u64 pages, bool shared_writable);
  /// By one address space at most.
  bool mapped_once() const;
  /// By how many address spaces; at least 1.
  u64 mapped_by() const;

 private:
  using Bits = std::bitset<pages_per_huge>;
  struct Window {
    BlockNumber block = no_block;
    Bits valid, filling, dirty;  // of an object with a source
  };
  using Windows = std::map<u64, Window>;  // by page index / 512

  Result<Window*> window(Windows& windows, u64 number) REQUIRES(lock_);
  Windows& windows(bool patched) REQUIRES(lock_) { return patched ? patched_ : original_; }
  /// Reads the run [first, first + pages) of window `w` from the source into its frames.
  Result<> read_source(u64 first, u64 pages, FrameNumber frame, bool patched);
  void forget_in_mappers(u64 begin, u64 end, bool even_private);
  void drop_pages(Windows& windows, u64 first, u64 end) REQUIRES(lock_);
  void drop_patched();
  // object_huge.cpp
  Result<> fill_huge(u64 index);
  Result<> punch_huge(u64 offset, u64 length);
  void unreserve_from(u64 first_window, u64 end_window);
  /// Takes whole windows without dirty pages out of use, and gives their blocks back once no guest
  /// reaches them.
  bool drop_clean(bool patched_only);
  Result<> zero_tail(u64 size);

  ManagerImpl& manager_;
  const std::unique_ptr<PageSource> source_;
  const u64 patch_key_;
  const bool huge_ = false;
  const Ref<HugeSubpool> subpool_;
  std::atomic<u64> size_;
  mutable Mutex<locks::object> lock_;
  CondVar filled_;
  Windows original_ GUARDED_BY(lock_);
  Windows patched_ GUARDED_BY(lock_);
  std::set<u64> reserved_ GUARDED_BY(lock_);  // huge: windows that have a page reserved and none yet
  std::map<ObjectMapper*, u64> mappers_ GUARDED_BY(lock_);  // pages mapped
  u64 writable_pages_ GUARDED_BY(lock_) = 0;                // mapped shared, by mappings that may be written
};

}  // namespace quire::mm
