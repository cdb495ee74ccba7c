// The host side of one address space: a cache of its page tables (a TLB).
#pragma once

#include <atomic>
#include <span>

#include "base/result.h"
#include "kernel/abi/types.h"

namespace quire::platform {

/// Names a revocation, to wait for. Zero: nothing to wait for.
using Ticket = StrongInt<struct TicketTag>;

/// What the space's host process holds beside the memory file (for --memory and RSS).
struct SpaceUsage {
  u64 anonymous_bytes = 0;  // private tier: pages that only the stub has
  u64 mappings = 0;         // host vmas in use
};

/// A piece of the stub's own view, and where its bytes go.
struct PrivatePiece {
  GuestAddr from;
  std::span<std::byte> to;
};

/// Mappings made here may vanish at any time (stub stolen, evicted, never bound): the guest then
/// faults and the owner maps again. Requests take effect in the order made. Callers make them while
/// they hold the lock under which the tables changed; no method but wait() blocks on the stub.
class Space {
 public:
  virtual ~Space() = default;
  /// Tells it from every other, also from those that are gone.
  u64 id() const { return id_; }

  /// Adds: guest pages show frames starting at `first` with `access`. Replaces what was there.
  /// In effect no later than the next Context::run in this space.
  virtual void map(GuestRange range, FrameNumber first, Access access) = 0;
  /// As map, but copy-on-write by the host itself (MAP_PRIVATE): writes stay in the stub. Only if
  /// supports_private(). `access` may lack write: give it later by protect().
  virtual void map_private(GuestRange range, FrameNumber first, Access access) = 0;
  virtual bool supports_private() const = 0;

  /// Takes away every mapping in the range. After wait(ticket) no thread of the guest reaches it.
  virtual Ticket unmap(GuestRange range) = 0;
  /// Changes the access of existing mappings (of those present: absent ones stay absent).
  virtual Ticket protect(GuestRange range, Access access) = 0;
  /// Blocks until the stub has provably done all requests up to the ticket (or is dead). Never call
  /// it with a page-table lock held.
  virtual void wait(Ticket ticket) = 0;
  /// True once wait(ticket) would not block.
  virtual bool done(Ticket ticket) const = 0;

  /// Private tier: the dirty (stub-owned) page runs of the range, in address order. `out` is the buffer
  /// on entry and its filled part on return; when it was filled whole, ask again from the last run's end.
  /// ESRCH when the stub is gone.
  virtual Result<> private_pages(GuestRange range, std::span<GuestRange>& out) = 0;
  /// Private tier: copies from / to the stub's own view (process_vm_readv/writev). Waits for nobody: EAGAIN
  /// where requests may still be under way. EFAULT: it has no such right there. ESRCH.
  virtual Result<> read_private(GuestAddr from, std::span<std::byte> to) = 0;
  virtual Result<> write_private(GuestAddr to, std::span<const std::byte> from) = 0;
  /// The contents of many pieces, in few host calls, when all that was asked for is done.
  virtual Result<> gather_private(std::span<const PrivatePiece> pieces) = 0;

  /// Real time: from now on requests are carried out as soon as they are made, and mappings do not vanish.
  virtual void set_prompt(bool on) = 0;
  /// Makes what is mapped in the range present in the host's page tables too, so that its first touch is no
  /// fault of the host's either. Holes of the memory file get storage.
  virtual void make_resident(GuestRange range) = 0;

  virtual SpaceUsage usage() const = 0;

  /// Before guest code first runs here: the space shows nothing that was not mapped, neither vdso nor vvar.
  virtual void set_bare() {}
  virtual bool bare() const { return false; }
  /// A space that is held as an object, of which there may be thousands: between its runs the stub may go
  /// to others like it.
  virtual void set_transient() {}

 private:
  inline static std::atomic<u64> next_id_{1};
  const u64 id_ = next_id_.fetch_add(1, std::memory_order_relaxed);
};

}  // namespace quire::platform
