// The platform as a software TLB inside one process: mm, vfs and syscall are tested on it under
// sanitizers, valgrind and fuzzers.
//
// What it models: mappings are queued and take effect in order; a revocation is in effect only once
// acknowledged (wait(), or by chance earlier), so that a kernel which reuses a frame too early is seen
// by the guest's accesses; a private mapping keeps the stub's own copies of the pages it writes; any
// shared mapping may vanish at any time. A guest is a function that loads, stores and makes calls.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <random>

#include "kernel/abi/lock_order.h"
#include "kernel/platform/mapping_table.h"
#include "kernel/platform/platform.h"

namespace quire::platform::fake {

struct FakeOptions {
  PageCount frames{u64{1} << 20};  // size of the memory file (sparse)
  u64 seed = 1;                    // of the chance that acknowledges early and evicts
  /// Chances in 1000, at each guest access: that one queued request is done early; that the mapping
  /// just used vanishes (unless private).
  unsigned early_ack = 100;
  unsigned evict = 10;
  bool private_tier = true;
  unsigned cpus = 2;
};

class FakeMemory final : public Memory {
 public:
  static Result<std::unique_ptr<FakeMemory>> create(PageCount frames);
  ~FakeMemory() override;

  const MemoryKind& kind() const override { return kind_; }
  PageCount size() const override { return frames_; }
  std::byte* at(FrameNumber f) const override { return base_ + file_offset(f); }
  bool checked_copy(void* to, const void* from, std::size_t n) const override;
  Result<> punch(FrameNumber first, PageCount n) override;
  FrameNumber next_data(FrameNumber from, FrameNumber limit) const override;
  FrameNumber next_hole(FrameNumber from, FrameNumber limit) const override;
  void advise_huge(FrameNumber, PageCount, bool) override {}
  /// Succeeds and does nothing, or fails as set_collapse_error says.
  Result<> collapse(FrameNumber first) override;
  u64 bytes_used() const override;

  /// Errno that collapse() returns from now on; 0: none.
  void set_collapse_error(int error) { collapse_error_ = error; }
  /// From the n-th checked_copy on (1: the next), copies fail as if the host had no memory; 0: never.
  void fail_copies_after(u64 n) { copies_left_ = n; }

 private:
  FakeMemory(int fd, std::byte* base, PageCount frames) : fd_(fd), base_(base), frames_(frames) {}

  int fd_;
  std::byte* base_;
  PageCount frames_;
  MemoryKind kind_{};
  std::atomic<int> collapse_error_{0};
  mutable std::atomic<u64> copies_left_{0};
};

class FakePlatform;

/// A software TLB. Beside the interface: the guest's side of it.
class FakeSpace final : public Space {
 public:
  FakeSpace(FakePlatform& platform, u64 seed);
  ~FakeSpace() override;

  void map(GuestRange range, FrameNumber first, Access access) override;
  void map_private(GuestRange range, FrameNumber first, Access access) override;
  bool supports_private() const override;
  Ticket unmap(GuestRange range) override;
  Ticket protect(GuestRange range, Access access) override;
  void wait(Ticket ticket) override;
  bool done(Ticket ticket) const override;
  Result<> private_pages(GuestRange range, std::span<GuestRange>& out) override;
  Result<> read_private(GuestAddr from, std::span<std::byte> to) override;
  Result<> write_private(GuestAddr to, std::span<const std::byte> from) override;
  Result<> gather_private(std::span<const PrivatePiece> pieces) override;
  void set_prompt(bool on) override { prompt_ = on; }
  void make_resident(GuestRange) override {}
  SpaceUsage usage() const override;

  /// Called for a miss without any lock held; true: try again, false: give the access up.
  using FaultHandler = std::function<bool(GuestAddr, Access)>;

  /// Guest accesses of any size, page by page; aligned pieces of up to 8 bytes are atomic. They work
  /// through whatever mappings are still in effect. False when `fault` gave up.
  bool load(GuestAddr from, void* to, std::size_t n, const FaultHandler& fault);
  bool store(GuestAddr to, const void* from, std::size_t n, const FaultHandler& fault);
  /// Instruction fetch: as load, but needs exec.
  bool fetch(GuestAddr from, void* to, std::size_t n, const FaultHandler& fault);

  template <typename T>
  bool load(GuestAddr from, T& value, const FaultHandler& fault) {
    return load(from, &value, sizeof value, fault);
  }
  template <typename T>
  bool store(GuestAddr to, const T& value, const FaultHandler& fault) {
    return store(to, &value, sizeof value, fault);
  }

  /// The mapping in effect at the address (requests still queued not counted), if any.
  bool lookup(GuestAddr a, Mapping* out) const;
  /// Drops all shared mappings, as stealing the stub would (private ones stay).
  void evict_all();
  /// Does every queued request, as Context::run does.
  void drain();

 private:
  bool idle() const;
  friend class FakeContext;
  struct Request {
    enum class Kind : u8 { map, unmap, protect } kind;
    Mapping mapping;
    u64 ticket;
  };
  struct Page {
    alignas(64) std::byte bytes[page_size];
  };

  bool access(GuestAddr at, std::byte* buffer, std::size_t n, Access want, const FaultHandler& fault);
  /// One page's part; false on a miss.
  bool access_page(GuestAddr at, std::byte* buffer, std::size_t n, Access want) REQUIRES(lock_);
  void apply_one() REQUIRES(lock_);
  bool chance(unsigned in_thousand) REQUIRES(lock_);
  void drop_copies(GuestRange range) REQUIRES(lock_);
  Ticket revoke(Request::Kind kind, const Mapping& m);

