// The loop of a walk, and which of its paths are the same.
#include <fmt/format.h>

#include <algorithm>

#include "metal/engine/walk.h"

namespace quire::metal {

Mark Solver::Impl::Walk::mark(const Location& l) const {
  return {l.file < f.files.size() ? f.files[l.file] : Symbol(), l.line, l.column};
}

void Solver::Impl::Walk::run() {
  Summary* outer = std::exchange(I.asking, &out);
  walk();
  I.asking = outer;
}

void Solver::Impl::Walk::walk() {
  if (f.blocks.size() <= kExit.value()) return;
  if (I.asks_known && has_object() && !key.names.empty()) {
    const Place& p = I.places[key.names.front()];
    if (p.step == Step::Local || p.step == Step::Param)
      if (ExprId e = info.local_expr(p.number); e != kNoExpr) object_key = info.key_of(e);
  }
  PathState s;
  s.state = key.state;
  s.global = key.global;
  s.data = key.data;
  s.global_data = key.global_data;
  s.names = key.names;
  s.unsure = key.unsure;
  for (const auto& [i, r] : key.constants)
    if (ExprId e = info.local_expr(i); e != kNoExpr) info.set(s.facts, e, r);
  // A parameter that is assigned later is at first another name of what was handed in.
  for (u32 i = 0; i < f.parameter_count; ++i)
    if (info.parameter_modified(i))
      rename(s, I.places.root(Step::Param, {}, i), I.places.root(Step::Local, {}, i));
  if (traced) I.self.trace_(fmt::format("enter {} {}", f.name.text(), describe(s)));
  s = start_of_path(std::move(s));
  push(kEntry, std::move(s));
  while (!pending.empty()) {
    Pending p = pending.back();
    pending.pop_back();
    // A machine of one state that has set all its marks has nothing more to say.
    if (I.only_marks && out.annotations.size() == I.m->writes.size()) break;
    if (++steps > I.limits.blocks_per_item) {
      out.cut_by(Bound::kBlocks);
      break;
    }
    if (passes(p))
      pass(p);
    else
      block(p.block, state_of(p));
  }
  I.self.stats_.steps += steps;
}

u64 Solver::Impl::Walk::identity(const PathState& s) const {
  u64 h = mix(static_cast<u64>(s.state + 7), static_cast<u64>(s.global));
  for (std::size_t i = 0; i < kMaxData; ++i)
    h = mix(h, static_cast<u64>(s.data[i] + 100) * 1000 + static_cast<u64>(s.global_data[i] + 100));
  h = mix(h, (s.escaped ? 2 : 1) + (s.second ? 4 : 0) + (s.unsure ? 8 : 0));
  if (s.matched != kNoMacro) h = mix(h, s.matched.value());
  for (PlaceId p : s.names) h = mix(h, p.value());
  h = mix(h, s.names.size());
  for (char ch : s.origin().remembered) h = mix(h, static_cast<unsigned char>(ch));
  return h;
}

u64 Solver::Impl::Walk::identity_with_facts(const PathState& s) const {
  u64 h = mix(identity(s), w.fact_sets.number(s.facts));
  return s.has_result ? mix(h, s.result) : h;
}

u64 Solver::Impl::Walk::mix_mark(u64 h, const Mark& m) {
  return mix(mix(h, u64{m.line} << 32 | m.column), m.file.hash());
}

u32 Solver::Impl::Walk::carrier_of(PathState&& s) {
  u64 id = identity(s);
  const Origin& o = s.origin();
  u64 told = mix_mark(mix_mark(id, o.cause), o.global_cause);
  told = mix(told, u64{o.cause_expr.value()} << 32 | o.cause_place.value());
  auto fresh = static_cast<u32>(carriers.size());
  u32 n = carrier_numbers.number(told, fresh);
  if (n != fresh) return n;
  Carrier c;
  c.identity = id;
  c.shape = shape_numbers.number(id, static_cast<u32>(variants.size()));
  if (c.shape == variants.size()) variants.emplace_back(f.blocks.size(), u8{0});
  if (!traced && (object_key < 0 || s.state == kNoState) && s.matched == kNoMacro)
    c.concerned = &concerned(s);
  c.state = std::move(s);
  c.state.facts.clear();
  c.state.result = {};
  c.state.has_result = false;
  c.state.trail = 0;
  carriers.push_back(std::move(c));
  return n;
}

u32 Solver::Impl::Walk::result_of(const ValueRange& range, const Location& at) {
  u64 h = mix(0x51, range);
  auto fresh = static_cast<u32>(results.size());
  u64 place = mix(mix(h, at.file), u64{at.line} << 32 | at.column);
  u32 n = result_numbers.number(place, fresh);
  if (n == fresh) results.push_back({range, at, h});
  return n;
}

PathState Solver::Impl::Walk::state_of(const Pending& p) const {
  PathState s = carriers[p.carrier].state;
  s.facts = w.fact_sets[p.facts];
  s.trail = p.trail;
  if (p.result != 0) {
    s.has_result = true;
    s.result = results[p.result].range;
    s.result_at = results[p.result].at;
  }
  return s;
}

void Solver::Impl::Walk::push(BlockId b, PathState s) {
  info.prune(s.facts, b, s.state != kNoState ? object_key : -1);
  Pending p;
  p.block = b;
  p.facts = w.fact_sets.number(s.facts);
  p.trail = s.trail;
  if (s.has_result) p.result = result_of(s.result, s.result_at);
  p.carrier = carrier_of(std::move(s));
  push(p);
}

u32 Solver::Impl::Walk::unsure(u32 carrier) {
  if (carriers[carrier].state.unsure) return carrier;
  PathState s = carriers[carrier].state;
  s.unsure = true;
  return carrier_of(std::move(s));
}

void Solver::Impl::Walk::push(Pending p) {
  auto plain = [&] {
    return mix(mix(carriers[p.carrier].identity, p.block.value()), results[p.result].hash);
  };
  if (!seen.insert(mix(plain(), p.facts))) return;
  if (p.facts != 0) {
    // An item that takes long is walked on with fewer facts, rather than not to its end.
    u64 rounds = steps / f.blocks.size();
    u32 most = rounds < 6 ? std::min(I.limits.facts_per_state, 254u) : rounds < 12 ? 3 : 1;
    if (carriers[p.carrier].state.unsure) most = std::min(most, 2u);  // only its exits count
    u8& met = variants[carriers[p.carrier].shape][p.block.value()];
    if (met < 255) ++met;
    if (met > most && met <= 2 * most) {
      // What only was goes first.
      Facts now = FunctionInfo::of_now(w.fact_sets[p.facts]);
      if (now.size() != w.fact_sets[p.facts].size()) {
        p.facts = w.fact_sets.number(now);
        if (!seen.insert(mix(plain(), p.facts))) return;
        pending.push_back(p);
        return;
      }
    }
    if (met > most) {
      // Property simulation's merge: what is known is dropped, so the rest of this state is walked once. It
      // may go ways that no run goes.
      ++I.self.stats_.joins;
      p.facts = 0;
      p.carrier = unsure(p.carrier);
      if (!seen.insert(mix(plain(), p.facts))) return;
    }
  }
  pending.push_back(p);
}

}  // namespace quire::metal
