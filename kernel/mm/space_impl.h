// AddressSpace as mm implements it. The methods are spread over files by subject: map.cpp, protect.cpp,
// remap.cpp, advise.cpp, fork.cpp, fault.cpp, copy.cpp, lock_memory.cpp, inspect.cpp.
//
// Locks, in the order they are taken:
//   lock_         (address_space) vmas: written by the mmap family and fork, read by faults and copies
//   object locks  (object)        which frames an object's pages have
//   tables_lock_  (page_table)    page tables, and the order of requests to the stub that follow from
//                                 them: a mapping of private memory is asked for under this lock, so
//                                 that an older state never replaces a newer one. Who only maps what the
//                                 tables say holds it for reading (refill)
// Pins are drained by whoever takes lock_ for writing.
//
// Memory may be left to the host's own copy-on-write (private.cpp): then the newest contents of a page are
// in the stub alone. Whoever wants to use the frames that the tables name asks span_at() of this class, not
// of the tables, and settles what is stub_owned first.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <vector>

#include "kernel/mm/address_space.h"
#include "kernel/mm/hot.h"
#include "kernel/mm/manager.h"
#include "kernel/mm/mm_lock.h"
#include "kernel/mm/object.h"
#include "kernel/mm/page_table.h"
#include "kernel/mm/vma.h"
#include "kernel/mm/write_watch.h"

namespace quire::mm {

/// Pages of a window that counts as filled: an allocator leaves some for later when it goes on to the next.
inline constexpr u64 most_left_out = 48;
/// Sparse writes are copied, and looked for before a fork, in pieces of this size.
inline constexpr u64 cow_piece = 16 * page_size;

class AddressSpaceImpl final : public AddressSpace, private ObjectMapper {
 public:
  AddressSpaceImpl(ManagerImpl& manager, std::unique_ptr<platform::Space> space);
  ~AddressSpaceImpl() override;

  Result<Ref<AddressSpace>> fork(bool alone = false, GuestAddr sp = {}) override;
  MemoryManager& manager() override { return manager_; }
  platform::Space& space() override { return *space_; }

  Result<GuestAddr> map(const MapRequest& request) override;
  Result<> unmap(GuestAddr address, u64 length) override;
  Result<> protect(GuestAddr address, u64 length, Access access, int grows_flags = 0) override;
  Result<GuestAddr> remap(GuestAddr old_address, u64 old_length, u64 new_length, int flags,
                          GuestAddr new_address) override;
  Result<> remap_file_pages(GuestAddr address, u64 length, u64 offset) override;
  Result<std::vector<SharedPiece>> share(GuestAddr address, u64 length) override;
  Result<> advise(GuestAddr address, u64 length, int advice) override;
  Result<> sync(GuestAddr address, u64 length, int flags) override;
  Result<> lock(GuestAddr address, u64 length, bool on_fault) override;
  Result<> unlock(GuestAddr address, u64 length) override;
  Result<> lock_all(int flags) override;
  Result<> unlock_all() override;
  void set_real_time(bool on) override;
  Result<> mincore(GuestAddr address, u64 length, std::span<u8> out) override;
  void set_brk_start(GuestAddr start) override;
  GuestAddr brk(GuestAddr end) override;
  void set_limits(const Limits& limits) override;
  void set_program_layout(const ProgramLayout& layout) override;
  ProgramLayout program_layout() const override;
  void set_mmap_base(GuestAddr base) override;

  FaultOutcome fault(GuestAddr address, Access access, GuestAddr sp) override;
  void call_trapped(GuestAddr address, const platform::TrappedCall& call) override;

  Result<> copy_in(void* to, GuestAddr from, std::size_t n) override;
  Result<> copy_out(GuestAddr to, const void* from, std::size_t n) override;
  std::size_t copy_in_some(void* to, GuestAddr from, std::size_t n) override;
  std::size_t copy_out_some(GuestAddr to, const void* from, std::size_t n) override;
  Result<> zero_out(GuestAddr to, std::size_t n) override;
  Result<std::string> copy_in_string(GuestAddr from, std::size_t max) override;
  Result<> force_copy_in(void* to, GuestAddr from, std::size_t n) override;
  Result<> force_copy_out(GuestAddr to, const void* from, std::size_t n) override;
  Result<std::unique_ptr<Pin>> pin(GuestAddr address, std::size_t length, Access access) override;

