// The machine's memory: frames of the memory file, their counts, limits, and what all address spaces
// share.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/ref.h"
#include "base/result.h"
#include "kernel/abi/types.h"
#include "kernel/platform/platform.h"

namespace quire::mm {

class AddressSpace;
class HugePool;
class ShmTable;

/// Policy knobs, settable from the command line (the experiments of bench fork and bench faults).
struct Policy {
  enum class Share : u8 { never, always, from_n };
  Share share = Share::always;
  unsigned share_from = 4;  // tables, for from_n
  bool spread = false;      // each writable area gets a table of its own
  enum class Lock : u8 { mutex, rwsem, vma };
  Lock lock = Lock::vma;
  enum class Cow : u8 { adaptive, page, host_private, block };  // force a tier
  Cow cow = Cow::adaptive;
  bool copy_home = true;       // pages that only a stub has come home once nobody shares their block
  bool snapshot = true;        // fork copies such pages for the child alone; else they are settled first
  bool keep_warm = true;       // free blocks keep their storage for some seconds
  bool collapse = true;        // full windows of small pages are made huge in the background
  bool copied_chains = false;  // per-entry reverse-map chains copied at fork, as Linux 2.5
  u64 memory_limit = 0;        // bytes; 0: none
};

/// Counts for --stats and /proc. Snapshot.
struct Statistics {
  u64 faults_minor = 0, faults_major = 0, faults_cow = 0, faults_refill = 0;
  u64 tables_live = 0, tables_shared = 0, tables_unshared = 0;
  u64 cow_page = 0, cow_private = 0, cow_block = 0;
  u64 cow_warm = 0;        // blocks whose copies went to blocks that were still warm
  u64 collapsed = 0;       // windows of small pages that were made huge
  u64 settled = 0;         // ranges whose contents came back from a stub
  u64 snapshot_pages = 0;  // pieces that forks copied from the parent's stub for the child
  u64 revocations = 0, forks = 0;
  u64 lock_wait_ns = 0;  // waiting for the locks of address spaces
  u64 frames_used = 0;
};

class MemoryManager {
 public:
  static Result<std::unique_ptr<MemoryManager>> create(platform::Platform& platform, const Policy& policy);
  virtual ~MemoryManager() = default;

  virtual platform::Platform& platform() = 0;
  virtual const Policy& policy() const = 0;
  virtual Statistics statistics() const = 0;
  /// MemTotal as guests see it, and what is free, in bytes.
  virtual u64 total_bytes() const = 0;
  virtual u64 free_bytes() const = 0;
  /// System V shared memory segments.
  virtual ShmTable& shm() = 0;
  /// The pool of huge pages (hugetlbfs, MAP_HUGETLB, SHM_HUGETLB).
  virtual HugePool& huge_pages() = 0;
  /// Called (from any thread, with no mm lock held) when the limit or the host's memory is exhausted;
  /// kills the right process and returns true when something was freed or will be.
  virtual void set_out_of_memory_handler(bool (*handler)(void* arg), void* arg) = 0;
  /// Called from a thread of the manager's own where a fork of a large space may come: what it takes can be
  /// prepared. Empty: not any more; returns when no call is going on.
  virtual void set_fork_expected_handler(std::function<void()> handler) = 0;
  /// Ends what goes on on threads of its own, and begins nothing of the kind again: the platform may go then,
  /// although address spaces are left.
  virtual void stop_background() = 0;
};

}  // namespace quire::mm
