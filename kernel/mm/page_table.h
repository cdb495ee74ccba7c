// Four levels of counted page tables for private memory.
//
// An entry of a last-level (level 1) table names a frame; an entry of a level-2 table names a level-1
// table or a whole 2 MiB block; above, entries name tables. A table that two parents name is shared:
// nobody changes it, and every stub maps what lies below it without write access. Whoever needs to
// change something below copies the tables on the path first, each with one more count on what it
// names. An entry that is empty means: nothing private here (in a file mapping, the file's page).
//
// Shared mappings have no entries at all: what they show follows from the vma and its object.
//
// Ranges are guest addresses as plain integers, page aligned.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "base/result.h"
#include "kernel/abi/types.h"
#include "kernel/mm/blocks.h"
#include "kernel/mm/page_cost.h"
#include "kernel/mm/reverse_map.h"
#include "kernel/mm/slab.h"

namespace quire::mm {

struct Table;

/// One table entry.
class Entry {
 public:
  constexpr Entry() = default;
  static Entry to_table(Table* t) { return Entry(reinterpret_cast<u64>(t)); }
  static Entry to_frame(FrameNumber f) { return Entry(f.value() << 1 | 1); }
  bool empty() const { return raw_ == 0; }
  bool names_frame() const { return (raw_ & 1) != 0; }
  bool names_table() const { return raw_ != 0 && (raw_ & 1) == 0; }
  Table* table() const { return reinterpret_cast<Table*>(raw_); }
  FrameNumber frame() const { return FrameNumber(raw_ >> 1); }
  friend bool operator==(Entry, Entry) = default;

 private:
  explicit constexpr Entry(u64 raw) : raw_(raw) {}
  u64 raw_ = 0;
};

inline constexpr unsigned entries_per_table = 512;
inline constexpr int root_level = 4;

/// Address bits below one entry of a table of this level.
constexpr unsigned entry_shift(int level) { return 12 + 9 * (static_cast<unsigned>(level) - 1); }
constexpr u64 entry_bytes(int level) { return u64{1} << entry_shift(level); }
constexpr unsigned entry_index(u64 address, int level) {
  return static_cast<unsigned>(address >> entry_shift(level)) % entries_per_table;
}

struct Table {
  explicit Table(int l) : level(static_cast<u8>(l)) {}
  std::atomic<u32> count{1};  // parent entries that name it
  u8 level;
  u16 used = 0;                 // entries that are not empty
  u16 breaks = 0;               // level 1: copy-on-write breaks here since it became our own
  BlockNumber home = no_block;  // level 1: where fresh frames come from (a home count)
  std::array<Entry, entries_per_table> entries{};
  // The way back (reverse_map.h).
  struct Parent {
    Table* table;
    u32 index;
    friend bool operator==(const Parent&, const Parent&) = default;
  };
  std::vector<Parent> parents;  // under the reverse map's lock
  struct Named {
    BlockNumber block;
    u32 count, index;
  };
  std::vector<Named> named;           // blocks that entries name frames of
  const PageTables* owner = nullptr;  // a root: whose

  static void* operator new(std::size_t);
  static void operator delete(void* table);
};

using TableStorage = Slab<sizeof(Table)>;
inline void* Table::operator new(std::size_t) { return TableStorage::take(); }
inline void Table::operator delete(void* table) { TableStorage::give(table); }

/// A run of pages that are alike: consecutive frames with the same right to be written, or unnamed.
struct Span {
  u64 begin = 0, end = 0;
  bool named = false;
  bool exclusive = false;   // named by this address space alone: may be written
  FrameNumber frame{};      // of `begin`, if named
  bool stub_owned = false;  // the stub may have newer pages than these frames (never set by PageTables)
};

/// What the tables of all address spaces of a machine have in common: counts for --stats, and the way back
/// from frames.
struct TableCounters {
  std::atomic<u64> live{0};
  std::atomic<u64> shared{0};    // shares made by forks
  std::atomic<u64> unshared{0};  // copies made on the first change
  ReverseMap back;
  PageCost page_cost;
};

/// Releases what was taken out of the tables, once no stub can reach it any more.
class Gather {
 public:
  Gather(BlockPool& pool, TableCounters& counters) : pool_(&pool), counters_(&counters) {}
  Gather(Gather&&) noexcept = default;
  Gather& operator=(Gather&&) noexcept = default;
  Gather(const Gather&) = delete;
  Gather& operator=(const Gather&) = delete;
  ~Gather() { release(); }

  void frames(FrameNumber f, u32 n);
  void blocks(BlockNumber b, u64 n);
  void table(Table* t) { tables_.push_back(t); }
  /// Frames that stay named but must read as zeros.
  void clear(FrameNumber f, u64 n);
  void append(Gather&& other);
  bool empty() const { return frames_.empty() && blocks_.empty() && tables_.empty() && clears_.empty(); }
  /// Something lost its name: the stubs must lose it too before it is released.
  bool takes_names() const { return !frames_.empty() || !blocks_.empty() || !tables_.empty(); }
  /// Gives back the storage of what stays named. Before anybody can reach it again.
  void clear_now();
  /// Drops the counts. The stubs must be done with all that was gathered.
  void release();