  Result<FutexKey> futex_key(GuestAddr address, bool private_flag) override;
  Result<u32> load_u32(GuestAddr address) override;
  Result<u32> compare_exchange_u32(GuestAddr address, u32 expected, u32 desired) override;
  Result<u32> fetch_op_u32(GuestAddr address, int op, u32 operand) override;

  void for_each_vma(const std::function<bool(const VmaInfo&)>& visit) const override;
  std::optional<VmaInfo> find_vma(GuestAddr address) const override;
  Ref<RefCounted> keep_alive(GuestAddr address) const override;
  Residency residency() const override;
  Residency residency(GuestRange range) const override;
  u64 virtual_bytes() const override;
  u64 page_table_bytes() const override;
  u64 locked_bytes() const override;
  u64 peak_resident_bytes() const override;
  bool used_huge_pages() const override { return used_huge_pages_; }
  void set_huge_pages_off(bool off) override { huge_pages_off_ = off; }
  void for_each_run(const std::function<bool(const MemoryRun&)>& visit) const override;
  void pagemap(GuestAddr first, std::span<u64> out) const override;

  /// Copies pages that only the stub has back to their blocks, where nobody shares those any more. Called in
  /// the background. False: none of it is left to do.
  bool copy_home();
  /// Copies by blocks where most pages are being written, sharers or not. In the background, by one thread.
  /// False: nothing was written since the last time, or little.
  bool settle_dense();
  /// From `cursor` on: the next filled window of small pages that is ours alone, held
  /// (BlockPool::hold_small). Nothing after `looks` windows, or at the end: then the cursor is 0.
  std::optional<BlockNumber> next_small_window(u64& cursor, unsigned looks);
  /// What a fork is likely to have copied, by either side: nothing where that cannot be told.
  std::vector<BlockPool::Likely> likely_copies();
  /// Whether it is time again to prepare for a fork, by looking at what is written to and then by what was
  /// seen.
  enum class Preparation : u8 { none, begin, end };
  Preparation preparation_due();
  /// Takes the right to write to windows of small pages, to learn which pieces of them are written to.
  void watch_writes();
  void end_watch();
  /// Large areas were touched and the host gave small pages, since it was last forgotten.
  bool has_small_pages() const { return small_pages_.load(std::memory_order_relaxed); }
  void forget_small_pages() { small_pages_.store(false, std::memory_order_relaxed); }
  /// For tests: makes the frames hold all contents again.
  Result<> settle_all();
  /// Bytes that only the stub has.
  u64 stub_bytes() const { return space_->usage().anonymous_bytes; }

  /// For tests: walks vmas and tables and compares them; a text that names the first breach, or empty.
  std::string check() const;
  const PageTables* tables_identity() const override NO_THREAD_SAFETY_ANALYSIS { return &tables_; }
  /// For tests: visits each named frame of the tables (address, frame).
  void for_each_frame(const std::function<void(u64, FrameNumber)>& visit) const;

 private:
  friend class PinImpl;

  /// What removing areas leaves to be released once the locks are dropped: frames, files.
  struct Dropped {
    explicit Dropped(AddressSpaceImpl& s) : gather(s.manager_.pool(), s.manager_.tables()) {}
    ~Dropped();
    Gather gather;
    std::vector<Vma> vmas;
    std::vector<Vma> discarded;  // hugetlb areas whose pages went, but not they themselves
  };
  /// Takes lock_ for writing and waits until no pin is left. Areas may be changed once they are claimed:
  /// all, or those of claim(). (Faults of other areas go on meanwhile.)
  class SCOPED_CAPABILITY Exclusive {
   public:
    enum class Claim : u8 { all, none };
    explicit Exclusive(AddressSpaceImpl& s, Claim claim = Claim::all) ACQUIRE(s.lock_);
    /// Returns when nobody is in an area that touches [begin, end].
    void claim(u64 begin, u64 end);
    ~Exclusive() RELEASE();
    Exclusive(const Exclusive&) = delete;
    Exclusive& operator=(const Exclusive&) = delete;

