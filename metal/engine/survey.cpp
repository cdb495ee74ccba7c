// Which functions matter to the machine.

#include <algorithm>

#include "metal/engine/solver_impl.h"

namespace quire::metal {

Work& Solver::Impl::at(FunctionId id) {
  Work& w = work[id.value()];
  if (!w.prepared) {
    const FunctionInfo& info = infos.get(id);
    w.prepared = std::make_unique<PreparedFunction>(prepare(*m, program, id, info));
    w.reader = std::make_unique<PlaceReader>(places, program, id, info);
    find_active(id, w);
    find_copies(id, w);
  }
  return w;
}

void Solver::Impl::find_copies(FunctionId id, Work& w) {
  if (m->vars.empty()) return;
  const Function& f = program.body(id);
  w.copies.clear();
  std::set<std::pair<PlaceId, PlaceId>>
      have;  // kept in the order of the text: that of ids is not for all runs
  for (const Block& b : f.blocks)
    for (const Event& e : b.events) {
      if (e.kind != EventKind::Evaluate || e.expr == kNoExpr) continue;
      ExprId x = f.pool.core(e.expr);
      if (f.pool[x].kind != ExprKind::Assign || f.pool[x].kid_count != 2) continue;
      if (auto [to, from] = assigned(w, f, x); to != kNoPlace && from != kNoPlace)
        if (have.emplace(to, from).second) w.copies.emplace_back(to, from);
    }
}

void Solver::Impl::add_touched(FunctionId id, Work& w, i32 var, PlaceId place) {
  if (w.touches_any || place == kNoPlace) return;
  std::vector<PlaceId> names{place};
  auto add = [&](PlaceId p) {
    if (p != kNoPlace && std::find(names.begin(), names.end(), p) == names.end()) names.push_back(p);
  };
  const Function& f = program.body(id);
  for (std::size_t i = 0; i < names.size() && names.size() < 24; ++i) {
    if (external(names[i])) continue;
    for (const auto& [to, from] : w.copies) add(places.substitute(names[i], to, from));
    const Place& root = places[places[names[i]].root];
    if (root.step == Step::Local && root.number < f.parameter_count)  // assigned later, at first what came in
      add(places.substitute(names[i], places[names[i]].root, places.root(Step::Param, {}, root.number)));
  }
  for (PlaceId p : names)
    if (external(p)) w.touched.emplace(var, p);
  w.touches_any = names.size() >= 24 || w.touched.size() > limits.touched_per_function;
  if (w.touches_any) w.cut_by(Bound::kTouched);
}

void Solver::Impl::called_touched(FunctionId id, Work& w, FunctionId callee) {
  const Function& f = program.body(id);
  const Work& c = work[callee.value()];
  if (c.touches_any) {
    w.touches_any = true;
    w.cut_by(Bound::kTouched);
  }
  const std::set<std::pair<i32, PlaceId>> theirs = c.touched;
  for (const CallSite& site : program[id].calls) {
    if (w.touches_any) return;
    if (std::find(site.targets.begin(), site.targets.end(), callee) == site.targets.end()) continue;
    for (const auto& [var, place] : theirs) add_touched(id, w, var, to_caller(w, f, site.call, place));
  }
}

bool Solver::Impl::touches(FunctionId id, i32 var, i32 state, const Names& names) const {
  if (unnamed_states.contains({var, state})) return true;
  const Work& w = work[id.value()];
  if (w.touches_any) return true;
  return std::any_of(names.begin(), names.end(), [&](PlaceId p) {
    // What is a pointer of its own can be stored away, which matters at the end of its path; what lies in
    // something else stays there.
    return (asks_end && places[p].step != Step::Address && places[p].step != Step::Global) ||
           w.touched.contains({var, p});
  });
}

void Solver::Impl::find_active(FunctionId id, Work& w) const {
  const Function& f = program.body(id);
  w.active.assign(f.blocks.size(), {});
  w.passage_numbers = {};
  w.passages.clear();
  w.concerned.clear();
  for (u32 b = 0; b < f.blocks.size(); ++b)
    for (u32 i = 0; i < f.blocks[b].events.size(); ++i) {
      const Event& ev = f.blocks[b].events[i];
      bool acts = ev.kind == EventKind::Return || (ev.kind == EventKind::ScopeEnd && !m->vars.empty());
      if (ev.kind == EventKind::MacroBegin && ev.macro != kNoMacro)
        acts = models.noreturn.contains(std::string(f.macros[ev.macro.value()].name.text()));
      if (ev.kind == EventKind::MacroEnd && ev.macro != kNoMacro)
        acts = !m->vars.empty() && w.prepared->covered[ev.macro.value()];
      if (ev.kind == EventKind::Evaluate && ev.expr != kNoExpr) {
        ExprKind k = f.pool[f.pool.core(ev.expr)].kind;
        acts = f.pool[ev.expr].kind != ExprKind::Macro &&
               (k == ExprKind::Assign || k == ExprKind::Call || k == ExprKind::Construct ||
                k == ExprKind::Increment || k == ExprKind::Asm);
      }
      if (acts || w.prepared->at(BlockId(b), i) != nullptr) w.active[b].push_back(i);
    }
}

bool Solver::Impl::mentions_named(FunctionId id) const {
  const Function& f = program.body(id);
  for (const FunctionRef& r : f.pool.functions())
    if (m->named.contains(r.name)) return true;
  for (const MacroUse& u : f.macros)
    if (m->named.contains(u.name)) return true;
  return false;
}

bool Solver::Impl::may_concern(FunctionId id) const {
  // What the machine names is a primitive to it: its inside is nobody's business here.
  const Function& f = program.body(id);
  return !f.blocks.empty() && !m->named.contains(f.name) &&
         (m->has_unnamed_start || object_macros || mentions_named(id));
}

void Solver::Impl::look_at(FunctionId id) {
  if (!may_concern(id)) return;
  Work& w = at(id);
  own_candidates(id, w);
  if (w.prepared->direct || !w.candidates.empty()) {
    w.relevant = true;
  } else if (m->has_unnamed_start) {
    // Looked at and found of no interest: matches are made again in the rare case that it is entered.
    w.prepared.reset();
    w.reader.reset();
  }
}

void Solver::Impl::survey() {
  if (surveyed) return;
  surveyed = true;
  for (u32 i = 0; i < work.size(); ++i) {
    work[i].callers = program[FunctionId(i)].calls_of_it;
    work[i].many_callers = work[i].callers > limits.callers_told_apart;
  }
  object_macros = std::any_of(m->fragments.begin(), m->fragments.end(), [](const auto& p) {
    return p->root != kNoExpr && p->pool[p->root].kind == ExprKind::Macro;
  });
  for (const std::vector<FunctionId>& component : program.components()) survey(component);
  kept_surveys.clear();
}

void Solver::Impl::survey(const std::vector<FunctionId>& component) {
  bool own = std::any_of(component.begin(), component.end(), [&](FunctionId id) { return may_concern(id); });
  bool called = !intra && std::any_of(component.begin(), component.end(), [&](FunctionId id) {
    const std::vector<FunctionId>& callees = program[id].callees;
    return std::any_of(callees.begin(), callees.end(),
                       [&](FunctionId t) { return work[t.value()].relevant; });
  });
  if (own || called) {
    u64 key = survey_key(component);
    if (!surveyed_before(component, key)) {
      for (FunctionId id : component) look_at(id);
      // Members of a recursion are taken again while their callees' objects still grow.
      constexpr u32 kRounds = 12;
      bool grown = !intra;
      for (u32 round = 0; grown && round < kRounds; ++round) {
        grown = false;
        for (FunctionId id : component) grown = take_from_callees(id) || grown;
        if (component.size() == 1 && !calls_itself(component.front())) break;
      }
    }
    for (FunctionId id : component) work[id.value()].survey_key = key;
  }
  if (!intra)
    for (FunctionId id : component) settle(id);
}

bool Solver::Impl::calls_itself(FunctionId id) const {
  const std::vector<FunctionId>& callees = program[id].callees;
  return std::binary_search(callees.begin(), callees.end(), id);
}

bool Solver::Impl::take_from_callees(FunctionId id) {
  const std::vector<FunctionId>& callees = program[id].callees;
  if (std::none_of(callees.begin(), callees.end(), [&](FunctionId t) { return work[t.value()].relevant; }))
    return false;
  Work& w = at(id);
  auto size = [&w] {
    return w.candidates.size() + w.births.size() + w.touched.size() + (w.touches_any ? 1 : 0);
  };
  std::size_t before = size();
  bool fresh = !w.relevant;
  w.relevant = true;
  if (m->vars.empty()) return fresh;
  for (FunctionId t : callees) {
    if (!work[t.value()].relevant) continue;
    called_candidates(id, w, t);
    called_touched(id, w, t);
  }
  find_births(id, w);
  return fresh || size() != before;
}

void Solver::Impl::settle(FunctionId id) {
  Work& w = work[id.value()];
  bool one_state = m->global_states.size() <= 1;
  if (w.relevant && program[id].has_caller) {
    for (const Candidate& c : std::vector<Candidate>(w.candidates)) {
      if (!external(c.place)) continue;
      bool global = places[places[c.place].root].step == Step::Global;
      if (!one_state || leaves(id, c.var, c.place, kNoPlace, global && w.callers > limits.callers_of_globals))
        w.outer_candidates.push_back(c);
    }
    for (const auto& [var, birth] : std::vector<std::pair<i32, Birth>>(w.births))
      if (!one_state || leaves(id, var, birth.object, birth.out)) w.outer_births.emplace_back(var, birth);
  }
  w.settled = true;
}

bool Solver::Impl::leaves(FunctionId id, i32 var, PlaceId object, PlaceId out, bool common) {
  ItemKey k;
  k.function = id;
  k.var = var;
  k.names = {object};
  ItemId item = solve(k);
  const Summary& s = items[item.value()];
  if (s.cut != 0) return !common;
  if (std::any_of(s.exits.begin(), s.exits.end(), [&](const ExitState& e) {
        return e.state != kNoState && (out == kNoPlace || e.names.has(out)) &&
               (!common || ends_matter.contains({var, e.state}));
      }))
    return true;
  return out == kNoPlace && !common && !is_quiet(item);
}

bool Solver::Impl::is_quiet(ItemId first) {
  quiet_search.grow(static_cast<u32>(items.size()));
  quiet_search.visit(
      first.value(),
      [&](u32 i, u32 k) {
        const std::vector<ItemId>& demands = items[i].demands;
        return k < demands.size() ? demands[k].value() : Components::kNone;
      },
      [&](std::vector<u32>& members) {
        std::sort(members.begin(), members.end());
        bool quiet = std::all_of(members.begin(), members.end(), [&](u32 i) {
          const Summary& s = items[i];
          return !s.complains && s.sightings.empty() &&
                 std::all_of(s.demands.begin(), s.demands.end(), [&](ItemId d) {
                   return items[d.value()].quiet ||
                          std::binary_search(members.begin(), members.end(), d.value());
                 });
        });
        for (u32 i : members) items[i].quiet = quiet;
      });
  return items[first.value()].quiet;
}

}  // namespace quire::metal
