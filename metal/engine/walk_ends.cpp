// Beginnings and ends of paths, and the exits of the function.
#include <fmt/format.h>

#include <algorithm>

#include "metal/engine/walk.h"

namespace quire::metal {

PathState Solver::Impl::Walk::start_of_path(PathState s) {
  for (const CompiledTransition& t : machine().transitions) {
    if (t.source_var >= 0 || t.var >= 0 || t.source_state != s.global || has_object()) continue;
    for (const Alternative& a : t.alternatives) {
      if (a.special != rule::SpecialPattern::kStartOfPath) continue;
      Bindings none(machine().holes.size());
      ValueContext c = context(kEntry, 0, kNoMacro, s, &none, -1);
      if (!guards_hold(a, c)) continue;
      act(*t.action, kEntry, 0, kNoMacro, f.at, t, &none, s);
      if (t.always.global >= 0) s.global = t.always.global;
      return s;
    }
  }
  return s;
}

void Solver::Impl::Walk::fire_end(PathState& s, const Location& at) {
  for (const CompiledTransition& t : machine().transitions) {
    bool of_variable = t.source_var >= 0;
    if (of_variable ? (t.source_var != key.var || s.state != t.source_state)
                    : (has_object() || s.global != t.source_state))
      continue;
    for (const Alternative& a : t.alternatives) {
      if (a.special != rule::SpecialPattern::kEndOfPath) continue;
      Bindings none(machine().holes.size());
      if (s.names.empty() && has_object()) s.names = {key.names.front()};
      ValueContext c = context(kExit, 0, kNoMacro, s, &none, of_variable ? key.var : -1);
      if (!guards_hold(a, c)) continue;
      if (traced) I.self.trace_(fmt::format("  line {}: end of path, {}", at.line, describe(s)));
      act(*t.action, kExit, 0, kNoMacro, at, t, &none, s);
      return;
    }
  }
}

void Solver::Impl::Walk::end(PathState s) {
  Location at = s.has_result && s.result_at.line != 0 ? s.result_at : f.end;
  if (traced) I.self.trace_(fmt::format("  line {}: leaves {}", at.line, describe(s)));
  if (has_object() && s.state != kNoState) {
    // Locals are gone; what is left is the caller's, or nobody's.
    Names outer;
    for (PlaceId p : s.names)
      if (I.external(p) || is_static_local(p)) outer.push_back(p);
    bool reachable = !outer.empty();
    bool returned = std::any_of(outer.begin(), outer.end(),
                                [&](PlaceId p) { return I.places[I.places[p].root].step == Step::Return; });
    if (!reachable) {
      if (!s.escaped) fire_end(s, at);
      reset(s);
      s.names.clear();
    } else {
      s.names = outer;
      // Callers that are known are asked, though the function is there for others too: it may be meant so.
      const LinkedFunction& linked = I.program[key.function];
      const bool callers_tell = !I.intra && linked.has_caller && (linked.exported || !linked.address_taken) &&
                                !I.never[key.function.value()];
      if (key.root && !callers_tell && !s.escaped && !returned && !handed_out(outer) &&
          !kept_by_object(outer))
        fire_end(s, at);
    }
  } else if (has_object()) {
    s.names.clear();
  } else if (key.root && s.global >= 0) {
    fire_end(s, at);
  }
  add_exit(s);
}

bool Solver::Impl::Walk::handed_out(const Names& names) const {
  return std::any_of(names.begin(), names.end(), [&](PlaceId p) {
    if (I.places[p].step != Step::Deref || I.places[I.places[p].base].step != Step::Param) return false;
    return std::any_of(w.copies.begin(), w.copies.end(), [&](const auto& copy) { return copy.first == p; });
  });
}

bool Solver::Impl::Walk::kept_by_object(const Names& names) const {
  std::string_view name = f.name.text(), class_name = f.record.text();
  std::size_t colon = class_name.rfind(':');
  std::string_view last = colon == std::string_view::npos ? class_name : class_name.substr(colon + 1);
  if (class_name.empty() || !name.ends_with(last) || name.size() < last.size() + 2 ||
      name[name.size() - last.size() - 1] != ':')
    return false;
  return std::any_of(names.begin(), names.end(), [&](PlaceId p) {
    const Place& r = I.places[I.places[p].root];
    return r.step == Step::Param && r.number == 0;
  });
}

bool Solver::Impl::Walk::is_static_local(PlaceId p) const {
  const Place& r = I.places[I.places[p].root];
  return r.step == Step::Local && static_cast<std::size_t>(r.number) < f.locals.size() &&
         f.locals[static_cast<std::size_t>(r.number)].is_static;
}

void Solver::Impl::Walk::add_exit(const PathState& s) {
  ExitState e;
  e.state = s.state;
  e.global = s.global;
  e.data = s.data;
  e.global_data = s.global_data;
  e.escaped = s.escaped;
  for (PlaceId p : s.names)
    if (I.external(p)) e.names.push_back(p);
  e.result = return_class(s.result);
  e.cause = s.origin().cause;
  e.remembered = s.origin().remembered;
  e.second = s.second;
  e.unsure = s.unsure;
  e.global_cause = s.origin().global_cause;
  bool many = out.exits.size() >= I.limits.exits_with_constants;
  if (many) e.result = sign_class(e.result);
  for (ExitState& o : out.exits)
    if (o.same_outcome(e)) {
      o.unsure = o.unsure && e.unsure;
      return;
    }
  if (out.exits.size() >= I.limits.exits_per_item) {
    for (ExitState& o : out.exits) {
      ExitState probe = o;
      probe.result = e.result;
      if (!probe.same_outcome(e)) continue;
      o.result.join(e.result);
      o.unsure = o.unsure && e.unsure;
      return;
    }
    out.cut_by(Bound::kExits);
    return;
  }
  std::vector<PathNote> states;
  if (record != nullptr && (s.state != key.state || s.global != key.global)) {
    std::vector<PathNote> path;
    notes(s, path, nullptr, nullptr);
    // The caller's reader wants the change of state, not every branch on the way.
    for (PathNote& n : path)
      if (!n.text.starts_with("assuming ") && !n.text.starts_with("taking ")) states.push_back(std::move(n));
    if (states.size() > 4) states.erase(states.begin(), states.end() - 4);
  }
  if (record != nullptr) record->exits.push_back(std::move(states));
  out.exits.push_back(std::move(e));
}

ValueRange Solver::Impl::Walk::return_class(const ValueRange& r) {
  if (r.is_constant() || r.any()) return r;
  if (r.high < 0) return {ValueRange::kMin, -1, false, 0};
  if (r.low > 0) return {1, ValueRange::kMax, false, 0};
  if (r.low == 0) return {0, ValueRange::kMax, false, 0};
  if (r.high == 0) return {ValueRange::kMin, 0, false, 0};
  return r.known_nonzero() ? ValueRange::nonzero() : ValueRange{};
}

ValueRange Solver::Impl::Walk::sign_class(const ValueRange& r) {
  if (r.known_zero()) return r;
  if (r.high < 0) return {ValueRange::kMin, -1, false, 0};
  return r.low > 0 ? ValueRange{1, ValueRange::kMax, false, 0} : r;
}

}  // namespace quire::metal