   private:
    AddressSpaceImpl& s_;
  };
  /// For the length of a fault: keeps the area that holds an address as it is. Under Policy::Lock::vma by
  /// entering it alone; else, or while a writer has it, by taking lock_ for reading.
  class SCOPED_CAPABILITY AreaReader {
   public:
    AreaReader(AddressSpaceImpl& s, u64 address) ACQUIRE_SHARED(s.lock_);
    ~AreaReader() RELEASE();
    AreaReader(const AreaReader&) = delete;
    AreaReader& operator=(const AreaReader&) = delete;
    /// Null: nothing is mapped there.
    Vma* area() const { return area_; }
    /// Leaves the area for the one that holds `address`; null: there is none, or a writer has it.
    Vma* move_to(u64 address);

   private:
    void leave();

    AddressSpaceImpl& s_;
    Vma* area_ = nullptr;
    bool entered_ = false;
  };
  /// Why a page could not be used at once.
  enum class Step : u8 { done, fill, no_area, no_access, beyond_end, out_of_memory, lost };
  /// On whose behalf a page is wanted. The kernel reads original text where guests run the patched copy;
  /// a debugger is not bound by the rights of the area.
  enum class By : u8 { guest, kernel, debugger };
  struct FillRequest {
    Ref<ObjectImpl> object;
    u64 index = 0;
    bool patched = false;
    BlockNumber taken_back = no_block;  // hugetlb: the page that others must give up
  };
  struct Deferred {
    platform::Ticket ticket;
    Gather gather;
  };
  /// A run of pages, in one 2 MiB window, one area and one block, that the stub maps MAP_PRIVATE over the
  /// block's frames, which stay as they are. clean: not writable since, so the frames are the contents;
  /// frozen: not writable, but pages may be newer in the stub.
  struct PrivateRange {
    enum class State : u8 { clean, writable, frozen };
    u64 end = 0;
    State state = State::clean;
    u32 copied = 0;            // pages that the last fork copied for its child
    std::vector<Gather> held;  // names replaced by settling that failed halfway
  };
  using PrivateMap = std::map<u64, PrivateRange>;  // by first address

  // ObjectMapper
  Ref<RefCounted> hold_alive() override;
  void forget_object_range(const ObjectImpl& object, u64 begin, u64 end, bool even_private) override;
  void give_up_huge_page(u64 window, BlockNumber block) override;

  // map.cpp
  bool areas_alone() const { return manager_.policy().lock == Policy::Lock::vma; }
  u64 limit() const { return manager_.platform().layout().limit.value(); }
  u64 lowest() const { return manager_.platform().layout().lowest.value(); }
  Result<u64> find_place(const MapRequest& r, u64 length) REQUIRES(lock_);
  bool may_add(u64 bytes, bool data) const REQUIRES_SHARED(lock_);
  bool may_commit(u64 bytes) const;
  void account(const Vma& v, u64 bytes, bool add) REQUIRES(lock_);
  void link(const Vma& v);
  void unlink(const Vma& v);
  /// Adds a ready area (nothing there) and shows what is present of it in the stub.
  void add_area(Vma v) REQUIRES(lock_);
  /// Removes all areas of [begin, end), with the stub's acknowledgement.
  void remove_range(u64 begin, u64 end, Dropped& dropped) REQUIRES(lock_);
  bool private_area_in(u64 begin, u64 end) const REQUIRES_SHARED(lock_);
  bool by_page(u64 begin, u64 end) const REQUIRES_SHARED(lock_);
  /// The same for those who only entered an area. Not with tables_lock_ held.
  bool by_page_entered(u64 begin, u64 end) const REQUIRES_SHARED(lock_);
  /// What of a range cannot be populated: is left out; ends it, as for mlock; ends it, as for
  /// MADV_POPULATE_*.
  enum class Absent : u8 { skip, mlock, madvise };
  /// Touches every page.
  Result<> populate(u64 begin, u64 end, bool for_write, Absent absent);

