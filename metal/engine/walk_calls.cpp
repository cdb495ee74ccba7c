// Into callees and back.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "metal/engine/walk.h"

namespace quire::metal {

void Solver::Impl::Walk::call(BlockId b, std::size_t index, const Event& ev, ExprId x, PathState s,
                              std::vector<PathState>& next, bool covered, bool was_fired) {
  Symbol name = callee_name(pool, pool.kid(x, 0));
  bool named = machine().named.contains(name);
  if (name && I.models.noreturn.contains(std::string(name.text()))) return;
  if ((pool[x].flags & kNoReturn) != 0) return;
  const CallSite* site = I.program.call(key.function, x);
  if (site != nullptr && !site->indirect && !site->targets.empty() &&
      std::all_of(site->targets.begin(), site->targets.end(),
                  [&](FunctionId t) { return I.never[t.value()]; }))
    return;
  bool follow = passing == nullptr && !I.intra && !covered && !named && !was_fired && site != nullptr &&
                !site->targets.empty() && !beside(*site);
  if (follow && reaches_element(*site, s)) {
    reset(s);
    s.names = {key.names.front()};
  }
  struct Entered {
    FunctionId callee;
    Names handed;
    std::vector<bool> mapped;
  };
  std::vector<bool> mapped;  // to some callee, entered or not
  std::vector<Entered> entered;
  if (follow)
    for (FunctionId t : site->targets) {
      Entered e{t, {}, {}};
      if (has_object()) e.handed = I.to_callee(w, f, x, t, s.names, e.mapped);
      mapped.resize(e.mapped.size());
      for (std::size_t n = 0; n < e.mapped.size(); ++n) mapped[n] = mapped[n] || e.mapped[n];
      if (worth_entering(t, s, e.handed, b, index, x)) entered.push_back(std::move(e));
    }
  info.forget_call(s.facts, x, named || covered);
  if (has_object() && !covered && !named) forget_handed(s, x, mapped);
  std::size_t before = next.size();
  bool passed_by = entered.empty() || entered.size() < site->targets.size();
  bool choice = !entered.empty() && site->indirect && site->targets.size() > 1;
  bool unsettled = false;
  std::set<std::pair<i32, i32>> first;  // how the first target leaves things
  if (choice && passed_by) first.insert({s.state, s.global});
  for (const Entered& e : entered) {
    std::size_t from = next.size();
    bool untouched = enter(e.callee, *site, ev, x, s, e.handed, e.mapped, b, index, next);
    passed_by = passed_by || untouched;
    if (!choice) continue;
    std::set<std::pair<i32, i32>> left;
    if (untouched) left.insert({s.state, s.global});
    for (std::size_t i = from; i < next.size(); ++i) left.insert({next[i].state, next[i].global});
    if (first.empty()) first = left;
    if (left != first) {
      // A pointer leads to one of them, and the next call through its like to the same one's companion: what
      // they do not agree in is not known.
      unsettled = true;
    }
  }
  if (unsettled) {
    next.resize(before);
    if (s.state != kNoState) {
      reset(s);
      s.names.clear();  // nor does anything begin anew: what it is in is not the first state
    }
    passed_by = true;
  }
  if (passed_by) next.push_back(std::move(s));
  if (has_object() && std::any_of(next.begin() + static_cast<std::ptrdiff_t>(before), next.end(),
                                  [&](const PathState& t) { return t.state != next[before].state; }))
    for (std::size_t i = before; i < next.size(); ++i) info.told(next[i].facts, x);
  if (!has_object() || covered || named) return;
  for (std::size_t i = before; i < next.size(); ++i) forget_redirected(next[i], x);
}

void Solver::Impl::Walk::forget_redirected(PathState& s, ExprId x) {
  if (s.names.size() < 2) return;
  std::span<const ExprId> kids = pool.kids(x);
  if (const FunctionEffects* fx = info.effects(x); fx != nullptr && !fx->writes_any) {
    // `list_del(&p->list)`: what is reached through the fields that it writes may be another one now.
    bool inside = std::any_of(kids.begin() + 1, kids.end(), [&](ExprId a) {
      PlaceId p = w.reader->read(strip_casts(pool, pool.core(a)));
      return p != kNoPlace && I.places[p].step == Step::Address &&
             std::any_of(s.names.begin(), s.names.end(), [&](PlaceId n) {
               PlaceId object = I.places.step(n, Step::Deref);
               return !I.places.through_memory(n) && object != kNoPlace &&
                      I.places.has_prefix(I.places[p].base, object);
             });
    });
    auto turned = [&](PlaceId n) {
      for (; n != kNoPlace; n = I.places[n].base)
        if (I.places[n].step == Step::Field &&
            std::find(fx->writes.begin(), fx->writes.end(), I.places[n].name) != fx->writes.end())
          return true;
      return false;
    };
    const PlaceId candidate = key.names.empty() ? kNoPlace : key.names.front();
    if (inside && s.state == kNoState && turned(candidate)) {
      s.names = {candidate};
      return;
    }
    if (inside) s.names.erase_if(turned);
  }
  if (s.state == kNoState || s.names.size() < 2) return;
  bool handed = std::any_of(kids.begin() + 1, kids.end(), [&](ExprId a) {
    PlaceId p = w.reader->read(strip_casts(pool, pool.core(a)));
    return p != kNoPlace && !I.places.through_memory(p) &&
           std::find(s.names.begin(), s.names.end(), p) != s.names.end();
  });
  if (!handed) return;
  s.names.erase_if(
      [&](PlaceId n) { return I.places.through_memory(n) && I.places[n].step != Step::Address; });
}

void Solver::Impl::Walk::forget_handed(PathState& s, ExprId x, const std::vector<bool>& mapped) {
  if (s.state == kNoState) return;
  std::span<const ExprId> kids = pool.kids(x);
  for (std::size_t i = 1; i < kids.size(); ++i) {
    ExprId a = strip_casts(pool, pool.core(kids[i]));
    if (pool[a].kind != ExprKind::AddressOf) continue;
    PlaceId p = w.reader->read(pool.kid(a, 0));
    if (p == kNoPlace) continue;
    const Type& t = pool.type_of(pool.kid(a, 0));
    if (t.kind != TypeKind::Pointer) continue;
    Names left;
    for (std::size_t n = 0; n < s.names.size(); ++n)
      if (!I.places.has_prefix(s.names[n], p) || (n < mapped.size() && mapped[n])) left.push_back(s.names[n]);
    if (left.size() == s.names.size()) continue;
    if (left.empty()) {
      reset(s);
      if (!key.names.empty()) s.names = {key.names.front()};
      return;
    }
    s.names = left;
  }
}

bool Solver::Impl::Walk::worth_entering(FunctionId t, const PathState& s, const Names& handed, BlockId b,
                                        std::size_t index, ExprId x) {
  if (I.program.body(t).blocks.size() <= kExit.value()) return false;
  const Work& c = I.work[t.value()];
  if (!has_object()) return I.has_global_rules && c.relevant;
  if (I.m->global_states.size() > 1 && c.relevant) return true;
  if (s.state != kNoState)
    return !handed.empty() && (c.relevant || I.unnamed_states.contains({key.var, s.state})) &&
           I.touches(t, key.var, s.state, handed);
  if (!c.relevant) return false;
  for (PlaceId h : handed)
    for (const Candidate& k : c.to_callers())
      if (k.var == key.var && k.place == h) return true;
  return born(t, b, index, x, nullptr);
}

bool Solver::Impl::Walk::born(FunctionId t, BlockId b, std::size_t index, ExprId x,
                              std::vector<Birth>* which) {
  if (key.names.empty()) return false;
  bool any = false;
  const std::vector<std::pair<i32, Birth>>& births = I.work[t.value()].born_to_callers();
  for (const auto& [var, birth] : births) {
    if (var != key.var) continue;
    bool by_result = I.places[I.places[birth.out].root].step == Step::Return;
    PlaceId here = by_result
                       ? I.places.substitute(birth.out, I.places[birth.out].root, assigned_here(b, index, x))
                       : I.to_caller(w, f, x, birth.out);
    if (here != key.names.front()) continue;
    any = true;
    if (which != nullptr) which->push_back(birth);
  }
  return any;
}

PlaceId Solver::Impl::Walk::assigned_here(BlockId b, std::size_t index, ExprId x) {
  const auto& events = f.blocks[b.value()].events;
  for (std::size_t i = index + 1; i < events.size(); ++i) {
    if (events[i].kind != EventKind::Evaluate || events[i].expr == kNoExpr) continue;
    ExprId a = pool.core(events[i].expr);
    if (pool[a].kind == ExprKind::Assign && pool[a].kid_count == 2 &&
        strip_casts(pool, pool.core(pool.kid(a, 1))) == x)
      return w.reader->read(pool.kid(a, 0));
  }
  return w.reader->read(x);
}

bool Solver::Impl::Walk::enter(FunctionId t, const CallSite& site, const Event& ev, ExprId x,
                               const PathState& s, const Names& handed, const std::vector<bool>& mapped,
                               BlockId b, std::size_t index, std::vector<PathState>& next) {
  ItemKey k;
  k.function = t;
  k.global = s.global;
  k.global_data = s.global_data;
  k.constants = I.constants(key.function, s.facts, x, t);
  k.unsure = s.unsure;
  bool untouched = false;
  bool follows_object = false;
  if (has_object() && !handed.empty()) {
    bool known = s.state != kNoState;
    if (!known) {
      const Work& c = I.work[t.value()];
      for (PlaceId h : handed)
        for (const Candidate& cand : c.to_callers())
          known = known || (cand.var == key.var && cand.place == h);
    }
    follows_object = known;
  }
  std::vector<Birth> births;
  if (has_object() && s.state == kNoState) born(t, b, index, x, &births);
  if (!births.empty()) {
    for (const Birth& birth : births) {
      ItemKey kb = k;
      kb.var = key.var;
      kb.names = {birth.object};
      ItemId asked = ask_item(kb, ev, s, site.indirect);
      const std::vector<ExitState>& exits = I.items[asked.value()].exits;
      for (u32 exit = 0; exit < exits.size(); ++exit) {
        const ExitState& e = exits[exit];
        bool out_there =
            e.state != kNoState && std::find(e.names.begin(), e.names.end(), birth.out) != e.names.end();
        if (!out_there) {
          if (e.second && e.state == kNoState) continue;  // the path's other half tells of the object
          untouched = untouched || (e.state == kNoState && !follows_object);
          if (e.state == kNoState && !follows_object) {
            PathState u = s;
            if (apply_result(u, x, e)) next.push_back(std::move(u));
          }
          continue;
        }
        PathState u = s;
        if (!apply_result(u, x, e)) continue;
        u.unsure = u.unsure || e.unsure;
        u.state = e.state;
        u.data = e.data;
        u.global = e.global;
        u.global_data = e.global_data;
        u.names.clear();
        for (PlaceId p : e.names) {
          PlaceId q = I.to_caller(w, f, x, p);
          if (q != kNoPlace && std::find(u.names.begin(), u.names.end(), q) == u.names.end())
            u.names.push_back(q);
        }
        // What the callee stored away for its caller, the caller may well hold in a variable of its own.
        u.escaped = e.escaped &&
                    std::any_of(u.names.begin(), u.names.end(), [&](PlaceId p) { return stores_away(p); });
        Origin& o = u.change_origin();
        o.cause = e.cause;
        o.remembered = e.remembered;
        o.cause_expr = kNoExpr;
        o.cause_place = key.names.front();
        note_call(u, ev, x, asked, exit, site.indirect);
        next.push_back(std::move(u));
      }
    }
    if (!follows_object) return false;
    untouched = false;
  }
  if (follows_object) {
    k.var = key.var;
    k.state = s.state;
    k.data = s.data;
    k.names = handed;
  } else if (has_object() && I.m->global_states.size() <= 1) {
    return true;
  }
  ItemId asked = ask_item(k, ev, s, site.indirect);
  const std::vector<ExitState>& exits = I.items[asked.value()].exits;
  for (u32 exit = 0; exit < exits.size(); ++exit) {
    const ExitState& e = exits[exit];
    PathState u = s;
    if (!apply_result(u, x, e)) continue;
    u.unsure = u.unsure || e.unsure;
    if (e.global != u.global)
      u.change_origin().global_cause = e.global == 0 ? Mark{} : e.global_cause ? e.global_cause : mark(ev.at);
    u.global = e.global;
    u.global_data = e.global_data;
    if (follows_object) {
      bool moved = u.state != e.state;
      if (e.state == kNoState) {
        if (u.state != kNoState) {
          reset(u);
          if (!key.names.empty()) u.names = {key.names.front()};
        }
      } else {
        if (u.state == kNoState) {
          remember_name(u);
          Origin& o = u.change_origin();
          o.cause = e.cause;
          o.remembered = e.remembered;
        }
        u.state = e.state;
        u.data = e.data;
        u.escaped = u.escaped || e.escaped;
        Names names;
        for (std::size_t i = 0; i < s.names.size(); ++i)
          if (i >= mapped.size() || !mapped[i]) names.push_back(s.names[i]);
        for (PlaceId p : e.names) {
          PlaceId q = I.to_caller(w, f, x, p);
          bool more = names.empty() || s.names.has(q) || carriers.size() <= I.limits.states_with_names;
          if (q != kNoPlace && more && !names.has(q) && names.size() < I.limits.names_per_object)
            names.push_back(q);
        }
        // The caller's own spelling stays first, so that messages speak its language.
        std::stable_sort(names.begin(), names.end(), [&](PlaceId a, PlaceId c) {
          auto rank = [&](PlaceId p) {
            return std::find(s.names.begin(), s.names.end(), p) - s.names.begin();
          };
          return rank(a) < rank(c);
        });
        // A pointer in memory was turned elsewhere on the way: what goes by that name then is a guess.
        const auto turned = [&](const Names& some, const Names& others) {
          return std::any_of(some.begin(), some.end(),
                             [&](PlaceId p) { return I.places.through_memory(p) && !others.has(p); });
        };
        if (s.state != kNoState && (turned(s.names, names) || turned(names, s.names))) u.unsure = true;
        u.names = names;
        if (u.names.empty()) {
          reset(u);
          if (!key.names.empty()) u.names = {key.names.front()};
        }
      }
      if (moved) note_call(u, ev, x, asked, exit, site.indirect);
    }
    if (!has_object() && e.global != s.global) note_call(u, ev, x, asked, exit, site.indirect);
    next.push_back(std::move(u));
  }
  return untouched;
}

bool Solver::Impl::Walk::apply_result(PathState& u, ExprId x, const ExitState& e) const {
  info.forget_value(u.facts, x);
  return e.result.any() || info.restrict(u.facts, x, e.result);
}

void Solver::Impl::Walk::note_call(PathState& u, const Event& ev, ExprId x, ItemId asked, u32 exit,
                                   bool indirect) {
  if (record != nullptr)
    say_step(u, ev.at, fmt::format("calling '{}'", to_text(pool, pool.kid(x, 0))), asked, exit, indirect);
}

ItemId Solver::Impl::Walk::ask_item(ItemKey k, const Event& ev, const PathState& s, bool indirect) {
  // A function that is entered in many ways is not told apart by its arguments as well.
  if (I.work[k.function.value()].many_callers) k.constants.clear();
  if (k.in_start()) k.unsure = false;  // nothing has happened yet
  ItemId id = I.solve(k);
  if (demanded.insert(id.value()).second) {
    out.demands.push_back(id);
    if (record != nullptr) {
      Record::Demand& d = record->demands[id];
      if (!k.in_start()) {
        notes(s, d.path, &d.branches, &d.indirect);
        d.cause = (k.var >= 0 ? s.origin().cause : s.origin().global_cause).point();
        d.path.push_back({point(ev.at), std::string(f.name.text()),
                          fmt::format("calling '{}'", I.program.body(k.function).name.text())});
      }
      d.indirect = d.indirect || indirect;
    }
  }
  return id;
}

}  // namespace quire::metal
