// What the solver needs to know about a function whatever the rule: which expressions its conditions read
// (only facts about those are kept), where these are still going to be read, and what changes them.
#pragma once

#include <map>
#include <vector>

#include "metal/engine/effects.h"
#include "metal/engine/range.h"
#include "metal/ir/function.h"

namespace quire::metal {

/// Something that a later decision can depend on: a variable, a field, a call's result, a comparison.
struct FactKey {
  ExprId expr = kNoExpr;  ///< a core id
  std::vector<i64> locals;
  std::vector<Symbol> globals;
  std::vector<Symbol> fields;
  bool memory = false;  ///< reads through a pointer or an index
  bool plain = false;   ///< what is read so is no field
  bool asks = false;    ///< it calls a function that only looks
  /// Others may change it while nobody here writes it: a global, what a function looks at.
  bool shared() const { return asks || !globals.empty(); }
};

/// How well a fact still holds.
enum class Hold : u8 {
  Now,
  Stale,  ///< of a call's value: what the call looked at may have been written since; the value is what it
          ///< was
  Was,    ///< somebody else may have changed it since. It settles nothing, but who decides otherwise now goes
          ///< a way that few runs go
  Told,   ///< see FunctionInfo::told
};

/// What a path knows about one key. Keys of one group (0: none) are known to be equal: what is learnt of one
/// holds for all.
struct Fact {
  u16 key = 0;
  u16 group = 0;
  u32 decided = 0;  ///< keys that others may change: the block whose decision told, from 1; 0: none
  Hold hold = Hold::Now;
  ValueRange range;
  friend bool operator==(const Fact&, const Fact&) = default;
};

/// Facts of one path, sorted by key.
using Facts = std::vector<Fact>;

class FunctionInfo {
 public:
  static constexpr std::size_t kMaxKeys = 192;

  /// `effects` and `id` tell what calls do.
  FunctionInfo(const Function& f, const Effects& effects, FunctionId id);

  const Function& function() const { return f_; }
  std::size_t key_count() const { return keys_.size(); }
  const FactKey& key(u16 k) const { return keys_[k]; }
  /// Index of a core expression that is a key, or -1.
  i32 key_of(ExprId core) const {
    return core.value() < key_index_.size() ? i32{key_index_[core.value()]} - 1 : -1;
  }
  bool live_in(BlockId b, u16 key) const {
    return (live_[b.value() * words_ + key / 64] >> (key % 64) & 1) != 0;
  }
  /// The parameter is assigned or its address is taken somewhere.
  bool parameter_modified(u32 index) const { return modified_[index]; }
  /// Some decision (or a call that it is passed to) depends on the parameter's value.
  bool parameter_matters(u32 index) const { return matters_[index]; }
  /// The Var expression of a local, or kNoExpr when no expression of the function names it.
  ExprId local_expr(i64 local) const {
    return local >= 0 && static_cast<std::size_t>(local) < local_exprs_.size()
               ? local_exprs_[static_cast<std::size_t>(local)]
               : kNoExpr;
  }
  /// What a call does, when it is by name and its function's body is known.
  const FunctionEffects* effects(ExprId call) const { return effects_.of_call(id_, f_.pool.core(call)); }
  /// Sum of the sizes of the automatic variables, in bytes.
  u64 frame_size() const { return frame_size_; }
  /// The value of the call at event `index` of `block` is used by nobody, and nobody says so by a cast to
  /// void.
  bool discarded(BlockId block, std::size_t index) const;
  /// The function that is called at event `index` is called once more further down in the text, and what it
  /// gives there is used.
  bool asked_later(BlockId block, std::size_t index) const;
  /// Event `index` names a place only to take its address: no access.
  bool only_address(BlockId block, std::size_t index, ExprId place) const;

  // Facts. All take and give facts sorted by key.

