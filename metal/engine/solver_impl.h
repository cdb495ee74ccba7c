// The parts of the solver, in one place: what it keeps for each function, and which file does what with it.
// survey.cpp, objects.cpp: which functions and objects matter. solver.cpp: items. walk.h: one item.
// marks.cpp: what machines tell each other. reuse.cpp: what an earlier run found. reports.cpp: findings and
// how one comes to them.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <unordered_map>

#include "metal/engine/components.h"
#include "metal/engine/item.h"
#include "metal/engine/kept_items.h"
#include "metal/engine/prepared.h"
#include "metal/engine/results.h"
#include "metal/engine/solver.h"
#include "metal/engine/values.h"

namespace quire::metal {

/// What a block does to the facts of a path whose state nothing in it concerns: worked out once for each set
/// of facts, and then taken by every object and state that passes.
struct Passage {
  struct Way {
    BlockId to;
    u32 edge = 0;   ///< of the block
    u32 facts = 0;  ///< as FactSets numbers them
    bool returns = false;
    bool doubtful = false;  ///< see FunctionInfo::doubts
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
    for (const auto& [k, group, decided, hold, r] : facts) {
      h = mix(h, ((k * 1000u + group + 1) * 3 + static_cast<u64>(hold)) | u64{decided} << 32);
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
  u64 survey_key = 0;    ///< of all that the survey of it rests on; 0: there was nothing to survey
  u64 told = 0;          ///< survey_hash(), once settled; 0: not asked for yet
  const std::vector<Candidate>& to_callers() const { return settled ? outer_candidates : candidates; }
  const std::vector<std::pair<i32, Birth>>& born_to_callers() const {
    return settled ? outer_births : births;
  }
  bool visited = false;  ///< entered with the global state alone
  /// Objects of callers that some transition here or in a callee can concern, and whether there are too many
  /// to tell. Kept for machines all of whose patterns name a function.
  std::set<std::pair<i32, PlaceId>> touched;
  bool touches_any = false;
  u8 cut = 0;  ///< bounds that cut the survey, a bit for each Bound
  void cut_by(Bound b) { cut = static_cast<u8>(cut | 1u << static_cast<u8>(b)); }
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

struct Solver::Impl {
  Impl(Solver& owner, const Program& program_in, InfoCache& infos_in,
       std::shared_ptr<const CompiledMachine> machine,
       std::vector<std::shared_ptr<const CompiledMachine>> annotators_in, const Models& models_in,
       const Limits& limits_in);

  /// Something calls a callout of that name, or whose name begins so.
  static bool asks(const rule::Expr& e, std::string_view callout);
  static bool asks(const std::vector<rule::Stmt>& list, std::string_view callout);

  static bool enumerates(const std::vector<rule::Stmt>& list);

  // ---- preparation -------------------------------------------------------------------------------

  Work& at(FunctionId id);

  void find_copies(FunctionId id, Work& w);

  /// Adds a place that a transition concerns, under all names that a caller could have for it.
  void add_touched(FunctionId id, Work& w, i32 var, PlaceId place);

  void called_touched(FunctionId id, Work& w, FunctionId callee);

  /// Something in the function, or beyond, can concern the object that has these names there.
  bool touches(FunctionId id, i32 var, i32 state, const Names& names) const;

  /// Most events are reads that no pattern of the machine fits.
  void find_active(FunctionId id, Work& w) const;

  bool mentions_named(FunctionId id) const;

  /// Marks the functions that matter, with their objects; callers of such functions matter too.
  void survey();

  /// The functions of one recursion (mostly one), from what their callees are known to do.
  void survey(const std::vector<FunctionId>& component);

  /// Something in the function itself may concern the machine.
  bool may_concern(FunctionId id) const;

  /// What the function itself does.
  void look_at(FunctionId id);

  bool calls_itself(FunctionId id) const;

  /// What callees do concerns the function too. True when something new came.
  bool take_from_callees(FunctionId id);

  /// All that the survey of these functions rests on: they themselves, and what was found out about those
  /// they call.
  u64 survey_key(const std::vector<FunctionId>& component);

  /// What an earlier run found out about them, when it rests on the same.
  bool surveyed_before(const std::vector<FunctionId>& component, u64 key);

  /// Which of the function's objects concern its callers: those that it can leave in some state, and those
  /// about which something is said, since callers know more (constant arguments, other names). Most of what
  /// a function does to its own data ends within it, and callers need not follow that.
  void settle(FunctionId id);

  /// An object without a state that enters can leave in one (known by the name `out`, if given). `common`: it
  /// is one that everybody knows, in a function that many call. Such functions leave things as they found
  /// them, or would be noticed: only states in which the rule waits for more concern callers.
  bool leaves(FunctionId id, i32 var, PlaceId object, PlaceId out, bool common = false);

  /// Neither the item nor any that it asked for has something to say. Of each item this is found out once:
  /// only settled ones are asked about.
  bool is_quiet(ItemId first);

  void add_candidate(Work& w, i32 var, PlaceId place);

  void own_candidates(FunctionId id, Work& w);

  /// `x` begins a reference: `r = &object` in the function file, though r's uses denote the object itself.
  static bool binds_reference(const Function& f, ExprId x);

  /// Left and right side of an assignment as places; a reference stands for what it is bound to.
  std::pair<PlaceId, PlaceId> assigned(Work& w, const Function& f, ExprId x);

  /// Objects of local variables that leave by the result or through memory.
  void find_births(FunctionId id, Work& w);

  /// True when callers can name the place.
  bool external(PlaceId p) const;

  /// Objects of `callee` seen from the calls in `id`.
  void called_candidates(FunctionId id, Work& w, FunctionId callee);

  /// Where the result of a call goes: the left side of its assignment, else the call itself.
  PlaceId assigned_place(FunctionId id, Work& w, ExprId call);

  PlaceId to_caller(Work& w, const Function& f, ExprId call, PlaceId p);

  /// The function, or something that it can call, names the global variable that the place begins with.
  bool in_reach(FunctionId id, PlaceId p);

  /// The object's names in the callee's terms: those by which it can be met there.
  Names to_callee(Work& w, const Function& f, ExprId call, FunctionId callee, const Names& names,
                  std::vector<bool>& mapped);

  // ---- the whole program -------------------------------------------------------------------------

  /// False when what was taken over may not be what a run without it finds: see order_matters. Nothing is
  /// reported then.
  bool run(const Results* results);

  /// In this machine or one that was asked for its marks.
  bool took_over() const;
  bool order_mattered() const;

  /// Nothing that is known enters it. Who calls a function that does not come back ends its path there.
  bool is_root(FunctionId id) const { return intra || program.is_root(id) || never[id.value()]; }

  void demand_root(const ItemKey& k) { roots.push_back(solve(k)); }

  /// Between walks: what blocks do to facts can be worked out again, and is worth its memory only near the
  /// functions at hand.
  void forget_passages();

  /// Findings of all items that some root leads to, each with the shortest way there.
  void finish();

  /// Adds what was done for these items, and for all of the machines that were asked for their marks.
  void count(const std::vector<ItemId>& reached, EngineStats& stats) const;

  /// How one comes to an item from a root.
  struct Way {
    std::vector<PathNote> path;
    SourcePoint cause;
    u32 calls = 0, branches = 0;
    bool indirect = false;
  };

  const Way& way_to(ItemId item, const std::vector<ItemId>& parent, std::map<ItemId, Way>& ways);

  static void prepend(Finding& f, const Way& way);

  /// Walks an item once more, this time with an eye to the path. What it calls is solved, so that every step
  /// is taken as it was.
  const Record& record(ItemId i);

  /// What happened in an item that was left by this exit, for the reader of its caller.
  std::vector<PathNote> inner_notes(ItemId i, u32 exit);

  // ---- items -------------------------------------------------------------------------------------

  /// The item that is being walked now rests on one that is not settled yet.
  void rests_on(u32 index);

  /// The item of a key, or kNoItem.
  ItemId known(const ItemKey& key) const;

  ItemId solve(const ItemKey& key);

  // ---- what an earlier run found -----------------------------------------------------------------

  /// A hash of a place that is the same in every run.
  u64 place_hash(PlaceId p);

  /// What the survey found out about a function: walks of its callers ask for it.
  u64 survey_hash(const Work& w, bool outer);

  /// survey_hash() of a function whose callers are surveyed now.
  u64 told_callers(Work& w);

  /// Of all that a walk through the function reads but for items and other machines' marks.
  ContentHash fingerprint(FunctionId id);

  ItemNames item_names();

  /// Reads what an earlier run kept. Items that nothing changed can reach are there from now on; the rest is
  /// looked at when it is asked for.
  void take_over(const Results* results, std::string_view reader);

  /// What is to be thought of a kept item, and of all that it rests on.
  void judge(u32 first);

  /// The item's function, and what its walk reads but for other items, is what it was.
  bool stands_itself(const KeptItem& k);

  /// Other machines say of functions what they said.
  bool answers_stand(const std::vector<Query>& queries);

  /// A sound item of an earlier run is asked for: it and what it rests on belong to this one.
  ItemId adopt(u32 first);

  /// True when the item comes out as in an earlier run, since all that it asked for does. Asks in the order
  /// in which a walk would, and no further than that: where something is new, the walk finds the rest solved.
  bool as_before(const KeptItem& k, Summary& s);

  /// Writes what this run found out, for the next.
  void keep(const Results* results, std::string_view reader);

  Solver& helper(std::size_t i);

  std::optional<bool> ask(FunctionId from, ExprId call, const Facts& facts, const std::string& tag,
                          std::string* why);

  bool ask_function(FunctionId t, const ConstantParameters& c, const std::string& tag, std::string* why);

  /// The item of a function that is asked for its marks.
  ItemId marked(FunctionId id, const ConstantParameters& c);

  bool annotated_here(FunctionId id, const ConstantParameters& c, const std::string& tag, std::string* why);

  /// Constant arguments that the callee's decisions depend on.
  ConstantParameters constants(FunctionId from, const Facts& facts, ExprId call, FunctionId callee);

  // ---- one item ----------------------------------------------------------------------------------

  struct Walk;

  Solver& self;
  const Program& program;
  InfoCache& infos;
  std::shared_ptr<const CompiledMachine> m;
  std::vector<std::shared_ptr<const CompiledMachine>> annotators;
  const Models& models;
  const std::vector<bool>& never;  ///< functions that do not come back
  const Limits& limits;
  bool intra;  ///< no calls are followed: the limits say so, or the machine
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
  bool asks_effects = false;  ///< patterns fit by what the called function gives
  /// By variable: what carries a state is there. (A rule that asks `{ v }` says itself what null means.)
  std::vector<bool> exists;
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
  std::unordered_map<u32, KeptSurvey> kept_surveys;  ///< of an earlier run, by function
  std::vector<KeptItem> kept;                        ///< likewise
  std::vector<ItemId> kept_as;                       ///< those that were taken over
  std::unordered_map<ItemKey, u32, ItemHash> kept_index;
  std::optional<Components> kept_components;
  u64 taken_over = 0;
  std::vector<ContentHash> fingerprints;
  std::vector<u64> place_hashes;
  bool surveyed = false;
  bool afresh = false;  ///< nothing is taken over
  /// A bound cut here, or in the run that kept what was read, that depends on who asked first.
  bool order_matters = false;
  bool object_macros = false;  ///< some pattern is an object-like macro
  std::vector<std::unique_ptr<Solver>> helpers;
  std::vector<Finding> findings;
  std::vector<Observation> observations;
};

}  // namespace quire::metal