 private:
  struct FrameRun {
    FrameNumber first;
    u64 n;
  };
  struct BlockRun {
    BlockNumber first;
    u64 n;
  };
  BlockPool* pool_;
  TableCounters* counters_;
  std::vector<FrameRun> frames_;
  std::vector<BlockRun> blocks_;
  std::vector<Table*> tables_;
  std::vector<FrameRun> clears_;
};

/// The page tables of one address space. The caller serialises calls (mm's page-table lock), those of const
/// methods only with the others; tables shared with other address spaces may be used by them at the same
/// time.
class PageTables {
 public:
  PageTables(BlockPool& pool, TableCounters& counters);
  ~PageTables();
  PageTables(const PageTables&) = delete;
  PageTables& operator=(const PageTables&) = delete;

  /// The longest run that starts at `address`, within [address, end) and, unless `across` windows is
  /// asked for, within the 2 MiB window.
  Span span_at(u64 address, u64 end, bool across = false) const;

  /// Gives every unnamed page of the range a fresh frame (a hole, which reads as zeros). With
  /// `by_page` set only the range itself is named; else whole empty 2 MiB windows are named at once,
  /// beyond the range too. ENOMEM.
  Result<> name(u64 begin, u64 end, bool by_page);

  /// Makes the pages of the range, all in one 2 MiB window, exclusively owned: shared frames are
  /// copied (holes become fresh holes), unnamed pages stay unnamed. What was replaced goes to
  /// `gather`. ENOMEM; EFAULT when the memory file is full. `unlocked`: a lock that is let go while
  /// pages are copied; then the caller keeps others away from the window.
  using Lock = WriterFirstMutex<locks::page_table>;
  Result<> own(u64 begin, u64 end, Gather& gather, Lock* unlocked = nullptr);

  /// Gives named pages of the range, all in one 2 MiB window, fresh frames that are to be filled by the
  /// caller. What was replaced goes to `gather`. ENOMEM.
  Result<> refresh(u64 begin, u64 end, Gather& gather);

  /// Names one unnamed page with a fresh frame that is to be filled by the caller. ENOMEM.
  Result<FrameNumber> name_page(u64 address);

  /// Names a whole block, whose count is taken over, in an empty 2 MiB window.
  void name_block(u64 address, BlockNumber b);

  /// Which pages of blocks that are exclusively ours may keep their name when they are zapped, and are
  /// cleared instead: none, those in windows that are not zapped wholly, or all.
  enum class Keep : u8 { none, partial, all };
  /// Takes the names of the range away.
  void zap(u64 begin, u64 end, Keep keep, Gather& gather);

  /// Moves names [from, from + length) to the unnamed range at `to`. ENOMEM.
  Result<> move(u64 from, u64 to, u64 length);

  /// Makes `child`, which is empty, name all that this one names, sharing every table.
  void share_into(PageTables& child);
  /// Copies all tables that are shared (policy: never share).
  void unshare_all();

  /// Number of last-level tables and blocks named at level 2 (the size measure of the share policy).
  u64 leaf_count() const;
  u64 table_bytes() const;
  /// Breaks of copy-on-write so far in the last-level table of this address, if it is our own.
  unsigned breaks(u64 address) const;
  /// Visits the named runs of [begin, end) in address order.
  template <typename F>
  void for_each_named(u64 begin, u64 end, F&& visit) const {
    for (u64 a = begin; a < end;) {
      const Span s = span_at(a, end);
      if (s.named) visit(s);
      a = s.end;
    }
  }
  const Table& root() const { return root_; }

  /// Drops one count of a table and, with the last, of all below it.
  static void drop(Table* t, BlockPool& pool, TableCounters& counters);

 private:
  void set(Table& t, unsigned i, Entry e);
  /// Adds all that is named below to the frames' chains, or takes it out.
  void chain(const Table& t, bool add);
  void chain(Entry e, int level, bool add);
  Table* own_path(u64 address, int level, bool create);
  Table* copy(const Table& t);
  Table* split_block(Table& level2, unsigned index);
  Table* own_last_level(u64 address, bool create);
  Result<u32> fresh_frames(Table& t, u64 address, u32 n, Use use = Use::fresh, bool* stored = nullptr);
  Result<BlockNumber> fresh_block(const Table& level2, u64 address, Use use = Use::fresh,
                                  bool* warm = nullptr);
  Result<BlockNumber> copy_block(const Table& level2, u64 address, FrameNumber from, Lock* unlocked);
  /// What is copied to: holes; frames some of which have storage; a block that the first touch makes huge.
  enum class Target : u8 { holes, stored, huge };
  Result<> copy_frames(FrameNumber from, FrameNumber to, u32 n, Lock* unlocked, Target target);
  void zap_in(Table& t, u64 base, u64 begin, u64 end, Keep keep, Gather& gather);
  void zap_window(Table& level2, unsigned index, u64 begin, u64 end, Keep keep, Gather& gather);
  void try_merge(u64 address);

  BlockPool& pool_;
  TableCounters& counters_;
  Table root_{root_level};
};

}  // namespace quire::mm