  // show.cpp: the stub's mappings
  bool patched(const Vma& v) const;
  /// Asks the stub to map what is present in [begin, end) of the area; for anonymous areas names it first.
  void show(Vma& v, u64 begin, u64 end, bool name) REQUIRES_SHARED(lock_);
  void show_private(Vma& v, u64 begin, u64 end, const std::vector<ObjectImpl::Run>& runs)
      REQUIRES_SHARED(lock_) REQUIRES(tables_lock_);
  /// The piece around a page that was written to and is being looked for. False: it is not.
  bool show_watched(Vma& v, u64 page, const Span& s) REQUIRES_SHARED(lock_) REQUIRES_SHARED(tables_lock_);
  void map_span(Vma& v, const Span& s) REQUIRES_SHARED(lock_) REQUIRES_SHARED(tables_lock_);
  void map_run(const Vma& v, u64 begin, u64 end, const ObjectImpl::Run& run, Access access)
      REQUIRES_SHARED(lock_);
  platform::Ticket revoke(u64 begin, u64 end) REQUIRES_SHARED(lock_);

  // ahead.cpp
  /// Maps named, exclusively owned memory of a large area around a fault; prepares huge pages ahead if
  /// the guest fills it in order. False: not such an area.
  bool fill_ahead(Vma& v, u64 page) REQUIRES_SHARED(lock_) REQUIRES(tables_lock_);
  bool by_window(const Vma& v) const;
  void make_huge(FrameNumber first, u64 windows);
  void note_small_pages();
  bool fresh_window(const Vma& v, u64 window, Span& s) const REQUIRES_SHARED(tables_lock_);
  /// The same for a page in a window that was touched before, and not by a guest that fills memory in order.
  bool show_touched(Vma& v, u64 page) REQUIRES_SHARED(lock_) REQUIRES_SHARED(tables_lock_);
  void show_filled(Vma& v, u64 page) REQUIRES_SHARED(lock_) REQUIRES_SHARED(tables_lock_);
  bool filled_window(const Vma& v, u64 window, u64 left_out = 0) REQUIRES(tables_lock_);
  /// Before an unmap: windows that were filled to the last page will be again.
  void note_filled(u64 begin, u64 end) REQUIRES(lock_);
  void collapse_first(Vma& v) REQUIRES(tables_lock_);
  void prepare_windows(Vma& v, u64 begin) REQUIRES_SHARED(lock_) REQUIRES(tables_lock_);

  // fork.cpp
  platform::Ticket write_protect(const std::vector<GuestRange>& but) REQUIRES(lock_);

