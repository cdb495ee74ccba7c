#include "metal/engine/solver.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "metal/engine/bytes.h"
#include "metal/engine/components.h"
#include "metal/engine/ends.h"
#include "metal/engine/item.h"
#include "metal/engine/kept_items.h"
#include "metal/engine/prepared.h"
#include "metal/engine/results.h"
#include "metal/engine/statistics.h"
#include "metal/engine/values.h"
#include "metal/language/builtins.h"

namespace quire::metal {

const FunctionInfo& InfoCache::get(FunctionId id) {
  Slot& s = slots_[id.value()];
  std::call_once(s.once, [&] { s.info = std::make_unique<FunctionInfo>(program_.body(id)); });
  return *s.info;
}

namespace {

/// How an object of a callee appears to callers from the start: the callee's own object and the name under
/// which it leaves.
struct Birth {
  PlaceId object;
  PlaceId out;
  friend bool operator==(const Birth&, const Birth&) = default;
};

struct Candidate {
  i32 var;
  PlaceId place;
  friend bool operator==(const Candidate&, const Candidate&) = default;
};

/// What a block does to the facts of a path whose state nothing in it concerns: worked out once for each set
/// of facts, and then taken by every object and state that passes.
struct Passage {
  struct Way {
    BlockId to;
    u32 edge = 0;   ///< of the block
    u32 facts = 0;  ///< as FactSets numbers them
    bool returns = false;
    ValueRange result;
    Location result_at;
  };
  std::vector<Way> ways;
};

/// The sets of facts that were met in one function, numbered. 0 is the empty set.
class FactSets {
 public:
  u32 number(const Facts& facts) {
    if (facts.empty()) return 0;
    u64 h = 1;
    for (const auto& [k, group, r] : facts) {
      h = mix(h, k * 1000u + group + 1);
      h = mix(h, static_cast<u64>(r.low));
      h = mix(h, static_cast<u64>(r.high));
      h = mix(h, r.has_hole ? static_cast<u64>(r.hole) + 3 : 2);
    }
    auto [a, b] = index_.equal_range(h);
    for (auto it = a; it != b; ++it)
      if (sets_[it->second] == facts) return it->second;
    sets_.push_back(facts);
    index_.emplace(h, static_cast<u32>(sets_.size() - 1));
    return static_cast<u32>(sets_.size() - 1);
  }
  const Facts& operator[](u32 number) const { return sets_[number]; }

 private:
  std::deque<Facts> sets_{Facts{}};
  std::unordered_multimap<u64, u32> index_;
};

/// Keys of statistical rules, numbered.
class KeyTexts {
 public:
  u32 number(const std::string& text) {
    auto [it, fresh] = numbers_.try_emplace(text, static_cast<u32>(texts_.size()));
    if (fresh) texts_.push_back(&it->first);
    return it->second;
  }
  const std::string& text(u32 number) const { return *texts_[number]; }

