// One guest address space: vmas, page tables, and checked copies in and out.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "base/ref.h"
#include "base/result.h"
#include "kernel/abi/types.h"
#include "kernel/mm/guest_gate.h"
#include "kernel/mm/memory_manager.h"
#include "kernel/mm/memory_object.h"
#include "kernel/platform/platform.h"
#include "kernel/platform/space.h"

namespace quire::mm {

/// A space of so many bytes is worth more care before and after a fork than a small one.
inline constexpr u64 large_space = u64{256} << 20;

/// What mmap(2) asks for, after the system-call layer has decoded it.
struct MapRequest {
  GuestAddr address{};  // hint, or the place when fixed
  u64 length = 0;       // bytes, > 0; rounded up to pages (hugetlb: to huge pages)
  Access access = Access::none;
  Access max_access = Access::read | Access::write | Access::exec;  // what mprotect may give later
  bool fixed = false;                                               // MAP_FIXED
  bool no_replace = false;                                          // MAP_FIXED_NOREPLACE
  bool shared = false;
  bool grows_down = false;
  bool populate = false;
  bool no_reserve = false;
  bool locked = false;
  bool low_2g = false;         // MAP_32BIT
  bool stack = false;          // MAP_STACK: a hint
  Ref<MemoryObject> object;    // null: anonymous (a shared anonymous mapping makes its own)
  u64 offset = 0;              // in the object, page aligned
  std::string name;            // for /proc/PID/maps: path, "[heap]", "[stack]"
  u64 device = 0, inode = 0;   // for /proc/PID/maps
  Ref<RefCounted> keep_alive;  // held as long as the mapping lives (the open file)
};

/// A vma as /proc/PID/maps and smaps show it.
struct VmaInfo {
  GuestRange range;
  Access access = Access::none;
  Access max_access = Access::none;
  bool shared = false, grows_down = false, locked = false, no_reserve = false, huge_tlb = false;
  bool dont_fork = false, wipe_on_fork = false, dont_dump = false, lock_on_fault = false;
  bool advised_huge = false, advised_no_huge = false;
  bool huge_eligible = false;  // transparent huge pages are given here
  u64 offset = 0, device = 0, inode = 0;
  std::string name;
};

/// Page counts of one vma or a whole address space, in 4 KiB pages.
struct Residency {
  u64 resident = 0, anonymous = 0, file = 0, shmem = 0, shared = 0, dirty = 0, swap = 0, huge = 0;
  // Pages of the huge-page pool, which Linux counts as resident nowhere else.
  u64 hugetlb_private = 0, hugetlb_shared = 0;
  u64 proportional_bytes = 0;  // Pss: of a page that n address spaces have, its n-th part
  bool present() const { return resident + hugetlb_private + hugetlb_shared != 0; }
};

/// A part of an address space that others may map: pages of an object that all who map them share.
struct SharedPiece {
  Ref<MemoryObject> object;
  u64 offset = 0, length = 0;        // bytes, page aligned
  Access max_access = Access::none;  // what a mapping of it may have
  std::string name;                  // these as in MapRequest
  u64 device = 0, inode = 0;
  Ref<RefCounted> keep_alive;
};

/// What became of a fault.
struct FaultOutcome {
  int signo = 0;               // 0: resolved, run the guest again
  int code = 0;                // SEGV_MAPERR, SEGV_ACCERR, BUS_ADRERR, ...
  bool major = false;          // I/O was needed
  bool out_of_memory = false;  // kill the process
};

/// Identity of a futex word: (address space, address) or (object, offset); never a frame.
struct FutexKey {
  const void* owner = nullptr;
  u64 offset = 0;
  friend bool operator==(const FutexKey&, const FutexKey&) = default;
};

/// Limits that mm itself enforces; set by task from its rlimits. Bytes.
struct Limits {
  u64 address_space = ~u64{0};  // RLIMIT_AS
  u64 data = ~u64{0};           // RLIMIT_DATA
  u64 stack = 8u << 20;         // RLIMIT_STACK
  u64 locked = ~u64{0};         // RLIMIT_MEMLOCK
  u64 max_maps = 65530;         // vm.max_map_count
};

/// Places set by exec, shown in /proc/PID/stat and used by brk and prctl(PR_SET_MM).
struct ProgramLayout {
  GuestAddr code_begin{}, code_end{}, data_begin{}, data_end{};
  GuestAddr brk_begin{}, stack_begin{};
  GuestAddr arg_begin{}, arg_end{}, env_begin{}, env_end{};
};

/// Kernel-side view of guest pages that stay put until destroyed: COW is broken (for writing), the
/// pages are counted, forks drain it first. At most 64 KiB. Hold it only around one host call.
class Pin {
 public:
  virtual ~Pin() = default;
  virtual std::span<const std::span<std::byte>> pieces() const = 0;
};

/// Neighbouring pages of a mapping in consecutive frames of the memory file.
struct MemoryRun {
  GuestRange range;
  FrameNumber frame{};     // of the first page
  u64 pages = 0;           // of them, that have storage
  bool of_object = false;  // a file's or shared memory's, not private pages
  // Private pages: the highest page table above them that several address spaces share (1: the last
  // level), and how many parents name it. 0: none.
  u8 shared_level = 0;
  u32 shared_by = 0;
};

/// All methods may be called from any thread with no mm lock held. Guest addresses that are not
/// mapped suitably give EFAULT; ranges beyond the layout's limit are never mapped.
class AddressSpace : public RefCounted {
 public:
  /// A new, empty address space (vdso and vvar appear as the platform maps them, unless bare).
  static Result<Ref<AddressSpace>> create(MemoryManager& mm, bool bare = false);
  /// A copy-on-write copy with page tables shared. `alone`: no guest runs here, or begins to, before this
  /// returns. `sp`: the stack of who forks, which both sides write to at once. ENOMEM.
  virtual Result<Ref<AddressSpace>> fork(bool alone = false, GuestAddr sp = {}) = 0;