  FakePlatform& platform_;
  mutable Mutex<locks::platform_space> lock_;
  MappingTable tlb_ GUARDED_BY(lock_);
  std::map<u64, std::unique_ptr<Page>> copies_ GUARDED_BY(lock_);  // private pages by address
  std::deque<Request> queue_ GUARDED_BY(lock_);
  std::minstd_rand random_ GUARDED_BY(lock_);
  u64 requested_ GUARDED_BY(lock_) = 0;
  std::atomic<bool> prompt_{false};  // mappings stay
  std::atomic<u64> done_{0};
};

class FakeContext;

/// What a scripted guest sees. Each operation may trap: run() then returns on the kernel's side, and
/// the operation goes on (a fault: tries again) when run() is called once more. When the context is
/// destroyed, dead() becomes true and every operation fails at once: the script then has to return.
class Guest {
 public:
  Registers& regs();
  /// The result in rax.
  u64 syscall(u64 number, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0, u64 e = 0, u64 f = 0);
  bool load(GuestAddr from, void* to, std::size_t n);
  bool store(GuestAddr to, const void* from, std::size_t n);
  template <typename T>
  T load(GuestAddr from) {
    T v{};
    load(from, &v, sizeof v);
    return v;
  }
  template <typename T>
  bool store(GuestAddr to, const T& v) {
    return store(to, &v, sizeof v);
  }
  /// Raises an exception: illegal instruction and the like.
  void exception(int signo, int code, GuestAddr at);
  /// Computing: a place where an interrupt may strike.
  void step();
  bool dead() const;
  /// The registers were changed to go elsewhere (a signal handler): where to, as regs().rip says.
  /// True if rip moved during the last trap otherwise than by a system call's own return.
  bool diverted() const;

 private:
  friend class FakeContext;
  explicit Guest(FakeContext& context) : context_(context) {}
  FakeContext& context_;
};

using Script = std::function<void(Guest&)>;

/// Runs a script on a host thread of its own, which moves only while run() is under way.
class FakeContext final : public Context {
 public:
  FakeContext();
  ~FakeContext() override;

  /// Sets what the guest does from the next run() on. A script may be set once; when it ends, run()
  /// returns `lost`.
  void set_script(Script script);
  /// From now on run() finds no stub: it returns `lost` with this errno. 0: it finds one.
  void set_run_error(int error) { run_error_ = error; }

  Registers& regs() override { return regs_; }
  Result<std::span<std::byte>> extended_state() override { return std::span(extended_); }
  Result<> copy_state_from(Context& other) override;
  void reset() override;
  Trap run(Space& space) override;
  void interrupt() override;
  Result<> set_answer(u32, u64) override { return err(ENOTSUP); }
  void clear_answers() override {}
  u64 answered_in_stub() const override { return 0; }

 private:
  friend class Guest;
  struct Hand;  // the hand-over between the two threads

  /// Guest side: reports a trap and waits to be resumed; false when the context is being destroyed.
  bool trap(const Trap& t);
  bool check_interrupt();
  /// A load or store, in whichever space the guest is run.
  bool access(u64 error_code, const std::function<bool(FakeSpace&, const FakeSpace::FaultHandler&)>& go);

  Registers regs_{};
  std::vector<std::byte> extended_;
  int run_error_ = 0;
  std::unique_ptr<Hand> hand_;
};

/// Sees each guest access through a mapping in effect; called under the space's lock (rank
/// platform_space), so it may take no lock of the kernel's.
struct AccessSeen {
  FakeSpace& space;
  GuestAddr page;
  FrameNumber frame;  // meaningless when own_copy
  Access access;
  bool own_copy;  // a page of the private tier that only the stub has
};

class FakePlatform final : public Platform, private TextPatcher {
 public:
  static Result<std::unique_ptr<FakePlatform>> create(const FakeOptions& options = {});

  Memory& memory() override { return *memory_; }
  FakeMemory& fake_memory() { return *memory_; }
  const Layout& layout() const override { return layout_; }
  const Calibration& calibration() const override { return calibration_; }
  TextPatcher& patcher() override { return *this; }
  Result<std::unique_ptr<Space>> create_space() override;
  Result<std::unique_ptr<Context>> create_context() override;
  Counters counters() const override;

  const FakeOptions& options() const { return options_; }
  /// Set before guests run.
  void set_observer(std::function<void(const AccessSeen&)> observer) { observer_ = std::move(observer); }
  /// create_space() fails with ENOMEM when so many are live; 0: no bound.
  void set_space_limit(u64 n) { space_limit_ = n; }

 private:
  friend class FakeSpace;
  FakePlatform(const FakeOptions& options, std::unique_ptr<FakeMemory> memory);
  bool trapped(u64, u64, std::span<const std::byte>, std::size_t, const TrappedCall&) override {
    return false;
  }
  unsigned apply(u64, u64, std::span<std::byte>) override { return 0; }

  FakeOptions options_;
  std::unique_ptr<FakeMemory> memory_;
  Layout layout_{};
  Calibration calibration_{};
  std::function<void(const AccessSeen&)> observer_;
  std::atomic<u64> space_limit_{0}, spaces_live_{0}, spaces_made_{0};
  std::atomic<u64> maps_{0}, revocations_{0}, waits_{0};
};

/// The fake interface of a space or context that this platform made.
inline FakeSpace& as_fake(Space& s) { return static_cast<FakeSpace&>(s); }
inline FakeContext& as_fake(Context& c) { return static_cast<FakeContext&>(c); }

}  // namespace quire::platform::fake
