#include "metal/engine/solver.h"

#include "metal/engine/ends.h"
#include "metal/engine/walk.h"

namespace quire::metal {

const FunctionInfo& InfoCache::get(FunctionId id) {
  Slot& s = slots_[id.value()];
  std::call_once(s.once, [&] { s.info = std::make_unique<FunctionInfo>(program_.body(id), effects(), id); });
  return *s.info;
}

const Effects& InfoCache::effects() {
  std::call_once(effects_once_, [&] { effects_ = std::make_unique<Effects>(program_, models_.nonnull); });
  return *effects_;
}

const std::vector<bool>& InfoCache::never() {
  std::call_once(never_once_, [&] { never_ = never_returning(program_, models_.noreturn); });
  return never_;
}

Solver::Impl::Impl(Solver& owner, const Program& program_in, InfoCache& infos_in,
                   std::shared_ptr<const CompiledMachine> machine,
                   std::vector<std::shared_ptr<const CompiledMachine>> annotators_in, const Models& models_in,
                   const Limits& limits_in)
    : self(owner),
      program(program_in),
      infos(infos_in),
      m(std::move(machine)),
      annotators(std::move(annotators_in)),
      models(models_in),
      never(infos_in.never()),
      limits(limits_in),
      intra(limits.intra || m->settings.contains("intra")),
      work(program.functions().size()) {
  for (const CompiledTransition& t : m->transitions) {
    // `start: { lock_kernel() } ==> start` only names something: nothing comes of it.
    bool moves = t.path_specific || (t.always.global != -1 && t.always.global != t.source_state);
    if (t.var < 0 && (moves || (t.action != nullptr && !t.action->empty()))) has_global_rules = true;
    if (t.source_var < 0) continue;
    for (const Alternative& a : t.alternatives) {
      if (a.special == rule::SpecialPattern::kEndOfPath) {
        asks_end = true;
        ends_matter.emplace(t.source_var, t.source_state);
      }
      bool named = a.special.has_value();
      for (u32 i : a.fragments)
        for (const Expr& e : m->fragments[i]->pool.exprs()) named = named || e.kind == ExprKind::Function;
      if (!named) unnamed_states.emplace(t.source_var, t.source_state);
    }
  }
  for (const CompiledTransition& t : m->transitions) {
    for (const Alternative& a : t.alternatives)
      for (const Guard& g : a.guards) {
        asks_known = asks_known || asks(*g.expr, "mc_known");
        asks_effects = asks_effects || asks(*g.expr, "mc_may_fail");
        asks_end = asks_end || asks(*g.expr, "mc_escaped");
      }
    if (t.action != nullptr) {
      asks_known = asks_known || asks(*t.action, "mc_known");
      asks_end = asks_end || asks(*t.action, "mc_escaped") || enumerates(*t.action);
    }
  }
  if (m->global_states.size() > 1) has_global_rules = true;
  exists.assign(m->vars.size(), true);
  for (const auto& fragment : m->fragments) {
    if (fragment->root == kNoExpr || fragment->pool[fragment->root].kind != ExprKind::Hole) continue;
    for (std::size_t v = 0; v < m->vars.size(); ++v)
      if (fragment->pool[fragment->root].value == m->vars[v].hole) exists[v] = false;
  }
  only_marks = !m->reports && m->vars.empty() && m->global_states.size() == 1 && !m->writes.empty();
}

bool Solver::Impl::asks(const rule::Expr& e, std::string_view callout) {
  return (e.kind == rule::ExprKind::kCall && e.text.starts_with(callout)) ||
         std::any_of(e.args.begin(), e.args.end(), [&](const rule::Expr& a) { return asks(a, callout); });
}

bool Solver::Impl::asks(const std::vector<rule::Stmt>& list, std::string_view callout) {
  return std::any_of(list.begin(), list.end(), [&](const rule::Stmt& st) {
    return asks(st.value, callout) || asks(st.target, callout) || asks(st.body, callout) ||
           asks(st.orelse, callout);
  });
}

bool Solver::Impl::enumerates(const std::vector<rule::Stmt>& list) {
  return std::any_of(list.begin(), list.end(), [](const rule::Stmt& st) {
    return st.kind == rule::StmtKind::kForEach || enumerates(st.body) || enumerates(st.orelse);
  });
}

bool Solver::Impl::took_over() const {
  return taken_over != 0 || std::any_of(helpers.begin(), helpers.end(), [](const std::unique_ptr<Solver>& h) {
           return h && h->impl_->took_over();
         });
}

bool Solver::Impl::order_mattered() const {
  return order_matters || std::any_of(helpers.begin(), helpers.end(), [](const std::unique_ptr<Solver>& h) {
           return h && h->impl_->order_mattered();
         });
}

bool Solver::Impl::run(const Results* results) {
  take_over(results, {});
  survey();
  u32 n = static_cast<u32>(program.functions().size());
  for (int pass = 0; pass < 2; ++pass)  // then what no root reached
    for (u32 i = 0; i < n; ++i) {
      FunctionId id(i);
      Work& w = work[i];
      if (!w.relevant || !has_global_rules) continue;
      if (pass == 0 ? is_root(id) : !w.visited) {
        ItemKey k;
        k.function = id;
        k.root = true;
        demand_root(k);
      }
    }
  if (!m->vars.empty()) {
    // Objects that begin their life in a function are followed from its entry, once for each global state
    // that it is entered in.
    std::map<u32, std::vector<ItemKey>> entries;
    for (const Summary& s : items)
      if (s.key.var < 0 && known(s.key) != kNoItem) entries[s.key.function.value()].push_back(s.key);
    for (auto& [function, list] : entries) std::sort(list.begin(), list.end());  // not by who came first
    for (u32 i = 0; i < n; ++i) {
      Work& w = work[i];
      if (!w.relevant) continue;
      std::vector<ItemKey> contexts;
      if (m->global_states.size() > 1) contexts = entries[i];
      if (contexts.empty()) {
        ItemKey k;
        k.function = FunctionId(i);
        k.root = is_root(FunctionId(i));
        contexts.push_back(k);
      }
      for (const ItemKey& context : contexts)
        for (const Candidate& c : std::vector<Candidate>(w.candidates)) {
          bool outside = external(c.place);
          // Callers follow what they hand in, when it concerns them.
          if (outside && !context.root && program[FunctionId(i)].has_caller) continue;
          ItemKey k = context;
          k.var = c.var;
          k.names = {c.place};
          demand_root(k);
        }
    }
  }
  if (took_over() && order_mattered()) return false;
  kept.clear();
  kept.shrink_to_fit();
  kept_index.clear();
  finish();
  keep(results, {});
  return true;
}

void Solver::Impl::forget_passages() {
  constexpr u64 kMost = 100'000;
  if (passages_made < kMost || !stack.empty() || recording != 0) return;
  passages_made = 0;
  for (Work& w : work) {
    w.passage_numbers = {};
    w.passages.clear();
    w.fact_sets = {};
  }
}

void Solver::Impl::rests_on(u32 index) {
  if (!stack.empty()) stack.back()->low = std::min(stack.back()->low, index);
}

ItemId Solver::Impl::known(const ItemKey& key) const {
  auto it = memo.find(key);
  return it == memo.end() ? kNoItem : it->second;
}

ItemId Solver::Impl::solve(const ItemKey& key) {
  forget_passages();
  if (ItemId i = known(key); i != kNoItem) {
    const Summary& s = items[i.value()];
    rests_on(s.solving ? s.index : s.low);
    return i;
  }
  const KeptItem* before_edit = nullptr;
  if (auto k = kept_index.find(key); k != kept_index.end()) {
    judge(k->second);
    before_edit = &kept[k->second];
    if (before_edit->trust == Trust::kSound)
      if (ItemId i = adopt(k->second); i != kNoItem) return i;
  }
  ItemId id(static_cast<u32>(items.size()));
  memo.emplace(key, id);
  Summary& s = items.emplace_back();  // a deque: it stays where it is
  s.key = key;
  bool deep = stack.size() >= limits.call_depth;
  if (deep || ++work[key.function.value()].entries > limits.entries_per_function) {
    // Too deep, or entered in too many ways: as if the call did nothing.
    s.cut_by(deep ? Bound::kDepth : Bound::kEntries);
    order_matters = true;
    ExitState e;
    e.state = key.state;
    e.global = key.global;
    e.data = key.data;
    e.global_data = key.global_data;
    for (PlaceId p : key.names)
      if (external(p)) e.names.push_back(p);
    s.exits.push_back(std::move(e));
    return id;
  }
  if (key.var < 0) work[key.function.value()].visited = true;
  s.solving = true;
  s.index = static_cast<u32>(stack.size());
  stack.push_back(&s);
  bool found = before_edit != nullptr && as_before(*before_edit, s);
  for (u32 round = 1; !found; ++round) {
    std::vector<ExitState> before = s.exits;  // what a recursive call sees meanwhile
    auto annotations_before = s.annotations;
    s.low = Summary::kSettled;
    Summary fresh;
    fresh.key = key;
    Walk(*this, key, fresh, nullptr).run();
    s.exits = std::move(fresh.exits);
    s.demands = std::move(fresh.demands);
    s.asked = std::move(fresh.asked);
    s.queries = std::move(fresh.queries);
    s.sightings = std::move(fresh.sightings);
    s.annotations = std::move(fresh.annotations);
    s.complains = fresh.complains;
    s.cut |= fresh.cut;
    // Only the outermost item of a recursion is repeated; those inside are walked again with it.
    s.recursive = s.low != Summary::kSettled;
    if (s.low != s.index) break;
    bool stable = s.exits.size() == before.size() && s.annotations == annotations_before &&
                  std::equal(before.begin(), before.end(), s.exits.begin(),
                             [](const ExitState& a, const ExitState& b) { return a.same_outcome(b); });
    bool done = stable || round >= 3;
    while (!unsettled.empty() && unsettled.back()->low >= s.index) {
      if (done)
        unsettled.back()->low = Summary::kSettled;
      else
        memo.erase(unsettled.back()->key);
      unsettled.pop_back();
    }
    if (done) {
      s.low = Summary::kSettled;
      break;
    }
  }
  s.exits.shrink_to_fit();
  s.demands.shrink_to_fit();
  stack.pop_back();
  s.solving = false;
  if (stack.empty()) {
    for (Summary* u : unsettled) u->low = Summary::kSettled;
    unsettled.clear();
    s.low = Summary::kSettled;
  }
  if (s.low != Summary::kSettled) {
    unsettled.push_back(&s);
    rests_on(s.low);
  }
  return id;
}

Solver::Solver(const Program& program, InfoCache& infos, std::shared_ptr<const CompiledMachine> machine,
               std::vector<std::shared_ptr<const CompiledMachine>> annotators, const Models& models,
               const Limits& limits)
    : impl_(std::make_unique<Impl>(*this, program, infos, std::move(machine), std::move(annotators), models,
                                   limits)) {}
Solver::~Solver() = default;

void Solver::run(const Results* results) {
  if (impl_->run(results)) return;
  const Impl& before = *impl_;
  auto again = std::make_unique<Impl>(*this, before.program, before.infos, before.m, before.annotators,
                                      before.models, before.limits);
  again->afresh = true;
  impl_ = std::move(again);
  stats_ = {};
  (void)impl_->run(results);
}
std::vector<Finding> Solver::take_findings() { return std::move(impl_->findings); }
std::vector<Observation> Solver::take_observations() { return std::move(impl_->observations); }
bool Solver::annotated(FunctionId id, const std::vector<std::pair<u16, ValueRange>>& parameters,
                       const std::string& tag, std::string* why) {
  return impl_->annotated_here(id, parameters, tag, why);
}

}  // namespace quire::metal