  /// Whoever runs guest code here enters and leaves.
  GuestGate& gate() { return gate_; }

  virtual MemoryManager& manager() = 0;
  virtual platform::Space& space() = 0;

  // --- the mmap family: arguments checked here; errno as the man pages say -----------------------
  virtual Result<GuestAddr> map(const MapRequest& request) = 0;
  virtual Result<> unmap(GuestAddr address, u64 length) = 0;
  virtual Result<> protect(GuestAddr address, u64 length, Access access, int grows_flags = 0) = 0;
  virtual Result<GuestAddr> remap(GuestAddr old_address, u64 old_length, u64 new_length, int flags,
                                  GuestAddr new_address) = 0;
  /// Shows other pages of the same object in (part of) a shared mapping. EINVAL.
  virtual Result<> remap_file_pages(GuestAddr address, u64 length, u64 offset) = 0;
  /// The range as objects. What is private in it becomes shared: it is seen by whoever maps the objects, and
  /// stays shared after a fork; what copies share with it copy-on-write is copied, they notice nothing.
  /// EINVAL: not page aligned, empty, beyond the limit, or part of a huge page; EFAULT: not all mapped, or a
  /// page of a file that cannot be read; ENOMEM; EAGAIN: a file loses its pages as fast as they are read.
  virtual Result<std::vector<SharedPiece>> share(GuestAddr address, u64 length) = 0;
  virtual Result<> advise(GuestAddr address, u64 length, int advice) = 0;
  virtual Result<> sync(GuestAddr address, u64 length, int flags) = 0;
  virtual Result<> lock(GuestAddr address, u64 length, bool on_fault) = 0;
  virtual Result<> unlock(GuestAddr address, u64 length) = 0;
  virtual Result<> lock_all(int flags) = 0;
  virtual Result<> unlock_all() = 0;
  /// Some task that runs in it has a real-time policy (SCHED_FIFO, SCHED_RR): changes are shown to the guest
  /// at once, as in an address space locked by lock_all().
  virtual void set_real_time(bool on) = 0;
  /// One byte a page, bit 0: resident.
  virtual Result<> mincore(GuestAddr address, u64 length, std::span<u8> out) = 0;
  /// Sets up the heap (exec) and moves its end: returns the new end, or the old one on failure.
  virtual void set_brk_start(GuestAddr start) = 0;
  virtual GuestAddr brk(GuestAddr end) = 0;
  virtual void set_limits(const Limits& limits) = 0;
  virtual void set_program_layout(const ProgramLayout& layout) = 0;
  virtual ProgramLayout program_layout() const = 0;
  /// Places new mappings without an address go: downwards from here (exec; randomised).
  virtual void set_mmap_base(GuestAddr base) = 0;

