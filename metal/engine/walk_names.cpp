// The object's names: what copies add and writes take away.

#include <algorithm>

#include "metal/engine/walk.h"

namespace quire::metal {

void Solver::Impl::Walk::rename(PathState& s, PlaceId from, PlaceId to) {
  if (from == kNoPlace || to == kNoPlace || from == to) return;
  std::size_t n = s.names.size();
  for (std::size_t i = 0; i < n && s.names.size() < I.limits.names_per_object; ++i) {
    PlaceId p = I.places.substitute(s.names[i], from, to);
    if (p == kNoPlace || p == s.names[i]) continue;
    if (std::find(s.names.begin(), s.names.end(), p) == s.names.end()) s.names.push_back(p);
  }
}

bool Solver::Impl::Walk::is_object(const PathState& s, PlaceId p) const {
  return p != kNoPlace && std::find(s.names.begin(), s.names.end(), p) != s.names.end();
}

std::string Solver::Impl::Walk::object_text(const PathState& s) const {
  if (!s.names.empty()) return w.reader->text(s.names.front());
  const Origin& o = s.origin();
  return o.cause_expr != kNoExpr     ? to_text(pool, o.cause_expr)
         : o.cause_place != kNoPlace ? w.reader->text(o.cause_place)
                                     : std::string();
}

void Solver::Impl::Walk::remember_name(PathState& s) const {
  if (s.names.empty()) return;
  s.change_origin().cause_expr = kNoExpr;
  s.change_origin().cause_place = s.names.front();
}

Solver::Impl::Walk::Assignment Solver::Impl::Walk::assignment(ExprId x) const {
  const Expr& e = pool[x];
  ExprId rhs = strip_casts(pool, pool.core(pool.kid(x, 1)));
  while (pool[rhs].kind == ExprKind::Assign && pool[rhs].kid_count == 2) rhs = pool.core(pool.kid(rhs, 0));
  Assignment a{w.reader->read(pool.core(pool.kid(x, 0))), e.op == Op::None ? w.reader->read(rhs) : kNoPlace,
               binds_reference(f, x)};
  if (a.reference && a.from != kNoPlace && I.places[a.from].step == Step::Address)
    a.from = I.places[a.from].base;
  return a;
}

void Solver::Impl::Walk::assign(const Event& ev, ExprId x, PathState s, std::vector<PathState>& next) {
  const Expr& e = pool[x];
  ExprId lhs = pool.core(pool.kid(x, 0)), rhs = strip_casts(pool, pool.core(pool.kid(x, 1)));
  Facts before;  // what a rule may ask about an object that is lost here
  if (has_object() && s.state != kNoState) before = s.facts;
  ValueRange value = e.op == Op::None ? info.evaluate(s.facts, pool.kid(x, 1)) : ValueRange{};
  if (e.op == Op::Or && info.evaluate(s.facts, pool.kid(x, 1)).known_nonzero()) value = ValueRange::nonzero();
  info.forget_write(s.facts, lhs);
  info.set(s.facts, lhs, value);
  if (e.op == Op::None && !value.is_constant()) info.equate(s.facts, lhs, rhs);
  if (!has_object() || passing != nullptr) {
    next.push_back(std::move(s));
    return;
  }
  auto [to, from, reference] = assignment(x);
  if (to == kNoPlace) {
    next.push_back(std::move(s));
    return;
  }
  // `v = v->next` and the like: names by the right side are worked out before the left one changes.
  Names gained;
  if (from != kNoPlace && from != to)
    for (PlaceId n : s.names) {
      PlaceId p = I.places.substitute(n, from, to);
      if (p != kNoPlace && std::find(gained.begin(), gained.end(), p) == gained.end()) gained.push_back(p);
    }
  // The value of a call lives on in what it is assigned to, not as "the value of the call".
  bool temporary = from != kNoPlace && I.places[from].step == Step::Value;
  if (temporary && !gained.empty()) s.names.erase_if([&](PlaceId n) { return I.places.has_prefix(n, from); });
  // Where a pointer is stored, what lies in something that it leads to could be found before.
  bool pointer = pool.type_of(pool.kid(x, 1)).kind == TypeKind::Pointer;
  bool stored = stores_away(to) && std::any_of(gained.begin(), gained.end(), [&](PlaceId p) {
                  return !pointer || I.places[p].step != Step::Address;
                });
  // A way back (`q->timer.data = q`) leads to nothing that has no shorter name, and there is no end of names
  // that go round several of them.
  if (from != kNoPlace && I.places.has_prefix(to, from)) gained.clear();
  if (carriers.size() > I.limits.states_with_names && !gained.empty()) {
    // Kept under a name that is not followed: what becomes of it is not seen.
    s.escaped = s.escaped || s.state != kNoState;
    gained.clear();
  }
  PlaceId candidate = key.names.empty() ? kNoPlace : key.names.front();
  bool own = std::find(s.names.begin(), s.names.end(), to) != s.names.end();
  bool overwritten = std::any_of(s.names.begin(), s.names.end(),
                                 [&](PlaceId n) { return dies(n, to, lhs, reference, own); });
  if (overwritten && s.state != kNoState && own && belongs_to_match(ev, s)) {
    next.push_back(std::move(s));
    return;
  }
  if (overwritten) {
    Names left;
    for (PlaceId n : s.names)
      if (!dies(n, to, lhs, reference, own)) left.push_back(n);
    if (s.state == kNoState) {
      // Nothing is lost: the name just means another object now.
      s.names = {candidate};
      if (from != kNoPlace && from != to && !temporary && !I.places.has_prefix(from, to))
        if (PlaceId p = I.places.substitute(candidate, to, from); p != kNoPlace && p != candidate)
          s.names.push_back(p);
      next.push_back(std::move(s));
      return;
    }
    for (PlaceId p : gained)
      if (std::find(left.begin(), left.end(), p) == left.end() && left.size() < I.limits.names_per_object)
        left.push_back(p);
    bool renewed = dies(candidate, to, lhs, reference, own) &&
                   std::find(left.begin(), left.end(), candidate) == left.end();
    PathState fresh;
    if (renewed && key.state == kNoState) {
      fresh = s;
      reset(fresh);
      fresh.second = true;
      fresh.names = {candidate};
      if (from != kNoPlace && from != to && !temporary && !I.places.has_prefix(from, to))
        if (PlaceId p = I.places.substitute(candidate, to, from); p != kNoPlace && p != candidate)
          fresh.names.push_back(p);
    }
    if (left.empty()) {
      // `v[i]` once i has moved on: the object is still there.
      bool out_of_reach = std::any_of(s.names.begin(), s.names.end(), [&](PlaceId n) {
        return !I.places.has_prefix(n, to) && moves(n, lhs);
      });
      if (!s.escaped && !out_of_reach) {
        std::swap(s.facts, before);
        fire_end(s, ev.at);
        std::swap(s.facts, before);
      }
      s.escaped = true;  // its end is told
      lose(s, ev.at, next, !(renewed && key.state == kNoState));
    } else {
      s.names = left;
      s.escaped = s.escaped || stored;
      next.push_back(std::move(s));
    }
    if (renewed && key.state == kNoState) next.push_back(std::move(fresh));
    return;
  }
  for (PlaceId p : gained)
    if (std::find(s.names.begin(), s.names.end(), p) == s.names.end() &&
        s.names.size() < I.limits.names_per_object)
      s.names.push_back(p);
  s.escaped = s.escaped || (stored && s.state != kNoState);
  next.push_back(std::move(s));
}

bool Solver::Impl::Walk::belongs_to_match(const Event& ev, const PathState& s) {
  if (!w.prepared->is_covered(ev)) return false;
  MacroId m = ev.written_in;
  while (f.macros[m.value()].written_in != kNoMacro &&
         w.prepared->covered[f.macros[m.value()].written_in.value()])
    m = f.macros[m.value()].written_in;
  if (s.matched == m) return true;
  ExprId tree = f.macros[m.value()].tree;
  if (!f.macros[m.value()].is_expression || tree == kNoExpr) return false;
  for (u32 b = 0; b < f.blocks.size(); ++b)
    for (const EventMatches& em : w.prepared->blocks[b])
      if (f.blocks[b].events[em.event].expr == tree)
        for (const PatternMatch& pm : em.matches)
          if (machine().transitions[pm.transition].var == key.var && fits(pm, s, Phase::kBoth)) return true;
  return false;
}

bool Solver::Impl::Walk::dies(PlaceId name, PlaceId to, ExprId lhs, bool rebound, bool own) const {
  // `sp->head` and `dev->priv->head` are one and the same when the object answers to both.
  if (!rebound && name != to && I.places[to].step == Step::Field && I.places[name].step == Step::Field &&
      I.places[to].name == I.places[name].name && I.places.through_memory(to) &&
      I.places.through_memory(name) && own)
    return true;
  if (I.places.has_prefix(name, to)) {
    if (rebound) return true;
    // `&x.f` is where it is, whatever is written to x.
    for (PlaceId p = name; p != to; p = I.places[p].base)
      if (I.places[p].step == Step::Deref) return true;
    return I.places[name].step != Step::Address;
  }
  return moves(name, lhs);
}

bool Solver::Impl::Walk::moves(PlaceId name, ExprId lhs) const {
  const Expr& v = pool[pool.core(lhs)];
  if (v.kind != ExprKind::Var) return w.reader->index_reads(name, pool.core(lhs));
  return v.value >= 0 && w.reader->depends_on(name, v.value);
}

bool Solver::Impl::Walk::stores_away(PlaceId to) const {
  const Place& root = I.places[I.places[to].root];
  // A member of a parameter by reference is the caller's.
  bool reference = root.step == Step::Param && I.places[to].root != to && root.number < f.parameter_count &&
                   pool.type(f.locals[root.number].type).kind == TypeKind::Reference;
  return root.step == Step::Global || reference || I.places.through_memory(to);
}

void Solver::Impl::Walk::reset(PathState& s) const {
  s.state = kNoState;
  s.data = {};
  s.escaped = false;
  if (!s.origin().remembered.empty() || s.origin().cause) {
    Origin& o = s.change_origin();
    o.cause = {};
    o.remembered.clear();
  }
}

void Solver::Impl::Walk::drop(PathState& s, PlaceId root, const Location& at, bool written,
                              std::vector<PathState>& next, ExprId lhs) {
  Names left;
  bool out_of_reach = false;  // `v[i]` once i has moved on: the object is still there
  for (PlaceId n : s.names) {
    bool gone = root != kNoPlace && I.places.has_prefix(n, root) &&
                !(written && I.places[n].step == Step::Address && !passes_deref(n, root));
    bool moved = !gone && written && root != kNoPlace && I.places[root].step == Step::Local &&
                 w.reader->depends_on(n, I.places[root].number);
    if (!gone && !moved && lhs != kNoExpr) moved = w.reader->index_reads(n, lhs);
    out_of_reach = out_of_reach || moved;
    if (!gone && !moved) left.push_back(n);
  }
  if (left.size() == s.names.size()) {
    next.push_back(std::move(s));
    return;
  }
  PlaceId candidate = key.names.empty() ? kNoPlace : key.names.front();
  if (s.state == kNoState) {
    s.names = {candidate};
    next.push_back(std::move(s));
    return;
  }
  bool renewed =
      written && key.state == kNoState && std::find(left.begin(), left.end(), candidate) == left.end();
  if (left.empty()) {
    s.escaped = s.escaped || out_of_reach;
    lose(s, at, next, true);
    return;
  }
  if (renewed) {
    PathState fresh = s;
    reset(fresh);
    fresh.names = {candidate};
    fresh.second = true;
    next.push_back(std::move(fresh));
  }
  s.names = left;
  next.push_back(std::move(s));
}

void Solver::Impl::Walk::drop_value(PathState& s, PlaceId value, const Location& at,
                                    std::vector<PathState>& next) {
  auto it = std::find(s.names.begin(), s.names.end(), value);
  if (it == s.names.end()) {
    next.push_back(std::move(s));
    return;
  }
  Names left;
  for (PlaceId n : s.names)
    if (n != value) left.push_back(n);
  if (left.empty()) {
    lose(s, at, next, true);
    return;
  }
  s.names = std::move(left);
  next.push_back(std::move(s));
}

bool Solver::Impl::Walk::passes_deref(PlaceId n, PlaceId root) const {
  for (PlaceId p = n; p != root && p != kNoPlace; p = I.places[p].base)
    if (I.places[p].step == Step::Deref) return true;
  return false;
}

void Solver::Impl::Walk::lose(PathState& s, const Location& at, std::vector<PathState>& next, bool go_on) {
  if (!s.escaped) fire_end(s, s.has_result ? s.result_at : at);
  if (!go_on) return;
  reset(s);
  s.names.clear();
  if (key.state == kNoState && !key.names.empty()) s.names = {key.names.front()};
  next.push_back(std::move(s));
}

}  // namespace quire::metal
