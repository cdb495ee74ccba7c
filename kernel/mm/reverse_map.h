// The way back: from a frame to every place that maps it.
//
// Tables know their parents, and each block of the memory file knows the tables that name frames of it. So
// sharing a table at fork adds one link, whatever lies below. A place found is where to look, not what is
// there: entries change under the page-table lock of their address space, which is asked afterwards.
//
// Policy::copied_chains keeps, beside that, a chain of address spaces for each frame, as Linux 2.5 had them
// for each page: fork then copies an element for every page that the parent names.
#pragma once

#include <unordered_map>
#include <vector>

#include "base/lock.h"
#include "base/ref.h"
#include "kernel/abi/lock_order.h"
#include "kernel/mm/blocks.h"

namespace quire::mm {

class PageTables;
struct Table;

/// Links from tables to their parents, and from blocks to tables. All methods may be called from any thread,
/// with locks of a rank below `reverse_map` held.
class ReverseMap {
 public:
  /// Entry `index` of `parent` names `child` from now on / no more.
  void link(Table& child, Table& parent, unsigned index);
  void unlink(Table& child, Table& parent, unsigned index);
  /// `t` names `n` more / fewer frames of the block (a whole block counts as one).
  /// Of a level-2 table: entry `index` names the whole block.
  void name(Table& t, BlockNumber b, unsigned n, unsigned index);
  void forget(Table& t, BlockNumber b, unsigned n);
  /// `t` was made as a copy of `from`, and names the same frames.
  void copied(Table& t, const Table& from);
  /// `t` goes away: no block knows it any more.
  void drop(Table& t);

  /// A window of 2 MiB of an address space in which the frame may be named.
  struct Place {
    const PageTables* tables;
    u64 window;
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  /// Every one. Those of address spaces that go away meanwhile are told too: who asks must keep them.
  std::vector<Place> places(FrameNumber f) const;

  /// How many address spaces have tables that name frames of its block: at least 1.
  u64 sharers(FrameNumber f) const;

  // Chains copied at fork; only if `copied_chains`, which is set before there is any table.
  bool copied_chains = false;
  void add_to_chain(FrameNumber f, u64 n, const PageTables& who);
  void take_from_chain(FrameNumber f, u64 n, const PageTables& who);
  std::vector<const PageTables*> chain(FrameNumber f) const;

 private:
  struct Naming {
    Table* table;
    u32 index;  // of a level-2 table: of the entry that names the whole block
  };
  void collect(const Table& t, u64 below, std::vector<Place>& found) const REQUIRES(lock_);

  mutable Mutex<locks::reverse_map> lock_;
  std::unordered_map<u64, std::vector<Naming>> naming_ GUARDED_BY(lock_);             // by block
  std::unordered_map<u64, std::vector<const PageTables*>> chains_ GUARDED_BY(lock_);  // by frame
};

}  // namespace quire::mm