  // --- faults --------------------------------------------------------------------------------------
  /// Handles a page fault of the guest (or of a copy). `sp` allows stack growth near it.
  virtual FaultOutcome fault(GuestAddr address, Access access, GuestAddr sp) = 0;

  /// A system call trapped at the SYSCALL at this address: it may get patched.
  virtual void call_trapped(GuestAddr address, const platform::TrappedCall& call) = 0;

  // --- checked copies --------------------------------------------------------------------------------
  /// All or EFAULT.
  virtual Result<> copy_in(void* to, GuestAddr from, std::size_t n) = 0;
  virtual Result<> copy_out(GuestAddr to, const void* from, std::size_t n) = 0;
  /// As far as possible: bytes copied before the first unusable page.
  virtual std::size_t copy_in_some(void* to, GuestAddr from, std::size_t n) = 0;
  virtual std::size_t copy_out_some(GuestAddr to, const void* from, std::size_t n) = 0;
  virtual Result<> zero_out(GuestAddr to, std::size_t n) = 0;
  /// A NUL-terminated string of at most `max` bytes including the NUL; ENAMETOOLONG if longer.
  virtual Result<std::string> copy_in_string(GuestAddr from, std::size_t max) = 0;
  /// Ignores page protections as ptrace and /proc/PID/mem do (writes to private mappings COW).
  virtual Result<> force_copy_in(void* to, GuestAddr from, std::size_t n) = 0;
  virtual Result<> force_copy_out(GuestAddr to, const void* from, std::size_t n) = 0;
  virtual Result<std::unique_ptr<Pin>> pin(GuestAddr address, std::size_t length, Access access) = 0;

  template <typename T>
    requires std::is_trivially_copyable_v<T>
  Result<T> read(GuestAddr from) {
    T v;
    TRY_VOID(copy_in(&v, from, sizeof v));
    return v;
  }
  template <typename T>
    requires std::is_trivially_copyable_v<T>
  Result<> write(GuestAddr to, const T& v) {
    return copy_out(to, &v, sizeof v);
  }

  // --- futex words -------------------------------------------------------------------------------------
  virtual Result<FutexKey> futex_key(GuestAddr address, bool private_flag) = 0;
  /// Atomically on guest memory, naturally aligned 4 bytes; EFAULT.
  virtual Result<u32> load_u32(GuestAddr address) = 0;
  /// Returns the old value; stores `desired` if it equalled `expected`.
  virtual Result<u32> compare_exchange_u32(GuestAddr address, u32 expected, u32 desired) = 0;
  /// FUTEX_WAKE_OP arithmetic: op 0 set, 1 add, 2 or, 3 andn, 4 xor; returns the old value.
  virtual Result<u32> fetch_op_u32(GuestAddr address, int op, u32 operand) = 0;

  // --- to look at (never blocks a fault) ------------------------------------------------------------
  virtual void for_each_vma(const std::function<bool(const VmaInfo&)>& visit) const = 0;
  virtual std::optional<VmaInfo> find_vma(GuestAddr address) const = 0;
  /// What MapRequest::keep_alive named for the mapping at the address; null if nothing.
  virtual Ref<RefCounted> keep_alive(GuestAddr address) const = 0;
  virtual Residency residency() const = 0;
  virtual Residency residency(GuestRange range) const = 0;
  virtual u64 virtual_bytes() const = 0;
  virtual u64 page_table_bytes() const = 0;
  virtual u64 locked_bytes() const = 0;
  virtual u64 peak_resident_bytes() const = 0;
  /// PR_SET_THP_DISABLE: advice to use transparent huge pages is not followed. Inherited at fork.
  virtual void set_huge_pages_off(bool off) = 0;
  /// It has, or had, areas in huge pages of the pool.
  virtual bool used_huge_pages() const = 0;
  /// All that is present, in the order of addresses.
  virtual void for_each_run(const std::function<bool(const MemoryRun&)>& visit) const = 0;
  /// One /proc/PID/pagemap entry a page.
  virtual void pagemap(GuestAddr first, std::span<u64> out) const = 0;

 private:
  GuestGate gate_;
};

}  // namespace quire::mm
