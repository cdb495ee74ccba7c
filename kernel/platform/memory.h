// The memory file: all guest memory, mapped whole into the kernel process.
#pragma once

#include <cstddef>
#include <span>

#include "base/result.h"
#include "kernel/abi/types.h"

namespace quire::platform {

/// What the host gave us, probed at start (shown by --stats).
struct MemoryKind {
  bool tmpfs_huge_advise = false;  // tmpfs mounted huge=advise in a private namespace
  bool collapse = false;           // MADV_COLLAPSE works on the file
};

/// One sparse file; frame f is its bytes [f*4096, f*4096+4096). A frame never written is a hole and
/// reads as zeros; the host fills it on first touch. All methods may be called from any thread.
class Memory {
 public:
  virtual ~Memory() = default;
  virtual const MemoryKind& kind() const = 0;
  /// Frames that may ever be named (the file is sparse: this is address space, not storage).
  virtual PageCount size() const = 0;
  /// Where frame f appears in the kernel process. Touching it fills the hole. An access may raise
  /// SIGBUS when the host has no memory left: use checked_copy for bytes a guest decides on.
  virtual std::byte* at(FrameNumber f) const = 0;
  /// memcpy that survives SIGBUS from a full file: false if it did not complete.
  virtual bool checked_copy(void* to, const void* from, std::size_t n) const = 0;
  /// Copies frames to holes, none of them among those. ENOSPC or ENOMEM when the host has no memory left,
  /// EFAULT where it does not say.
  virtual Result<> copy_to_holes(FrameNumber from, FrameNumber to, PageCount n) const;
  /// Gives the pages back to the host; they read as zeros afterwards.
  virtual Result<> punch(FrameNumber first, PageCount n) = 0;
  /// Next frame in [from, limit) that has storage, or limit (SEEK_DATA): holes are cheap to skip.
  virtual FrameNumber next_data(FrameNumber from, FrameNumber limit) const = 0;
  /// Next frame in [from, limit) that is a hole, or limit (SEEK_HOLE).
  virtual FrameNumber next_hole(FrameNumber from, FrameNumber limit) const = 0;
  /// How many of the frames have storage that the host has in memory. By mincore, unless there is a better
  /// way.
  virtual u64 stored(FrameNumber first, PageCount n) const;
  /// Asks for huge pages in the 2 MiB-aligned window before it is touched (madvise), best effort.
  virtual void advise_huge(FrameNumber first, PageCount n, bool on) = 0;
  /// Makes a 2 MiB window huge now (MADV_COLLAPSE); may cost milliseconds. EAGAIN, ENOMEM, EINVAL.
  virtual Result<> collapse(FrameNumber first) = 0;
  /// Bytes of the file that have storage (st_blocks).
  virtual u64 bytes_used() const = 0;
};

}  // namespace quire::platform
