// The walk through one item: depth first over the blocks of its function, path by path.
// walk.cpp: the loop, and which paths are the same. walk_blocks.cpp:
// one block; blocks that only change facts. walk_events.cpp: what happens in a block. walk_names.cpp: the
// object's names. walk_rules.cpp, walk_actions.cpp: transitions and what they do. walk_calls.cpp: into
// callees and back. walk_ends.cpp: ends of paths. walk_notes.cpp: what is told of a path.
#pragma once

#include "metal/engine/solver_impl.h"
#include "metal/language/builtins.h"

namespace quire::metal {

struct Solver::Impl::Walk {
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
    u32 shape = 0;                                 ///< carriers that differ in nothing but what messages tell
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

  Mark mark(const Location& l) const;
  SourcePoint point(const Location& l) const { return mark(l).point(); }

  void run();

  void walk();

  // -- identity and caching

  u64 identity(const PathState& s) const;

  /// Two states of equal identity and facts go on alike.
  u64 identity_with_facts(const PathState& s) const;

  static u64 mix_mark(u64 h, const Mark& m);

  u32 carrier_of(PathState&& s);
  /// The same on a way that may be none.
  u32 unsure(u32 carrier);

  u32 result_of(const ValueRange& range, const Location& at);

  PathState state_of(const Pending& p) const;

  void push(BlockId b, PathState s);

  void push(Pending p);

  // -- names of the object

  bool has_object() const { return key.var >= 0; }

  /// Adds what the names become when `from` is also known as `to`.
  void rename(PathState& s, PlaceId from, PlaceId to);

  bool is_object(const PathState& s, PlaceId p) const;

  std::string object_text(const PathState& s) const;
  /// The object is remembered by the name that it has now.
  void remember_name(PathState& s) const;

  // -- one block

  static constexpr std::size_t kForksToPrune = 4;

  void block(BlockId id, PathState first);

  // -- blocks that only change facts

  /// For each block: something in it can change the state, its names, or say something about it.
  const std::vector<bool>& concerned(const PathState& s);

  bool concerns(BlockId b, u32 index, const PathState& s);

  /// The end of `root` (or a write to it) changes the names.
  bool touches(const PathState& s, PlaceId root, bool written) const;

  /// `set direct = 1`: a call with a choice of targets is not followed.
  bool beside(const CallSite& site) const {
    return site.indirect && site.targets.size() > 1 && machine().settings.contains("direct");
  }
  bool call_concerns(BlockId b, u32 index, const Event& ev, ExprId x, const PathState& s);

  /// The object is an element picked from a table by a computed index, and the callee may pick the same one.
  bool reaches_element(const CallSite& site, const PathState& s) const;

  bool passes(const Pending& p) const;

  /// The state goes through the block untouched.
  void pass(const Pending& p);

  const Passage& passage(BlockId id, u32 facts);

  Passage* passing = nullptr;  ///< what is being made: states of the walk itself are not touched

  /// The decision asks whether two pointers are one, and the object is known by one of them.
  struct Equal {
    PlaceId left = kNoPlace, right = kNoPlace;
    bool when = true;  ///< the answer that says so
  };
  Equal equates(ExprId condition, const PathState& s) const;
  /// Two pointers turn out to be one. An object that the rule waits for has both names; of any other it is
  /// not known what became of it under the other one.
  void unite(PathState& s, const Equal& e);

  /// A pointer to the object, or on the way to it, that the decision asks about: it is not null.
  ExprId leading(ExprId condition, const PathState& s) const;

  void unify(std::vector<PathState>& list) const;

  void leave(const Block& b, PathState s);

  /// The path with the decision as one more step.
  u32 add_step(u32 before, const Block& b, const Edge& edge);

  u32 add_trail(u32 before, Trail step);

  void say_step(PathState& s, const Location& at, std::string text, ItemId inner = kNoItem, u32 exit = 0,
                bool indirect = false);

  // -- events

  void event(BlockId b, std::size_t index, const Event& ev, PathState s, std::vector<PathState>& next);

  enum class Phase { kBoth, kInState, kFromStart };

  void evaluate_event(BlockId b, std::size_t index, const Event& ev, PathState s,
                      std::vector<PathState>& next);

  bool fired = false;
  bool for_each = false;  ///< inside a for_each body

  struct Assignment {
    PlaceId to, from;
    bool reference;  ///< the left side begins to be another name of the right one
  };
  Assignment assignment(ExprId x) const;

  void assign(const Event& ev, ExprId x, PathState s, std::vector<PathState>& next);

  /// The event is part of a macro use that the rule takes as one step, and that gave the object its state
  /// or is about to be matched with the state that it has: `save_flags(x)` assigns to x in its own
  /// expansion.
  bool belongs_to_match(const Event& ev, const PathState& s);

