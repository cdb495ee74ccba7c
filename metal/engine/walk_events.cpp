// What happens in a block, event by event.

#include "metal/engine/walk.h"

namespace quire::metal {

void Solver::Impl::Walk::event(BlockId b, std::size_t index, const Event& ev, PathState s,
                               std::vector<PathState>& next) {
  switch (ev.kind) {
    case EventKind::MacroBegin: {
      if (ev.macro != kNoMacro &&
          I.models.noreturn.contains(std::string(f.macros[ev.macro.value()].name.text())))
        return;
      matches(b, index, ev, std::move(s), next, Phase::kBoth);
      return;
    }
    case EventKind::MacroEnd: {
      if (s.matched == ev.macro) s.matched = kNoMacro;
      next.push_back(std::move(s));
      return;
    }
    case EventKind::Evaluate: {
      if (ev.expr == kNoExpr) {
        next.push_back(std::move(s));
        return;
      }
      evaluate_event(b, index, ev, std::move(s), next);
      return;
    }
    case EventKind::Declare:
      matches(b, index, ev, std::move(s), next, Phase::kBoth);
      return;
    case EventKind::ScopeEnd: {
      if (has_object() && ev.local.value() < f.locals.size() && !f.locals[ev.local.value()].is_static)
        drop(s, I.places.root(Step::Local, {}, ev.local.value()), ev.at, false, next);
      else
        next.push_back(std::move(s));
      return;
    }
    case EventKind::Return: {
      s.result_at = ev.at;
      s.has_result = true;
      std::vector<PathState> after;
      matches(b, index, ev, std::move(s), after, Phase::kBoth);
      for (PathState& t : after) {
        t.result = ev.expr != kNoExpr ? info.evaluate(t.facts, ev.expr) : ValueRange{};
        if (has_object() && ev.expr != kNoExpr) {
          ExprId x = strip_casts(pool, pool.core(ev.expr));
          rename(t, w.reader->read(x), I.places.root(Step::Return, {}, 0));
        }
        next.push_back(std::move(t));
      }
      return;
    }
    default:
      next.push_back(std::move(s));
  }
}

void Solver::Impl::Walk::evaluate_event(BlockId b, std::size_t index, const Event& ev, PathState s,
                                        std::vector<PathState>& next) {
  ExprId x = pool.core(ev.expr);
  const Expr& e = pool[x];
  bool covered = w.prepared->is_covered(ev);
  if (pool[ev.expr].kind == ExprKind::Macro) {
    // The expansion had its own event; this one is for rules that name the macro.
    matches(b, index, ev, std::move(s), next, Phase::kBoth);
    return;
  }
  if (e.kind == ExprKind::Assign && e.kid_count == 2) {
    // The old value's state sees the statement first; then the name gets its new value, and what the
    // statement starts, starts with that.
    std::vector<PathState> a, c;
    matches(b, index, ev, std::move(s), a, Phase::kInState);
    for (PathState& t : a) assign(ev, x, std::move(t), c);
    for (PathState& t : c) matches(b, index, ev, std::move(t), next, Phase::kFromStart);
    return;
  }
  if (e.kind == ExprKind::Call || e.kind == ExprKind::Construct) {
    if (!covered) info.forget_result(s.facts, x, b);
    fired = false;
    std::vector<PathState> a, again;
    // Made again, the call gives another value: what was that value has lost this name. (What lies behind
    // the value has not: `current->lock` is one lock, however often get_current() is called.)
    if (has_object() && s.state != kNoState)
      drop_value(s, I.places.root(Step::Value, {}, x.value()), ev.at, again);
    else
      again.push_back(std::move(s));
    for (PathState& t : again) matches(b, index, ev, std::move(t), a, Phase::kBoth);
    bool was_fired = fired;
    for (PathState& t : a) call(b, index, ev, x, std::move(t), next, covered, was_fired);
    return;
  }
  if (e.kind == ExprKind::Increment && e.kid_count > 0) {
    std::vector<PathState> a;
    matches(b, index, ev, std::move(s), a, Phase::kBoth);
    for (PathState& t : a) {
      ExprId v = pool.core(pool.kid(x, 0));
      ValueRange before = info.evaluate(t.facts, v);
      info.forget_write(t.facts, v);
      // Counters: only the sign survives, so that loops settle.
      if (e.op == Op::PreInc || e.op == Op::PostInc) {
        if (before.low >= 0) info.set(t.facts, v, {1, ValueRange::kMax, false, 0});
      }
      if (has_object())
        drop(t, w.reader->read(v), ev.at, true, next, v);
      else
        next.push_back(std::move(t));
    }
    return;
  }
  if (e.kind == ExprKind::Asm) {
    std::vector<PathState> a;
    matches(b, index, ev, std::move(s), a, Phase::kBoth);
    for (PathState& t : a) {
      for (u32 i = 0; i < e.kid_count && static_cast<i64>(i) < e.value; ++i)
        info.forget_write(t.facts, pool.kid(x, i));
      next.push_back(std::move(t));
    }
    return;
  }
  matches(b, index, ev, std::move(s), next, Phase::kBoth);
}

}  // namespace quire::metal
