// Patched system-call sites: which there are, their trampolines, and where each goes on in a space.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/lock.h"
#include "kernel/abi/lock_order.h"
#include "kernel/platform/native/call_site.h"
#include "kernel/platform/native/control.h"
#include "kernel/platform/native/memory_file.h"
#include "kernel/platform/platform.h"

namespace quire::platform::native {

/// A patched site in a page.
struct Site {
  u32 number;       // of its trampoline
  u32 tail_number;  // of its tail's, if it has one
  CallSite shape;
  u64 next() const { return shape.start + shape.chain + 2u; }  // where the code goes on after the SYSCALL
};

/// A guest must not notice. What is replaced by the jump has been executed (call_site.h); a jump into the
/// middle of it traps, and NativeContext makes it the call, or the rest of the chain, that it meant.
/// Text is changed only while no guest reaches it, so nobody executes half a jump.
class Patcher final : public TextPatcher {
 public:
  Patcher(ControlFile& control, const MemoryFile& memory, bool enabled);

  bool trapped(u64 key, u64 offset, std::span<const std::byte> page, std::size_t at,
               const TrappedCall& call) override;
  unsigned apply(u64 key, u64 offset, std::span<std::byte> text) override;

  /// The sites in a frame; those overwritten since are left out.
  std::vector<Site> sites_in(FrameNumber frame) const;
  /// Those of the frames that have ever had a site (cheap).
  std::vector<FrameNumber> patched_frames(FrameNumber first, PageCount n) const;
  /// Writes the frame's original bytes to `to`, a page.
  [[nodiscard]] bool restore(FrameNumber frame, std::byte* to) const;
  /// Sites that have a trampoline.
  u32 count() const;

  /// Where in every stub the chain of a site is executed.
  static u64 chain_address(u32 number, const CallSite& shape);
  /// Where its tail is executed. First comes what makes rcx the address behind the SYSCALL.
  static u64 tail_address(u32 tail_number);
  static constexpr unsigned tail_prologue = 12;
  /// The number whose trampoline an address lies in, and how far.
  struct Place {
    u32 number;
    unsigned offset;
    bool is_tail() const { return number >= FIRST_TAIL; }
    /// Right behind the trampoline's own SYSCALL: a call of a guest that uses GS for itself.
    bool behind_syscall() const;
    /// How far before the original SYSCALL an address within the chain is; 0: not within it.
    unsigned before_syscall() const;
  };
  static std::optional<Place> place_of(u64 rip);

 private:
  struct Known {
    CallSite shape;
    u32 number = 0, tail_number = 0;
    u32 traps = 0;
    std::vector<std::byte> original;
  };
  /// Gives a site its numbers and its trampoline. False when there are no more.
  bool allocate(Known& site) REQUIRES(lock_);
  void write_trampoline(const Known& site);
  void write_tail(const Known& site);
  void publish(u32 number, std::span<const std::byte> code, u64 start);

  ControlFile& control_;
  const MemoryFile& memory_;
  const bool enabled_;
  mutable Mutex<locks::platform_patcher> lock_;
  std::map<std::pair<u64, u64>, Known> sites_ GUARDED_BY(lock_);       // by (file, offset of the SYSCALL)
  std::map<u32, std::vector<std::byte>> originals_ GUARDED_BY(lock_);  // by number
  std::map<u64, std::vector<Site>> frames_ GUARDED_BY(lock_);
  u32 next_ GUARDED_BY(lock_) = 0;            // numbers for sites without a tail
  u32 next_with_tail_ GUARDED_BY(lock_) = 0;  // and with one
  u32 next_tail_ GUARDED_BY(lock_) = FIRST_TAIL;
};

}  // namespace quire::platform::native
