// One block; blocks that only change facts.
#include <fmt/format.h>

#include <algorithm>

#include "metal/engine/walk.h"

namespace quire::metal {

void Solver::Impl::Walk::block(BlockId id, PathState first) {
  const Block& b = f.blocks[id.value()];
  std::vector<PathState> now, next;
  now.push_back(std::move(first));
  for (u32 e : w.active[id.value()]) {
    if (now.empty()) break;
    next.clear();
    for (PathState& s : now) event(id, e, b.events[e], std::move(s), next);
    if (next.size() > kForksToPrune) {
      // What nobody reads any more does not keep paths apart.
      std::vector<u64> live = info.live_after(id, e);
      for (PathState& s : next) info.prune(s.facts, live, s.state != kNoState ? object_key : -1);
    }
    if (next.size() > 1) unify(next);
    if (next.size() > I.limits.forks_per_block) {
      // The merge of property simulation, within a block.
      ++I.self.stats_.joins;
      for (PathState& s : next) s.facts.clear();
      unify(next);
    }
    if (next.size() > I.limits.forks_per_block) {
      next.resize(I.limits.forks_per_block);
      out.cut_by(Bound::kForks);
    }
    now.swap(next);
  }
  for (PathState& s : now) {
    if (traced && has_object())
      I.self.trace_(
          fmt::format("  line {}: block {} ends, {}", b.condition_at.line, id.value(), describe(s)));
    leave(b, std::move(s));
  }
}

const std::vector<bool>& Solver::Impl::Walk::concerned(const PathState& s) {
  Passer p{key.var, s.state, s.global, key.names.empty() ? kNoPlace : key.names.front(), s.names};
  auto [it, fresh] = w.concerned.try_emplace(p);
  if (fresh) {
    it->second.assign(f.blocks.size(), false);
    for (u32 b = 0; b < f.blocks.size(); ++b)
      for (u32 i : w.active[b])
        if (concerns(BlockId(b), i, s)) {
          it->second[b] = true;
          break;
        }
    for (u32 b = 0; b < f.blocks.size(); ++b)
      if (leading(f.blocks[b].condition, s) != kNoExpr || equates(f.blocks[b].condition, s).left != kNoPlace)
        it->second[b] = true;
  }
  return it->second;
}

Solver::Impl::Walk::Equal Solver::Impl::Walk::equates(ExprId condition, const PathState& s) const {
  if (!has_object() || s.state == kNoState || condition == kNoExpr) return {};
  ExprId x = pool.core(condition);
  const Expr& e = pool[x];
  if (e.kind != ExprKind::Binary || (e.op != Op::Eq && e.op != Op::Ne) || e.kid_count != 2) return {};
  ExprId l = strip_casts(pool, pool.core(pool.kid(x, 0))), r = strip_casts(pool, pool.core(pool.kid(x, 1)));
  if (pool.type_of(l).kind != TypeKind::Pointer || pool.type_of(r).kind != TypeKind::Pointer) return {};
  if (info.evaluate({}, l).is_constant() || info.evaluate({}, r).is_constant()) return {};  // null
  Equal found{w.reader->read(l), w.reader->read(r), e.op == Op::Eq};
  if (found.left == kNoPlace || found.right == kNoPlace) return {};
  bool known = std::any_of(s.names.begin(), s.names.end(), [&](PlaceId n) {
    return I.places.has_prefix(n, found.left) || I.places.has_prefix(n, found.right);
  });
  return known ? found : Equal{};
}

void Solver::Impl::Walk::unite(PathState& s, const Equal& e) {
  Names before = s.names;
  rename(s, e.left, e.right);
  rename(s, e.right, e.left);
  // A variable that is only ever a copy (what READ_ONCE gives, say) is equal to what it is a copy of, too.
  for (PlaceId one : {e.left, e.right}) {
    PlaceId of = kNoPlace;
    u32 times = 0;
    for (const auto& [to, from] : w.copies)
      if (to == one && I.places[one].step == Step::Local) {
        of = from;
        ++times;
      }
    if (times == 1) rename(s, one, of);
  }
  if (s.names == before || I.ends_matter.contains({key.var, s.state})) return;
  reset(s);
  s.names = {key.names.front()};
}

ExprId Solver::Impl::Walk::leading(ExprId condition, const PathState& s) const {
  if (!has_object() || s.state == kNoState || condition == kNoExpr || !I.exists[static_cast<u32>(key.var)])
    return kNoExpr;
  ExprId x = pool.core(condition);
  while (pool[x].kind == ExprKind::Unary && pool[x].op == Op::Not) x = pool.core(pool.kid(x, 0));
  if (pool[x].kind == ExprKind::Binary && (pool[x].op == Op::Eq || pool[x].op == Op::Ne)) {
    u32 null = info.evaluate({}, pool.kid(x, 0)).known_zero() ? 0 : 1;
    if (!info.evaluate({}, pool.kid(x, null)).known_zero()) return kNoExpr;
    x = pool.core(pool.kid(x, 1 - null));
  }
  x = strip_casts(pool, x);
  if (pool[x].kind == ExprKind::Assign && pool[x].kid_count == 2) x = pool.core(pool.kid(x, 0));
  if (pool.type_of(x).kind != TypeKind::Pointer) return kNoExpr;
  PlaceId p = w.reader->read(x);
  if (p == kNoPlace) return kNoExpr;
  PlaceId behind = I.places.step(p, Step::Deref);
  bool leads = std::any_of(s.names.begin(), s.names.end(), [&](PlaceId n) {
    return n == p || (behind != kNoPlace && I.places.has_prefix(n, behind));
  });
  return leads ? x : kNoExpr;
}

bool Solver::Impl::Walk::concerns(BlockId b, u32 index, const PathState& s) {
  const Event& ev = f.blocks[b.value()].events[index];
  if (const std::vector<PatternMatch>* list = w.prepared->at(b, index))
    for (const PatternMatch& pm : *list)
      if (fits(pm, s, Phase::kBoth)) return true;
  switch (ev.kind) {
    case EventKind::ScopeEnd:
      return has_object() && ev.local.value() < f.locals.size() && !f.locals[ev.local.value()].is_static &&
             touches(s, I.places.root(Step::Local, {}, ev.local.value()), false);
    case EventKind::Return: {
      if (!has_object() || ev.expr == kNoExpr) return false;
      PlaceId p = w.reader->read(strip_casts(pool, pool.core(ev.expr)));
      return std::any_of(s.names.begin(), s.names.end(), [&](PlaceId n) {
        return I.places.substitute(n, p, I.places.root(Step::Return, {}, 0)) != kNoPlace;
      });
    }
    case EventKind::Evaluate: {
      if (ev.expr == kNoExpr || pool[ev.expr].kind == ExprKind::Macro) return false;
      ExprId x = pool.core(ev.expr);
      const Expr& e = pool[x];
      if (e.kind == ExprKind::Call || e.kind == ExprKind::Construct) return call_concerns(b, index, ev, x, s);
      if (!has_object() || e.kid_count == 0) return false;
      if (e.kind == ExprKind::Increment) return touches(s, w.reader->read(pool.core(pool.kid(x, 0))), true);
      if (e.kind != ExprKind::Assign || e.kid_count != 2) return false;
      Assignment a = assignment(x);
      if (a.to == kNoPlace) return false;
      bool own = s.names.has(a.to);
      return std::any_of(s.names.begin(), s.names.end(), [&](PlaceId n) {
        return dies(n, a.to, pool.core(pool.kid(x, 0)), a.reference, own) ||
               (a.from != kNoPlace && a.from != a.to && I.places.substitute(n, a.from, a.to) != kNoPlace);
      });
    }
    default:
      return false;
  }
}

bool Solver::Impl::Walk::touches(const PathState& s, PlaceId root, bool written) const {
  if (root == kNoPlace) return false;
  if (s.state == kNoState && s.names.size() == 1 && s.names.front() == key.names.front()) return false;
  return std::any_of(s.names.begin(), s.names.end(), [&](PlaceId n) {
    return I.places.has_prefix(n, root) ||
           (written && I.places[root].step == Step::Local && w.reader->depends_on(n, I.places[root].number));
  });
}

bool Solver::Impl::Walk::call_concerns(BlockId b, u32 index, const Event& ev, ExprId x, const PathState& s) {
  bool covered = w.prepared->is_covered(ev);
  bool named = machine().named.contains(callee_name(pool, pool.kid(x, 0)));
  const CallSite* site = I.program.call(key.function, x);
  if (!I.intra && !covered && !named && site != nullptr && !site->targets.empty() && !beside(*site)) {
    if (reaches_element(*site, s)) return true;
    std::vector<bool> mapped;
    for (FunctionId t : site->targets) {
      Names handed;
      if (has_object()) handed = I.to_callee(w, f, x, t, s.names, mapped);
      if (worth_entering(t, s, handed, b, index, x)) return true;
    }
  }
  if (!has_object() || covered || named || s.state == kNoState) return false;
  std::span<const ExprId> kids = pool.kids(x);
  for (std::size_t i = 1; i < kids.size(); ++i) {
    ExprId a = strip_casts(pool, pool.core(kids[i]));
    if (pool[a].kind != ExprKind::AddressOf) continue;
    PlaceId p = w.reader->read(pool.kid(a, 0));
    if (p != kNoPlace && pool.type_of(pool.kid(a, 0)).kind == TypeKind::Pointer &&
        std::any_of(s.names.begin(), s.names.end(), [&](PlaceId n) { return I.places.has_prefix(n, p); }))
      return true;
  }
  return false;
}

bool Solver::Impl::Walk::reaches_element(const CallSite& site, const PathState& s) const {
  if (!has_object() || s.state == kNoState) return false;
  return std::any_of(s.names.begin(), s.names.end(), [&](PlaceId n) {
    return I.places[I.places[n].root].step == Step::Global && !I.external(n) &&
           std::any_of(site.targets.begin(), site.targets.end(),
                       [&](FunctionId t) { return I.work[t.value()].relevant && I.in_reach(t, n); });
  });
}

bool Solver::Impl::Walk::passes(const Pending& p) const {
  const std::vector<bool>* c = carriers[p.carrier].concerned;
  return c != nullptr && !(*c)[p.block.value()];
}

void Solver::Impl::Walk::pass(const Pending& p) {
  const Block& b = f.blocks[p.block.value()];
  for (const Passage::Way& way : passage(p.block, p.facts).ways) {
    Pending t = p;
    t.block = way.to;
    t.facts = way.facts;
    if (way.returns) t.result = result_of(way.result, way.result_at);
    if (way.doubtful) t.carrier = unsure(t.carrier);
    if (record != nullptr) t.trail = add_step(p.trail, b, b.edges[way.edge]);
    if (way.to != kExit) {
      push(t);
      continue;
    }
    // Objects without a state end alike, whatever is known; only the result counts.
    const Carrier& c = carriers[t.carrier];
    if (has_object() && c.state.state == kNoState && !traced &&
        !ended.insert(mix(c.identity, return_class(results[t.result].range))))
      continue;
    end(state_of(t));
  }
}

const Passage& Solver::Impl::Walk::passage(BlockId id, u32 facts) {
  auto fresh = static_cast<u32>(w.passages.size());
  u32 number = w.passage_numbers.number(u64{id.value() + 1} << 32 | facts, fresh);
  if (number != fresh) return w.passages[number];
  ++I.passages_made;
  Passage& made = w.passages.emplace_back();
  const Block& b = f.blocks[id.value()];
  std::vector<PathState> now(1), next;
  now[0].facts = w.fact_sets[facts];
  passing = &made;
  for (u32 e : w.active[id.value()]) {
    next.clear();
    for (PathState& s : now) event(id, e, b.events[e], std::move(s), next);
    now.swap(next);
  }
  for (PathState& s : now) leave(b, std::move(s));
  passing = nullptr;
  return made;
}

void Solver::Impl::Walk::unify(std::vector<PathState>& list) const {
  std::unordered_set<u64> have;
  std::erase_if(list, [&](PathState& s) { return !have.insert(identity_with_facts(s)).second; });
}

void Solver::Impl::Walk::leave(const Block& b, PathState s) {
  if (ExprId x = passing == nullptr ? leading(b.condition, s) : kNoExpr; x != kNoExpr)
    if (Facts more = s.facts;
        info.restrict(more, x, ValueRange::nonzero()))  // else the rule follows a null pointer
      s.facts = std::move(more);
  const BlockId id(static_cast<u32>(&b - f.blocks.data()));
  if (b.condition != kNoExpr) info.decide_again(s.facts, id);
  for (std::size_t i = 0; i < b.edges.size(); ++i) {
    const Edge& edge = b.edges[i];
    PathState t = i + 1 == b.edges.size() ? std::move(s) : s;
    bool possible = true, doubtful = false;
    switch (edge.kind) {
      case EdgeKind::True:
      case EdgeKind::False:
        if (b.condition == kNoExpr) break;
        doubtful = info.doubts(t.facts, b.condition,
                               edge.kind == EdgeKind::True ? ValueRange::nonzero() : ValueRange::constant(0));
        possible = info.assume(t.facts, b.condition, edge.kind == EdgeKind::True);
        break;
      case EdgeKind::Case:
        doubtful = info.doubts(t.facts, b.condition, {edge.low, edge.high, false, 0});
        possible = info.restrict(t.facts, b.condition, {edge.low, edge.high, false, 0});
        break;
      case EdgeKind::Default: {
        ValueRange r = info.evaluate(t.facts, b.condition);
        for (const Edge& other : b.edges)
          if (other.kind == EdgeKind::Case) {
            if (r.low >= other.low && r.high <= other.high) possible = false;
            if (possible && other.low == other.high) {
              possible = r.exclude(other.low);
              if (possible) info.set(t.facts, b.condition, r);
            }
          }
        break;
      }
      default:
        break;
    }
    if (!possible || edge.to.value() >= f.blocks.size()) continue;
    t.unsure = t.unsure || doubtful;
    if (b.condition != kNoExpr) info.decided(t.facts, id);
    if (edge.kind == EdgeKind::True || edge.kind == EdgeKind::False)
      if (Equal e = passing == nullptr ? equates(b.condition, t) : Equal{};
          e.left != kNoPlace && e.when == (edge.kind == EdgeKind::True))
        unite(t, e);
    if (passing != nullptr) {
      if (edge.to != kExit) info.prune(t.facts, edge.to, -1);
      passing->ways.push_back({edge.to, static_cast<u32>(i), w.fact_sets.number(t.facts), t.has_result,
                               doubtful, t.result, t.result_at});
      continue;
    }
    if (record != nullptr) t.trail = add_step(t.trail, b, edge);
    if (edge.to == kExit)
      end(std::move(t));
    else
      push(edge.to, std::move(t));
  }
}

u32 Solver::Impl::Walk::add_step(u32 before, const Block& b, const Edge& edge) {
  Trail step;
  step.at = b.condition_at;
  if (edge.kind == EdgeKind::True || edge.kind == EdgeKind::False) {
    if (b.condition == kNoExpr) return before;
    // Decisions of macros within macros tell the reader nothing.
    if (b.condition_macro != kNoMacro && f.macros[b.condition_macro.value()].written_in != kNoMacro)
      return before;
    step.expr = b.condition;
    step.branch = true;
    step.truth = edge.kind == EdgeKind::True;
  } else if (edge.kind == EdgeKind::Case) {
    step.edge = &edge;
  } else {
    return before;
  }
  return add_trail(before, step);
}

u32 Solver::Impl::Walk::add_trail(u32 before, Trail step) {
  if (trail.size() > 2'000'000) return before;
  step.previous = before;
  trail.push_back(step);
  return static_cast<u32>(trail.size() - 1);
}

void Solver::Impl::Walk::say_step(PathState& s, const Location& at, std::string text, ItemId inner, u32 exit,
                                  bool indirect) {
  said_steps.push_back({std::move(text), inner, exit});
  Trail t;
  t.at = at;
  t.said = static_cast<u32>(said_steps.size() - 1);
  t.indirect = indirect;
  s.trail = add_trail(s.trail, t);
}

}  // namespace quire::metal
