// What runs guest code: host processes (native/), or a software TLB for tests (fake/).
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "kernel/abi/types.h"
#include "kernel/platform/context.h"
#include "kernel/platform/memory.h"
#include "kernel/platform/space.h"

namespace quire::platform {

/// Fixed facts of the platform that the kernel builds address spaces around.
struct Layout {
  GuestAddr lowest{};           // first address a guest may map
  GuestAddr limit{};            // first address it may not (below the stub's own area)
  GuestRange vdso{};            // code, mapped by the platform in every stub; empty: none
  GuestRange vvar{};            // its data
  u64 extended_state_size = 0;  // bytes of a standard-format XSAVE area as signal frames hold it
  u64 xfeature_mask = 0;
};

/// Measured at start: what a hand-off costs on this host.
struct Calibration {
  unsigned cpus = 1;          // CPUs we may run on
  double futex_round_us = 0;  // futex hand-off and back
  double spin_us = 0;         // how long to spin before sleeping; 0: never
};

struct Counters {
  u64 stubs_live = 0, stubs_made = 0, stubs_reused = 0, stubs_stolen = 0, stubs_killed = 0;
  u64 revocations = 0, revocations_waited = 0;
  u64 maps = 0, retraps = 0, sites_patched = 0;
};

struct Options {
  unsigned stub_pool = 2;       // stubs made ahead
  bool patch = true;            // patch system-call sites
  std::string memory = "auto";  // auto, tmpfs, memfd
  unsigned max_stubs = 1024;    // beyond that, and where the host gives no more, idle spaces lose theirs
  int memory_fd = -1;           // from open_memory_file(), taken over; then `memory` is ignored
};

/// Makes the memory file ahead of create_native(). Needed where Landlock confines the process: it
/// forbids mounting, so the file must come before it, and it hides processes made outside it, so the
/// stubs must come after it (else there is no private tier). The descriptor is close-on-exec.
Result<int> open_memory_file(const std::string& preference);

/// A system call that trapped in text that may be patched, as far as that tells what stands before it.
struct TrappedCall {
  u64 number = 0;
  u64 r9 = 0;
  std::span<const std::byte> stack{};  // from the guest's stack pointer up, as much as can be read
};

/// Rewrites system-call instructions in a copy of program text to direct hand-offs. Only where a call has
/// trapped is anything rewritten. Sites are keyed by (file key, offset), so that every process that maps
/// the text shares them. `key` names the file's contents; 0: never patched.
class TextPatcher {
 public:
  virtual ~TextPatcher() = default;

  /// A call trapped at the SYSCALL `at` bytes into `page`, which is at `offset` of the file. True when the
  /// page is worth an apply() now.
  virtual bool trapped(u64 key, u64 offset, std::span<const std::byte> page, std::size_t at,
                       const TrappedCall& call) = 0;
  /// Patches the known sites of text that no guest reaches at the moment. `offset`: where it starts in
  /// the file, a page's border. Returns how many were patched.
  virtual unsigned apply(u64 key, u64 offset, std::span<std::byte> text) = 0;
};

class Platform {
 public:
  virtual ~Platform() = default;
  virtual Memory& memory() = 0;
  virtual const Layout& layout() const = 0;
  virtual const Calibration& calibration() const = 0;
  virtual TextPatcher& patcher() = 0;
  virtual Result<std::unique_ptr<Space>> create_space() = 0;
  virtual Result<std::unique_ptr<Context>> create_context() = 0;
  /// A further space is likely to be run soon; from here on some of what that takes is kept ready.
  virtual void expect_space() {}
  virtual Counters counters() const = 0;
};

/// The real one (kernel/platform/native). Call early, from the long-lived main thread, while the
/// process is small and single-threaded: it forks the template that all stubs are cloned from.
/// EPERM, ENOSYS, ENOMEM when the host lacks what is needed. Which host calls it makes afterwards, for
/// the process's own seccomp list, stands in README.md.
Result<std::unique_ptr<Platform>> create_native(const Options& options);

}  // namespace quire::platform
