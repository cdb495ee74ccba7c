// Which transitions fit, and where they lead.
#include <fmt/format.h>

#include <algorithm>

#include "metal/engine/walk.h"

namespace quire::metal {

ValueContext Solver::Impl::Walk::context(BlockId b, std::size_t index, MacroId macro, const PathState& s,
                                         const Bindings* bindings, i32 var) {
  ValueContext c{machine(), I.program, key.function, info};
  c.bindings = bindings;
  c.block = b;
  c.event = index;
  c.macro = macro;
  c.facts = &s.facts;
  const auto& events = f.blocks[b.value()].events;
  if (index < events.size() && events[index].kind == EventKind::Declare &&
      events[index].local.value() < f.locals.size())
    c.variable = &f.locals[events[index].local.value()];
  c.data = &s.data;
  c.global_data = &s.global_data;
  c.var = var;
  if (has_object()) c.object = [this, &s] { return object_text(s); };
  if (has_object() && !s.names.empty()) {
    const Place& p = I.places[s.names.front()];
    if (p.step == Step::Local || p.step == Step::Param) c.object_expr = info.local_expr(p.number);
  }
  c.escaped = s.escaped;
  c.returned = std::any_of(s.names.begin(), s.names.end(),
                           [&](PlaceId p) { return I.places[I.places[p].root].step == Step::Return; });
  c.result = s.has_result ? &s.result : nullptr;
  c.remembered = &s.origin().remembered;
  c.annotated = [this, &s](ExprId callee, const std::string& tag, std::string* why) -> std::optional<bool> {
    return annotated(callee, s.facts, tag, why);
  };
  return c;
}

std::optional<bool> Solver::Impl::Walk::annotated(ExprId callee, const Facts& facts, const std::string& tag,
                                                  std::string* why) {
  bool called = current_call != kNoExpr && pool[current_call].kid_count != 0 &&
                pool.core(pool.kid(current_call, 0)) == pool.core(callee);
  if (!called) {
    // A function that is handed on, not called: nothing is known of its arguments.
    ExprId named = strip_macros(pool, strip_casts(pool, callee));
    if (pool[named].kind != ExprKind::Function) return false;
    FunctionId t = I.program.named(key.function, pool.function(pool[named]));
    return t != kNoFunction && I.ask_function(t, {}, tag, why);
  }
  return I.ask(key.function, current_call, facts, tag, why);
}

bool Solver::Impl::Walk::guards_hold(const Alternative& alt, const ValueContext& c) const {
  for (const Guard& g : alt.guards)
    if (evaluate(*g.expr, c).truth() == g.negated) return false;
  return true;
}

bool Solver::Impl::Walk::fits(const PatternMatch& pm, const PathState& s, Phase phase) {
  const CompiledTransition& t = machine().transitions[pm.transition];
  // On assignments the global state moves once, with the first phase.
  if (t.var < 0) return phase != Phase::kFromStart && s.global == t.source_state;
  if (!has_object() || t.var != key.var) return false;
  const Binding& bound = pm.bindings[machine().vars[static_cast<std::size_t>(t.var)].hole];
  if (t.source_var >= 0)
    return phase != Phase::kFromStart && s.state == t.source_state &&
           (bound.expr == kNoExpr || is_object(s, w.reader->read(bound.expr)));
  return phase != Phase::kInState && s.state == kNoState && s.global == t.source_state &&
         bound.expr != kNoExpr && is_object(s, w.reader->read(bound.expr));
}

void Solver::Impl::Walk::matches(BlockId b, std::size_t index, const Event& ev, PathState s,
                                 std::vector<PathState>& next, Phase phase) {
  const std::vector<PatternMatch>* list = passing == nullptr ? w.prepared->at(b, index) : nullptr;
  if (list == nullptr) {
    next.push_back(std::move(s));
    return;
  }
  ExprId saved_call = current_call;
  current_call = ev.kind == EventKind::Evaluate && ev.expr != kNoExpr ? pool.core(ev.expr) : kNoExpr;
  if (current_call != kNoExpr && pool[current_call].kind == ExprKind::Assign &&
      pool[current_call].kid_count == 2)
    current_call = strip_casts(pool, pool.core(pool.kid(current_call, 1)));
  const PatternMatch* variable = nullptr;
  const PatternMatch* global = nullptr;
  for (const PatternMatch& pm : *list) {
    const CompiledTransition& t = machine().transitions[pm.transition];
    bool of_variable = t.var >= 0;
    if (of_variable ? variable != nullptr : global != nullptr) continue;
    if (!fits(pm, s, phase)) continue;
    if (pm.open) {
      ValueContext c = context(b, index, ev.macro, s, &pm.bindings, of_variable ? key.var : -1);
      if (!guards_hold(t.alternatives[pm.alternative], c)) continue;
    }
    (of_variable ? variable : global) = &pm;
  }
  current_call = saved_call;
  if (variable == nullptr && global == nullptr) {
    next.push_back(std::move(s));
    return;
  }
  fired = true;
  std::vector<PathState> now;
  now.push_back(std::move(s));
  for (const PatternMatch* pm : {global, variable}) {
    if (pm == nullptr) continue;
    std::vector<PathState> after;
    for (PathState& t : now) fire(b, index, ev, *pm, std::move(t), after);
    now = std::move(after);
  }
  for (PathState& t : now) next.push_back(std::move(t));
}

void Solver::Impl::Walk::fire(BlockId b, std::size_t index, const Event& ev, const PatternMatch& pm,
                              PathState s, std::vector<PathState>& next) {
  const CompiledTransition& t = machine().transitions[pm.transition];
  bool of_variable = t.var >= 0;
  ExprId saved_call = current_call;
  current_call = ev.kind == EventKind::Evaluate && ev.expr != kNoExpr ? pool.core(ev.expr) : kNoExpr;
  if (current_call != kNoExpr && pool[current_call].kind == ExprKind::Assign &&
      pool[current_call].kid_count == 2)
    current_call = strip_casts(pool, pool.core(pool.kid(current_call, 1)));
  if (traced)
    I.self.trace_(fmt::format("  line {}: {} fires transition {} of {}", ev.at.line, describe(s), t.id + 1,
                              machine().ast->name));
  bool alive = act(*t.action, b, index, ev.macro, ev.at, t, &pm.bindings, s);
  current_call = saved_call;
  if (!alive) return;
  if (!t.path_specific) {
    move(t.always, t, ev, pm, s);
    next.push_back(std::move(s));
    return;
  }
  for (bool truth : {true, false}) {
    PathState u = s;
    const Move& where = truth ? t.if_true : t.if_false;
    if (pm.at != kNoExpr) {
      info.forget_value(u.facts, pm.at);
      if (!info.restrict(u.facts, pm.at, truth ? ValueRange::nonzero() : ValueRange::constant(0))) continue;
    }
    if (where.state == -1 && where.global == -1) {
      move(t.always, t, ev, pm, u);
    } else {
      move(where, t, ev, pm, u);
    }
    (void)of_variable;
    next.push_back(std::move(u));
  }
}

void Solver::Impl::Walk::move(const Move& to, const CompiledTransition& t, const Event& ev,
                              const PatternMatch& pm, PathState& s) {
  std::string what;
  if (to.global != -1 && to.global != s.global) {
    if (record != nullptr)
      what = to.global == Move::kStop
                 ? "the rule stops here"
                 : fmt::format("now {}", machine().global_states[static_cast<std::size_t>(to.global)]);
    s.global = to.global;
    s.change_origin().global_cause = s.global == 0 ? Mark{} : mark(ev.at);
  }
  if (to.state != -1 && t.var >= 0) {
    const StateVariable& v = machine().vars[static_cast<std::size_t>(t.var)];
    const Binding& bound = pm.bindings[v.hole];
    std::string name;
    if (record != nullptr) name = bound.expr != kNoExpr ? to_text(pool, bound.expr) : object_text(s);
    if (to.state == Move::kStop) {
      reset(s);
      if (record != nullptr) what = fmt::format("{} is no longer followed", name);
      if (s.names.empty() && !key.names.empty()) s.names = {key.names.front()};
    } else {
      bool same = s.state == to.state;
      if (ev.kind == EventKind::MacroBegin) s.matched = ev.macro;
      if (s.state == kNoState) {
        s.change_origin().cause = mark(ev.at);
        remember_name(s);
        if (bound.expr != kNoExpr) s.change_origin().cause_expr = bound.expr;
        s.escaped = false;
      }
      s.state = to.state;
      if (!same && record != nullptr)
        what = fmt::format("{} is now {}", name, v.states[static_cast<std::size_t>(to.state)]);
    }
  }
  if (!what.empty()) say_step(s, ev.at, what);
}

}  // namespace quire::metal
