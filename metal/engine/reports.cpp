// Findings of what some root leads to, and how one comes to them.

#include "metal/engine/statistics.h"
#include "metal/engine/walk.h"

namespace quire::metal {

void Solver::Impl::count(const std::vector<ItemId>& reached, EngineStats& stats) const {
  std::vector<bool> functions(work.size());
  std::vector<u8> cut(work.size());
  for (ItemId i : reached) {
    u32 f = items[i.value()].key.function.value();
    functions[f] = true;
    cut[f] |= items[i.value()].cut | work[f].cut;
  }
  stats.summaries += items.size();
  stats.reused += taken_over;
  stats.functions += static_cast<u64>(std::count(functions.begin(), functions.end(), true));
  for (u8 bits : cut) {
    stats.functions_cut += (bits & ~(1u << static_cast<u8>(Bound::kTouched))) != 0 ? 1 : 0;
    for (std::size_t b = 0; b < stats.cut_by.size(); ++b) stats.cut_by[b] += bits >> b & 1u;
  }
  for (const std::unique_ptr<Solver>& h : helpers) {
    if (!h) continue;
    std::vector<ItemId> all;
    for (u32 i = 0; i < h->impl_->items.size(); ++i) all.emplace_back(i);
    stats.steps += h->stats_.steps;
    stats.joins += h->stats_.joins;
    h->impl_->count(all, stats);
  }
}

void Solver::Impl::finish() {
  std::vector<ItemId> parent(items.size(), kNoItem), reached;
  std::vector<bool> seen(items.size(), false);
  auto reach = [&](ItemId i, ItemId from) {
    if (seen[i.value()]) return;
    seen[i.value()] = true;
    parent[i.value()] = from;
    reached.push_back(i);
  };
  for (ItemId i : roots) reach(i, kNoItem);
  for (std::size_t head = 0; head < reached.size(); ++head) {
    const std::vector<ItemId>& demands = items[reached[head].value()].demands;
    for (ItemId d : demands) reach(d, reached[head]);
  }
  Tally tally;
  for (ItemId i : reached) {
    const Summary& s = items[i.value()];
    for (const Sighting& o : s.sightings) tally.add(keys.text(o.key), o.site.point(), o.good);
  }
  std::unordered_map<u32, bool> believed;  // keys of statistics
  auto holds = [&](u32 key) {
    auto [it, fresh] = believed.try_emplace(key);
    if (fresh) it->second = tally.holds(*m, keys.text(key));
    return it->second;
  };
  std::map<ItemId, Way> ways;
  for (ItemId i : reached) {
    const Summary& s = items[i.value()];
    bool shown = s.complains;
    for (const Sighting& o : s.sightings) {
      if (!holds(o.key)) continue;
      if (o.good)
        observations.push_back({keys.text(o.key), o.site.point(), true, {}});
      else
        shown = true;
    }
    if (!shown) continue;
    const Way& way = way_to(i, parent, ways);
    const Record& r = record(i);
    for (const Finding& f : r.findings) {
      Finding g = f;
      // A state that was handed in: what is wrong began where it began.
      if (g.cause == g.at && way.cause.line != 0) g.cause = way.cause;
      prepend(g, way);
      findings.push_back(std::move(g));
    }
    for (const Observation& o : r.observations) {
      if (!holds(keys.number(o.key))) continue;
      observations.push_back(o);
      prepend(observations.back().finding, way);
    }
  }
  count(reached, self.stats_);
}

const Solver::Impl::Way& Solver::Impl::way_to(ItemId item, const std::vector<ItemId>& parent,
                                              std::map<ItemId, Way>& ways) {
  // From the item up to the first whose way is known, then down again.
  std::vector<ItemId> chain;
  for (ItemId i = item; i != kNoItem && !ways.contains(i); i = parent[i.value()]) {
    chain.push_back(i);
    if (items[i.value()].key.in_start()) break;  // nothing has happened yet
  }
  for (; !chain.empty(); chain.pop_back()) {
    ItemId i = chain.back(), from = parent[i.value()];
    Way next;
    if (from != kNoItem && !items[i.value()].key.in_start()) {
      const Way& way = ways[from];
      const auto& demands = record(from).demands;
      next.calls = way.calls + 1;
      next.path = way.path;
      next.cause = way.cause;
      next.branches = way.branches;
      next.indirect = way.indirect;
      if (auto d = demands.find(i); d != demands.end()) {
        next.path.insert(next.path.end(), d->second.path.begin(), d->second.path.end());
        if (next.path.size() > 24) next.path.erase(next.path.begin() + 12, next.path.end() - 12);
        if (d->second.cause.line != 0) next.cause = d->second.cause;
        next.branches += d->second.branches;
        next.indirect = next.indirect || d->second.indirect;
      }
    }
    ways[i] = std::move(next);
  }
  return ways[item];
}

void Solver::Impl::prepend(Finding& f, const Way& way) {
  f.path.insert(f.path.begin(), way.path.begin(), way.path.end());
  f.calls += way.calls;
  f.branches += way.branches;
  f.indirect = f.indirect || way.indirect;
}

const Record& Solver::Impl::record(ItemId i) {
  auto [it, fresh] = records.try_emplace(i);
  if (!fresh) return it->second;  // perhaps half done: an item that leads to itself
  ++recording;
  Summary again;
  again.key = items[i.value()].key;
  Record made;
  u64 steps_before = self.stats_.steps;
  Walk(*this, again.key, again, &made).run();
  self.stats_.steps = steps_before;
  --recording;
  return records[i] = std::move(made);
}

std::vector<PathNote> Solver::Impl::inner_notes(ItemId i, u32 exit) {
  constexpr u32 kNested = 6;
  if (recording > kNested) return {};
  const Record& r = record(i);
  return exit < r.exits.size() ? r.exits[exit] : std::vector<PathNote>{};
}

}  // namespace quire::metal