  // private.cpp: the host's own copy-on-write
  /// As PageTables::span_at, with runs that end where the stub owns pages; those are not exclusive.
  Span span_at(u64 address, u64 end, bool across = false) const REQUIRES_SHARED(tables_lock_);
  /// Cuts [begin, end) around the page to what no stub owns.
  void clip_to_frames(u64 page, u64& begin, u64& end) REQUIRES(tables_lock_);
  PrivateMap::iterator private_at(u64 address) REQUIRES(tables_lock_);
  /// Leaves the pages around a write fault to the host; false: not such pages.
  bool make_private(Vma& v, u64 page) REQUIRES_SHARED(lock_) REQUIRES(tables_lock_);
  bool may_be_private(const Vma& v, const Span& s) REQUIRES(tables_lock_);
  /// A guest's write fault in a range that the stub owns.
  /// Writes came to more than one window around the page, not in order.
  bool scattered(const Vma& v, u64 page) const REQUIRES_SHARED(tables_lock_);
  /// What a write there opens, as scattered as writes have been.
  std::pair<u64, u64> reach(const Vma& v, u64 page) const REQUIRES_SHARED(tables_lock_);
  void note_left_to_host(Vma& v, u64 window) REQUIRES(tables_lock_);
  /// Of a whole window at once.
  void leave_window(Vma& v, const Span& s) REQUIRES_SHARED(lock_) REQUIRES(tables_lock_);
  void let_write(Vma& v, PrivateMap::iterator at) REQUIRES_SHARED(lock_) REQUIRES(tables_lock_);
  /// Makes the frames hold the contents again for all that the stub owns in [begin, end) of the area: in
  /// place where they are exclusively ours, else in fresh ones. Lets tables_lock_ go meanwhile. ENOMEM.
  Result<> settle(Vma& v, u64 begin, u64 end) REQUIRES_SHARED(lock_) REQUIRES(tables_lock_);
  Result<> settle_frozen(Vma& v, const std::vector<std::pair<u64, u64>>& ranges) REQUIRES_SHARED(lock_)
      REQUIRES(tables_lock_);
  /// Lets the tables' names be the contents; the stub forgets the pages.
  PrivateMap::iterator forget_private(PrivateMap::iterator at) REQUIRES_SHARED(lock_) REQUIRES(tables_lock_);
  /// Before areas of [begin, end) change: settles all that overlaps, or only what sticks out. ENOMEM.
  enum class Reach : u8 { all, borders };
  Result<> settle_for_change(u64 begin, u64 end, Reach reach) REQUIRES(lock_);
  /// The contents of what lies in [begin, end) are to be lost: the stub's go at once.
  void drop_private(u64 begin, u64 end) REQUIRES(lock_);
  /// The runs that only the stub has, in these ranges. ESRCH.
  Result<std::vector<GuestRange>> private_runs(const std::vector<std::pair<u64, u64>>& ranges);
  Result<u64> private_page_count(u64 begin, u64 end);
  /// A window that the guest has gone through: it has written nearly all of it, or it was copied as a block.
  bool written_wholly(u64 window) REQUIRES(tables_lock_);
  void join_private_spaces() REQUIRES(tables_lock_);
  bool has_private() const REQUIRES_SHARED(lock_) {
    LockGuard tables(tables_lock_);
    return !privates_.empty();
  }
  /// Settles what forks have copied so many pages of that a copy of the block is cheaper.
  void settle_copied_often();
  /// fork: settles what costs less to settle than to copy for the child once more.
  Result<> settle_for_fork() REQUIRES(lock_);
  /// fork: the runs that a child must be given copies of. The stub may not write meanwhile.
  Result<std::vector<GuestRange>> snapshot_runs() REQUIRES(lock_);
  /// fork: of these, copies into the frames what is dense and ours alone, and takes it out of `runs`. The
  /// stub has lost its own pages of that when the ticket is done. ESRCH.
  Result<platform::Ticket> bring_home(std::vector<GuestRange>& runs) REQUIRES(lock_);
  /// fork: of the rest, gives whole pieces frames of their own, which the child will share.
  Result<platform::Ticket> settle_pieces(std::vector<GuestRange>& runs) REQUIRES(lock_);
  platform::Ticket show_settled(const std::vector<std::pair<u64, u64>>& ranges, std::vector<Gather>&& held)
      REQUIRES(lock_, tables_lock_);
  Result<> snapshot(AddressSpaceImpl& child, const std::vector<GuestRange>& runs, Gather& gather)
      REQUIRES(lock_);

  // fault.cpp (break_cow and copy_from_object let tables_lock_ go while they copy)
  Step fault_in(Vma& v, u64 page, bool write, By by, FillRequest& fill) REQUIRES_SHARED(lock_);
  Step fault_shared(Vma& v, u64 page, bool write, FillRequest& fill) REQUIRES_SHARED(lock_);
  /// Maps the run around a page where the tables allow the access already; false: they do not.
  bool refill(Vma& v, u64 page, bool write) REQUIRES_SHARED(lock_);
  void show_run(Vma& v, u64 page) REQUIRES_SHARED(lock_) REQUIRES_SHARED(tables_lock_);
  Step fault_private(Vma& v, u64 page, bool write, By by, FillRequest& fill) REQUIRES_SHARED(lock_);
  bool in_order(const Vma& v, u64 page) REQUIRES(tables_lock_);
  Step break_cow(Vma& v, u64 page) REQUIRES_SHARED(lock_) REQUIRES(tables_lock_);
  Step copy_from_object(Vma& v, u64 page, const ObjectImpl::Run& run) REQUIRES_SHARED(lock_)
      REQUIRES(tables_lock_);
  void walk_on(AreaReader& reader, u64 page, bool write) REQUIRES_SHARED(lock_);
  Step fault_once(u64 address, Access access, By by, FillRequest& fill);
  FaultOutcome fault_page(u64 address, Access access, By by);
  bool grow_stack(u64 address);
  /// What was gathered is released once the stub has done what the ticket stands for.
  void defer(platform::Ticket ticket, Gather&& gather) REQUIRES(tables_lock_);
  /// Releases what deferred revocations have freed. Called with no lock held.
  void reap();

