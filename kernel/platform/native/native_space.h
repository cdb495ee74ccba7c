// An address space whose TLB is a stub.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "kernel/platform/mapping_table.h"
#include "kernel/platform/native/host.h"
#include "kernel/platform/space.h"

namespace quire::platform::native {

/// Keeps a record of the mappings asked for: it tells which revocations have anything to revoke, how
/// many host mappings are in use, and what a newly bound stub has to be given.
class NativeSpace final : public Space {
 public:
  explicit NativeSpace(Host& host) : host_(host) {}
  ~NativeSpace() override;

  void map(GuestRange range, FrameNumber first, Access access) override;
  void map_private(GuestRange range, FrameNumber first, Access access) override;
  bool supports_private() const override { return host_.private_tier; }
  Ticket unmap(GuestRange range) override;
  Ticket protect(GuestRange range, Access access) override;
  void wait(Ticket ticket) override;
  bool done(Ticket ticket) const override;
  Result<> private_pages(GuestRange range, std::span<GuestRange>& out) override;
  Result<> read_private(GuestAddr from, std::span<std::byte> to) override;
  Result<> write_private(GuestAddr to, std::span<const std::byte> from) override;
  SpaceUsage usage() const override;

  /// Where site `number` goes on here; 0: nowhere.
  u64 return_of(u32 number) const;
  /// The number of the site whose old SYSCALL is at the address.
  std::optional<u32> site_at_syscall(GuestAddr a) const;

  /// The stub, bound now if there was none. ESRCH once it has died: the space has died with it.
  Result<std::shared_ptr<Stub>> bind();

 private:
  void add(const Mapping& m);
  void push_map(const Mapping& m) REQUIRES(lock_);
  void evict() REQUIRES(lock_);
  /// Sees to the patched sites that a mapping makes executable: where they go on, or, if that is taken
  /// by another mapping of the same text in this space, copies without them.
  void prepare_sites(const Mapping& m) REQUIRES(lock_);
  bool claim_sites(FrameNumber frame, GuestAddr page) REQUIRES(lock_);
  /// The stub with everything asked for so far done; ESRCH.
  Result<std::shared_ptr<Stub>> settled_stub();

  Host& host_;
  mutable Mutex<locks::platform_space> lock_;
  MappingTable table_ GUARDED_BY(lock_);
  std::shared_ptr<Stub> stub_ GUARDED_BY(lock_);
  std::map<u32, GuestAddr> returns_ GUARDED_BY(lock_);    // by site number
  std::vector<FrameNumber> unpatched_ GUARDED_BY(lock_);  // copies of text, ours
};

}  // namespace quire::platform::native
