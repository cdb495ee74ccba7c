#include "metal/engine/place.h"

namespace quire::metal {

PlaceId Places::add(const Place& p) {
  u64 h = static_cast<u64>(p.step) * 0x9e3779b97f4a7c15ull + p.base.value();
  h = (h ^ (h >> 29)) * 0xbf58476d1ce4e5b9ull + p.name.hash() +
      static_cast<u64>(p.number) * 0x94d049bb133111ebull;
  auto [a, b] = index_.equal_range(h);
  for (auto it = a; it != b; ++it) {
    const Place& q = places_[it->second];
    if (q.step == p.step && q.base == p.base && q.name == p.name && q.number == p.number)
      return PlaceId(it->second);
  }
  u32 id = static_cast<u32>(places_.size());
  places_.push_back(p);
  if (p.base == kNoPlace) places_.back().root = PlaceId(id);
  index_.emplace(h, id);
  return PlaceId(id);
}

PlaceId Places::root(Step step, Symbol name, i64 number) {
  Place p;
  p.step = step;
  p.name = name;
  p.number = number;
  return add(p);
}

PlaceId Places::step(PlaceId base, Step step, Symbol name, i64 number) {
  if (base == kNoPlace) return kNoPlace;
  const Place& b = places_[base.value()];
  if (step == Step::Deref && b.step == Step::Address) return b.base;
  if (step == Step::Address && b.step == Step::Deref) return b.base;
  if (b.depth >= kMaxDepth) return kNoPlace;
  Place p;
  p.step = step;
  p.depth = static_cast<u8>(b.depth + 1);
  p.base = base;
  p.root = b.root;
  p.name = name;
  p.number = number;
  return add(p);
}

bool Places::has_prefix(PlaceId id, PlaceId prefix) const {
  if (prefix == kNoPlace) return false;
  u8 depth = places_[prefix.value()].depth;
  while (id != kNoPlace && places_[id.value()].depth > depth) id = places_[id.value()].base;
  return id == prefix;
}

PlaceId Places::rebase(PlaceId id, PlaceId from, PlaceId to) {
  if (id == from) return to;
  Place p = places_[id.value()];  // a copy: step() may move the table
  if (p.base == kNoPlace) return kNoPlace;
  return step(rebase(p.base, from, to), p.step, p.name, p.number);
}

PlaceId Places::substitute(PlaceId id, PlaceId from, PlaceId to) {
  if (id == kNoPlace || from == kNoPlace || to == kNoPlace) return kNoPlace;
  if (has_prefix(id, from)) return rebase(id, from, to);
  if (places_[from.value()].step == Step::Address) {
    PlaceId inside = places_[from.value()].base;
    if (has_prefix(id, inside)) return rebase(id, inside, step(to, Step::Deref));
  }
  return kNoPlace;
}

bool Places::through_memory(PlaceId id) const {
  for (; id != kNoPlace; id = places_[id.value()].base) {
    Step s = places_[id.value()].step;
    if (s == Step::Deref || s == Step::Global) return true;
  }
  return false;
}

}  // namespace quire::metal
