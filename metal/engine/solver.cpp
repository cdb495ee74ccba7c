#include "metal/engine/solver.h"

#include <fmt/format.h>

#include <algorithm>

#include "metal/engine/ends.h"
#include "metal/engine/item.h"
#include "metal/engine/prepared.h"
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

inline u64 mix(u64 h, u64 v) {
  h ^= v + 0x9e3779b97f4a7c15ull + (h << 6) + (h >> 2);
  h ^= h >> 31;
  return h * 0xbf58476d1ce4e5b9ull;
}

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
  bool relevant = false;  ///< it or what it calls can change a state or complain
  std::vector<Candidate> candidates;
  std::vector<std::pair<i32, Birth>> births;
  bool visited = false;  ///< entered with the global state alone
  /// Objects of callers that some transition here or in a callee can concern, and whether there are too many
  /// to tell. Kept for machines all of whose patterns name a function.
  std::set<std::pair<i32, PlaceId>> touched;
  bool touches_any = false;
  u32 entries = 0;                                  ///< items made
  std::vector<std::pair<PlaceId, PlaceId>> copies;  ///< places of left and right sides of assignments
  std::vector<std::vector<u32>> active;             ///< by block: events that can change a state or the facts
  FactSets fact_sets;
  std::unordered_map<u64, Passage> passages;      ///< by block and set of facts
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
        bool named = a.special.has_value();
        for (u32 i : a.fragments)
          for (const Expr& e : m->fragments[i]->pool.exprs()) named = named || e.kind == ExprKind::Function;
        if (!named) has_unnamed_variable_rules = true;
      }
    }
    for (const CompiledTransition& t : m->transitions) {
      for (const Alternative& a : t.alternatives)
        for (const Guard& g : a.guards) asks_known = asks_known || asks(*g.expr);
      if (t.action != nullptr) asks_known = asks_known || asks(*t.action);
    }
    if (m->global_states.size() > 1) has_global_rules = true;
    only_marks = !m->reports && m->vars.empty() && m->global_states.size() == 1 && !m->writes.empty();
  }

  /// Something asks for what is known of an object (mc_known_null and its kin).
  static bool asks(const rule::Expr& e) {
    return (e.kind == rule::ExprKind::kCall && e.text.starts_with("mc_known")) ||
           std::any_of(e.args.begin(), e.args.end(), [](const rule::Expr& a) { return asks(a); });
  }
  static bool asks(const std::vector<rule::Stmt>& list) {
    return std::any_of(list.begin(), list.end(), [](const rule::Stmt& st) {
      return asks(st.value) || asks(st.target) || asks(st.body) || asks(st.orelse);
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
    for (const Block& b : f.blocks)
      for (const Event& e : b.events) {
        if (e.kind != EventKind::Evaluate || e.expr == kNoExpr) continue;
        ExprId x = f.pool.core(e.expr);
        if (f.pool[x].kind != ExprKind::Assign || f.pool[x].kid_count != 2) continue;
        if (auto [to, from] = assigned(w, f, x); to != kNoPlace && from != kNoPlace)
          w.copies.emplace_back(to, from);
      }
    std::sort(w.copies.begin(), w.copies.end());
    w.copies.erase(std::unique(w.copies.begin(), w.copies.end()), w.copies.end());
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
  bool touches(FunctionId id, i32 var, const Names& names) const {
    if (has_unnamed_variable_rules) return true;
    const Work& w = work[id.value()];
    if (w.touches_any) return true;
    return std::any_of(names.begin(), names.end(), [&](PlaceId p) {
      // What is a pointer of its own can be stored away; what lies in something else stays there.
      return (places[p].step != Step::Address && places[p].step != Step::Global) ||
             w.touched.contains({var, p});
    });
  }

  /// Most events are reads that no pattern of the machine fits.
  void find_active(FunctionId id, Work& w) const {
    const Function& f = program.body(id);
    w.active.assign(f.blocks.size(), {});
    w.passages.clear();
    w.concerned.clear();
    for (u32 b = 0; b < f.blocks.size(); ++b)
      for (u32 i = 0; i < f.blocks[b].events.size(); ++i) {
        const Event& ev = f.blocks[b].events[i];
        bool acts = ev.kind == EventKind::Return || (ev.kind == EventKind::ScopeEnd && !m->vars.empty());
        if (ev.kind == EventKind::MacroBegin && ev.macro != kNoMacro)
          acts = models.noreturn.contains(std::string(f.macros[ev.macro.value()].name.text()));
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
    std::vector<std::vector<u32>> callers(n);
    for (u32 i = 0; i < n; ++i)
      for (const CallSite& c : program[FunctionId(i)].calls)
        for (FunctionId t : c.targets) callers[t.value()].push_back(i);
    std::vector<u32> queue;
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
        queue.push_back(i);
      } else if (m->has_unnamed_start) {
        // Looked at and found of no interest: matches are made again in the rare case that it is entered.
        w.prepared.reset();
        w.reader.reset();
      }
    }
    if (limits.intra) return;
    // Breadth-first to the callers; a function is taken again while its callees' objects still grow.
    std::vector<bool> queued(n, false);
    for (u32 i : queue) queued[i] = true;
    for (std::size_t head = 0; head < queue.size() && queue.size() < 40u * n + 1000; ++head) {
      u32 i = queue[head];
      queued[i] = false;
      std::vector<u32>& up = callers[i];
      std::sort(up.begin(), up.end());
      up.erase(std::unique(up.begin(), up.end()), up.end());
      for (u32 c : up) {
        Work& w = at(FunctionId(c));
        auto size = [&w] {
          return w.candidates.size() + w.births.size() + w.touched.size() + (w.touches_any ? 1 : 0);
        };
        std::size_t before = size();
        bool fresh = !w.relevant;
        w.relevant = true;
        called_candidates(FunctionId(c), w, FunctionId(i));
        if (!has_unnamed_variable_rules && !m->vars.empty()) called_touched(FunctionId(c), w, FunctionId(i));
        if ((fresh || size() != before) && !queued[c]) {
          queued[c] = true;
          queue.push_back(c);
        }
      }
    }
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
          if (!has_unnamed_variable_rules) add_touched(id, w, t.var, w.reader->read(b.expr));
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
    const std::vector<Candidate> theirs = work[callee.value()].candidates;
    const std::vector<std::pair<i32, Birth>> births = work[callee.value()].births;
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
    find_births(id, w);
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

  /// The object's names in the callee's terms.
  Names to_callee(Work& w, const Function& f, ExprId call, const Names& names, std::vector<bool>& mapped) {
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
      if (places[places[names[n]].root].step == Step::Global) add(names[n]);
    }
    return out;
  }

  // ---- the whole program -------------------------------------------------------------------------

  void run() {
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
      for (const auto& [key, s] : memo)
        if (key.var < 0) entries[key.function.value()].push_back(key);
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
            // Callers follow what they hand in.
            if (outside && !context.root && program[FunctionId(i)].has_caller) continue;
            ItemKey k = context;
            k.var = c.var;
            k.names = {c.place};
            demand_root(k);
          }
      }
    }
    finish();
  }

  void demand_root(const ItemKey& k) {
    roots.push_back(k);
    solve(k);
  }

  /// Findings of all items that some root leads to, each with the shortest way there.
  void finish() {
    struct Way {
      std::vector<PathNote> path;
      SourcePoint cause;
      u32 calls = 0, branches = 0;
      bool indirect = false;
    };
    std::map<ItemKey, Way> ways;
    std::deque<ItemKey> queue;
    for (const ItemKey& k : roots)
      if (ways.try_emplace(k).second) queue.push_back(k);
    std::set<u32> functions, cut;
    while (!queue.empty()) {
      ItemKey k = std::move(queue.front());
      queue.pop_front();
      auto it = memo.find(k);
      if (it == memo.end()) continue;
      const Summary& s = *it->second;
      Way way = ways[k];
      functions.insert(k.function.value());
      if (s.cut) cut.insert(k.function.value());
      for (const Finding& f : s.findings) {
        Finding g = f;
        // A state that was handed in: what is wrong began where it began.
        if (g.cause == g.at && way.cause.line != 0) g.cause = way.cause;
        prepend(g, way.path, way.calls, way.branches, way.indirect);
        findings.push_back(std::move(g));
      }
      for (const Observation& o : s.observations) {
        observations.push_back(o);
        prepend(observations.back().finding, way.path, way.calls, way.branches, way.indirect);
      }
      for (const Summary::Demand& d : s.demands) {
        if (ways.contains(d.key)) continue;
        Way& next = ways[d.key];
        if (!d.key.in_start()) {
          next.path = way.path;
          next.path.insert(next.path.end(), d.path.begin(), d.path.end());
          if (next.path.size() > 24) next.path.erase(next.path.begin() + 12, next.path.end() - 12);
          next.cause = d.cause.line != 0 ? d.cause : way.cause;
          next.calls = way.calls + 1;
          next.branches = way.branches + d.branches;
          next.indirect = way.indirect || d.indirect;
        }
        queue.push_back(d.key);
      }
    }
    self.stats_.summaries += memo.size();
    self.stats_.functions += functions.size();
    self.stats_.functions_cut += cut.size();
  }

  static void prepend(Finding& f, const std::vector<PathNote>& path, u32 calls, u32 branches, bool indirect) {
    f.path.insert(f.path.begin(), path.begin(), path.end());
    f.calls += calls;
    f.branches += branches;
    f.indirect = f.indirect || indirect;
  }

  // ---- items -------------------------------------------------------------------------------------

  /// The item that is being walked now rests on one that is not settled yet.
  void rests_on(u32 index) {
    if (!stack.empty()) stack.back()->low = std::min(stack.back()->low, index);
  }

  std::shared_ptr<Summary> solve(const ItemKey& key) {
    if (auto it = memo.find(key); it != memo.end()) {
      rests_on(it->second->solving ? it->second->index : it->second->low);
      return it->second;
    }
    auto s = std::make_shared<Summary>();
    s->key = key;
    memo.emplace(key, s);
    if (stack.size() >= limits.call_depth ||
        ++work[key.function.value()].entries > limits.entries_per_function) {
      // Too deep, or entered in too many ways: as if the call did nothing.
      s->cut = true;
      ExitState e;
      e.state = key.state;
      e.global = key.global;
      e.data = key.data;
      e.global_data = key.global_data;
      for (PlaceId p : key.names)
        if (external(p)) e.names.push_back(p);
      s->exits.push_back(std::move(e));
      return s;
    }
    if (key.var < 0) work[key.function.value()].visited = true;
    s->solving = true;
    s->index = static_cast<u32>(stack.size());
    stack.push_back(s.get());
    for (u32 round = 1;; ++round) {
      std::vector<ExitState> before = s->exits;  // what a recursive call sees meanwhile
      auto annotations_before = s->annotations;
      s->low = Summary::kSettled;
      Summary fresh;
      fresh.key = key;
      Walk(*this, key, fresh).run();
      s->exits = std::move(fresh.exits);
      s->findings = std::move(fresh.findings);
      s->observations = std::move(fresh.observations);
      s->demands = std::move(fresh.demands);
      s->annotations = std::move(fresh.annotations);
      s->cut = s->cut || fresh.cut;
      // Only the outermost item of a recursion is repeated; those inside are walked again with it.
      if (s->low != s->index) break;
      bool stable = s->exits.size() == before.size() && s->annotations == annotations_before &&
                    std::equal(before.begin(), before.end(), s->exits.begin(),
                               [](const ExitState& a, const ExitState& b) { return a.same_outcome(b); });
      bool done = stable || round >= 3;
      while (!unsettled.empty() && unsettled.back()->low >= s->index) {
        if (done)
          unsettled.back()->low = Summary::kSettled;
        else
          memo.erase(unsettled.back()->key);
        unsettled.pop_back();
      }
      if (done) {
        s->low = Summary::kSettled;
        break;
      }
    }
    stack.pop_back();
    s->solving = false;
    if (stack.empty()) {
      for (const auto& u : unsettled) u->low = Summary::kSettled;
      unsettled.clear();
      s->low = Summary::kSettled;
    }
    if (s->low != Summary::kSettled) {
      unsettled.push_back(s);
      rests_on(s->low);
    }
    return s;
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
      if (annotators[i] == m) {
        if (annotated_here(t, c, tag, why)) return true;
        continue;
      }
      if (helpers.size() <= i) helpers.resize(i + 1);
      if (!helpers[i])
        helpers[i] = std::make_unique<Solver>(program, infos, annotators[i], annotators, models, limits);
      if (helpers[i]->annotated(t, c, tag, why)) return true;
    }
    return false;
  }

  bool annotated_here(FunctionId id, const ConstantParameters& c, const std::string& tag, std::string* why) {
    // Most functions reach nothing that marks anything.
    survey();
    if (!work[id.value()].relevant) return false;
    ItemKey k;
    k.function = id;
    k.constants = c;
    std::shared_ptr<Summary> s = solve(k);
    auto it = s->annotations.find(tag);
    if (it == s->annotations.end()) return false;
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
    Walk(Impl& impl, const ItemKey& k, Summary& s)
        : I(impl),
          key(k),
          out(s),
          w(impl.at(k.function)),
          info(impl.infos.get(k.function)),
          f(info.function()),
          pool(f.pool) {
      if (I.self.trace_ && f.name.text() == I.self.traced_) traced = true;
    }

    Impl& I;
    const ItemKey& key;
    Summary& out;
    Work& w;
    const FunctionInfo& info;
    const Function& f;
    const Pool& pool;
    bool traced = false;
    i32 object_key = -1;  ///< what rules may ask about the object itself is kept to the end
    std::vector<Trail> trail{Trail{}};
    std::vector<Said> said_steps{Said{}};
    u32 steps = 0;
    HashSet seen;
    std::unordered_map<u64, u32> variants;  ///< by block and state: sets of facts met
    struct Pending {
      BlockId block;
      PathState state;
    };
    std::vector<Pending> pending;
    std::set<std::tuple<std::string, SourcePoint, u32>> said;

    const CompiledMachine& machine() const { return *I.m; }

    SourcePoint point(const Location& l) const {
      SourcePoint p;
      p.line = l.line;
      p.column = l.column;
      if (l.file < f.files.size()) p.file = f.files[l.file].text();
      return p;
    }

    void run() {
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
        Pending p = std::move(pending.back());
        pending.pop_back();
        // A machine of one state that has set all its marks has nothing more to say.
        if (I.only_marks && out.annotations.size() == I.m->writes.size()) break;
        if (++steps > I.limits.blocks_per_item) {
          out.cut = true;
          break;
        }
        block(p.block, std::move(p.state));
      }
      I.self.stats_.steps += steps;
    }

    // -- identity and caching

    u64 identity(PathState& s, bool with_facts) const {
      u64 h = mix(static_cast<u64>(s.state + 7), static_cast<u64>(s.global));
      for (std::size_t i = 0; i < kMaxData; ++i)
        h = mix(h, static_cast<u64>(s.data[i] + 100) * 1000 + static_cast<u64>(s.global_data[i] + 100));
      h = mix(h, (s.escaped ? 2 : 1) + (s.second ? 4 : 0));
      for (PlaceId p : s.names) h = mix(h, p.value());
      h = mix(h, s.names.size());
      for (char ch : s.origin().remembered) h = mix(h, static_cast<unsigned char>(ch));
      if (!with_facts) return h;
      s.fact_set = w.fact_sets.number(s.facts);
      return add_facts(s, h);
    }

    static u64 add_facts(const PathState& s, u64 h) {
      h = mix(h, s.fact_set);
      if (s.has_result)
        h = mix(mix(h, static_cast<u64>(s.result.low)),
                static_cast<u64>(s.result.high) + (s.result.has_hole ? 1 : 0));
      return h;
    }

    void push(BlockId b, PathState s) {
      info.prune(s.facts, b, s.state != kNoState ? object_key : -1);
      s.fact_set = w.fact_sets.number(s.facts);
      s.facts.clear();
      push_pruned(b, std::move(s));
    }

    /// `s` knows its facts by number only.
    void push_pruned(BlockId b, PathState s) {
      u64 plain = mix(identity(s, false), b.value());
      if (!seen.insert(add_facts(s, plain))) return;
      if (s.fact_set != 0 && ++variants[plain] > I.limits.facts_per_state) {
        // Property simulation's merge: what is known is dropped, so the rest of this state is walked once.
        ++I.self.stats_.joins;
        s.fact_set = 0;
        if (!seen.insert(add_facts(s, plain))) return;
      }
      pending.push_back({b, std::move(s)});
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
      return s.names.empty() ? s.origin().cause_name : w.reader->text(s.names.front());
    }

    // -- one block

    void block(BlockId id, PathState first) {
      const Block& b = f.blocks[id.value()];
      if (!traced && (object_key < 0 || first.state == kNoState) && !concerned(id, first)) {
        pass(id, std::move(first));
        return;
      }
      first.facts = w.fact_sets[first.fact_set];
      std::vector<PathState> now, next;
      now.push_back(std::move(first));
      for (u32 e : w.active[id.value()]) {
        if (now.empty()) break;
        next.clear();
        for (PathState& s : now) event(id, e, b.events[e], std::move(s), next);
        if (next.size() > 1) unify(next);
        if (next.size() > I.limits.forks_per_block) {
          next.resize(I.limits.forks_per_block);
          out.cut = true;
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

    /// Something in the block can change the state, its names, or say something about it.
    bool concerned(BlockId id, const PathState& s) {
      Passer p{key.var, s.state, s.global, key.names.empty() ? kNoPlace : key.names.front(), s.names};
      if (last_concerned == nullptr || p != last_passer) {
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
        last_passer = p;
        last_concerned = &it->second;
      }
      return (*last_concerned)[id.value()];
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
        Names handed;
        if (has_object()) handed = I.to_callee(w, f, x, s.names, mapped);
        for (FunctionId t : site->targets)
          if (worth_entering(t, s, handed, b, index, x)) return true;
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

    /// The state goes through the block untouched. It knows its facts by number only.
    void pass(BlockId id, PathState s) {
      const Block& b = f.blocks[id.value()];
      const Passage& p = passage(id, s.fact_set);
      for (std::size_t i = 0; i < p.ways.size(); ++i) {
        const Passage::Way& way = p.ways[i];
        PathState t = i + 1 == p.ways.size() ? std::move(s) : s;
        t.fact_set = way.facts;
        if (way.returns) {
          t.has_result = true;
          t.result = way.result;
          t.result_at = way.result_at;
        }
        add_step(t, b, b.edges[way.edge]);
        if (way.to == kExit) {
          t.facts = w.fact_sets[t.fact_set];
          end(std::move(t));
        } else {
          push_pruned(way.to, std::move(t));
        }
      }
    }

    const Passage& passage(BlockId id, u32 facts) {
      auto [it, fresh] = w.passages.try_emplace(u64{id.value()} << 32 | facts);
      if (!fresh) return it->second;
      Passage& made = it->second;
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
    Passer last_passer{};
    const std::vector<bool>* last_concerned = nullptr;

    void unify(std::vector<PathState>& list) const {
      std::unordered_set<u64> have;
      std::erase_if(list, [&](PathState& s) { return !have.insert(identity(s, true)).second; });
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
        add_step(t, b, edge);
        if (edge.to == kExit)
          end(std::move(t));
        else
          push(edge.to, std::move(t));
      }
    }

    /// The decision as a step of the path.
    void add_step(PathState& s, const Block& b, const Edge& edge) {
      Trail step;
      step.at = b.condition_at;
      if (edge.kind == EdgeKind::True || edge.kind == EdgeKind::False) {
        if (b.condition == kNoExpr) return;
        // Decisions of macros within macros tell the reader nothing.
        if (b.condition_macro != kNoMacro && f.macros[b.condition_macro.value()].written_in != kNoMacro)
          return;
        step.expr = b.condition;
        step.branch = true;
        step.truth = edge.kind == EdgeKind::True;
      } else if (edge.kind == EdgeKind::Case) {
        step.edge = &edge;
      } else {
        return;
      }
      add_trail(s, std::move(step));
    }

    void add_trail(PathState& s, Trail step) {
      if (trail.size() > 2'000'000) return;
      step.previous = s.trail;
      trail.push_back(step);
      s.trail = static_cast<u32>(trail.size() - 1);
    }

    void say_step(PathState& s, const Location& at, std::string text,
                  std::shared_ptr<const std::vector<PathNote>> inner = nullptr, bool indirect = false) {
      said_steps.push_back({std::move(text), std::move(inner)});
      Trail t;
      t.at = at;
      t.said = static_cast<u32>(said_steps.size() - 1);
      t.indirect = indirect;
      add_trail(s, t);
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
      PlaceId candidate = key.names.empty() ? kNoPlace : key.names.front();
      bool own = std::find(s.names.begin(), s.names.end(), to) != s.names.end();
      bool overwritten = std::any_of(s.names.begin(), s.names.end(),
                                     [&](PlaceId n) { return dies(n, to, lhs, reference, own); });
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
      if (!s.origin().remembered.empty() || s.origin().cause.line != 0) {
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
      if (has_object()) c.object = object_text(s);
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
        what = to.global == Move::kStop
                   ? "the rule stops here"
                   : fmt::format("now {}", machine().global_states[static_cast<std::size_t>(to.global)]);
        s.global = to.global;
        s.change_origin().global_cause = s.global == 0 ? SourcePoint{} : point(ev.at);
      }
      if (to.state != -1 && t.var >= 0) {
        const StateVariable& v = machine().vars[static_cast<std::size_t>(t.var)];
        std::string name = object_text(s);
        const Binding& bound = pm.bindings[v.hole];
        if (bound.expr != kNoExpr) name = to_text(pool, bound.expr);
        if (to.state == Move::kStop) {
          reset(s);
          what = fmt::format("{} is no longer followed", name);
          if (s.names.empty() && !key.names.empty()) s.names = {key.names.front()};
        } else {
          bool same = s.state == to.state;
          if (s.state == kNoState) {
            s.change_origin().cause = point(ev.at);
            s.change_origin().cause_name = name;
            s.escaped = false;
          }
          s.state = to.state;
          if (!same) what = fmt::format("{} is now {}", name, v.states[static_cast<std::size_t>(to.state)]);
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
                Observation o;
                o.key = evaluate(st.value.args[0], c).str();
                o.site = s.origin().cause.line != 0 && of >= 0 ? s.origin().cause : point(at);
                o.good = builtin->id == rule::Builtin::kExample;
                if (!o.good)
                  o.finding = finding(format_message(st.value, 1, c), rule::Builtin::kErr, at, t, s);
                out.observations.push_back(std::move(o));
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
      std::string message =
          format_message(call, 0, context(b, index, macro, s, bindings, for_each ? key.var : t.var));
      if (traced) I.self.trace_(fmt::format("  line {}: reports '{}'", at.line, message));
      Finding x = finding(std::move(message), which, at, t, s);
      if (said.insert({x.message, x.at, t.id}).second) out.findings.push_back(std::move(x));
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
      const SourcePoint& cause = t.var >= 0 || for_each ? s.origin().cause : s.origin().global_cause;
      x.cause = cause.line != 0 ? cause : x.at;
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
        if (const auto& inner = said_steps[t->said].inner)
          part.insert(part.end(), inner->begin(), inner->end());
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
      std::string_view name = f.name.text(), record = f.record.text();
      std::size_t colon = record.rfind(':');
      std::string_view last = colon == std::string_view::npos ? record : record.substr(colon + 1);
      if (record.empty() || !name.ends_with(last) || name.size() < last.size() + 2 ||
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
        out.cut = true;
        return;
      }
      if (s.state != key.state || s.global != key.global) {
        std::vector<PathNote> path, states;
        notes(s, path, nullptr, nullptr);
        // The caller's reader wants the change of state, not every branch on the way.
        for (PathNote& n : path)
          if (!n.text.starts_with("assuming ") && !n.text.starts_with("taking "))
            states.push_back(std::move(n));
        if (states.size() > 4) states.erase(states.begin(), states.end() - 4);
        e.notes = std::make_shared<const std::vector<PathNote>>(std::move(states));
      }
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
      std::vector<bool> mapped;
      Names handed;
      std::vector<FunctionId> entered;
      if (follow) {
        if (has_object()) handed = I.to_callee(w, f, x, s.names, mapped);
        for (FunctionId t : site->targets)
          if (worth_entering(t, s, handed, b, index, x)) entered.push_back(t);
      }
      info.forget_call(s.facts, x, named || covered);
      if (has_object() && !covered && !named) forget_handed(s, x, mapped);
      std::size_t before = next.size();
      bool passed_by = entered.empty() || entered.size() < site->targets.size();
      for (FunctionId t : entered)
        passed_by = enter(t, *site, ev, x, s, handed, mapped, b, index, next) || passed_by;
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
        return !handed.empty() && (c.relevant || I.has_unnamed_variable_rules) &&
               I.touches(t, key.var, handed);
      if (!c.relevant) return false;
      for (PlaceId h : handed)
        for (const Candidate& k : c.candidates)
          if (k.var == key.var && k.place == h) return true;
      return born(t, b, index, x, nullptr);
    }

    /// True when an object born in the callee can be this item's; `which` gets those.
    bool born(FunctionId t, BlockId b, std::size_t index, ExprId x, std::vector<Birth>* which) {
      if (key.names.empty()) return false;
      bool any = false;
      const std::vector<std::pair<i32, Birth>> births = I.work[t.value()].births;
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
            for (const Candidate& cand : c.candidates)
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
          std::shared_ptr<Summary> r = ask_item(kb, ev, s, site.indirect);
          for (const ExitState& e : r->exits) {
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
            o.cause_name = w.reader->text(key.names.front());
            note_call(u, ev, x, e, site.indirect);
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
      std::shared_ptr<Summary> r = ask_item(k, ev, s, site.indirect);
      for (const ExitState& e : r->exits) {
        PathState u = s;
        if (!apply_result(u, x, e)) continue;
        if (e.global != u.global)
          u.change_origin().global_cause = e.global == 0              ? SourcePoint{}
                                           : e.global_cause.line != 0 ? e.global_cause
                                                                      : point(ev.at);
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
              std::string name = object_text(u);
              Origin& o = u.change_origin();
              o.cause = e.cause;
              o.remembered = e.remembered;
              o.cause_name = std::move(name);
            }
            u.state = e.state;
            u.data = e.data;
            u.escaped = u.escaped || e.escaped;
            Names names;
            for (std::size_t i = 0; i < s.names.size(); ++i)
              if (i >= mapped.size() || !mapped[i]) names.push_back(s.names[i]);
            for (PlaceId p : e.names) {
              PlaceId q = I.to_caller(w, f, x, p);
              if (q != kNoPlace && std::find(names.begin(), names.end(), q) == names.end() &&
                  names.size() < I.limits.names_per_object)
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
          if (moved) note_call(u, ev, x, e, site.indirect);
        }
        if (!has_object() && e.global != s.global) note_call(u, ev, x, e, site.indirect);
        next.push_back(std::move(u));
      }
      return untouched;
    }

    bool apply_result(PathState& u, ExprId x, const ExitState& e) const {
      info.forget_value(u.facts, x);
      return e.result.any() || info.restrict(u.facts, x, e.result);
    }

    void note_call(PathState& u, const Event& ev, ExprId x, const ExitState& e, bool indirect) {
      say_step(u, ev.at, fmt::format("calling '{}'", to_text(pool, pool.kid(x, 0))), e.notes, indirect);
    }

    std::shared_ptr<Summary> ask_item(ItemKey k, const Event& ev, const PathState& s, bool indirect) {
      // A function that is entered in many ways is not told apart by its arguments as well.
      if (I.work[k.function.value()].entries > I.limits.entries_by_constants && !I.memo.contains(k))
        k.constants.clear();
      bool listed = std::any_of(out.demands.begin(), out.demands.end(),
                                [&](const Summary::Demand& d) { return d.key == k; });
      if (!listed) {
        Summary::Demand d;
        d.key = k;
        if (!k.in_start()) {
          notes(s, d.path, &d.branches, &d.indirect);
          d.cause = k.var >= 0 ? s.origin().cause : s.origin().global_cause;
        }
        d.indirect = d.indirect || indirect;
        if (!k.in_start())
          d.path.push_back({point(ev.at), std::string(f.name.text()),
                            fmt::format("calling '{}'", I.program.body(k.function).name.text())});
        out.demands.push_back(std::move(d));
      }
      return I.solve(k);
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
  bool has_unnamed_variable_rules = false;
  bool only_marks = false;
  bool asks_known = false;
  std::map<ItemKey, std::shared_ptr<Summary>> memo;
  std::vector<ItemKey> roots;
  std::vector<Summary*> stack;
  std::vector<std::shared_ptr<Summary>> unsettled;  ///< finished, but resting on an item that is not
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

void Solver::run() { impl_->run(); }
std::vector<Finding> Solver::take_findings() { return std::move(impl_->findings); }
std::vector<Observation> Solver::take_observations() { return std::move(impl_->observations); }
bool Solver::annotated(FunctionId id, const std::vector<std::pair<u16, ValueRange>>& parameters,
                       const std::string& tag, std::string* why) {
  return impl_->annotated_here(id, parameters, tag, why);
}

}  // namespace quire::metal