  // fork.cpp
  std::vector<GuestRange> hot_pieces(GuestAddr sp) REQUIRES(lock_);
  void copy_hot(AddressSpaceImpl& child, const std::vector<GuestRange>& pieces) REQUIRES(lock_);

  // huge.cpp: areas in huge pages
  bool cuts_huge_page(u64 begin, u64 end) const REQUIRES_SHARED(lock_);
  Result<> reserve_huge(Vma& v, bool writable, u64 length);
  Result<BlockNumber> take_huge_page(const Vma& v, u64 window, bool reserved) REQUIRES(tables_lock_);
  Step fault_huge_private(Vma& v, u64 page, bool write, FillRequest& fill) REQUIRES_SHARED(lock_);

  // copy.cpp
  /// How contents are reached that only the stub has: they come home first, or (a few bytes) through its
  /// view.
  enum class Via : u8 { frames, stub };
  template <typename F>
  i64 piece_locked(u64 address, std::size_t n, bool write, bool force, Via via, F&& use)
      REQUIRES_SHARED(lock_);
  template <typename F>
  i64 through_stub(u64 address, std::size_t n, bool write, F&& use) REQUIRES_SHARED(lock_)
      REQUIRES(tables_lock_);
  template <typename F>
  std::size_t transfer(u64 address, std::size_t n, bool write, bool force, F&& use, Via via = Via::stub);
  template <typename F>
  Result<u32> atomic_u32(GuestAddr address, bool write, F&& operate);
  void unpin();
  /// Makes the page present and gives it storage.
  bool touch(u64 address, bool write);

  // protect.cpp, advise.cpp
  /// Calls change(vma) -> Result<> for each area of the range, cut to it, and merges what is alike
  /// afterwards. ENOMEM for a hole: at once if `stop_at_hole`, else after the rest is done.
  template <typename F>
  Result<> change_areas(u64 begin, u64 end, bool stop_at_hole, F&& change) REQUIRES(lock_);
  Result<> protect_area(Vma& v, Access access, platform::Ticket& ticket) REQUIRES(lock_);
  Result<> discard(Vma& v, u64 begin, u64 end, Dropped& dropped) REQUIRES(lock_);
  bool mapped_whole(u64 begin, u64 end) const REQUIRES_SHARED(lock_);
  Result<> advise_area(Vma& v, int advice, Dropped& dropped) REQUIRES(lock_);
  Result<> change_locked(u64 begin, u64 end, bool locked, bool on_fault);

  // real_time.cpp
  /// Changes are shown to the stub at once, and no page is left to a fault that need not be.
  bool prompt() const override { return locked_all_ || real_time_; }
  /// Shows all that is present in [begin, end), if prompt(). Called with no lock held.
  void propagate(u64 begin, u64 end);
  static void fill_text(const Ref<ObjectImpl>& object, u64 first, u64 end);
  /// fork: the child is given its own copies of what is locked; the parent may write it again at once.
  void copy_locked_for(AddressSpaceImpl& child) REQUIRES(lock_);

  // remap.cpp
  Result<GuestAddr> move_area(u64 old_begin, u64 old_length, u64 new_begin, u64 new_length, bool keep_old,
                              Dropped& dropped) REQUIRES(lock_);

  // share.cpp
  Result<> prepare_share(u64 begin, u64 end);
  Result<> copy_frames_to(ObjectImpl& object, u64 offset, FrameNumber first, u64 pages);
  /// Makes the private area at `begin` a shared one. False: something has to be prepared again.
  Result<bool> share_area(u64 begin, Dropped& dropped) REQUIRES(lock_);
  Result<bool> share_once(u64 begin, u64 end, std::vector<SharedPiece>& pieces);

  // inspect.cpp
  std::vector<MemoryRun> runs_of(const Vma& v) const REQUIRES_SHARED(lock_);
  void add_residency(const Vma& v, u64 begin, u64 end, Residency& r) const REQUIRES_SHARED(lock_);

