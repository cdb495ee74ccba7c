// What machines tell each other of functions.
#include <fmt/format.h>

#include <algorithm>

#include "metal/engine/solver_impl.h"

namespace quire::metal {

Solver& Solver::Impl::helper(std::size_t i) {
  if (helpers.size() <= i) helpers.resize(i + 1);
  if (!helpers[i]) {
    helpers[i] = std::make_unique<Solver>(program, infos, annotators[i], annotators, models, limits);
    helpers[i]->impl_->afresh = afresh;
    helpers[i]->impl_->take_over(store, fmt::format("{}/{}", m->source->name(), m->ast->name));
  }
  return *helpers[i];
}

std::optional<bool> Solver::Impl::ask(FunctionId from, ExprId call, const Facts& facts,
                                      const std::string& tag, std::string* why) {
  const CallSite* site = program.call(from, call);
  if (site == nullptr) return false;
  for (FunctionId t : site->targets)
    if (ask_function(t, constants(from, facts, call, t), tag, why)) return true;
  return false;
}

bool Solver::Impl::ask_function(FunctionId t, const ConstantParameters& c, const std::string& tag,
                                std::string* why) {
  for (std::size_t i = 0; i < annotators.size(); ++i) {
    const auto& writes = annotators[i]->writes;
    if (std::find(writes.begin(), writes.end(), tag) == writes.end()) continue;
    Query q{static_cast<u32>(i), t, c, tag, false, {}};
    if (annotators[i] == m && work[t.value()].relevant) {
      ItemId item = marked(t, c);
      if (asking != nullptr &&
          std::find(asking->asked.begin(), asking->asked.end(), item) == asking->asked.end())
        asking->asked.push_back(item);
      const auto& marks = items[item.value()].annotations;
      auto it = marks.find(tag);
      if (it == marks.end()) continue;
      if (why != nullptr) *why = it->second;
      return true;
    }
    if (annotators[i] != m) q.answer = helper(i).annotated(t, c, tag, &q.why);
    if (asking != nullptr && std::none_of(asking->queries.begin(), asking->queries.end(),
                                          [&](const Query& o) { return o.same_question(q); }))
      asking->queries.push_back(q);
    if (!q.answer) continue;
    if (why != nullptr) *why = q.why;
    return true;
  }
  return false;
}

ItemId Solver::Impl::marked(FunctionId id, const ConstantParameters& c) {
  ItemKey k;
  k.function = id;
  k.constants = c;
  return solve(k);
}

bool Solver::Impl::annotated_here(FunctionId id, const ConstantParameters& c, const std::string& tag,
                                  std::string* why) {
  // Most functions reach nothing that marks anything.
  survey();
  if (!work[id.value()].relevant) return false;
  const Summary& s = items[marked(id, c).value()];
  auto it = s.annotations.find(tag);
  if (it == s.annotations.end()) return false;
  if (why != nullptr) *why = it->second;
  return true;
}

ConstantParameters Solver::Impl::constants(FunctionId from, const Facts& facts, ExprId call,
                                           FunctionId callee) {
  // A recursion whose argument grows (`print_tree(child, indent + 1)`) would be entered without end: within
  // one only what the text says is told apart, and the smallest numbers.
  const bool recursion = program[from].component == program[callee].component;
  const FunctionInfo& info = infos.get(from);
  ConstantParameters out;
  const Pool& pool = info.function().pool;
  const FunctionInfo& to = infos.get(callee);
  std::span<const ExprId> kids = pool.kids(call);
  for (u32 i = 0; i + 1 < kids.size() && i < to.function().parameter_count; ++i) {
    if (!to.parameter_matters(i)) continue;
    ValueRange r = info.evaluate(facts, kids[i + 1]);
    const bool many = recursion && r.is_constant() && (r.low < -1 || r.low > 1) &&
                      !info.evaluate({}, kids[i + 1]).is_constant();
    if (r.is_constant() && !many)
      out.emplace_back(static_cast<u16>(i), r);
    else if (r.known_nonzero())
      out.emplace_back(static_cast<u16>(i), ValueRange::nonzero());  // callees test for null, or a flag
  }
  return out;
}

}  // namespace quire::metal