  /// Writing to `to` ends what the name stood for.
  /// A reference that begins (or begins again, in a loop) names something else altogether.
  bool dies(PlaceId name, PlaceId to, ExprId lhs, bool rebound, bool own) const;
  /// Writing `lhs` makes the name another object's: `v[i]` when i is written. The object is still there.
  bool moves(PlaceId name, ExprId lhs) const;

  bool stores_away(PlaceId to) const;

  void reset(PathState& s) const;

  /// A variable ends (or gets an unknown value): names through it go.
  void drop(PathState& s, PlaceId root, const Location& at, bool written, std::vector<PathState>& next,
            ExprId lhs = kNoExpr);

  /// The object is no longer the value of this call.
  void drop_value(PathState& s, PlaceId value, const Location& at, std::vector<PathState>& next);

  bool passes_deref(PlaceId n, PlaceId root) const;

  /// The last name of the object is gone.
  void lose(PathState& s, const Location& at, std::vector<PathState>& next, bool go_on);

  // -- transitions

  ValueContext context(BlockId b, std::size_t index, MacroId macro, const PathState& s,
                       const Bindings* bindings, i32 var);

  /// `callee` is what a hole for a callee bound: its call is the one that the event evaluates.
  std::optional<bool> annotated(ExprId callee, const Facts& facts, const std::string& tag, std::string* why);
  ExprId current_call = kNoExpr;

  bool guards_hold(const Alternative& alt, const ValueContext& c) const;

  /// The match is one for the state, whatever its guards will say.
  bool fits(const PatternMatch& pm, const PathState& s, Phase phase);

  void matches(BlockId b, std::size_t index, const Event& ev, PathState s, std::vector<PathState>& next,
               Phase phase);

  void fire(BlockId b, std::size_t index, const Event& ev, const PatternMatch& pm, PathState s,
            std::vector<PathState>& next);

  void move(const Move& to, const CompiledTransition& t, const Event& ev, const PatternMatch& pm,
            PathState& s);

  // -- actions

  /// Runs an action. False when it killed the path.
  bool act(const std::vector<rule::Stmt>& list, BlockId b, std::size_t index, MacroId macro,
           const Location& at, const CompiledTransition& t, const Bindings* bindings, PathState& s);

  void report(const rule::Expr& call, rule::Builtin which, BlockId b, std::size_t index, MacroId macro,
              const Location& at, const CompiledTransition& t, const Bindings* bindings, PathState& s);

  Finding finding(std::string message, rule::Builtin which, const Location& at, const CompiledTransition& t,
                  const PathState& s) const;

  /// The path so far, oldest first.
  void notes(const PathState& s, std::vector<PathNote>& path, u32* branches, bool* indirect) const;

  // -- ends of paths

  PathState start_of_path(PathState s);

  void fire_end(PathState& s, const Location& at);

  void end(PathState s);

  /// The function itself put the object where its caller wanted it: `*lockp = lock`.
  bool handed_out(const Names& names) const;

  /// What a constructor leaves in its object is the object's, until its destructor.
  bool kept_by_object(const Names& names) const;

  bool is_static_local(PlaceId p) const;

  void add_exit(const PathState& s);

  /// Exits are told apart by constants near zero and by sign, not by every interval.
  static ValueRange return_class(const ValueRange& r);

  /// Where there are many exits, by sign only.
  static ValueRange sign_class(const ValueRange& r);

  // -- calls

  void call(BlockId b, std::size_t index, const Event& ev, ExprId x, PathState s,
            std::vector<PathState>& next, bool covered, bool was_fired);

  /// `unlink(p)`: who is handed the object itself may put another one where memory led to it.
  void forget_redirected(PathState& s, ExprId x);

  /// `f(&p)` where f is not looked into may change p: the object p led to is lost from sight, silently.
  void forget_handed(PathState& s, ExprId x, const std::vector<bool>& mapped);

  bool worth_entering(FunctionId t, const PathState& s, const Names& handed, BlockId b, std::size_t index,
                      ExprId x);

  /// True when an object born in the callee can be this item's; `which` gets those.
  bool born(FunctionId t, BlockId b, std::size_t index, ExprId x, std::vector<Birth>* which);

  PlaceId assigned_here(BlockId b, std::size_t index, ExprId x);

  /// Takes every exit of the callee. True when the path also goes on as if nothing had happened.
  bool enter(FunctionId t, const CallSite& site, const Event& ev, ExprId x, const PathState& s,
             const Names& handed, const std::vector<bool>& mapped, BlockId b, std::size_t index,
             std::vector<PathState>& next);

  bool apply_result(PathState& u, ExprId x, const ExitState& e) const;

  void note_call(PathState& u, const Event& ev, ExprId x, ItemId asked, u32 exit, bool indirect);

  ItemId ask_item(ItemKey k, const Event& ev, const PathState& s, bool indirect);

  std::string describe(const PathState& s) const;
};

}  // namespace quire::metal
