#include "kernel/mm/page_table.h"

#include <algorithm>
#include <cassert>

#include "kernel/platform/holes.h"

namespace quire::mm {
namespace {

constexpr u64 window_begin(u64 address) { return round_down(address, huge_size); }
constexpr u64 window_end(u64 address) { return window_begin(address) + huge_size; }

bool shared(const Table* t) { return t->count.load(std::memory_order_acquire) > 1; }

/// Length of the run of consecutive frames of one block that entries [i, end) name.
unsigned frame_run(const Table& t, unsigned i, unsigned end) {
  if (!t.entries[i].names_frame()) return 0;
  const FrameNumber f = t.entries[i].frame();
  unsigned n = 1;
  while (i + n < end && t.entries[i + n] == Entry::to_frame(f + n) && block_of(f + n) == block_of(f)) ++n;
  return n;
}

}  // namespace

PageTables::PageTables(BlockPool& pool, TableCounters& counters) : pool_(pool), counters_(counters) {
  root_.owner = this;
}

PageTables::~PageTables() {
  chain(root_, false);
  counters_.back.drop(root_);
  for (const Entry e : root_.entries)
    if (e.names_table()) drop(e.table(), pool_, counters_);
}

// Every change of an entry goes through here, so that the way back is always known.
void PageTables::set(Table& t, unsigned i, Entry e) {
  const Entry old = t.entries[i];
  t.used = static_cast<u16>(t.used + (e.empty() ? 0 : 1) - (old.empty() ? 0 : 1));
  if (e.names_table())
    counters_.back.link(*e.table(), t, i);
  else if (e.names_frame())
    counters_.back.name(t, block_of(e.frame()), 1, i);
  t.entries[i] = e;
  if (old.names_table())
    counters_.back.unlink(*old.table(), t, i);
  else if (old.names_frame())
    counters_.back.forget(t, block_of(old.frame()), 1);
  if (!counters_.back.copied_chains) return;
  if (e.names_frame()) chain(e, t.level, true);
  if (old.names_frame()) chain(old, t.level, false);
}

void PageTables::chain(Entry e, int level, bool add) {
  const u64 n = level == 2 ? pages_per_huge : 1;
  if (add)
    counters_.back.add_to_chain(e.frame(), n, *this);
  else
    counters_.back.take_from_chain(e.frame(), n, *this);
}

void PageTables::chain(const Table& t, bool add) {
  if (!counters_.back.copied_chains) return;
  for (const Entry e : t.entries) {
    if (e.names_table())
      chain(*e.table(), add);
    else if (e.names_frame())
      chain(e, t.level, add);
  }
}

void PageTables::drop(Table* t, BlockPool& pool, TableCounters& counters) {
  if (t->count.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  counters.back.drop(*t);
  for (unsigned i = 0; i < entries_per_table && t->used != 0;) {
    const Entry e = t->entries[i];
    if (e.names_table()) {
      drop(e.table(), pool, counters);
      ++i;
    } else if (e.names_frame() && t->level == 2) {
      unsigned n = 1;
      while (i + n < entries_per_table &&
             t->entries[i + n] == Entry::to_frame(e.frame() + n * pages_per_huge))
        ++n;
      pool.release_whole(block_of(e.frame()), n);
      i += n;
    } else if (e.names_frame()) {
      const unsigned n = frame_run(*t, i, entries_per_table);
      pool.release_frames(e.frame(), n);
      i += n;
    } else {
      ++i;
    }
  }
  if (t->home != no_block) pool.release_home(t->home);
  counters.live.fetch_sub(1, std::memory_order_relaxed);
  delete t;
}

Table* PageTables::copy(const Table& t) {
  auto* n = new Table(t.level);
  counters_.live.fetch_add(1, std::memory_order_relaxed);
  n->used = t.used;
  n->entries = t.entries;
  counters_.back.copied(*n, t);
  for (unsigned i = 0; i < entries_per_table;) {
    const Entry e = t.entries[i];
    if (e.names_table()) {
      e.table()->count.fetch_add(1, std::memory_order_relaxed);
      ++i;
    } else if (e.names_frame() && t.level == 2) {
      pool_.retain_whole(block_of(e.frame()));
      ++i;
    } else if (e.names_frame()) {
      const unsigned run = frame_run(t, i, entries_per_table);
      pool_.retain_frames(e.frame(), run);
      i += run;
    } else {
      ++i;
    }
  }
  return n;
}

// The table of `level` on the path to `address`, with every table down to it unshared. Null if it does
// not exist and is not to be made, or where a block is named as a whole above it.
Table* PageTables::own_path(u64 address, int level, bool create) {
  Table* t = &root_;
  while (t->level > level) {
    const unsigned i = entry_index(address, t->level);
    const Entry e = t->entries[i];
    if (e.names_frame()) return nullptr;
    if (e.empty()) {
      if (!create) return nullptr;
      counters_.live.fetch_add(1, std::memory_order_relaxed);
      set(*t, i, Entry::to_table(new Table(t->level - 1)));
    } else if (shared(e.table())) {
      // The copy's counts are taken before ours on the original is dropped: whoever sees that he is
      // the only one left also sees the higher counts below.
      Table* mine = copy(*e.table());
      set(*t, i, Entry::to_table(mine));
      drop(e.table(), pool_, counters_);
      counters_.unshared.fetch_add(1, std::memory_order_relaxed);
    }
    t = t->entries[i].table();
  }
  return t;
}

// Replaces the whole block that an entry of an unshared level-2 table names by a table of its frames.
Table* PageTables::split_block(Table& level2, unsigned index) {
  const FrameNumber first = level2.entries[index].frame();
  const BlockNumber b = block_of(first);
  auto* t = new Table(1);
  counters_.live.fetch_add(1, std::memory_order_relaxed);
  const bool ours = pool_.sole(b);
  pool_.split(b);
  if (ours) {
    pool_.retain_home(b);
    t->home = b;
  }
  for (unsigned i = 0; i < entries_per_table; ++i) t->entries[i] = Entry::to_frame(first + i);
  t->used = entries_per_table;
  counters_.back.name(*t, b, entries_per_table, 0);
  chain(*t, true);
  set(level2, index, Entry::to_table(t));
  return t;
}

Table* PageTables::own_last_level(u64 address, bool create) {
  Table* level2 = own_path(address, 2, create);
  if (level2 == nullptr) return nullptr;
  const unsigned i = entry_index(address, 2);
  if (level2->entries[i].names_frame()) return split_block(*level2, i);
  return own_path(address, 1, create);
}

Span PageTables::span_at(u64 address, u64 end, bool across) const {
  const Table* t = &root_;
  bool exclusive = true;
  for (;;) {
    const unsigned i = entry_index(address, t->level);
    const Entry e = t->entries[i];
    if (e.empty()) {
      if (t->level > 1)
        return {address, std::min(end, round_down(address, entry_bytes(t->level)) + entry_bytes(t->level))};
      unsigned n = 1;
      while (i + n < entries_per_table && t->entries[i + n].empty()) ++n;
      return {address, std::min(end, address + n * page_size)};
    }
    if (e.names_table()) {
      t = e.table();
      exclusive = exclusive && !shared(t);
      continue;
    }
    Span s{address, std::min(end, window_end(address)), true, exclusive, e.frame()};
    const auto pages = static_cast<u32>((s.end - s.begin) / page_size);
    if (t->level == 2) {
      s.frame = e.frame() + (address - window_begin(address)) / page_size;
      // Under a shared table nothing is exclusive.
      auto alike = [&](FrameNumber f, u32 n, bool& alone) {
        alone = false;
        return exclusive ? pool_.uniform_run(f, n, alone) : n;
      };
      s.end = s.begin + alike(s.frame, pages, s.exclusive) * page_size;
      // Neighbouring blocks that are alike too.
      while (across && s.end < end && s.end == window_end(s.end - 1)) {
        const unsigned j = entry_index(s.end, 2);
        if (j == 0 || t->entries[j] != Entry::to_frame(s.frame + (s.end - s.begin) / page_size)) break;
        bool next = false;
        const auto want = static_cast<u32>(std::min(huge_size, end - s.end) / page_size);
        const u32 got = alike(t->entries[j].frame(), want, next);
        if (next != s.exclusive) break;
        s.end += got * page_size;
        if (got < want) break;
      }
      return s;
    }
    const unsigned n = frame_run(*t, i, i + pages);
    s.end = s.begin + n * page_size;
    if (exclusive) s.end = s.begin + pool_.uniform_run(s.frame, n, s.exclusive) * page_size;
    return s;
  }
}

// A free block for the window of `address`: next to those of its neighbours if that place is free.
Result<BlockNumber> PageTables::fresh_block(const Table& level2, u64 address, Use use, bool* warm) {
  const unsigned i = entry_index(address, 2);
  const unsigned group = i & ~31u;
  BlockNumber wanted = no_block;
  for (unsigned d = 1; d < 32 && wanted == no_block; ++d)
    for (const unsigned j : {i - d, i + d}) {
      if (j < group || j >= group + 32) continue;
      const Entry e = level2.entries[j];
      BlockNumber near = no_block;
      if (e.names_frame())
        near = block_of(e.frame());
      else if (e.names_table())
        near = e.table()->home;
      if (near == no_block || near.value() + i < j) continue;
      wanted = BlockNumber(near.value() + i - j);
      break;
    }
  return pool_.allocate(address >> huge_shift, wanted, use, warm);
}

Result<> PageTables::name(u64 begin, u64 end, bool by_page) {
  for (u64 a = begin; a < end;) {
    const u64 stop = std::min(end, window_end(a));
    // Look first: a shared table in which all is named need not be copied.
    bool missing = false;
    for (u64 p = a; p < stop && !missing;) {
      const Span s = span_at(p, stop);
      missing = !s.named;
      p = s.end;
    }
    if (!missing) {
      a = stop;
      continue;
    }
    Table* level2 = own_path(a, 2, true);
    const unsigned i = entry_index(a, 2);
    if (level2->entries[i].empty() && !by_page) {
      // As many empty windows at once as the range covers, so that their blocks are consecutive.
      unsigned n = 1;
      while (i + n < entries_per_table && a - a % huge_size + n * huge_size < end &&
             level2->entries[i + n].empty())
        ++n;
      BlockNumber b = no_block;
      if (n > 1) {
        if (auto run = pool_.allocate_run(n, a >> huge_shift))
          b = *run;
        else
          n = 1;
      }
      if (b == no_block) b = TRY(fresh_block(*level2, a));
      for (unsigned k = 0; k < n; ++k)
        set(*level2, i + k, Entry::to_frame(first_frame(BlockNumber(b.value() + k))));
      a = std::min(end, window_begin(a) + n * huge_size);
      continue;
    }
    Table* t = own_last_level(a, true);
    while (a < stop) {
      const unsigned k = entry_index(a, 1);
      if (!t->entries[k].empty()) {
        a += page_size;
        continue;
      }
      u32 n = 1;
      while (a + n * page_size < stop && t->entries[k + n].empty()) ++n;
      n = TRY(fresh_frames(*t, a, n));
      a += n * page_size;
    }
    try_merge(stop - 1);
  }
  return {};
}

// Names up to `n` pages from `address` on, whose entries the caller is about to replace or are empty,
// from the table's home; returns how many (at least one).
Result<u32> PageTables::fresh_frames(Table& t, u64 address, u32 n, Use use, bool* stored) {
  const unsigned i = entry_index(address, 1);
  u32 got = t.home == no_block ? 0 : pool_.name_run(first_frame(t.home) + i, n, use, stored);
  if (got == 0) {
    const Table* level2 = own_path(address, 2, false);
    const BlockNumber b = TRY(fresh_block(*level2, address, Use::overwritten));
    pool_.whole_to_home(b);
    if (t.home != no_block) pool_.release_home(t.home);
    t.home = b;
    got = pool_.name_run(first_frame(b) + i, n, use, stored);
  }
  for (u32 k = 0; k < got; ++k) set(t, i + k, Entry::to_frame(first_frame(t.home) + i + k));
  return got;
}

Result<FrameNumber> PageTables::name_page(u64 address) {
  Table* t = own_last_level(address, true);
  TRY_VOID(fresh_frames(*t, address, 1));
  return t->entries[entry_index(address, 1)].frame();
}

void PageTables::name_block(u64 address, BlockNumber b) {
  Table* level2 = own_path(address, 2, true);
  assert(level2->entries[entry_index(address, 2)].empty());
  set(*level2, entry_index(address, 2), Entry::to_frame(first_frame(b)));
}

Result<> PageTables::copy_frames(FrameNumber from, FrameNumber to, u32 n, Lock* unlocked,
                                 Target target) NO_THREAD_SAFETY_ANALYSIS {
  // Pack quire knows it by name.
  struct Gap {
    Lock* lock;
    explicit Gap(Lock* l) NO_THREAD_SAFETY_ANALYSIS : lock(l) {
      if (lock != nullptr) lock->unlock();
    }
    ~Gap() NO_THREAD_SAFETY_ANALYSIS {
      if (lock != nullptr) lock->lock();
    }
  } gap(unlocked);
  platform::Memory& memory = pool_.memory();
  const FrameNumber end = from + n;
  auto leave_hole = [&](FrameNumber begin, FrameNumber stop) {
    const FrameNumber hole = to + (begin - from);
    if (target == Target::stored && begin < stop &&
        memory.next_data(hole, to + (stop - from)) != to + (stop - from))
      pool_.clear(hole, stop - begin);
  };
  platform::DataMap data(memory, from, n);
  FrameNumber f = data.next_data(from);
  leave_hole(from, f);
  while (f < end) {
    const FrameNumber stop = data.next_hole(f);
    const FrameNumber copy = to + (f - from);
    if (target == Target::holes) {
      const PageCost::Watch watch(counters_.page_cost, stop - f);
      TRY_VOID(memory.copy_to_holes(f, copy, PageCount(stop - f)));
    } else if (!memory.checked_copy(memory.at(copy), memory.at(f), (stop - f) * page_size)) {
      return err(EFAULT);
    }
    f = data.next_data(stop);
    leave_hole(stop, f);
  }
  return {};
}

// A whole block of the window's own. Where the source has no hole the copy is a huge page, if the host can
// give one, or one that is warm.
Result<BlockNumber> PageTables::copy_block(const Table& level2, u64 address, FrameNumber from,
                                           Lock* unlocked) {
  platform::Memory& memory = pool_.memory();
  const bool full = memory.next_hole(from, from + pages_per_huge) == from + pages_per_huge;
  const bool huge = full && memory.kind().tmpfs_huge_advise;
  bool warm = false;
  const BlockNumber b = TRY(fresh_block(level2, address, full ? Use::covered : Use::fresh, &warm));
  const FrameNumber to = first_frame(b);
  if (huge && !warm) memory.advise_huge(to, PageCount(pages_per_huge), true);
  const Target target = warm ? Target::stored : huge ? Target::huge : Target::holes;
  auto done = copy_frames(from, to, pages_per_huge, unlocked, target);
  // The advice would outlive these contents: whoever has the frames next may want small pages.
  if (huge && !warm) memory.advise_huge(to, PageCount(pages_per_huge), false);
  if (!done) {
    pool_.release_whole(b, 1);
    return err(done.error());
  }
  if (full) pool_.mark_dense(b, 1);
  return b;
}

Result<> PageTables::own(u64 begin, u64 end, Gather& gather, Lock* unlocked) {
  assert(begin < end && window_begin(begin) == window_begin(end - 1));
  Table* level2 = own_path(begin, 2, false);
  if (level2 == nullptr) return {};
  const unsigned w = entry_index(begin, 2);
  const Entry e = level2->entries[w];
  if (e.empty()) return {};
  if (e.names_frame()) {
    const auto pages = static_cast<u32>((end - begin) / page_size);
    bool exclusive = false;
    const FrameNumber first = e.frame() + (begin - window_begin(begin)) / page_size;
    if (pool_.uniform_run(first, pages, exclusive) == pages && exclusive) return {};
    if (pages == pages_per_huge) {
      // The whole window: a block of its own, and no table.
      const BlockNumber b = TRY(copy_block(*level2, begin, first, unlocked));
      set(*level2, w, Entry::to_frame(first_frame(b)));
      gather.blocks(block_of(first), 1);
      return {};
    }
  }
  Table* t = own_last_level(begin, false);
  for (u64 a = begin; a < end;) {
    const unsigned i = entry_index(a, 1);
    const unsigned last = i + static_cast<unsigned>((end - a) / page_size);
    const unsigned run = frame_run(*t, i, last);
    if (run == 0) {
      a += page_size;
      continue;
    }
    const FrameNumber from = t->entries[i].frame();
    bool exclusive = false;
    u32 n = pool_.uniform_run(from, run, exclusive);
    if (exclusive) {
      a += n * page_size;
      continue;
    }
    bool stored = false;
    n = TRY(fresh_frames(*t, a, n, Use::overwritten, &stored));
    const Target target = stored ? Target::stored : Target::holes;
    if (auto done = copy_frames(from, t->entries[i].frame(), n, unlocked, target); !done) {
      const FrameNumber fresh = t->entries[i].frame();
      for (u32 k = 0; k < n; ++k) set(*t, i + k, Entry::to_frame(from + k));
      pool_.release_frames(fresh, n);
      return done;
    }
    gather.frames(from, n);
    a += n * page_size;
  }
  ++t->breaks;
  try_merge(begin);
  return {};
}

Result<> PageTables::refresh(u64 begin, u64 end, Gather& gather) {
  assert(begin < end && window_begin(begin) == window_begin(end - 1));
  Table* t = own_last_level(begin, false);
  for (u64 a = begin; a < end && t != nullptr;) {
    const unsigned i = entry_index(a, 1);
    const unsigned run = frame_run(*t, i, i + static_cast<unsigned>((end - a) / page_size));
    if (run == 0) {
      a += page_size;
      continue;
    }
    const FrameNumber from = t->entries[i].frame();
    const u32 n = TRY(fresh_frames(*t, a, run));
    gather.frames(from, n);
    a += n * page_size;
  }
  return {};
}

// A last-level table all of whose entries name its home in order is the block again.
void PageTables::try_merge(u64 address) {
  Table* level2 = own_path(address, 2, false);
  if (level2 == nullptr) return;
  const unsigned w = entry_index(address, 2);
  if (!level2->entries[w].names_table()) return;
  Table* t = level2->entries[w].table();
  if (shared(t) || t->used != entries_per_table || t->home == no_block) return;
  const FrameNumber first = first_frame(t->home);
  if (frame_run(*t, 0, entries_per_table) != entries_per_table || t->entries[0].frame() != first) return;
  if (!pool_.merge(t->home)) return;
  set(*level2, w, Entry::to_frame(first));
  chain(*t, false);
  counters_.back.drop(*t);
  pool_.release_home(t->home);
  counters_.live.fetch_sub(1, std::memory_order_relaxed);
  delete t;
}

void PageTables::zap(u64 begin, u64 end, Keep keep, Gather& gather) {
  if (begin < end) zap_in(root_, 0, begin, end, keep, gather);
}

void PageTables::zap_in(Table& t, u64 base, u64 begin, u64 end, Keep keep, Gather& gather) {
  // `t` is unshared. Entries that lie wholly in the range are taken out with all below them.
  const u64 size = entry_bytes(t.level);
  for (u64 a = begin; a < end;) {
    const unsigned i = entry_index(a, t.level);
    const u64 entry_begin = base + i * size;
    const u64 stop = std::min(end, entry_begin + size);
    const Entry e = t.entries[i];
    const bool all = a == entry_begin && stop == entry_begin + size;
    if (e.empty()) {
      a = stop;
      continue;
    }
    if (t.level == 2 && (!all || (keep == Keep::all && e.names_frame()))) {
      zap_window(t, i, a, stop, keep, gather);
    } else if (all) {
      if (e.names_table()) {
        chain(*e.table(), false);
        gather.table(e.table());
      } else {
        gather.blocks(block_of(e.frame()), 1);
      }
      set(t, i, Entry());
    } else {
      Table* below = e.table();
      if (shared(below)) {
        below = copy(*e.table());
        set(t, i, Entry::to_table(below));
        drop(e.table(), pool_, counters_);
        counters_.unshared.fetch_add(1, std::memory_order_relaxed);
      }
      zap_in(*below, entry_begin, a, stop, keep, gather);
      if (below->used == 0) {
        set(t, i, Entry());
        drop(below, pool_, counters_);
      }
    }
    a = stop;
  }
}

// Part of one 2 MiB window, or a whole one that may keep its block.
void PageTables::zap_window(Table& level2, unsigned index, u64 begin, u64 end, Keep keep, Gather& gather) {
  const Entry e = level2.entries[index];
  const auto pages = static_cast<u32>((end - begin) / page_size);
  const unsigned first = entry_index(begin, 1);
  if (e.names_frame()) {
    bool exclusive = false;
    if (keep != Keep::none && pool_.uniform_run(e.frame() + first, pages, exclusive) == pages && exclusive) {
      gather.clear(e.frame() + first, pages);
      return;
    }
    if (pages == pages_per_huge) {
      gather.blocks(block_of(e.frame()), 1);
      set(level2, index, Entry());
      return;
    }
    split_block(level2, index);
  } else if (shared(e.table())) {
    set(level2, index, Entry::to_table(copy(*e.table())));
    drop(e.table(), pool_, counters_);
    counters_.unshared.fetch_add(1, std::memory_order_relaxed);
  }
  Table* t = level2.entries[index].table();
  for (unsigned i = first; i < first + pages;) {
    const unsigned run = frame_run(*t, i, first + pages);
    if (run == 0) {
      ++i;
      continue;
    }
    gather.frames(t->entries[i].frame(), run);
    for (unsigned k = 0; k < run; ++k) set(*t, i + k, Entry());
    i += run;
  }
  if (t->used != 0) return;
  set(level2, index, Entry());
  drop(t, pool_, counters_);
}

Result<> PageTables::move(u64 from, u64 to, u64 length) {
  const bool congruent = from % huge_size == to % huge_size;
  for (u64 done = 0; done < length;) {
    const u64 a = from + done;
    const u64 b = to + done;
    // A whole window moves as it is.
    if (congruent && a % huge_size == 0 && length - done >= huge_size) {
      Table* source = own_path(a, 2, false);
      const unsigned i = entry_index(a, 2);
      if (source != nullptr && !source->entries[i].empty()) {
        Table* target = own_path(b, 2, true);
        assert(target->entries[entry_index(b, 2)].empty());
        set(*target, entry_index(b, 2), source->entries[i]);
        set(*source, i, Entry());
      }
      done += huge_size;
      continue;
    }
    const u64 n = std::min({length - done, window_end(a) - a, window_end(b) - b});
    if (Table* source = own_last_level(a, false); source != nullptr) {
      const unsigned i = entry_index(a, 1);
      const auto pages = static_cast<unsigned>(n / page_size);
      Table* target = nullptr;
      for (unsigned k = 0; k < pages; ++k) {
        const Entry e = source->entries[i + k];
        if (e.empty()) continue;
        if (target == nullptr) target = own_last_level(b, true);
        const unsigned j = entry_index(b, 1) + k;
        assert(target->entries[j].empty());
        set(*target, j, e);
        set(*source, i + k, Entry());
      }
      if (source->used == 0) {
        Table* level2 = own_path(a, 2, false);
        set(*level2, entry_index(a, 2), Entry());
        drop(source, pool_, counters_);
      }
    }
    done += n;
  }
  return {};
}

void PageTables::share_into(PageTables& child) {
  for (unsigned i = 0; i < entries_per_table; ++i) {
    const Entry e = root_.entries[i];
    if (!e.names_table()) continue;
    e.table()->count.fetch_add(1, std::memory_order_relaxed);
    counters_.shared.fetch_add(1, std::memory_order_relaxed);
    child.set(child.root_, i, e);
    child.chain(*e.table(), true);
  }
}

void PageTables::unshare_all() {
  struct Walk {
    PageTables& tables;
    void below(Table& t) const {
      for (unsigned i = 0; i < entries_per_table; ++i) {
        const Entry e = t.entries[i];
        if (!e.names_table()) continue;
        if (shared(e.table())) {
          tables.set(t, i, Entry::to_table(tables.copy(*e.table())));
          drop(e.table(), tables.pool_, tables.counters_);
        }
        below(*t.entries[i].table());
      }
    }
  };
  Walk{*this}.below(root_);
}

unsigned PageTables::breaks(u64 address) const {
  const Table* t = &root_;
  while (t->level > 1) {
    const Entry e = t->entries[entry_index(address, t->level)];
    if (!e.names_table() || shared(e.table())) return 0;
    t = e.table();
  }
  return t->breaks;
}

u64 PageTables::leaf_count() const {
  struct Walk {
    static u64 below(const Table& t) {
      if (t.level == 2) return t.used;
      u64 n = 0;
      for (const Entry e : t.entries)
        if (e.names_table()) n += below(*e.table());
      return n;
    }
  };
  return Walk::below(root_);
}

u64 PageTables::table_bytes() const {
  struct Walk {
    static u64 below(const Table& t) {
      u64 n = 1;
      if (t.level > 1)
        for (const Entry e : t.entries)
          if (e.names_table()) n += below(*e.table());
      return n;
    }
  };
  return Walk::below(root_) * page_size;
}

}  // namespace quire::mm
