// Objects as callers and callees name them: where they begin, and how they cross calls.

#include <algorithm>

#include "metal/engine/solver_impl.h"

namespace quire::metal {

void Solver::Impl::add_candidate(Work& w, i32 var, PlaceId place) {
  Candidate c{var, place};
  if (place == kNoPlace || std::find(w.candidates.begin(), w.candidates.end(), c) != w.candidates.end())
    return;
  if (w.candidates.size() < limits.candidates_per_function)
    w.candidates.push_back(c);
  else
    w.cut_by(Bound::kCandidates);
}

void Solver::Impl::own_candidates(FunctionId id, Work& w) {
  if (m->vars.empty()) return;
  for (const auto& block : w.prepared->blocks)
    for (const EventMatches& em : block)
      for (const PatternMatch& pm : em.matches) {
        const CompiledTransition& t = m->transitions[pm.transition];
        if (t.var < 0) continue;
        const Binding& b = pm.bindings[m->vars[static_cast<std::size_t>(t.var)].hole];
        if (b.expr == kNoExpr) continue;
        if (t.source_var >= 0 && !unnamed_states.contains({t.source_var, t.source_state}))
          add_touched(id, w, t.var, w.reader->read(b.expr));
        if (t.source_var < 0) add_candidate(w, t.var, w.reader->read(b.expr));
      }
  find_births(id, w);
}

bool Solver::Impl::binds_reference(const Function& f, ExprId x) {
  const Pool& pool = f.pool;
  if ((pool[x].flags & kInit) == 0 || pool[x].kid_count != 2) return false;
  const Expr& lhs = pool[pool.core(pool.kid(x, 0))];
  if (lhs.kind == ExprKind::Var && lhs.value >= 0 && static_cast<std::size_t>(lhs.value) < f.locals.size())
    return pool.type(f.locals[static_cast<std::size_t>(lhs.value)].type).kind == TypeKind::Reference;
  // A member: only a reference is given an address without being a pointer.
  TypeKind k = pool.type_of(pool.kid(x, 0)).kind;
  return lhs.kind == ExprKind::Member && k != TypeKind::Pointer && k != TypeKind::Unknown &&
         pool[pool.core(pool.kid(x, 1))].kind == ExprKind::AddressOf;
}

std::pair<PlaceId, PlaceId> Solver::Impl::assigned(Work& w, const Function& f, ExprId x) {
  ExprId lhs = f.pool.core(f.pool.kid(x, 0));
  PlaceId to = w.reader->read(lhs);
  PlaceId from = w.reader->read(strip_casts(f.pool, f.pool.core(f.pool.kid(x, 1))));
  bool reference = binds_reference(f, x);
  if (reference && from != kNoPlace && places[from].step == Step::Address) from = places[from].base;
  return {to, from};
}

void Solver::Impl::find_births(FunctionId id, Work& w) {
  const Function& f = program.body(id);
  auto add = [&](i32 var, PlaceId object, PlaceId out) {
    if (out == kNoPlace) return;
    std::pair<i32, Birth> b{var, {object, out}};
    if (std::find(w.births.begin(), w.births.end(), b) != w.births.end()) return;
    if (w.births.size() < limits.births_per_function)
      w.births.push_back(b);
    else
      w.cut_by(Bound::kCandidates);
  };
  // `e = d->next`: what is done to e's lock is done to d->next's, which callers know.
  const std::vector<Candidate> own = w.candidates;
  for (const auto& [to, from] : w.copies)
    for (const Candidate& c : own)
      if (PlaceId p = places.substitute(c.place, to, from); p != c.place && external(p))
        add_candidate(w, c.var, p);
  for (const Candidate& c : own) {
    Step root = places[places[c.place].root].step;
    if (root != Step::Local && root != Step::Value) continue;
    std::vector<PlaceId> aliases{c.place};
    for (int round = 0; round < 2; ++round)
      for (const Block& b : f.blocks)
        for (const Event& e : b.events) {
          if (e.expr == kNoExpr) continue;
          if (e.kind == EventKind::Return) {
            PlaceId p = w.reader->read(strip_casts(f.pool, f.pool.core(e.expr)));
            for (PlaceId alias : aliases)
              add(c.var, c.place, places.substitute(alias, p, places.root(Step::Return, {}, 0)));
          } else if (e.kind == EventKind::Evaluate) {
            ExprId x = f.pool.core(e.expr);
            if (f.pool[x].kind != ExprKind::Assign || f.pool[x].kid_count != 2) continue;
            PlaceId from = w.reader->read(strip_casts(f.pool, f.pool.core(f.pool.kid(x, 1))));
            PlaceId to = w.reader->read(f.pool.kid(x, 0));
            if (to == kNoPlace || from == kNoPlace) continue;
            for (std::size_t i = 0; i < aliases.size(); ++i) {
              PlaceId other = places.substitute(aliases[i], from, to);
              if (other == kNoPlace) continue;
              if (external(other)) {
                add(c.var, c.place, other);
              } else if (aliases.size() < 8 &&
                         std::find(aliases.begin(), aliases.end(), other) == aliases.end()) {
                aliases.push_back(other);
              }
            }
          }
        }
  }
}

bool Solver::Impl::external(PlaceId p) const {
  if (p == kNoPlace) return false;
  Step r = places[places[p].root].step;
  if (r == Step::Local || r == Step::Value) return false;
  for (; p != kNoPlace; p = places[p].base)
    if (places[p].step == Step::IndexExpr) return false;
  return true;
}

void Solver::Impl::called_candidates(FunctionId id, Work& w, FunctionId callee) {
  if (m->vars.empty()) return;
  const Function& f = program.body(id);
  // Copies: a recursive function is its own callee.
  const std::vector<Candidate> theirs = work[callee.value()].to_callers();
  const std::vector<std::pair<i32, Birth>> births = work[callee.value()].born_to_callers();
  for (const CallSite& site : program[id].calls) {
    if (std::find(site.targets.begin(), site.targets.end(), callee) == site.targets.end()) continue;
    if (m->named.contains(callee_name(f.pool, f.pool.kid(site.call, 0)))) continue;
    for (const Candidate& k : theirs)
      if (external(k.place)) add_candidate(w, k.var, to_caller(w, f, site.call, k.place));
    for (const auto& [var, birth] : births) {
      if (places[places[birth.out].root].step == Step::Return) {
        add_candidate(w, var,
                      places.substitute(birth.out, places[birth.out].root, assigned_place(id, w, site.call)));
      } else {
        add_candidate(w, var, to_caller(w, f, site.call, birth.out));
      }
    }
  }
}

PlaceId Solver::Impl::assigned_place(FunctionId id, Work& w, ExprId call) {
  const Function& f = program.body(id);
  for (const Block& b : f.blocks)
    for (const Event& e : b.events) {
      if (e.kind != EventKind::Evaluate || e.expr == kNoExpr) continue;
      ExprId x = f.pool.core(e.expr);
      if (f.pool[x].kind == ExprKind::Assign && f.pool[x].kid_count == 2 &&
          strip_casts(f.pool, f.pool.core(f.pool.kid(x, 1))) == call)
        return w.reader->read(f.pool.kid(x, 0));
    }
  return w.reader->read(call);
}

PlaceId Solver::Impl::to_caller(Work& w, const Function& f, ExprId call, PlaceId p) {
  const Place& root = places[places[p].root];
  if (root.step == Step::Global) return p;
  if (root.step == Step::Return)
    return places.substitute(p, places[p].root, places.root(Step::Value, {}, call.value()));
  if (root.step != Step::Param) return kNoPlace;
  std::span<const ExprId> kids = f.pool.kids(call);
  u64 i = static_cast<u64>(root.number) + 1;
  if (i >= kids.size()) return kNoPlace;
  PlaceId arg = w.reader->read(strip_casts(f.pool, f.pool.core(kids[i])));
  if (arg == kNoPlace) return kNoPlace;
  return places.substitute(p, places[p].root, arg);
}

bool Solver::Impl::in_reach(FunctionId id, PlaceId p) {
  PlaceId root = places[p].root;
  if (places[root].step != Step::Global) return true;
  auto [it, fresh] = reaching.try_emplace(root.value());
  std::vector<bool>& reached = it->second;
  if (fresh) {
    reached.resize(work.size());
    std::vector<FunctionId> todo;
    auto add = [&](FunctionId f) {
      if (reached[f.value()]) return;
      reached[f.value()] = true;
      todo.push_back(f);
    };
    for (FunctionId f : program.users_of(places[root].name, static_cast<u32>(places[root].number))) add(f);
    while (!todo.empty()) {
      FunctionId f = todo.back();
      todo.pop_back();
      for (FunctionId caller : program[f].callers) add(caller);
    }
  }
  return reached[id.value()];
}

Names Solver::Impl::to_callee(Work& w, const Function& f, ExprId call, FunctionId callee, const Names& names,
                              std::vector<bool>& mapped) {
  Names out;
  std::span<const ExprId> kids = f.pool.kids(call);
  mapped.assign(names.size(), false);
  for (std::size_t n = 0; n < names.size(); ++n) {
    auto add = [&](PlaceId p) {
      if (!external(p) || out.size() >= limits.names_per_object) return;
      mapped[n] = true;
      if (std::find(out.begin(), out.end(), p) == out.end()) out.push_back(p);
    };
    for (std::size_t i = 1; i < kids.size(); ++i) {
      PlaceId arg = w.reader->read(strip_casts(f.pool, f.pool.core(kids[i])));
      if (arg == kNoPlace) continue;
      add(places.substitute(names[n], arg, places.root(Step::Param, {}, static_cast<i64>(i - 1))));
    }
    if (places[places[names[n]].root].step == Step::Global && in_reach(callee, names[n])) add(names[n]);
  }
  return out;
}

}  // namespace quire::metal
