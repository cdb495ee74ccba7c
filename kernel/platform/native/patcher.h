// Patched system-call sites: which there are, their trampolines, and where each goes on in a space.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/lock.h"
#include "kernel/abi/lock_order.h"
#include "kernel/platform/native/control.h"
#include "kernel/platform/native/memory_file.h"
#include "kernel/platform/platform.h"

namespace quire::platform::native {

/// A patched site: its trampoline's number, where in its page the jump stands, and where in its page
/// the code goes on afterwards (which may be the next page's first byte).
struct Site {
  u32 number;
  u16 at;
  u16 next;
};

/// What is patched is one instruction of at least five bytes right before a SYSCALL, and with five the
/// SYSCALL too: seven bytes, jmp *abs32. A jump to the old SYSCALL (a restarted call, mostly) meets
/// byte 06, an illegal instruction, and is emulated; nothing jumps into the middle of the one before.
class Patcher final : public TextPatcher {
 public:
  Patcher(ControlFile& control, const MemoryFile& memory, bool enabled);

  unsigned patch(u64 key, u64 offset, std::span<std::byte> text) override;

  /// The sites in a frame; those overwritten since are left out.
  std::vector<Site> sites_in(FrameNumber frame) const;
  /// Whether any of the frames has ever had a site (cheap).
  std::vector<FrameNumber> patched_frames(FrameNumber first, PageCount n) const;
  /// Writes the frame's original bytes to `to`, a page.
  void restore(FrameNumber frame, std::byte* to) const;
  u32 count() const;

  static constexpr unsigned jump_size = 7;
  /// Length of the jump's old SYSCALL from its start, where it was part of what was overwritten.
  static constexpr unsigned syscall_in_jump = 5;
  /// The number of the site whose trampoline's own SYSCALL ends at an address: a call of a guest that
  /// uses GS for itself.
  static std::optional<u32> trapped_in_trampoline(u64 rip);

 private:
  struct Known {
    u32 number;
    std::vector<std::byte> original;  // the instruction, and SYSCALL where overwritten
  };
  std::optional<u32> allocate(u64 key, u64 offset, std::span<const std::byte> original, unsigned relocated)
      REQUIRES(lock_);
  void write_trampoline(u32 number, std::span<const std::byte> relocated);

  ControlFile& control_;
  const MemoryFile& memory_;
  const bool enabled_;
  mutable Mutex<locks::platform_patcher> lock_;
  std::map<std::pair<u64, u64>, Known> sites_ GUARDED_BY(lock_);  // by (file, offset)
  std::vector<std::vector<std::byte>> originals_ GUARDED_BY(lock_);
  std::map<u64, std::vector<Site>> frames_ GUARDED_BY(lock_);
  u32 next_ GUARDED_BY(lock_) = 0;
};

}  // namespace quire::platform::native
