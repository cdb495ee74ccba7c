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
  explicit NativeSpace(Host& host);
  ~NativeSpace() override;

  void map(GuestRange range, FrameNumber first, Access access) override;
  void map_private(GuestRange range, FrameNumber first, Access access) override;
  /// Not in a transient one: what only the stub has would keep it from being given up.
  bool supports_private() const override { return host_.private_tier && !transient_; }
  Ticket unmap(GuestRange range) override;
  Ticket protect(GuestRange range, Access access) override;
  void wait(Ticket ticket) override;
  bool done(Ticket ticket) const override;
  Result<> private_pages(GuestRange range, std::span<GuestRange>& out) override;
  Result<> read_private(GuestAddr from, std::span<std::byte> to) override;
  Result<> write_private(GuestAddr to, std::span<const std::byte> from) override;
  Result<> gather_private(std::span<const PrivatePiece> pieces) override;
  void set_prompt(bool on) override;
  void make_resident(GuestRange range) override;
  SpaceUsage usage() const override;
  void set_bare() override { bare_ = true; }
  bool bare() const override { return bare_; }
  void set_transient() override { transient_ = true; }

  /// A guest is about to run here.
  void note_use() {
    if (transient_) last_use_.store(__builtin_ia32_rdtsc(), std::memory_order_relaxed);
  }
  u64 last_use() const { return last_use_.load(std::memory_order_relaxed); }
  /// Where site `number` goes on here after its SYSCALL; 0: nowhere.
  u64 return_of(u32 number) const;
  /// What a jump into the middle of a patched site meant: its SYSCALL (0), or the instruction that is now
  /// at an address of the stub.
  std::optional<u64> meant_by_jump(GuestAddr to) const;
  /// The address in the guest's text of what a thread was about to execute in a trampoline or tail; its
  /// call's trampoline beyond the chain, or no site of ours: nothing.
  std::optional<u64> guest_address(Patcher::Place place) const;

  /// The stub, bound now if there was none. ESRCH once it has died: the space has died with it.
  Result<std::shared_ptr<Stub>> bind();
  /// The stub bound now, or null: for comparing only.
  const Stub* current() const { return current_.load(std::memory_order_acquire); }
  /// Gives the stub up if no guest runs in it and nothing would be lost; the next run gets another.
  bool give_up_stub();

  /// Around a time in which a guest thread may run here. Before it does, it sees to it that all that was
  /// asked for is done (NativeContext::resume).
  void enter() { running_.fetch_add(1, std::memory_order_seq_cst); }
  void leave() { running_.fetch_sub(1, std::memory_order_release); }

 private:
  void add(const Mapping& m);
  void push_map(const Mapping& m, bool populate = false) REQUIRES(lock_);
  void evict() REQUIRES(lock_);
  /// Gives a fresh stub everything asked for so far.
  void give_all() REQUIRES(lock_);
  /// Sees to the patched sites that a mapping makes executable: where they go on, or, if that is taken
  /// by another mapping of the same text in this space, copies without them.
  void prepare_sites(const Mapping& m) REQUIRES(lock_);
  bool claim_sites(FrameNumber frame, GuestAddr page) REQUIRES(lock_);
  /// The stub with everything asked for so far done; ESRCH.
  Result<std::shared_ptr<Stub>> settled_stub();
  /// The stub, if it has done everything already. ESRCH, EAGAIN.
  Result<std::shared_ptr<Stub>> idle_stub() const;

  /// Tickets count the acknowledgements of one stub; its successors' start anew. One bit tells those that
  /// take no page away.
  Ticket ticket(u64 ack, bool keeps_pages) const REQUIRES(lock_) {
    return Ticket(epoch_ << (ack_bits + 1) | u64{keeps_pages} << ack_bits | ack);
  }
  bool is_of_another_stub(Ticket t) const REQUIRES(lock_) { return t.value() >> (ack_bits + 1) != epoch_; }
  static u64 ack_of(Ticket t) { return t.value() & ((u64{1} << ack_bits) - 1); }
  static bool keeps_pages(Ticket t) { return (t.value() >> ack_bits & 1) != 0; }
  static constexpr unsigned ack_bits = 40;

  Host& host_;
  bool bare_ = false;       // set before it runs
  bool transient_ = false;  // likewise
  std::atomic<u64> last_use_{0};
  mutable Mutex<locks::platform_space> lock_;
  u64 epoch_ GUARDED_BY(lock_) = 0;
  MappingTable table_ GUARDED_BY(lock_);
  std::shared_ptr<Stub> stub_ GUARDED_BY(lock_);
  bool prompt_ GUARDED_BY(lock_) = false;
  /// No guest thread can run until the stub has done what it was asked to: it need not be hurried.
  bool all_parked() const {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return running_.load(std::memory_order_seq_cst) == 0;
  }

  std::atomic<u32> running_{0};
  std::atomic<const Stub*> current_{nullptr};  // stub_.get()
  /// Where a site's way back leads here, as rip (for a tail: behind it) and as the stub's table has it.
  struct Return {
    GuestAddr next;
    u64 in_table = 0;
    u8 tail = 0;  // of a tail: its size
  };
  void set_return(u32 number, const Return& r) REQUIRES(lock_);
  std::map<u32, Return> returns_ GUARDED_BY(lock_);       // by site number
  std::vector<FrameNumber> unpatched_ GUARDED_BY(lock_);  // copies of text, ours
};

}  // namespace quire::platform::native
