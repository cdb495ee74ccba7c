#include "kernel/mm/reverse_map.h"

#include <algorithm>
#include <cassert>

#include "kernel/mm/page_table.h"

namespace quire::mm {
namespace {

template <typename T, typename V>
void take_out(std::vector<T>& all, const V& one) {
  auto it = std::ranges::find(all, one);
  assert(it != all.end());
  *it = all.back();
  all.pop_back();
}

}  // namespace

void ReverseMap::link(Table& child, Table& parent, unsigned index) {
  LockGuard guard(lock_);
  child.parents.push_back({&parent, index});
}

void ReverseMap::unlink(Table& child, Table& parent, unsigned index) {
  LockGuard guard(lock_);
  take_out(child.parents, Table::Parent{&parent, index});
}

void ReverseMap::name(Table& t, BlockNumber b, unsigned n, unsigned index) {
  for (Table::Named& d : t.named)
    if (d.block == b) {
      d.count += n;
      if (t.level == 1 || d.index == index) return;
      // The block moves from one window of the table to another; the old name goes next.
      d.index = index;
      LockGuard guard(lock_);
      for (Naming& known : naming_[b.value()])
        if (known.table == &t) known.index = index;
      return;
    }
  t.named.push_back({b, n, index});
  LockGuard guard(lock_);
  naming_[b.value()].push_back({&t, index});
}

void ReverseMap::forget(Table& t, BlockNumber b, unsigned n) {
  auto it = std::ranges::find(t.named, b, &Table::Named::block);
  assert(it != t.named.end() && it->count >= n);
  it->count -= n;
  if (it->count != 0) return;
  *it = t.named.back();
  t.named.pop_back();
  LockGuard guard(lock_);
  auto at = naming_.find(b.value());
  std::erase_if(at->second, [&](const Naming& x) { return x.table == &t; });
  if (at->second.empty()) naming_.erase(at);
}

void ReverseMap::copied(Table& t, const Table& from) {
  t.named = from.named;
  LockGuard guard(lock_);
  for (const Table::Named& d : t.named) naming_[d.block.value()].push_back({&t, d.index});
  for (unsigned i = 0; i < entries_per_table && t.level > 1; ++i)
    if (t.entries[i].names_table()) t.entries[i].table()->parents.push_back({&t, i});
}

void ReverseMap::drop(Table& t) {
  LockGuard guard(lock_);
  for (const Table::Named& d : t.named) {
    auto at = naming_.find(d.block.value());
    std::erase_if(at->second, [&](const Naming& x) { return x.table == &t; });
    if (at->second.empty()) naming_.erase(at);
  }
  t.named.clear();
  for (unsigned i = 0; i < entries_per_table && t.level > 1; ++i)
    if (t.entries[i].names_table()) take_out(t.entries[i].table()->parents, Table::Parent{&t, i});
}

void ReverseMap::collect(const Table& t, u64 below, std::vector<Place>& found) const {
  if (t.owner != nullptr) {
    found.push_back({t.owner, below});
    return;
  }
  for (const Table::Parent& p : t.parents)
    collect(*p.table, below + p.index * entry_bytes(p.table->level), found);
}

std::vector<ReverseMap::Place> ReverseMap::places(FrameNumber f) const {
  std::vector<Place> found;
  LockGuard guard(lock_);
  auto it = naming_.find(block_of(f).value());
  if (it == naming_.end()) return found;
  for (const Naming& n : it->second)
    collect(*n.table, u64{n.index} * (n.table->level == 2 ? huge_size : 0), found);
  return found;
}

u64 ReverseMap::sharers(FrameNumber f) const {
  std::vector<Place> found = places(f);
  std::ranges::sort(found);
  const auto same = std::ranges::unique(found, {}, &Place::tables);
  return std::max<u64>(1, found.size() - same.size());
}

void ReverseMap::add_to_chain(FrameNumber f, u64 n, const PageTables& who) {
  LockGuard guard(lock_);
  for (u64 i = 0; i < n; ++i) chains_[(f + i).value()].push_back(&who);
}

void ReverseMap::take_from_chain(FrameNumber f, u64 n, const PageTables& who) {
  LockGuard guard(lock_);
  for (u64 i = 0; i < n; ++i) {
    auto at = chains_.find((f + i).value());
    take_out(at->second, &who);
    if (at->second.empty()) chains_.erase(at);
  }
}

std::vector<const PageTables*> ReverseMap::chain(FrameNumber f) const {
  LockGuard guard(lock_);
  const auto at = chains_.find(f.value());
  return at != chains_.end() ? at->second : std::vector<const PageTables*>();
}

}  // namespace quire::mm
