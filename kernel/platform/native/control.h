// The control file: the pages that stubs share with the kernel beside guest memory.
#pragma once

#include <memory>
#include <vector>

#include "base/lock.h"
#include "base/result.h"
#include "base/strong_int.h"
#include "kernel/abi/lock_order.h"
#include "kernel/platform/native/fd.h"
#include "kernel/platform/native/wire.h"

namespace quire::platform::native {

/// Thread slots are named by one number in the whole platform; slot n is at the same place in every
/// stub that has it.
using SlotNumber = StrongInt<struct SlotTag, u32>;
/// A stub's block: its request ring and its table of return addresses.
using BlockNumber = StrongInt<struct BlockTag, u32>;

class ControlFile {
 public:
  static constexpr u64 code_offset = 0;
  static constexpr u64 trampolines_offset = 0x100000;
  static constexpr u64 site_table_offset = 0x200000;
  static constexpr u64 template_ring_offset = 0x300000;
  static constexpr u64 template_page_offset = 0x310000;
  static constexpr u64 blocks_offset = 0x1000000;
  static constexpr u64 block_size = 0x20000;
  static constexpr u64 return_table_in_block = 0x10000;
  static constexpr u32 max_blocks = 4096;
  static constexpr u64 slots_offset = 0x40000000;
  static constexpr u32 max_slots = 12000;

  static Result<std::unique_ptr<ControlFile>> create();
  ~ControlFile();

  int fd() const { return fd_.get(); }
  template <typename T>
  T* at(u64 offset) const {
    return reinterpret_cast<T*>(base_ + offset);
  }

  static u64 slot_offset(SlotNumber n) { return slots_offset + u64{n.value()} * SLOT_SIZE; }
  static u64 slot_address(SlotNumber n) { return STUB_SLOTS + u64{n.value()} * SLOT_SIZE; }
  static u64 block_offset(BlockNumber n) { return blocks_offset + u64{n.value()} * block_size; }
  Slot* slot(SlotNumber n) const { return at<Slot>(slot_offset(n)); }
  Ring* ring(BlockNumber n) const { return at<Ring>(block_offset(n)); }
  std::atomic<u64>* return_table(BlockNumber n) const {
    return at<std::atomic<u64>>(block_offset(n) + return_table_in_block);
  }

  /// All zeros, but for what the thread and its alternate stack need. EAGAIN when there are none.
  Result<SlotNumber> allocate_slot();
  Result<BlockNumber> allocate_block();
  /// Zeros, in the pages that there are. A thread of the slot's stub may still map it.
  void clear_slot(SlotNumber n);
  /// What a thread and its alternate stack need in a slot of zeros.
  void prepare_slot(SlotNumber n);
  /// Nobody else may still map them: the stub is dead.
  void free_slot(SlotNumber n);
  void free_block(BlockNumber n);
  u32 blocks_in_use() const;

 private:
  ControlFile(Fd fd, std::byte* base) : fd_(std::move(fd)), base_(base) {}
  void wipe(u64 offset, u64 size);

  Fd fd_;
  std::byte* base_;
  mutable Mutex<locks::platform_pool> lock_;
  std::vector<SlotNumber> free_slots_ GUARDED_BY(lock_);
  std::vector<BlockNumber> free_blocks_ GUARDED_BY(lock_);
  u32 next_slot_ GUARDED_BY(lock_) = 0;
  u32 next_block_ GUARDED_BY(lock_) = 0;
};

}  // namespace quire::platform::native