  /// What `expr` can be, given `facts`.
  ValueRange evaluate(const Facts& facts, ExprId expr) const;
  /// It was decided before that `expr` does not lie in `range`, and at most somebody else has changed that
  /// since.
  bool doubts(const Facts& facts, ExprId expr, const ValueRange& range) const;
  /// Without what only was.
  static Facts of_now(Facts facts);
  /// Adds what `expr` being true (or false) says. False when it cannot be.
  bool assume(Facts& facts, ExprId expr, bool truth, u32 depth = 0) const;
  /// Adds that `expr` lies in `range`. False when it cannot.
  bool restrict(Facts& facts, ExprId expr, const ValueRange& range, u32 depth = 0) const;
  /// Sets the fact of a key, whatever was known before.
  void set(Facts& facts, ExprId expr, const ValueRange& range) const;
  /// After `lhs = rhs`: what is learnt of either holds for both, until one is written.
  void equate(Facts& facts, ExprId lhs, ExprId rhs) const;
  /// Forgets what a write to `lhs` may change.
  void forget_write(Facts& facts, ExprId lhs) const;
  /// Forgets what the call may change: globals, memory that it is handed, variables whose address it gets.
  /// `gently`: only what it gets the address of.
  void forget_call(Facts& facts, ExprId call, bool gently) const;
  /// Forgets the value that `expr` itself had (before it is evaluated afresh).
  void forget_value(Facts& facts, ExprId expr) const;
  /// `block` makes a call again: forgets its value, unless it only looks at what nobody has written since,
  /// and was made at another place: a loop waits for it to change.
  void forget_result(Facts& facts, ExprId call, BlockId block) const;
  /// `block` decides again. What it decided about a global variable was another time; asked at another place
  /// it is what it was.
  void decide_again(Facts& facts, BlockId block) const;
  /// The call did one thing or another, and may have told so through the address of a variable: what is
  /// decided by that variable is doubtful, as long as it is not written.
  void told(Facts& facts, ExprId call) const;
  /// Marks what `block` has just decided.
  void decided(Facts& facts, BlockId block) const;
  /// Keeps the facts that can be read at or after the start of `block`, and that of key `kept` (-1: none).
  void prune(Facts& facts, BlockId block, i32 kept) const;
  /// A bit for each key whose fact can be read after event `index` of `block`.
  std::vector<u64> live_after(BlockId block, std::size_t index) const;
  /// Keeps the facts whose bits are set, and that of key `kept` (-1: none).
  static void prune(Facts& facts, const std::vector<u64>& live, i32 kept);

  /// A call by name to a function whose body is known may give an error; nothing when there is none.
  std::optional<bool> may_fail(ExprId call) const {
    if (effects(call) == nullptr) return std::nullopt;
    return effects_.may_fail(id_, f_.pool.core(call));
  }

 private:
  bool mentions(ExprId x, i64 local, u32 depth) const;
  void use(ExprId x);
  /// The object that event `index` constructs is touched by nobody but its destructor.
  bool only_made(const Block& b, std::size_t index) const;
  void add_keys(ExprId e, u32 depth = 0);
  void add_key(ExprId e);
  bool describe(ExprId e, FactKey& key, u32 depth) const;
  void describe_call(ExprId call, FactKey& key) const;
  enum class Change { None, Perhaps, Sure };
  template <typename Changed>
  void forget_if(Facts& facts, Changed&& changed) const;
  bool contains(ExprId x, ExprId part, u32 depth) const;
  void mark(ExprId e, u64* bits, u32 depth = 0) const;
  /// `expr` reads the value of what `told` marked.
  bool reads_told(const Facts& facts, ExprId expr, u32 depth = 0) const;
  void liveness();
  /// What `ev` does to the keys that are live after it: those before it. `killed`: keys that it sets (may be
  /// null).
  void step_back(const Event& ev, u64* live, u64* killed) const;
  /// Whether `x & mask` can be as it is decided, with what is known of other bits of x.
  bool bits_allow(const Facts& facts, ExprId bits, bool truth) const;
  /// Comparisons of the same operands that `comparison` settles too: `a != b`, `b == a`.
  void settle_alike(Facts& facts, ExprId comparison, bool truth) const;
  const ValueRange* find(const Facts& facts, ExprId core) const;
  Fact* slot(Facts& facts, ExprId expr) const;

  const Function& f_;
  const Effects& effects_;
  FunctionId id_;
  std::vector<FactKey> keys_;
  std::vector<ExprId> comparisons_;  // keys that are comparisons
  std::vector<ExprId> masked_;       // keys that are `x & constant`
  std::vector<u64> asked_;           // by block: a bit for each key that its condition reads
  std::vector<u8> key_index_;        // by core id: number of its key, from 1; 0: none
  std::size_t words_ = 1;
  std::vector<u64> live_;
  std::vector<bool> modified_, matters_;
  std::vector<bool> used_;                  // by core id: part of another expression, or decides something
  std::vector<bool> voided_;                // by core id: cast to void
  std::vector<bool> evaluated_, repeated_;  // by core id, calls: some event evaluates it; more than one do
  std::vector<ExprId> local_exprs_;
  std::map<ExprId, ValueRange> by_constants_;  // calls whose constant arguments tell what they give
  u64 frame_size_ = 0;
};

}  // namespace quire::metal