  /// Marks a window as being copied into, while tables_lock_ is not held: whoever else wants a page of
  /// it waits (await_window), and runs of pages end before it.
  class CopyingWindow {
   public:
    CopyingWindow(AddressSpaceImpl& s, u64 page) REQUIRES(s.tables_lock_);
    ~CopyingWindow();
    CopyingWindow(const CopyingWindow&) = delete;
    CopyingWindow& operator=(const CopyingWindow&) = delete;

   private:
    AddressSpaceImpl& s_;
    const u64 window_;
  };
  void await_window(u64 page) REQUIRES(tables_lock_);
  /// The end of a run from `page` that reaches no window that is being copied into.
  u64 run_limit(u64 page, u64 end) const REQUIRES_SHARED(tables_lock_);
  bool being_copied(u64 page) const REQUIRES_SHARED(tables_lock_);

  ManagerImpl& manager_;
  std::unique_ptr<platform::Space> space_;
  mutable MmLock lock_;
  VmaMap vmas_ GUARDED_BY(lock_);
  Mutex<locks::pins> idle_lock_;  // for areas_left_
  CondVar areas_left_;
  std::atomic<bool> writer_waits_{false};
  mutable PageTables::Lock tables_lock_;
  PageTables tables_ GUARDED_BY(tables_lock_);
  std::deque<Deferred> deferred_ GUARDED_BY(tables_lock_);
  std::atomic<bool> defers_{false};                    // deferred_ is not empty
  std::vector<u64> copying_ GUARDED_BY(tables_lock_);  // windows that are being copied into
  PrivateMap privates_ GUARDED_BY(tables_lock_);
  u32 scattered_ GUARDED_BY(tables_lock_) = 0;  // steps by which writes are let go, since the last fork
  bool joined_private_spaces_ GUARDED_BY(tables_lock_) = false;
  u32 filled_before_ GUARDED_BY(tables_lock_) =
      0;  // windows, filled and unmapped, and no others touched since
  u32 ahead_credit_ GUARDED_BY(tables_lock_) = 0;  // windows filled in order, and no other run begun for them
  u32 by_pieces_ GUARDED_BY(tables_lock_) =
      0;                        // so many forks long writes are copied by pieces, not by the host
  std::map<u64, u64> sampled_;  // settle_dense(): pages written in the first window of each run
  std::chrono::steady_clock::time_point sampled_at_{};
  std::chrono::steady_clock::time_point dense_again_{};  // until then it does nothing
  CondVar copied_;
  Ref<HotPieces> hot_ = make_ref<HotPieces>();  // shared with parent and children

  Mutex<locks::pins> pins_lock_;
  CondVar unpinned_;
  u32 pins_ GUARDED_BY(pins_lock_) = 0;

  Limits limits_ GUARDED_BY(lock_);
  ProgramLayout layout_ GUARDED_BY(lock_);
  u64 mmap_base_ GUARDED_BY(lock_) = 0;
  u64 brk_begin_ GUARDED_BY(lock_) = 0;
  u64 brk_end_ GUARDED_BY(lock_) = 0;
  u64 total_bytes_ GUARDED_BY(lock_) = 0;
  u64 data_bytes_ GUARDED_BY(lock_) = 0;
  u64 locked_bytes_ GUARDED_BY(lock_) = 0;
  bool lock_future_ GUARDED_BY(lock_) = false;
  bool lock_on_fault_ GUARDED_BY(lock_) = false;  // of what lock_future_ locks
  mutable std::atomic<u64> peak_pages_{0};
  // A guest that touches small areas in order: where the next fault is expected, how many areas the last
  // served.
  std::atomic<u64> walk_next_{0};
  std::atomic<u32> walk_areas_{0};
  std::atomic<bool> used_huge_pages_{false};
  std::atomic<bool> huge_pages_off_{false};  // transparent ones
  std::atomic<bool> locked_all_{false};      // by mlockall, not on fault
  std::atomic<bool> real_time_{false};
  std::atomic<bool> small_pages_{false};
  u32 prepared_ = 0;  // how often; this and the next by the collapser's thread only
  std::chrono::steady_clock::time_point prepare_again_{};
  std::chrono::steady_clock::time_point watched_until_ = std::chrono::steady_clock::time_point::max();
  WriteWatch watch_;
  std::atomic<bool> expects_fork_{false};  // it was prepared for
};

}  // namespace quire::mm
