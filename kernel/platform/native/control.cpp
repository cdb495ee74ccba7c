#include "kernel/platform/native/control.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "kernel/abi/types.h"
#include "kernel/platform/native/host_calls.h"

namespace quire::platform::native {
namespace {
constexpr u64 file_size = ControlFile::slots_offset + u64{ControlFile::max_slots} * SLOT_SIZE;
constexpr u64 autodisarm = u64{1} << 31;  // SS_AUTODISARM
static_assert(STUB_SLOTS + u64{ControlFile::max_slots} * SLOT_SIZE <= STUB_END);
static_assert(ControlFile::blocks_offset + u64{ControlFile::max_blocks} * ControlFile::block_size <=
              ControlFile::slots_offset);
}  // namespace

Result<std::unique_ptr<ControlFile>> ControlFile::create() {
  Fd fd(memfd_create("quire-control", MFD_CLOEXEC | MFD_EXEC));
  if (!fd) fd = Fd(memfd_create("quire-control", MFD_CLOEXEC));
  if (!fd || ftruncate(fd.get(), static_cast<off_t>(file_size)) != 0) return err(Errno::last());
  void* base = mmap(nullptr, file_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd.get(), 0);
  if (base == MAP_FAILED) return err(Errno::last());
  return std::unique_ptr<ControlFile>(new ControlFile(std::move(fd), static_cast<std::byte*>(base)));
}

ControlFile::~ControlFile() { munmap(base_, file_size); }

void ControlFile::wipe(u64 offset, u64 size) {
  fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
            static_cast<off_t>(size));
}

Result<SlotNumber> ControlFile::allocate_slot() {
  SlotNumber n;
  {
    LockGuard guard(lock_);
    if (!free_slots_.empty()) {
      n = free_slots_.back();
      free_slots_.pop_back();
    } else if (next_slot_ < max_slots) {
      n = SlotNumber(next_slot_++);
    } else {
      return err(EAGAIN);
    }
  }
  prepare_slot(n);
  return n;
}

void ControlFile::prepare_slot(SlotNumber n) {
  Slot* s = slot(n);
  s->self = slot_address(n);
  s->save_stack = slot_address(n) + SLOT_SAVE_TOP;
  // Disarmed while in use: every frame then starts at the same place, wherever the guest's stack
  // pointer was.
  s->altstack_sp = slot_address(n) + SLOT_STACK;
  s->altstack_flags = autodisarm;
  s->altstack_size = SLOT_SIZE - SLOT_STACK;
}

void ControlFile::clear_slot(SlotNumber n) {
  const auto begin = static_cast<off_t>(slot_offset(n)), end = begin + SLOT_SIZE;
  // Data may be in memory or swapped out; the file knows both.
  for (off_t at = begin; (at = lseek(fd_.get(), at, SEEK_DATA)) >= 0 && at < end;
       at += static_cast<off_t>(page_size))
    std::memset(base_ + at, 0, page_size);
}

Result<BlockNumber> ControlFile::allocate_block() {
  LockGuard guard(lock_);
  if (!free_blocks_.empty()) {
    BlockNumber n = free_blocks_.back();
    free_blocks_.pop_back();
    return n;
  }
  if (next_block_ == max_blocks) return err(EAGAIN);
  return BlockNumber(next_block_++);
}

void ControlFile::free_slot(SlotNumber n) {
  wipe(slot_offset(n), SLOT_SIZE);
  LockGuard guard(lock_);
  free_slots_.push_back(n);
}

void ControlFile::free_block(BlockNumber n) {
  wipe(block_offset(n), block_size);
  LockGuard guard(lock_);
  free_blocks_.push_back(n);
}

u32 ControlFile::blocks_in_use() const {
  LockGuard guard(lock_);
  return next_block_ - static_cast<u32>(free_blocks_.size());
}

}  // namespace quire::platform::native