 private:
  std::unordered_map<std::string, u32> numbers_;
  std::vector<const std::string*> texts_;
};

/// A state that can pass blocks: what decides which events concern it.
struct Passer {
  i32 var, state, global;
  PlaceId candidate;
  Names names;
  friend auto operator<=>(const Passer&, const Passer&) = default;
};

/// What the solver keeps for one function.
struct Work {
  std::unique_ptr<PreparedFunction> prepared;
  std::unique_ptr<PlaceReader> reader;
  bool relevant = false;              ///< it or what it calls can change a state or complain
  std::vector<Candidate> candidates;  ///< objects that begin here or in a callee
  std::vector<std::pair<i32, Birth>> births;
  /// Those that concern callers: objects that leave in some state, or about which there is something to say.
  std::vector<Candidate> outer_candidates;
  std::vector<std::pair<i32, Birth>> outer_births;
  bool settled = false;  ///< the latter two are known
  const std::vector<Candidate>& to_callers() const { return settled ? outer_candidates : candidates; }
  const std::vector<std::pair<i32, Birth>>& born_to_callers() const {
    return settled ? outer_births : births;
  }
  bool visited = false;  ///< entered with the global state alone
  /// Objects of callers that some transition here or in a callee can concern, and whether there are too many
  /// to tell. Kept for machines all of whose patterns name a function.
  std::set<std::pair<i32, PlaceId>> touched;
  bool touches_any = false;
  bool many_callers = false;                        ///< too many to be told apart by constant arguments
  u32 callers = 0;                                  ///< calls that may reach it
  u32 entries = 0;                                  ///< items made
  std::vector<std::pair<PlaceId, PlaceId>> copies;  ///< places of left and right sides of assignments
  std::vector<std::vector<u32>> active;             ///< by block: events that can change a state or the facts
  FactSets fact_sets;
  HashIndex passage_numbers;  ///< by block and set of facts
  std::deque<Passage> passages;
  std::map<Passer, std::vector<bool>> concerned;  ///< blocks in which something concerns the state
};

}  // namespace

struct Solver::Impl {
  Impl(Solver& owner, const Program& program_in, InfoCache& infos_in,
       std::shared_ptr<const CompiledMachine> machine,
       std::vector<std::shared_ptr<const CompiledMachine>> annotators_in, const Models& models_in,
       const Limits& limits_in)
      : self(owner),
        program(program_in),
        infos(infos_in),
        m(std::move(machine)),
        annotators(std::move(annotators_in)),
        models(models_in),
        never(never_returning(program_in, models_in.noreturn)),
        limits(limits_in),
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
          asks_end = asks_end || asks(*g.expr, "mc_escaped");
        }
      if (t.action != nullptr) {
        asks_known = asks_known || asks(*t.action, "mc_known");
        asks_end = asks_end || asks(*t.action, "mc_escaped") || enumerates(*t.action);
      }
    }
    if (m->global_states.size() > 1) has_global_rules = true;
    only_marks = !m->reports && m->vars.empty() && m->global_states.size() == 1 && !m->writes.empty();
  }

  /// Something calls a callout of that name, or whose name begins so.
  static bool asks(const rule::Expr& e, std::string_view callout) {
    return (e.kind == rule::ExprKind::kCall && e.text.starts_with(callout)) ||
           std::any_of(e.args.begin(), e.args.end(), [&](const rule::Expr& a) { return asks(a, callout); });
  }
  static bool asks(const std::vector<rule::Stmt>& list, std::string_view callout) {
    return std::any_of(list.begin(), list.end(), [&](const rule::Stmt& st) {
      return asks(st.value, callout) || asks(st.target, callout) || asks(st.body, callout) ||
             asks(st.orelse, callout);
    });
  }

  static bool enumerates(const std::vector<rule::Stmt>& list) {
    return std::any_of(list.begin(), list.end(), [](const rule::Stmt& st) {
      return st.kind == rule::StmtKind::kForEach || enumerates(st.body) || enumerates(st.orelse);
    });
  }

  // ---- preparation -------------------------------------------------------------------------------

  Work& at(FunctionId id) {
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

  void find_copies(FunctionId id, Work& w) {
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

  /// Adds a place that a transition concerns, under all names that a caller could have for it.
  void add_touched(FunctionId id, Work& w, i32 var, PlaceId place) {
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
      if (root.step == Step::Local &&
          root.number < f.parameter_count)  // assigned later, at first what came in
        add(places.substitute(names[i], places[names[i]].root, places.root(Step::Param, {}, root.number)));
    }
    for (PlaceId p : names)
      if (external(p)) w.touched.emplace(var, p);
    w.touches_any = names.size() >= 24 || w.touched.size() > limits.touched_per_function;
  }

  void called_touched(FunctionId id, Work& w, FunctionId callee) {
    const Function& f = program.body(id);
    const Work& c = work[callee.value()];
    if (c.touches_any) w.touches_any = true;
    const std::set<std::pair<i32, PlaceId>> theirs = c.touched;
    for (const CallSite& site : program[id].calls) {
      if (w.touches_any) return;
      if (std::find(site.targets.begin(), site.targets.end(), callee) == site.targets.end()) continue;
      for (const auto& [var, place] : theirs) add_touched(id, w, var, to_caller(w, f, site.call, place));
    }
  }

  /// Something in the function, or beyond, can concern the object that has these names there.
  bool touches(FunctionId id, i32 var, i32 state, const Names& names) const {
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

  /// Most events are reads that no pattern of the machine fits.
  void find_active(FunctionId id, Work& w) const {
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

  bool mentions_named(FunctionId id) const {
    const Function& f = program.body(id);
    for (const FunctionRef& r : f.pool.functions())
      if (m->named.contains(r.name)) return true;
    for (const MacroUse& u : f.macros)
      if (m->named.contains(u.name)) return true;
    return false;
  }

  /// Marks the functions that matter, with their objects; callers of such functions matter too.
  void survey() {
    if (surveyed) return;
    surveyed = true;
    u32 n = static_cast<u32>(program.functions().size());
    std::vector<std::vector<u32>> callees(n);
    std::vector<u32> callers(n, 0);
    for (u32 i = 0; i < n; ++i)
      for (const CallSite& c : program[FunctionId(i)].calls)
        for (FunctionId t : c.targets) {
          callees[i].push_back(t.value());
          ++callers[t.value()];
        }
    for (u32 i = 0; i < n; ++i) {
      work[i].many_callers = callers[i] > limits.callers_told_apart;
      work[i].callers = callers[i];
      std::sort(callees[i].begin(), callees[i].end());
      callees[i].erase(std::unique(callees[i].begin(), callees[i].end()), callees[i].end());
    }
    bool object_macros = std::any_of(m->fragments.begin(), m->fragments.end(), [](const auto& p) {
      return p->root != kNoExpr && p->pool[p->root].kind == ExprKind::Macro;
    });
    for (u32 i = 0; i < n; ++i) {
      if (program.body(FunctionId(i)).blocks.empty()) continue;
      // What the machine names is a primitive to it: its inside is nobody's business here.
      if (m->named.contains(program.body(FunctionId(i)).name)) continue;
      if (!m->has_unnamed_start && !object_macros && !mentions_named(FunctionId(i))) continue;
      Work& w = at(FunctionId(i));
      own_candidates(FunctionId(i), w);
      if (w.prepared->direct || !w.candidates.empty()) {
        w.relevant = true;
      } else if (m->has_unnamed_start) {
        // Looked at and found of no interest: matches are made again in the rare case that it is entered.
        w.prepared.reset();
        w.reader.reset();
      }
    }
    if (limits.intra) return;
    for (const std::vector<FunctionId>& component : program.components()) {
      // Members of a recursion are taken again while their callees' objects still grow.
      constexpr u32 kRounds = 12;
      bool grown = true;
      for (u32 round = 0; grown && round < kRounds; ++round) {
        grown = false;
        for (FunctionId id : component) grown = take_from_callees(id, callees[id.value()]) || grown;
        if (component.size() == 1 && !calls_itself(component.front(), callees[component.front().value()]))
          break;
      }
      for (FunctionId id : component) settle(id);
    }
  }

  static bool calls_itself(FunctionId id, const std::vector<u32>& callees) {
    return std::find(callees.begin(), callees.end(), id.value()) != callees.end();
  }

  /// What callees do concerns the function too. True when something new came.
  bool take_from_callees(FunctionId id, const std::vector<u32>& callees) {
    if (std::none_of(callees.begin(), callees.end(), [&](u32 t) { return work[t].relevant; })) return false;
    Work& w = at(id);
    auto size = [&w] {
      return w.candidates.size() + w.births.size() + w.touched.size() + (w.touches_any ? 1 : 0);
    };
    std::size_t before = size();
    bool fresh = !w.relevant;
    w.relevant = true;
    if (m->vars.empty()) return fresh;
    for (u32 t : callees) {
      if (!work[t].relevant) continue;
      called_candidates(id, w, FunctionId(t));
      called_touched(id, w, FunctionId(t));
    }
    find_births(id, w);
    return fresh || size() != before;
  }

  /// Which of the function's objects concern its callers: those that it can leave in some state, and those
  /// about which something is said, since callers know more (constant arguments, other names). Most of what
  /// a function does to its own data ends within it, and callers need not follow that.
  void settle(FunctionId id) {
    Work& w = work[id.value()];
    bool one_state = m->global_states.size() <= 1;
    if (w.relevant && program[id].has_caller) {
      for (const Candidate& c : std::vector<Candidate>(w.candidates)) {
        if (!external(c.place)) continue;
        bool global = places[places[c.place].root].step == Step::Global;
        if (!one_state ||
            leaves(id, c.var, c.place, kNoPlace, global && w.callers > limits.callers_of_globals))
          w.outer_candidates.push_back(c);
      }
      for (const auto& [var, birth] : std::vector<std::pair<i32, Birth>>(w.births))
        if (!one_state || leaves(id, var, birth.object, birth.out)) w.outer_births.emplace_back(var, birth);
    }
    w.settled = true;
  }

  /// An object without a state that enters can leave in one (known by the name `out`, if given). `common`: it
  /// is one that everybody knows, in a function that many call. Such functions leave things as they found
  /// them, or would be noticed: only states in which the rule waits for more concern callers.
  bool leaves(FunctionId id, i32 var, PlaceId object, PlaceId out, bool common = false) {
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

  /// Neither the item nor any that it asked for has something to say. Of each item this is found out once:
  /// only settled ones are asked about.
  bool is_quiet(ItemId first) {
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

  void add_candidate(Work& w, i32 var, PlaceId place) {
    if (place == kNoPlace || w.candidates.size() >= limits.candidates_per_function) return;
    Candidate c{var, place};
    if (std::find(w.candidates.begin(), w.candidates.end(), c) == w.candidates.end())
      w.candidates.push_back(c);
  }

  void own_candidates(FunctionId id, Work& w) {
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

  /// `x` begins a reference: `r = &object` in the function file, though r's uses denote the object itself.
  static bool binds_reference(const Function& f, ExprId x) {
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

  /// Left and right side of an assignment as places; a reference stands for what it is bound to.
  std::pair<PlaceId, PlaceId> assigned(Work& w, const Function& f, ExprId x) {
    ExprId lhs = f.pool.core(f.pool.kid(x, 0));
    PlaceId to = w.reader->read(lhs);
    PlaceId from = w.reader->read(strip_casts(f.pool, f.pool.core(f.pool.kid(x, 1))));
    bool reference = binds_reference(f, x);
    if (reference && from != kNoPlace && places[from].step == Step::Address) from = places[from].base;
    return {to, from};
  }

  /// Objects of local variables that leave by the result or through memory.
  void find_births(FunctionId id, Work& w) {
    const Function& f = program.body(id);
    auto add = [&](i32 var, PlaceId object, PlaceId out) {
      if (out == kNoPlace) return;
      std::pair<i32, Birth> b{var, {object, out}};
      if (w.births.size() < 32 && std::find(w.births.begin(), w.births.end(), b) == w.births.end())
        w.births.push_back(b);
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

  /// True when callers can name the place.
  bool external(PlaceId p) const {
    if (p == kNoPlace) return false;
    Step r = places[places[p].root].step;
    if (r == Step::Local || r == Step::Value) return false;
    for (; p != kNoPlace; p = places[p].base)
      if (places[p].step == Step::IndexExpr) return false;
    return true;
  }

  /// Objects of `callee` seen from the calls in `id`.
  void called_candidates(FunctionId id, Work& w, FunctionId callee) {
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
          add_candidate(
              w, var, places.substitute(birth.out, places[birth.out].root, assigned_place(id, w, site.call)));
        } else {
          add_candidate(w, var, to_caller(w, f, site.call, birth.out));
        }
      }
    }
  }

  /// Where the result of a call goes: the left side of its assignment, else the call itself.
  PlaceId assigned_place(FunctionId id, Work& w, ExprId call) {
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

  PlaceId to_caller(Work& w, const Function& f, ExprId call, PlaceId p) {
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

  /// The function, or something that it can call, names the global variable that the place begins with.
  bool in_reach(FunctionId id, PlaceId p) {
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

  /// The object's names in the callee's terms: those by which it can be met there.
  Names to_callee(Work& w, const Function& f, ExprId call, FunctionId callee, const Names& names,
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

  // ---- the whole program -------------------------------------------------------------------------

  void run(const Results* results) {
    take_over(results, {});
    survey();
    u32 n = static_cast<u32>(program.functions().size());
    for (int pass = 0; pass < 2; ++pass)  // then what no root reached
      for (u32 i = 0; i < n; ++i) {
        FunctionId id(i);
        Work& w = work[i];
        if (!w.relevant || !has_global_rules) continue;
        if (pass == 0 ? program.is_root(id) || limits.intra : !w.visited) {
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
          k.root = program.is_root(FunctionId(i)) || limits.intra;
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
    finish();
    keep(results, {});
  }

  void demand_root(const ItemKey& k) { roots.push_back(solve(k)); }

  /// Between walks: what blocks do to facts can be worked out again, and is worth its memory only near the
  /// functions at hand.
  void forget_passages() {
    constexpr u64 kMost = 100'000;
    if (passages_made < kMost || !stack.empty() || recording != 0) return;
    passages_made = 0;
    for (Work& w : work) {
      w.passage_numbers = {};
      w.passages.clear();
      w.fact_sets = {};
    }
  }

  /// Findings of all items that some root leads to, each with the shortest way there.
  void finish() {
    std::vector<ItemId> parent(items.size(), kNoItem), reached;
    std::vector<bool> seen(items.size(), false);
    auto reach = [&](ItemId i, ItemId from) {
      if (seen[i.value()]) return;
      seen[i.value()] = true;
      parent[i.value()] = from;
      reached.push_back(i);
    };
    for (ItemId i : roots) reach(i, kNoItem);
    for (std::size_t head = 0; head < reached.size(); ++head) {
      const std::vector<ItemId>& demands = items[reached[head].value()].demands;
      for (ItemId d : demands) reach(d, reached[head]);
    }
    std::vector<bool> functions(work.size());
    std::vector<u8> cut(work.size());
    Tally tally;
    for (ItemId i : reached) {
      const Summary& s = items[i.value()];
      functions[s.key.function.value()] = true;
      cut[s.key.function.value()] |= s.cut;
      for (const Sighting& o : s.sightings) tally.add(keys.text(o.key), o.site.point(), o.good);
    }
    self.stats_.summaries += items.size();
    self.stats_.reused += taken_over;
    self.stats_.functions += static_cast<u64>(std::count(functions.begin(), functions.end(), true));
    for (u8 bits : cut) {
      self.stats_.functions_cut += bits != 0 ? 1 : 0;
      for (std::size_t b = 0; b < self.stats_.cut_by.size(); ++b) self.stats_.cut_by[b] += bits >> b & 1u;
    }

    std::unordered_map<u32, bool> believed;  // keys of statistics
    auto holds = [&](u32 key) {
      auto [it, fresh] = believed.try_emplace(key);
      if (fresh) it->second = tally.holds(*m, keys.text(key));
      return it->second;
    };
    std::map<ItemId, Way> ways;
    for (ItemId i : reached) {
      const Summary& s = items[i.value()];
      bool shown = s.complains;
      for (const Sighting& o : s.sightings) {
        if (o.good)
          observations.push_back({keys.text(o.key), o.site.point(), true, {}});
        else
          shown = shown || holds(o.key);
      }
      if (!shown) continue;
      const Way& way = way_to(i, parent, ways);
      const Record& r = record(i);
      for (const Finding& f : r.findings) {
        Finding g = f;
        // A state that was handed in: what is wrong began where it began.
        if (g.cause == g.at && way.cause.line != 0) g.cause = way.cause;
        prepend(g, way);
        findings.push_back(std::move(g));
      }
      for (const Observation& o : r.observations) {
        if (!holds(keys.number(o.key))) continue;
        observations.push_back(o);
        prepend(observations.back().finding, way);
      }
    }
  }

  /// How one comes to an item from a root.
  struct Way {
    std::vector<PathNote> path;
    SourcePoint cause;
    u32 calls = 0, branches = 0;
    bool indirect = false;
  };

  const Way& way_to(ItemId item, const std::vector<ItemId>& parent, std::map<ItemId, Way>& ways) {
    // From the item up to the first whose way is known, then down again.
    std::vector<ItemId> chain;
    for (ItemId i = item; i != kNoItem && !ways.contains(i); i = parent[i.value()]) {
      chain.push_back(i);
      if (items[i.value()].key.in_start()) break;  // nothing has happened yet
    }
    for (; !chain.empty(); chain.pop_back()) {
      ItemId i = chain.back(), from = parent[i.value()];
      Way next;
      if (from != kNoItem && !items[i.value()].key.in_start()) {
        const Way& way = ways[from];
        const auto& demands = record(from).demands;
        next.calls = way.calls + 1;
        next.path = way.path;
        next.cause = way.cause;
        next.branches = way.branches;
        next.indirect = way.indirect;
        if (auto d = demands.find(i); d != demands.end()) {
          next.path.insert(next.path.end(), d->second.path.begin(), d->second.path.end());
          if (next.path.size() > 24) next.path.erase(next.path.begin() + 12, next.path.end() - 12);
          if (d->second.cause.line != 0) next.cause = d->second.cause;
          next.branches += d->second.branches;
          next.indirect = next.indirect || d->second.indirect;
        }
      }
      ways[i] = std::move(next);
    }
    return ways[item];
  }

  static void prepend(Finding& f, const Way& way) {
    f.path.insert(f.path.begin(), way.path.begin(), way.path.end());
    f.calls += way.calls;
    f.branches += way.branches;
    f.indirect = f.indirect || way.indirect;
  }

  /// Walks an item once more, this time with an eye to the path. What it calls is solved, so that every step
  /// is taken as it was.
  const Record& record(ItemId i) {
    auto [it, fresh] = records.try_emplace(i);
    if (!fresh) return it->second;  // perhaps half done: an item that leads to itself
    ++recording;
    Summary again;
    again.key = items[i.value()].key;
    Record made;
    u64 steps_before = self.stats_.steps;
    Walk(*this, again.key, again, &made).run();
    self.stats_.steps = steps_before;
    --recording;
    return records[i] = std::move(made);
  }

  /// What happened in an item that was left by this exit, for the reader of its caller.
  std::vector<PathNote> inner_notes(ItemId i, u32 exit) {
    constexpr u32 kNested = 6;
    if (recording > kNested) return {};
    const Record& r = record(i);
    return exit < r.exits.size() ? r.exits[exit] : std::vector<PathNote>{};
  }

  // ---- items -------------------------------------------------------------------------------------

  /// The item that is being walked now rests on one that is not settled yet.
  void rests_on(u32 index) {
    if (!stack.empty()) stack.back()->low = std::min(stack.back()->low, index);
  }

  /// The item of a key, or kNoItem.
  ItemId known(const ItemKey& key) const {
    auto it = memo.find(key);
    return it == memo.end() ? kNoItem : it->second;
  }

  ItemId solve(const ItemKey& key) {
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
      if (before_edit->trust == Trust::kSound) return adopt(k->second);
    }
    ItemId id(static_cast<u32>(items.size()));
    memo.emplace(key, id);
    Summary& s = items.emplace_back();  // a deque: it stays where it is
    s.key = key;
    bool deep = stack.size() >= limits.call_depth;
    if (deep || ++work[key.function.value()].entries > limits.entries_per_function) {
      // Too deep, or entered in too many ways: as if the call did nothing.
      s.cut_by(deep ? Bound::kDepth : Bound::kEntries);
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

  // ---- what an earlier run found -----------------------------------------------------------------

  /// A hash of a place that is the same in every run.
  u64 place_hash(PlaceId p) {
    if (p == kNoPlace) return 1;
    if (place_hashes.size() <= p.value()) place_hashes.resize(p.value() + 1, 0);
    if (place_hashes[p.value()] != 0) return place_hashes[p.value()];
    const Place& at = places[p];
    u64 h = mix(place_hash(at.base), static_cast<u64>(at.step));
    h = mix(h, std::hash<std::string_view>{}(at.name.text()));
    h = mix(h, static_cast<u64>(at.number)) | 1;
    return place_hashes[p.value()] = h;
  }

  /// What the survey found out about a function: walks of its callers ask for it.
  u64 survey_hash(const Work& w, bool outer) {
    u64 h = mix(w.relevant ? 2 : 1, (w.touches_any ? 2 : 1) + (w.many_callers ? 4 : 0) +
                                        (w.callers > limits.callers_of_globals ? 8 : 0));
    for (const Candidate& c : w.candidates) h = mix(mix(h, static_cast<u64>(c.var)), place_hash(c.place));
    for (const auto& [var, b] : w.births)
      h = mix(mix(mix(h, static_cast<u64>(var)), place_hash(b.object)), place_hash(b.out));
    if (outer) {
      for (const Candidate& c : w.outer_candidates)
        h = mix(mix(h, static_cast<u64>(c.var) + 1000), place_hash(c.place));
      for (const auto& [var, b] : w.outer_births)
        h = mix(mix(mix(h, static_cast<u64>(var) + 2000), place_hash(b.object)), place_hash(b.out));
    }
    u64 sum = 0;  // a set: in whatever order
    for (const auto& [var, place] : w.touched) sum += mix(place_hash(place), static_cast<u64>(var));
    return mix(h, sum);
  }

  /// Of all that a walk through the function reads but for items and other machines' marks.
  ContentHash fingerprint(FunctionId id) {
    if (fingerprints.empty()) fingerprints.resize(work.size());
    ContentHash& known_as = fingerprints[id.value()];
    if (known_as != ContentHash{}) return known_as;
    const LinkedFunction& lf = program[id];
    Hash h;
    h.add(lf.body->hash);
    h.add((program.is_root(id) ? 1u : 0u) | (lf.has_caller ? 2u : 0u));
    h.add(program.own_names(lf.unit));
    h.add(survey_hash(work[id.value()], false));
    auto other = [&](FunctionId t) {
      const LinkedFunction& to = program[t];
      h.add(to.body->hash);
      h.add(u64{to.unit} << 1 | (never[t.value()] ? 1u : 0u));
      // Of one recursion: not settled yet when its items are.
      h.add(survey_hash(work[t.value()], to.component != lf.component));
      h.add(program.globals_in_reach(t));
    };
    for (const CallSite& c : lf.calls) {
      h.add(u64{c.call.value()} << 3 | (c.indirect ? 1u : 0u) | (c.by_field ? 2u : 0u) | (c.wide ? 4u : 0u));
      h.add(c.targets.size());
      for (FunctionId t : c.targets) other(t);
    }
    for (const FunctionRef& r : lf.body->pool.functions())
      if (FunctionId t = program.named(id, r); t != kNoFunction) other(t);
    return known_as = h.value();
  }

  ItemNames item_names() {
    return {program, places, [this](FunctionId f) { return fingerprint(f); },
            [this](const std::string& text) { return keys.number(text); },
            [this](u32 number) -> const std::string& { return keys.text(number); }};
  }

  /// Reads what an earlier run kept. Items that nothing changed can reach are there from now on; the rest is
  /// looked at when it is asked for.
  void take_over(const Results* results, std::string_view reader) {
    store = results;
    if (store == nullptr || !store->keeps() || program.functions().empty()) return;
    auto bytes = store->find_items(*m, annotators, reader);
    if (!bytes) return;
    auto list = read_items(*bytes, item_names());
    if (!list) return;
    kept = std::move(*list);
    kept_as.assign(kept.size(), kNoItem);
    for (u32 i = 0; i < kept.size(); ++i)
      if (kept[i].found.key.function != kNoFunction) kept_index.emplace(kept[i].found.key, i);
    kept_components.emplace(static_cast<u32>(kept.size()));
  }

  /// What is to be thought of a kept item, and of all that it rests on.
  void judge(u32 first) {
    kept_components->visit(
        first,
        [&](u32 i, u32 k) {
          KeptItem& item = kept[i];
          // Where the function has changed, what it asked for may be gone, and does not matter.
          if (k == 0 && item.trust == Trust::kUnknown && !stands_itself(item)) item.trust = Trust::kChanged;
          if (item.trust == Trust::kChanged) return Components::kNone;
          const Summary& s = item.found;
          return k < s.demands.size()                    ? s.demands[k].value()
                 : k < s.demands.size() + s.asked.size() ? s.asked[k - s.demands.size()].value()
                                                         : Components::kNone;
        },
        [&](std::vector<u32>& members) {
          std::sort(members.begin(), members.end());
          bool sound = std::all_of(members.begin(), members.end(), [&](u32 i) {
            auto good = [&](ItemId d) {
              return kept[d.value()].trust == Trust::kSound ||
                     std::binary_search(members.begin(), members.end(), d.value());
            };
            const Summary& s = kept[i].found;
            return kept[i].trust != Trust::kChanged &&
                   std::all_of(s.demands.begin(), s.demands.end(), good) &&
                   std::all_of(s.asked.begin(), s.asked.end(), good);
          });
          for (u32 i : members)
            if (kept[i].trust == Trust::kUnknown) kept[i].trust = sound ? Trust::kSound : Trust::kDoubtful;
        });
  }

  /// The item's function, and what its walk reads but for other items, is what it was.
  bool stands_itself(const KeptItem& k) {
    // What a bound cut depends on how one came here.
    constexpr u8 kOrderMatters =
        1u << static_cast<u8>(Bound::kDepth) | 1u << static_cast<u8>(Bound::kEntries);
    return (k.found.cut & kOrderMatters) == 0 && fingerprint(k.found.key.function) == k.fingerprint &&
           answers_stand(k.found.queries);
  }

  /// Other machines say of functions what they said.
  bool answers_stand(const std::vector<Query>& queries) {
    for (const Query& q : queries) {
      if (q.function == kNoFunction || q.annotator >= annotators.size()) return false;
      std::string why;
      bool answer = annotators[q.annotator] == m
                        ? work[q.function.value()].relevant
                        : helper(q.annotator).annotated(q.function, q.constants, q.tag, &why);
      if (answer != q.answer || (answer && why != q.why)) return false;
    }
    return true;
  }

  /// A sound item of an earlier run is asked for: it and what it rests on belong to this one.
  ItemId adopt(u32 first) {
    std::vector<u32> todo{first}, made;
    while (!todo.empty()) {
      u32 i = todo.back();
      todo.pop_back();
      if (kept_as[i] != kNoItem) continue;
      const ItemKey& key = kept[i].found.key;
      if ((kept_as[i] = known(key)) != kNoItem) continue;
      kept_as[i] = ItemId(static_cast<u32>(items.size()));
      memo.emplace(key, kept_as[i]);
      Work& w = work[key.function.value()];
      ++w.entries;
      if (key.var < 0) w.visited = true;
      Summary& s = items.emplace_back(kept[i].found);
      ++taken_over;
      made.push_back(i);
      for (const std::vector<ItemId>* on : {&s.demands, &s.asked})
        for (ItemId d : *on) todo.push_back(d.value());
    }
    for (u32 i : made)
      for (std::vector<ItemId>* on : {&items[kept_as[i].value()].demands, &items[kept_as[i].value()].asked})
        for (ItemId& d : *on) d = kept_as[d.value()];
    return kept_as[first];
  }

  /// True when the item comes out as in an earlier run, since all that it asked for does. Asks in the order
  /// in which a walk would, and no further than that: where something is new, the walk finds the rest solved.
  bool as_before(const KeptItem& k, Summary& s) {
    if (k.trust == Trust::kChanged || k.found.recursive) return false;
    s.low = Summary::kSettled;
    auto stands = [&](ItemId d) {
      const Summary& then = kept[d.value()].found;
      if (then.key.function == kNoFunction) return false;
      const Summary& now = items[solve(then.key).value()];
      return s.low == Summary::kSettled && now.exits == then.exits && now.annotations == then.annotations;
    };
    for (const std::vector<ItemId>* on : {&k.found.asked, &k.found.demands})
      for (ItemId d : *on)
        if (!stands(d)) return false;
    for (auto [from, to] : {std::pair(&k.found.demands, &s.demands), std::pair(&k.found.asked, &s.asked)})
      for (ItemId d : *from) to->push_back(known(kept[d.value()].found.key));
    s.exits = k.found.exits;
    s.queries = k.found.queries;
    s.sightings = k.found.sightings;
    s.annotations = k.found.annotations;
    s.complains = k.found.complains;
    s.cut = k.found.cut;
    ++taken_over;
    return true;
  }

  /// Writes what this run found out, for the next.
  void keep(const Results* results, std::string_view reader) {
    if (results == nullptr || !results->keeps() || program.functions().empty()) return;
    for (std::size_t i = 0; i < helpers.size(); ++i)
      if (helpers[i]) helpers[i]->impl_->keep(results, fmt::format("{}/{}", m->source->name(), m->ast->name));
    std::vector<u32> numbers(items.size(), kNoItem.value());
    std::vector<const Summary*> list;
    for (u32 i = 0; i < items.size(); ++i) {
      if (known(items[i].key) != ItemId(i)) continue;
      numbers[i] = static_cast<u32>(list.size());
      list.push_back(&items[i]);
    }
    auto number = [&](ItemId i) {
      // One that was solved again, in a recursion, stands under its key.
      if (numbers[i.value()] == kNoItem.value()) i = known(items[i.value()].key);
      return i == kNoItem ? kNoItem.value() : numbers[i.value()];
    };
    results->keep_items(*m, annotators, reader, write_items(list, number, item_names()));
  }

  Solver& helper(std::size_t i) {
    if (helpers.size() <= i) helpers.resize(i + 1);
    if (!helpers[i]) {
      helpers[i] = std::make_unique<Solver>(program, infos, annotators[i], annotators, models, limits);
      helpers[i]->impl_->take_over(store, fmt::format("{}/{}", m->source->name(), m->ast->name));
    }
    return *helpers[i];
  }

  std::optional<bool> ask(FunctionId from, ExprId call, const Facts& facts, const std::string& tag,
                          std::string* why) {
    const FunctionInfo& info = infos.get(from);
    const CallSite* site = program.call(from, call);
    if (site == nullptr) return false;
    for (FunctionId t : site->targets)
      if (ask_function(t, constants(info, facts, call, t), tag, why)) return true;
    return false;
  }

  bool ask_function(FunctionId t, const ConstantParameters& c, const std::string& tag, std::string* why) {
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

  /// The item of a function that is asked for its marks.
  ItemId marked(FunctionId id, const ConstantParameters& c) {
    ItemKey k;
    k.function = id;
    k.constants = c;
    return solve(k);
  }

  bool annotated_here(FunctionId id, const ConstantParameters& c, const std::string& tag, std::string* why) {
    // Most functions reach nothing that marks anything.
    survey();
    if (!work[id.value()].relevant) return false;
    const Summary& s = items[marked(id, c).value()];
    auto it = s.annotations.find(tag);
    if (it == s.annotations.end()) return false;
    if (why != nullptr) *why = it->second;
    return true;
  }

  /// Constant arguments that the callee's decisions depend on.
  ConstantParameters constants(const FunctionInfo& info, const Facts& facts, ExprId call, FunctionId callee) {
    ConstantParameters out;
    const Pool& pool = info.function().pool;
    const FunctionInfo& to = infos.get(callee);
    std::span<const ExprId> kids = pool.kids(call);
    for (u32 i = 0; i + 1 < kids.size() && i < to.function().parameter_count; ++i) {
      if (!to.parameter_matters(i)) continue;
      ValueRange r = info.evaluate(facts, kids[i + 1]);
      if (r.is_constant()) out.emplace_back(static_cast<u16>(i), r);
    }
    return out;
  }

  // ---- one item ----------------------------------------------------------------------------------

  struct Walk {
    /// `kept` gets texts and paths; null when nobody wants them.
    Walk(Impl& impl, const ItemKey& k, Summary& s, Record* kept)
        : I(impl),
          key(k),
          out(s),
          record(kept),
          w(impl.at(k.function)),
          info(impl.infos.get(k.function)),
          f(info.function()),
          pool(f.pool) {
      if (I.self.trace_ && record == nullptr && f.name.text() == I.self.traced_) traced = true;
    }

    Impl& I;
    const ItemKey& key;
    Summary& out;
    Record* record;
    Work& w;
    const FunctionInfo& info;
    const Function& f;
    const Pool& pool;
    bool traced = false;
    i32 object_key = -1;  ///< what rules may ask about the object itself is kept to the end
    std::vector<Trail> trail{Trail{}};
    std::vector<Said> said_steps{Said{}};
    std::unordered_set<u32> demanded;
    u32 steps = 0;
    HashSet seen, ended;
    /// A state without its facts, which most blocks change and nothing else: paths that only differ in them
    /// share the rest.
    struct Carrier {
      PathState state;
      u64 identity = 0;
      u32 shape = 0;  ///< carriers that differ in nothing but what messages tell
      const std::vector<bool>* concerned = nullptr;  ///< null: no block can be passed
    };
    /// Result of the function on some path. The first is none.
    struct Result {
      ValueRange range;
      Location at;
      u64 hash = 0;
    };
    /// A block to be walked.
    struct Pending {
      BlockId block;
      u32 carrier = 0, facts = 0, result = 0, trail = 0;
    };
    std::vector<Carrier> carriers;
    HashIndex carrier_numbers, shape_numbers, result_numbers;
    std::vector<std::vector<u8>> variants;  ///< by shape and block: sets of facts met
    std::vector<Result> results{Result{}};
    std::vector<Pending> pending;
    std::set<std::tuple<std::string, SourcePoint, u32>> said;

    const CompiledMachine& machine() const { return *I.m; }

    Mark mark(const Location& l) const {
      return {l.file < f.files.size() ? f.files[l.file] : Symbol(), l.line, l.column};
    }
    SourcePoint point(const Location& l) const { return mark(l).point(); }

    void run() {
      Summary* outer = std::exchange(I.asking, &out);
      walk();
      I.asking = outer;
    }

    void walk() {
      if (f.blocks.size() <= kExit.value()) return;
      if (I.asks_known && has_object() && !key.names.empty()) {
        const Place& p = I.places[key.names.front()];
        if (p.step == Step::Local || p.step == Step::Param)
          if (ExprId e = info.local_expr(p.number); e != kNoExpr) object_key = info.key_of(e);
      }
      PathState s;
      s.state = key.state;
      s.global = key.global;
      s.data = key.data;
      s.global_data = key.global_data;
      s.names = key.names;
      for (const auto& [i, r] : key.constants)
        if (ExprId e = info.local_expr(i); e != kNoExpr) info.set(s.facts, e, r);
      // A parameter that is assigned later is at first another name of what was handed in.
      for (u32 i = 0; i < f.parameter_count; ++i)
        if (info.parameter_modified(i))
          rename(s, I.places.root(Step::Param, {}, i), I.places.root(Step::Local, {}, i));
      if (traced) I.self.trace_(fmt::format("enter {} {}", f.name.text(), describe(s)));
      s = start_of_path(std::move(s));
      push(kEntry, std::move(s));
      while (!pending.empty()) {
        Pending p = pending.back();
        pending.pop_back();
        // A machine of one state that has set all its marks has nothing more to say.
        if (I.only_marks && out.annotations.size() == I.m->writes.size()) break;
        if (++steps > I.limits.blocks_per_item) {
          out.cut_by(Bound::kBlocks);
          break;
        }
        if (passes(p))
          pass(p);
        else
          block(p.block, state_of(p));
      }
      I.self.stats_.steps += steps;
    }

    // -- identity and caching

    u64 identity(const PathState& s) const {
      u64 h = mix(static_cast<u64>(s.state + 7), static_cast<u64>(s.global));
      for (std::size_t i = 0; i < kMaxData; ++i)
        h = mix(h, static_cast<u64>(s.data[i] + 100) * 1000 + static_cast<u64>(s.global_data[i] + 100));
      h = mix(h, (s.escaped ? 2 : 1) + (s.second ? 4 : 0));
      if (s.matched != kNoMacro) h = mix(h, s.matched.value());
      for (PlaceId p : s.names) h = mix(h, p.value());
      h = mix(h, s.names.size());
      for (char ch : s.origin().remembered) h = mix(h, static_cast<unsigned char>(ch));
      return h;
    }

    /// Two states of equal identity and facts go on alike.
    u64 identity_with_facts(const PathState& s) const {
      u64 h = mix(identity(s), w.fact_sets.number(s.facts));
      return s.has_result ? mix(h, s.result) : h;
    }

    static u64 mix_mark(u64 h, const Mark& m) {
      return mix(mix(h, u64{m.line} << 32 | m.column), m.file.hash());
    }

    u32 carrier_of(PathState&& s) {
      u64 id = identity(s);
      const Origin& o = s.origin();
      u64 told = mix_mark(mix_mark(id, o.cause), o.global_cause);
      told = mix(told, u64{o.cause_expr.value()} << 32 | o.cause_place.value());
      auto fresh = static_cast<u32>(carriers.size());
      u32 n = carrier_numbers.number(told, fresh);
      if (n != fresh) return n;
      Carrier c;
      c.identity = id;
      c.shape = shape_numbers.number(id, static_cast<u32>(variants.size()));
      if (c.shape == variants.size()) variants.emplace_back(f.blocks.size(), u8{0});
      if (!traced && (object_key < 0 || s.state == kNoState) && s.matched == kNoMacro)
        c.concerned = &concerned(s);
      c.state = std::move(s);
      c.state.facts.clear();
      c.state.result = {};
      c.state.has_result = false;
      c.state.trail = 0;
      carriers.push_back(std::move(c));
      return n;
    }

    u32 result_of(const ValueRange& range, const Location& at) {
      u64 h = mix(0x51, range);
      auto fresh = static_cast<u32>(results.size());
      u64 place = mix(mix(h, at.file), u64{at.line} << 32 | at.column);
      u32 n = result_numbers.number(place, fresh);
      if (n == fresh) results.push_back({range, at, h});
      return n;
    }

    PathState state_of(const Pending& p) const {
      PathState s = carriers[p.carrier].state;
      s.facts = w.fact_sets[p.facts];
      s.trail = p.trail;
      if (p.result != 0) {
        s.has_result = true;
        s.result = results[p.result].range;
        s.result_at = results[p.result].at;
      }
      return s;
    }

    void push(BlockId b, PathState s) {
      info.prune(s.facts, b, s.state != kNoState ? object_key : -1);
      Pending p;
      p.block = b;
      p.facts = w.fact_sets.number(s.facts);
      p.trail = s.trail;
      if (s.has_result) p.result = result_of(s.result, s.result_at);
      p.carrier = carrier_of(std::move(s));
      push(p);
    }

    void push(Pending p) {
      const Carrier& c = carriers[p.carrier];
      u64 plain = mix(mix(c.identity, p.block.value()), results[p.result].hash);
      if (!seen.insert(mix(plain, p.facts))) return;
      if (p.facts != 0) {
        // An item that takes long is walked on with fewer facts, rather than not to its end.
        u64 rounds = steps / f.blocks.size();
        u32 most = rounds < 6 ? std::min(I.limits.facts_per_state, 254u) : rounds < 12 ? 3 : 1;
        u8& met = variants[c.shape][p.block.value()];
        if (met < 255) ++met;
        if (met > most) {
          // Property simulation's merge: what is known is dropped, so the rest of this state is walked once.
          ++I.self.stats_.joins;
          p.facts = 0;
          if (!seen.insert(mix(plain, p.facts))) return;
        }
      }
      pending.push_back(p);
    }

    // -- names of the object

    bool has_object() const { return key.var >= 0; }

    /// Adds what the names become when `from` is also known as `to`.
    void rename(PathState& s, PlaceId from, PlaceId to) {
      if (from == kNoPlace || to == kNoPlace || from == to) return;
      std::size_t n = s.names.size();
      for (std::size_t i = 0; i < n && s.names.size() < I.limits.names_per_object; ++i) {
        PlaceId p = I.places.substitute(s.names[i], from, to);
        if (p == kNoPlace || p == s.names[i]) continue;
        if (std::find(s.names.begin(), s.names.end(), p) == s.names.end()) s.names.push_back(p);
      }
    }

    bool is_object(const PathState& s, PlaceId p) const {
      return p != kNoPlace && std::find(s.names.begin(), s.names.end(), p) != s.names.end();
    }

    std::string object_text(const PathState& s) const {
      if (!s.names.empty()) return w.reader->text(s.names.front());
      const Origin& o = s.origin();
      return o.cause_expr != kNoExpr     ? to_text(pool, o.cause_expr)
             : o.cause_place != kNoPlace ? w.reader->text(o.cause_place)
                                         : std::string();
    }
    /// The object is remembered by the name that it has now.
    void remember_name(PathState& s) const {
      if (s.names.empty()) return;
      s.change_origin().cause_expr = kNoExpr;
      s.change_origin().cause_place = s.names.front();
    }

    // -- one block

    static constexpr std::size_t kForksToPrune = 4;

    void block(BlockId id, PathState first) {
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

    // -- blocks that only change facts

    /// For each block: something in it can change the state, its names, or say something about it.
    const std::vector<bool>& concerned(const PathState& s) {
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
      }
      return it->second;
    }

    bool concerns(BlockId b, u32 index, const PathState& s) {
      const Event& ev = f.blocks[b.value()].events[index];
      if (const std::vector<PatternMatch>* list = w.prepared->at(b, index))
        for (const PatternMatch& pm : *list)
          if (fits(pm, s, Phase::kBoth)) return true;
      switch (ev.kind) {
        case EventKind::ScopeEnd:
          return has_object() && ev.local.value() < f.locals.size() &&
                 !f.locals[ev.local.value()].is_static &&
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
          if (e.kind == ExprKind::Call || e.kind == ExprKind::Construct)
            return call_concerns(b, index, ev, x, s);
          if (!has_object() || e.kid_count == 0) return false;
          if (e.kind == ExprKind::Increment)
            return touches(s, w.reader->read(pool.core(pool.kid(x, 0))), true);
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

    /// The end of `root` (or a write to it) changes the names.
    bool touches(const PathState& s, PlaceId root, bool written) const {
      if (root == kNoPlace) return false;
      if (s.state == kNoState && s.names.size() == 1 && s.names.front() == key.names.front()) return false;
      return std::any_of(s.names.begin(), s.names.end(), [&](PlaceId n) {
        return I.places.has_prefix(n, root) || (written && I.places[root].step == Step::Local &&
                                                w.reader->depends_on(n, I.places[root].number));
      });
    }

    bool call_concerns(BlockId b, u32 index, const Event& ev, ExprId x, const PathState& s) {
      bool covered = w.prepared->is_covered(ev);
      bool named = machine().named.contains(callee_name(pool, pool.kid(x, 0)));
      const CallSite* site = I.program.call(key.function, x);
      if (!I.limits.intra && !covered && !named && site != nullptr && !site->targets.empty()) {
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

    bool passes(const Pending& p) const {
      const std::vector<bool>* c = carriers[p.carrier].concerned;
      return c != nullptr && !(*c)[p.block.value()];
    }

    /// The state goes through the block untouched.
    void pass(const Pending& p) {
      const Block& b = f.blocks[p.block.value()];
      for (const Passage::Way& way : passage(p.block, p.facts).ways) {
        Pending t = p;
        t.block = way.to;
        t.facts = way.facts;
        if (way.returns) t.result = result_of(way.result, way.result_at);
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

    const Passage& passage(BlockId id, u32 facts) {
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

    Passage* passing = nullptr;  ///< what is being made: states of the walk itself are not touched

    void unify(std::vector<PathState>& list) const {
      std::unordered_set<u64> have;
      std::erase_if(list, [&](PathState& s) { return !have.insert(identity_with_facts(s)).second; });
    }

    void leave(const Block& b, PathState s) {
      for (std::size_t i = 0; i < b.edges.size(); ++i) {
        const Edge& edge = b.edges[i];
        PathState t = i + 1 == b.edges.size() ? std::move(s) : s;
        bool possible = true;
        switch (edge.kind) {
          case EdgeKind::True:
          case EdgeKind::False:
            if (b.condition != kNoExpr)
              possible = info.assume(t.facts, b.condition, edge.kind == EdgeKind::True);
            break;
          case EdgeKind::Case:
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
        if (passing != nullptr) {
          if (edge.to != kExit) info.prune(t.facts, edge.to, -1);
          passing->ways.push_back({edge.to, static_cast<u32>(i), w.fact_sets.number(t.facts), t.has_result,
                                   t.result, t.result_at});
          continue;
        }
        if (record != nullptr) t.trail = add_step(t.trail, b, edge);
        if (edge.to == kExit)
          end(std::move(t));
        else
          push(edge.to, std::move(t));
      }
    }

    /// The path with the decision as one more step.
    u32 add_step(u32 before, const Block& b, const Edge& edge) {
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

    u32 add_trail(u32 before, Trail step) {
      if (trail.size() > 2'000'000) return before;
      step.previous = before;
      trail.push_back(step);
      return static_cast<u32>(trail.size() - 1);
    }

    void say_step(PathState& s, const Location& at, std::string text, ItemId inner = kNoItem, u32 exit = 0,
                  bool indirect = false) {
      said_steps.push_back({std::move(text), inner, exit});
      Trail t;
      t.at = at;
      t.said = static_cast<u32>(said_steps.size() - 1);
      t.indirect = indirect;
      s.trail = add_trail(s.trail, t);
    }

    // -- events

    void event(BlockId b, std::size_t index, const Event& ev, PathState s, std::vector<PathState>& next) {
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

    enum class Phase { kBoth, kInState, kFromStart };

    void evaluate_event(BlockId b, std::size_t index, const Event& ev, PathState s,
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
        if (!covered) info.forget_value(s.facts, x);
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

    bool fired = false;
    bool for_each = false;  ///< inside a for_each body

    struct Assignment {
      PlaceId to, from;
      bool reference;  ///< the left side begins to be another name of the right one
    };
    Assignment assignment(ExprId x) const {
      const Expr& e = pool[x];
      ExprId rhs = strip_casts(pool, pool.core(pool.kid(x, 1)));
      while (pool[rhs].kind == ExprKind::Assign && pool[rhs].kid_count == 2)
        rhs = pool.core(pool.kid(rhs, 0));
      Assignment a{w.reader->read(pool.core(pool.kid(x, 0))),
                   e.op == Op::None ? w.reader->read(rhs) : kNoPlace, binds_reference(f, x)};
      if (a.reference && a.from != kNoPlace && I.places[a.from].step == Step::Address)
        a.from = I.places[a.from].base;
      return a;
    }

    void assign(const Event& ev, ExprId x, PathState s, std::vector<PathState>& next) {
      const Expr& e = pool[x];
      ExprId lhs = pool.core(pool.kid(x, 0)), rhs = strip_casts(pool, pool.core(pool.kid(x, 1)));
      Facts before;  // what a rule may ask about an object that is lost here
      if (has_object() && s.state != kNoState) before = s.facts;
      ValueRange value = e.op == Op::None ? info.evaluate(s.facts, pool.kid(x, 1)) : ValueRange{};
      if (e.op == Op::Or && info.evaluate(s.facts, pool.kid(x, 1)).known_nonzero())
        value = ValueRange::nonzero();
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
          if (p != kNoPlace && std::find(gained.begin(), gained.end(), p) == gained.end())
            gained.push_back(p);
        }
      // The value of a call lives on in what it is assigned to, not as "the value of the call".
      bool temporary = from != kNoPlace && I.places[from].step == Step::Value;
      if (temporary && !gained.empty())
        s.names.erase_if([&](PlaceId n) { return I.places.has_prefix(n, from); });
      bool stored = !gained.empty() && stores_away(to);
      if (carriers.size() > I.limits.states_with_names) gained.clear();
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
          if (!s.escaped) {
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

    /// The event is part of a macro use that the rule takes as one step, and that gave the object its state
    /// or is about to be matched with the state that it has: `save_flags(x)` assigns to x in its own
    /// expansion.
    bool belongs_to_match(const Event& ev, const PathState& s) {
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
              if (machine().transitions[pm.transition].var == key.var && fits(pm, s, Phase::kBoth))
                return true;
      return false;
    }

    /// Writing to `to` ends what the name stood for.
    /// A reference that begins (or begins again, in a loop) names something else altogether.
    bool dies(PlaceId name, PlaceId to, ExprId lhs, bool rebound, bool own) const {
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
      const Expr& v = pool[pool.core(lhs)];
      if (v.kind != ExprKind::Var) return w.reader->index_reads(name, pool.core(lhs));
      return v.value >= 0 && w.reader->depends_on(name, v.value);
    }

    bool stores_away(PlaceId to) const {
      const Place& root = I.places[I.places[to].root];
      // A member of a parameter by reference is the caller's.
      bool reference = root.step == Step::Param && I.places[to].root != to &&
                       root.number < f.parameter_count &&
                       pool.type(f.locals[root.number].type).kind == TypeKind::Reference;
      return root.step == Step::Global || reference || I.places.through_memory(to);
    }

    void reset(PathState& s) const {
      s.state = kNoState;
      s.data = {};
      s.escaped = false;
      if (!s.origin().remembered.empty() || s.origin().cause) {
        Origin& o = s.change_origin();
        o.cause = {};
        o.remembered.clear();
      }
    }

    /// A variable ends (or gets an unknown value): names through it go.
    void drop(PathState& s, PlaceId root, const Location& at, bool written, std::vector<PathState>& next,
              ExprId lhs = kNoExpr) {
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

    /// The object is no longer the value of this call.
    void drop_value(PathState& s, PlaceId value, const Location& at, std::vector<PathState>& next) {
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

    bool passes_deref(PlaceId n, PlaceId root) const {
      for (PlaceId p = n; p != root && p != kNoPlace; p = I.places[p].base)
        if (I.places[p].step == Step::Deref) return true;
      return false;
    }

    /// The last name of the object is gone.
    void lose(PathState& s, const Location& at, std::vector<PathState>& next, bool go_on) {
      if (!s.escaped) fire_end(s, s.has_result ? s.result_at : at);
      if (!go_on) return;
      reset(s);
      s.names.clear();
      if (key.state == kNoState && !key.names.empty()) s.names = {key.names.front()};
      next.push_back(std::move(s));
    }

    // -- transitions

    ValueContext context(BlockId b, std::size_t index, MacroId macro, const PathState& s,
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
      c.annotated = [this, &s](ExprId callee, const std::string& tag,
                               std::string* why) -> std::optional<bool> {
        return annotated(callee, s.facts, tag, why);
      };
      return c;
    }

    /// `callee` is what a hole for a callee bound: its call is the one that the event evaluates.
    std::optional<bool> annotated(ExprId callee, const Facts& facts, const std::string& tag,
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
    ExprId current_call = kNoExpr;

    bool guards_hold(const Alternative& alt, const ValueContext& c) const {
      for (const Guard& g : alt.guards)
        if (evaluate(*g.expr, c).truth() == g.negated) return false;
      return true;
    }

    /// The match is one for the state, whatever its guards will say.
    bool fits(const PatternMatch& pm, const PathState& s, Phase phase) {
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

    void matches(BlockId b, std::size_t index, const Event& ev, PathState s, std::vector<PathState>& next,
                 Phase phase) {
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

    void fire(BlockId b, std::size_t index, const Event& ev, const PatternMatch& pm, PathState s,
              std::vector<PathState>& next) {
      const CompiledTransition& t = machine().transitions[pm.transition];
      bool of_variable = t.var >= 0;
      ExprId saved_call = current_call;
      current_call = ev.kind == EventKind::Evaluate && ev.expr != kNoExpr ? pool.core(ev.expr) : kNoExpr;
      if (current_call != kNoExpr && pool[current_call].kind == ExprKind::Assign &&
          pool[current_call].kid_count == 2)
        current_call = strip_casts(pool, pool.core(pool.kid(current_call, 1)));
      if (traced)
        I.self.trace_(fmt::format("  line {}: {} fires transition {} of {}", ev.at.line, describe(s),
                                  t.id + 1, machine().ast->name));
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
          if (!info.restrict(u.facts, pm.at, truth ? ValueRange::nonzero() : ValueRange::constant(0)))
            continue;
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

    void move(const Move& to, const CompiledTransition& t, const Event& ev, const PatternMatch& pm,
              PathState& s) {
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

    // -- actions

    /// Runs an action. False when it killed the path.
    bool act(const std::vector<rule::Stmt>& list, BlockId b, std::size_t index, MacroId macro,
             const Location& at, const CompiledTransition& t, const Bindings* bindings, PathState& s) {
      i32 of = for_each ? key.var : t.var;
      for (const rule::Stmt& st : list) {
        switch (st.kind) {
          case rule::StmtKind::kBlock:
            if (!act(st.body, b, index, macro, at, t, bindings, s)) return false;
            break;
          case rule::StmtKind::kIf: {
            bool yes = evaluate(st.value, context(b, index, macro, s, bindings, of)).truth();
            if (!act(yes ? st.body : st.orelse, b, index, macro, at, t, bindings, s)) return false;
            break;
          }
          case rule::StmtKind::kForEach: {
            // Each object is followed on its own: the one at hand has its turn when it is in that state.
            if (!has_object() || s.state == kNoState) break;
            const StateVariable& v = machine().vars[static_cast<std::size_t>(key.var)];
            if (v.name != st.target.text || v.states[static_cast<std::size_t>(s.state)] != st.state) break;
            bool outer = for_each;
            for_each = true;
            bool alive = act(st.body, b, index, macro, at, t, bindings, s);
            for_each = outer;
            if (!alive) return false;
            break;
          }
          case rule::StmtKind::kAssign: {
            i64 v = evaluate(st.value, context(b, index, macro, s, bindings, of)).integer;
            const std::string& field =
                st.target.kind == rule::ExprKind::kMember ? st.target.member : st.target.text;
            i32 i = machine().data_index(field);
            bool instance = st.target.kind == rule::ExprKind::kMember || of >= 0;
            if (i >= 0 && static_cast<std::size_t>(i) < kMaxData)
              (instance ? s.data : s.global_data)[static_cast<std::size_t>(i)] = static_cast<i8>(
                  st.value.kind == rule::ExprKind::kBinary ? std::clamp(v, -kDataLimit, kDataLimit)
                                                           : std::clamp<i64>(v, -127, 127));
            break;
          }
          case rule::StmtKind::kExpr: {
            const rule::BuiltinInfo* builtin =
                st.value.kind == rule::ExprKind::kCall ? rule::find_builtin(st.value.text) : nullptr;
            if (builtin == nullptr) break;
            // With an object at hand the global state's own rules are somebody else's to report.
            bool silent = has_object() && t.var < 0 && !for_each;
            switch (builtin->id) {
              case rule::Builtin::kErr:
              case rule::Builtin::kWarn:
              case rule::Builtin::kNote:
                if (!silent) report(st.value, builtin->id, b, index, macro, at, t, bindings, s);
                break;
              case rule::Builtin::kKillPath:
                return false;
              case rule::Builtin::kAnnotate: {
                ValueContext c = context(b, index, macro, s, bindings, of);
                std::string tag = evaluate(st.value.args[1], c).str();
                std::string why = current_call != kNoExpr ? to_text(pool, current_call) : "";
                std::string deeper;
                if (current_call != kNoExpr &&
                    I.ask(key.function, current_call, s.facts, tag, &deeper).value_or(false) &&
                    !deeper.empty())
                  why = std::string(callee_name(pool, pool.kid(current_call, 0)).text()) + ", " + deeper;
                if (why.size() > 200) why.resize(200);
                out.annotations.try_emplace(tag, why);
                break;
              }
              case rule::Builtin::kRemember:
                s.change_origin().remembered =
                    evaluate(st.value.args[0], context(b, index, macro, s, bindings, of)).str();
                break;
              case rule::Builtin::kExample:
              case rule::Builtin::kCounterexample: {
                if (silent) break;
                ValueContext c = context(b, index, macro, s, bindings, of);
                std::string text = evaluate(st.value.args[0], c).str();
                Sighting o;
                o.key = I.keys.number(text);
                o.site = s.origin().cause && of >= 0 ? s.origin().cause : mark(at);
                o.good = builtin->id == rule::Builtin::kExample;
                if (std::find(out.sightings.begin(), out.sightings.end(), o) == out.sightings.end())
                  out.sightings.push_back(o);
                if (!o.good && record != nullptr)
                  record->observations.push_back(
                      {std::move(text), o.site.point(), false,
                       finding(format_message(st.value, 1, c), rule::Builtin::kErr, at, t, s)});
                break;
              }
              default:
                break;
            }
            break;
          }
        }
      }
      return true;
    }

    void report(const rule::Expr& call, rule::Builtin which, BlockId b, std::size_t index, MacroId macro,
                const Location& at, const CompiledTransition& t, const Bindings* bindings, PathState& s) {
      out.complains = true;
      if (record == nullptr && !traced) return;
      std::string message =
          format_message(call, 0, context(b, index, macro, s, bindings, for_each ? key.var : t.var));
      if (traced) I.self.trace_(fmt::format("  line {}: reports '{}'", at.line, message));
      if (record == nullptr) return;
      Finding x = finding(std::move(message), which, at, t, s);
      if (said.insert({x.message, x.at, t.id}).second) record->findings.push_back(std::move(x));
    }

    Finding finding(std::string message, rule::Builtin which, const Location& at, const CompiledTransition& t,
                    const PathState& s) const {
      Finding x;
      const rule::Metadata& meta = machine().ast->meta;
      x.rule = meta.id;
      x.level = which == rule::Builtin::kNote || meta.severity == "note"      ? Level::kNote
                : which == rule::Builtin::kWarn || meta.severity == "warning" ? Level::kWarning
                                                                              : Level::kError;
      x.message = std::move(message);
      x.at = point(at);
      x.function = f.name.text();
      x.transition = t.id;
      const Mark& cause = t.var >= 0 || for_each ? s.origin().cause : s.origin().global_cause;
      x.cause = cause ? cause.point() : x.at;
      x.uncertain = f.has_errors;
      notes(s, x.path, &x.branches, &x.indirect);
      return x;
    }

    /// The path so far, oldest first.
    void notes(const PathState& s, std::vector<PathNote>& path, u32* branches, bool* indirect) const {
      std::vector<const Trail*> steps_back;
      for (u32 i = s.trail; i != 0; i = trail[i].previous) steps_back.push_back(&trail[i]);
      u32 kept_branches = 0;
      std::vector<std::vector<PathNote>> parts;
      for (const Trail* t : steps_back) {
        if (t->branch) {
          if (branches != nullptr) ++*branches;
          if (++kept_branches > 10) continue;
        }
        if (t->indirect && indirect != nullptr) *indirect = true;
        std::vector<PathNote> part;
        PathNote n;
        n.at = point(t->at);
        n.function = f.name.text();
        if (t->branch)
          n.text = fmt::format("assuming '{}' is {}", to_text(pool, t->expr), t->truth ? "true" : "false");
        else
          n.text = t->edge == nullptr ? said_steps[t->said].text
                   : t->edge->low == t->edge->high
                       ? fmt::format("taking case {}", t->edge->low)
                       : fmt::format("taking case {} ... {}", t->edge->low, t->edge->high);
        if (!n.text.empty()) part.push_back(std::move(n));
        if (const Said& step = said_steps[t->said]; step.inner != kNoItem) {
          std::vector<PathNote> inner = I.inner_notes(step.inner, step.exit);
          part.insert(part.end(), inner.begin(), inner.end());
        }
        parts.push_back(std::move(part));
      }
      for (auto p = parts.rbegin(); p != parts.rend(); ++p) path.insert(path.end(), p->begin(), p->end());
      if (path.size() > 40) path.erase(path.begin() + 8, path.end() - 32);
    }

    // -- ends of paths

    PathState start_of_path(PathState s) {
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

    void fire_end(PathState& s, const Location& at) {
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

    void end(PathState s) {
      Location at = s.has_result && s.result_at.line != 0 ? s.result_at : f.end;
      if (traced) I.self.trace_(fmt::format("  line {}: leaves {}", at.line, describe(s)));
      if (has_object() && s.state != kNoState) {
        // Locals are gone; what is left is the caller's, or nobody's.
        Names outer;
        for (PlaceId p : s.names)
          if (I.external(p) || is_static_local(p)) outer.push_back(p);
        bool reachable = !outer.empty();
        bool returned = std::any_of(outer.begin(), outer.end(), [&](PlaceId p) {
          return I.places[I.places[p].root].step == Step::Return;
        });
        if (!reachable) {
          if (!s.escaped) fire_end(s, at);
          reset(s);
          s.names.clear();
        } else {
          s.names = outer;
          if (key.root && !s.escaped && !returned && !kept_by_object(outer)) fire_end(s, at);
        }
      } else if (has_object()) {
        s.names.clear();
      } else if (key.root && s.global >= 0) {
        fire_end(s, at);
      }
      add_exit(s);
    }

    /// What a constructor leaves in its object is the object's, until its destructor.
    bool kept_by_object(const Names& names) const {
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

    bool is_static_local(PlaceId p) const {
      const Place& r = I.places[I.places[p].root];
      return r.step == Step::Local && static_cast<std::size_t>(r.number) < f.locals.size() &&
             f.locals[static_cast<std::size_t>(r.number)].is_static;
    }

    void add_exit(const PathState& s) {
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
      e.global_cause = s.origin().global_cause;
      bool many = out.exits.size() >= I.limits.exits_with_constants;
      if (many) e.result = sign_class(e.result);
      for (const ExitState& o : out.exits)
        if (o.same_outcome(e)) return;
      if (out.exits.size() >= I.limits.exits_per_item) {
        for (ExitState& o : out.exits) {
          ExitState probe = o;
          probe.result = e.result;
          if (!probe.same_outcome(e)) continue;
          o.result.join(e.result);
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
          if (!n.text.starts_with("assuming ") && !n.text.starts_with("taking "))
            states.push_back(std::move(n));
        if (states.size() > 4) states.erase(states.begin(), states.end() - 4);
      }
      if (record != nullptr) record->exits.push_back(std::move(states));
      out.exits.push_back(std::move(e));
    }

    /// Exits are told apart by constants near zero and by sign, not by every interval.
    static ValueRange return_class(const ValueRange& r) {
      if (r.is_constant() || r.any()) return r;
      if (r.high < 0) return {ValueRange::kMin, -1, false, 0};
      if (r.low > 0) return {1, ValueRange::kMax, false, 0};
      if (r.low == 0) return {0, ValueRange::kMax, false, 0};
      if (r.high == 0) return {ValueRange::kMin, 0, false, 0};
      return r.known_nonzero() ? ValueRange::nonzero() : ValueRange{};
    }

    /// Where there are many exits, by sign only.
    static ValueRange sign_class(const ValueRange& r) {
      if (r.known_zero()) return r;
      if (r.high < 0) return {ValueRange::kMin, -1, false, 0};
      return r.low > 0 ? ValueRange{1, ValueRange::kMax, false, 0} : r;
    }

    // -- calls

    void call(BlockId b, std::size_t index, const Event& ev, ExprId x, PathState s,
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
      bool follow = passing == nullptr && !I.limits.intra && !covered && !named && !was_fired &&
                    site != nullptr && !site->targets.empty();
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
      for (const Entered& e : entered)
        passed_by = enter(e.callee, *site, ev, x, s, e.handed, e.mapped, b, index, next) || passed_by;
      if (passed_by) next.push_back(std::move(s));
      if (!has_object() || covered || named) return;
      for (std::size_t i = before; i < next.size(); ++i) forget_redirected(next[i], x);
    }

    /// `unlink(p)`: who is handed the object itself may put another one where memory led to it.
    void forget_redirected(PathState& s, ExprId x) {
      if (s.state == kNoState || s.names.size() < 2) return;
      std::span<const ExprId> kids = pool.kids(x);
      bool handed = std::any_of(kids.begin() + 1, kids.end(), [&](ExprId a) {
        PlaceId p = w.reader->read(strip_casts(pool, pool.core(a)));
        return p != kNoPlace && !I.places.through_memory(p) &&
               std::find(s.names.begin(), s.names.end(), p) != s.names.end();
      });
      if (!handed) return;
      s.names.erase_if(
          [&](PlaceId n) { return I.places.through_memory(n) && I.places[n].step != Step::Address; });
    }

    /// `f(&p)` where f is not looked into may change p: the object p led to is lost from sight, silently.
    void forget_handed(PathState& s, ExprId x, const std::vector<bool>& mapped) {
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
          if (!I.places.has_prefix(s.names[n], p) || (n < mapped.size() && mapped[n]))
            left.push_back(s.names[n]);
        if (left.size() == s.names.size()) continue;
        if (left.empty()) {
          reset(s);
          if (!key.names.empty()) s.names = {key.names.front()};
          return;
        }
        s.names = left;
      }
    }

    bool worth_entering(FunctionId t, const PathState& s, const Names& handed, BlockId b, std::size_t index,
                        ExprId x) {
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

    /// True when an object born in the callee can be this item's; `which` gets those.
    bool born(FunctionId t, BlockId b, std::size_t index, ExprId x, std::vector<Birth>* which) {
      if (key.names.empty()) return false;
      bool any = false;
      const std::vector<std::pair<i32, Birth>>& births = I.work[t.value()].born_to_callers();
      for (const auto& [var, birth] : births) {
        if (var != key.var) continue;
        bool by_result = I.places[I.places[birth.out].root].step == Step::Return;
        PlaceId here =
            by_result ? I.places.substitute(birth.out, I.places[birth.out].root, assigned_here(b, index, x))
                      : I.to_caller(w, f, x, birth.out);
        if (here != key.names.front()) continue;
        any = true;
        if (which != nullptr) which->push_back(birth);
      }
      return any;
    }

    PlaceId assigned_here(BlockId b, std::size_t index, ExprId x) {
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

    /// Takes every exit of the callee. True when the path also goes on as if nothing had happened.
    bool enter(FunctionId t, const CallSite& site, const Event& ev, ExprId x, const PathState& s,
               const Names& handed, const std::vector<bool>& mapped, BlockId b, std::size_t index,
               std::vector<PathState>& next) {
      ItemKey k;
      k.function = t;
      k.global = s.global;
      k.global_data = s.global_data;
      k.constants = I.constants(info, s.facts, x, t);
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
            u.escaped = e.escaped && std::any_of(u.names.begin(), u.names.end(),
                                                 [&](PlaceId p) { return stores_away(p); });
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
        if (e.global != u.global)
          u.change_origin().global_cause = e.global == 0    ? Mark{}
                                           : e.global_cause ? e.global_cause
                                                            : mark(ev.at);
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

    bool apply_result(PathState& u, ExprId x, const ExitState& e) const {
      info.forget_value(u.facts, x);
      return e.result.any() || info.restrict(u.facts, x, e.result);
    }

    void note_call(PathState& u, const Event& ev, ExprId x, ItemId asked, u32 exit, bool indirect) {
      if (record != nullptr)
        say_step(u, ev.at, fmt::format("calling '{}'", to_text(pool, pool.kid(x, 0))), asked, exit, indirect);
    }

    ItemId ask_item(ItemKey k, const Event& ev, const PathState& s, bool indirect) {
      // A function that is entered in many ways is not told apart by its arguments as well.
      if (I.work[k.function.value()].many_callers) k.constants.clear();
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

    std::string describe(const PathState& s) const {
      std::string t;
      if (has_object()) {
        t = "object";
        for (PlaceId p : s.names) t += " " + w.reader->text(p);
        t += s.state == kNoState ? ": no state"
                                 : ": " + machine()
                                              .vars[static_cast<std::size_t>(key.var)]
                                              .states[static_cast<std::size_t>(s.state)];
        if (s.escaped) t += ", stored elsewhere";
      }
      if (s.global >= 0 && (machine().global_states.size() > 1 || !has_object()))
        t += (t.empty() ? "" : "; ") + std::string("state ") +
             machine().global_states[static_cast<std::size_t>(s.global)];
      for (const auto& [k, group, r] : s.facts) {
        if (r.any()) continue;
        t += "; " + to_text(pool, info.key(k).expr);
        if (r.is_constant())
          t += fmt::format(" = {}", r.low);
        else if (r.known_nonzero())
          t += " is not 0";
        else
          t += " is bounded";
      }
      return t;
    }
  };

  Solver& self;
  const Program& program;
  InfoCache& infos;
  std::shared_ptr<const CompiledMachine> m;
  std::vector<std::shared_ptr<const CompiledMachine>> annotators;
  const Models& models;
  const std::vector<bool> never;  ///< functions that do not come back
  const Limits& limits;
  std::vector<Work> work;
  Places places;
  bool has_global_rules = false;
  /// Something asks for the end of an object's path, whether it was stored away, or for all objects in a
  /// state.
  bool asks_end = false;
  std::set<std::pair<i32, i32>> unnamed_states;  ///< variable and state: some pattern names no function
  std::set<std::pair<i32, i32>> ends_matter;     ///< variable and state: the end of a path is asked for
  bool only_marks = false;
  bool asks_known = false;
  std::unordered_map<ItemKey, ItemId, ItemHash> memo;
  std::deque<Summary> items;
  std::unordered_map<u32, std::vector<bool>> reaching;  ///< by global: functions that it is in reach of
  Components quiet_search{0};                           ///< which items is_quiet() has been asked about
  std::vector<ItemId> roots;
  std::vector<Summary*> stack;
  std::vector<Summary*> unsettled;  ///< finished, but resting on an item that is not
  std::map<ItemId, Record> records;
  u32 recording = 0;  ///< records that are being made
  u64 passages_made = 0;
  KeyTexts keys;
  Summary* asking = nullptr;  ///< of the walk under way
  const Results* store = nullptr;
  std::vector<KeptItem> kept;   ///< of an earlier run
  std::vector<ItemId> kept_as;  ///< those that were taken over
  std::unordered_map<ItemKey, u32, ItemHash> kept_index;
  std::optional<Components> kept_components;
  u64 taken_over = 0;
  std::vector<ContentHash> fingerprints;
  std::vector<u64> place_hashes;
  bool surveyed = false;
  std::vector<std::unique_ptr<Solver>> helpers;
  std::vector<Finding> findings;
  std::vector<Observation> observations;
};

Solver::Solver(const Program& program, InfoCache& infos, std::shared_ptr<const CompiledMachine> machine,
               std::vector<std::shared_ptr<const CompiledMachine>> annotators, const Models& models,
               const Limits& limits)
    : impl_(std::make_unique<Impl>(*this, program, infos, std::move(machine), std::move(annotators), models,
                                   limits)) {}
Solver::~Solver() = default;

void Solver::run(const Results* results) { impl_->run(results); }
std::vector<Finding> Solver::take_findings() { return std::move(impl_->findings); }
std::vector<Observation> Solver::take_observations() { return std::move(impl_->observations); }
bool Solver::annotated(FunctionId id, const std::vector<std::pair<u16, ValueRange>>& parameters,
                       const std::string& tag, std::string* why) {
  return impl_->annotated_here(id, parameters, tag, why);
}

}  // namespace quire::metal
