// What the solver passes around: the state of one path, and what is known of a function entered in a state.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "metal/engine/finding.h"
#include "metal/engine/function_info.h"
#include "metal/engine/place.h"
#include "metal/engine/program.h"
#include "metal/engine/values.h"

namespace quire::metal {

/// No state of a variable: its object carries none (yet, or no longer).
inline constexpr i32 kNoState = -1;

using ConstantParameters = std::vector<std::pair<u16, ValueRange>>;

/// The names by which one object is known, the one that speaks the function's language first. States are
/// copied at every branch, so these live in place; what exceeds the capacity is not kept.
class Names {
 public:
  static constexpr std::size_t kCapacity = 8;

  Names() = default;
  Names(std::initializer_list<PlaceId> list) {
    for (PlaceId p : list) push_back(p);
  }
  void push_back(PlaceId p) {
    if (size_ < kCapacity) list_[size_++] = p;
  }
  void clear() { size_ = 0; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  PlaceId front() const { return list_[0]; }
  PlaceId operator[](std::size_t i) const { return list_[i]; }
  PlaceId* begin() { return list_.data(); }
  PlaceId* end() { return list_.data() + size_; }
  const PlaceId* begin() const { return list_.data(); }
  const PlaceId* end() const { return list_.data() + size_; }
  bool has(PlaceId p) const { return std::find(begin(), end(), p) != end(); }
  template <typename F>
  void erase_if(F&& gone) {
    size_ = static_cast<u8>(std::remove_if(begin(), end(), gone) - begin());
  }
  friend bool operator==(const Names& a, const Names& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }
  friend std::strong_ordering operator<=>(const Names& a, const Names& b) {
    return std::lexicographical_compare_three_way(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  std::array<PlaceId, kCapacity> list_{};
  u8 size_ = 0;
};

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

/// Names one item: what is solved once and remembered.
struct ItemKey {
  FunctionId function;
  i32 var = -1;  ///< state variable whose object this is about; -1: the global state alone
  i32 state = kNoState;
  i32 global = 0;
  DataFields data{}, global_data{};
  bool root = false;             ///< paths end here for good
  bool unsure = false;           ///< the way here may be none: see PathState
  Names names;                   ///< of the object, in this function's terms
  ConstantParameters constants;  ///< parameters with known values

  /// Nothing has happened yet: how one came here is no part of a report.
  bool in_start() const { return state == kNoState && global == 0; }
  friend auto operator<=>(const ItemKey&, const ItemKey&) = default;
};

inline u64 mix(u64 h, u64 v) {
  h ^= v + 0x9e3779b97f4a7c15ull + (h << 6) + (h >> 2);
  h ^= h >> 31;
  return h * 0xbf58476d1ce4e5b9ull;
}

inline u64 mix(u64 h, const ValueRange& r) {
  h = mix(h, static_cast<u64>(r.low));
  h = mix(h, static_cast<u64>(r.high));
  return mix(h, r.has_hole ? static_cast<u64>(r.hole) + 3 : 2);
}

inline u64 mix(u64 h, const DataFields& data) {
  for (i8 v : data) h = mix(h, static_cast<u64>(v + 200));
  return h;
}

struct ItemHash {
  std::size_t operator()(const ItemKey& k) const {
    u64 h = mix(k.function.value(), static_cast<u64>(k.var + 2));
    h = mix(h, static_cast<u64>(k.state + 7) << 32 | static_cast<u32>(k.global + 7));
    h = mix(mix(h, k.data), k.global_data);
    h = mix(h, (k.root ? 2 : 1) + (k.unsure ? 4 : 0));
    for (PlaceId p : k.names) h = mix(h, p.value());
    for (const auto& [i, r] : k.constants) h = mix(mix(h, i), r);
    return h;
  }
};

/// A place in a source file, in sixteen bytes: paths are copied by the million, and few are ever shown.
struct Mark {
  Symbol file;
  u32 line = 0;
  u32 column = 0;
  explicit operator bool() const { return line != 0; }
  SourcePoint point() const { return {std::string(file.text()), line, column}; }
  friend bool operator==(const Mark&, const Mark&) = default;
};

/// Number of an item among those of its solver, in the order in which they were first asked for.
using ItemId = StrongInt<struct ItemTag, u32>;
inline constexpr ItemId kNoItem{0xffffffffu};

/// One step of a path, linked backwards. Steps are kept only while an item is walked for its report.
struct Trail {
  u32 previous = 0;
  u32 said = 0;  ///< other steps: which of the walk's Said; 0: none
  Location at;
  ExprId expr = kNoExpr;       ///< branches: the condition
  const Edge* edge = nullptr;  ///< cases: which
  bool branch = false;
  bool truth = false;
  bool indirect = false;
};

/// What a step that is no decision tells.
struct Said {
  std::string text;
  ItemId inner = kNoItem;  ///< the callee's item: what happened inside
  u32 exit = 0;            ///< by which of its exits it was left
};

/// A set of hashes, for the many that are filled and thrown away. 0 stands for itself.
class HashSet {
 public:
  /// True when `h` was not there.
  bool insert(u64 h) {
    if (h == 0) h = 0x9e3779b97f4a7c15ull;
    if ((count_ + 1) * 2 > slots_.size()) grow();
    u64& slot = find(h);
    if (slot == h) return false;
    slot = h;
    ++count_;
    return true;
  }
  void clear() {
    if (slots_.size() > 4096) slots_.resize(64);
    std::fill(slots_.begin(), slots_.end(), 0);
    count_ = 0;
  }

 private:
  u64& find(u64 h) {
    std::size_t mask = slots_.size() - 1, i = h & mask;
    while (slots_[i] != 0 && slots_[i] != h) i = (i + 1) & mask;
    return slots_[i];
  }
  void grow() {
    std::vector<u64> old(std::max<std::size_t>(64, slots_.size() * 2));
    old.swap(slots_);
    for (u64 h : old)
      if (h != 0) find(h) = h;
  }
  std::vector<u64> slots_;
  std::size_t count_ = 0;
};

/// From hashes (or whatever tells apart what is numbered) to numbers, for what is looked up more than all
/// else. 0 stands for itself.
class HashIndex {
 public:
  static constexpr u32 kNone = 0xffffffff;

  /// The number of `h`, which becomes `fresh` when there was none.
  u32 number(u64 h, u32 fresh) {
    if (h == 0) h = 0x9e3779b97f4a7c15ull;
    if ((count_ + 1) * 2 > slots_.size()) grow();
    Slot& slot = find(h);
    if (slot.hash == h) return slot.number;
    slot = {h, fresh};
    ++count_;
    return fresh;
  }

 private:
  struct Slot {
    u64 hash = 0;
    u32 number = kNone;
  };
  Slot& find(u64 h) {
    std::size_t mask = slots_.size() - 1, i = h * 0x9e3779b97f4a7c15ull >> 32 & mask;
    while (slots_[i].hash != 0 && slots_[i].hash != h) i = (i + 1) & mask;
    return slots_[i];
  }
  void grow() {
    std::vector<Slot> old(std::max<std::size_t>(8, slots_.size() * 2));
    old.swap(slots_);
    for (const Slot& s : old)
      if (s.hash != 0) find(s.hash) = s;
  }
  std::vector<Slot> slots_;
  std::size_t count_ = 0;
};

/// What a path remembers for its messages.
struct Origin {
  std::string remembered;          ///< by mc_remember
  Mark cause;                      ///< where the instance left the start
  Mark global_cause;               ///< where the global state left the initial one
  ExprId cause_expr = kNoExpr;     ///< the object's name there, as an expression
  PlaceId cause_place = kNoPlace;  ///< or as a place, when there is no expression
};

/// The state of one path through one function.
struct PathState {
  i32 state = kNoState;
  i32 global = 0;
  DataFields data{}, global_data{};
  bool escaped = false;  ///< the object was stored where others can reach it
  bool second = false;  ///< begun anew where a variable got another value; the first object goes on by itself
  /// Too much had to be forgotten on the way: no run may go it, and nothing is said of what it meets.
  bool unsure = false;
  /// The expansion under way in which the object got its state: what it assigns belongs to that match.
  MacroId matched = kNoMacro;
  Names names;
  Facts facts;
  ValueRange result;  ///< of the function, once returned
  bool has_result = false;

  // Not part of the identity, but for Origin::remembered.
  u32 trail = 0;
  Location result_at;

  const Origin& origin() const {
    static const Origin nothing;
    return origin_ ? *origin_ : nothing;
  }
  /// Shared with the states this one was copied from, until it is changed.
  Origin& change_origin() {
    if (!origin_)
      origin_ = std::make_shared<Origin>();
    else if (origin_.use_count() != 1)
      origin_ = std::make_shared<Origin>(*origin_);
    return *origin_;
  }

 private:
  std::shared_ptr<Origin> origin_;
};

/// An example or counter-example of a statistical rule, as the walk meets it.
struct Sighting {
  u32 key = 0;  ///< as the solver numbers them
  Mark site;
  bool good = false;
  friend bool operator==(const Sighting&, const Sighting&) = default;
};

/// One way to leave a function.
struct ExitState {
  i32 state = kNoState;
  i32 global = 0;
  DataFields data{}, global_data{};
  bool escaped = false;
  bool second = false;
  bool unsure = false;
  Names names;  ///< only what the caller can name: from parameters, globals, the result
  ValueRange result;
  Mark cause, global_cause;
  std::string remembered;

  bool same_outcome(const ExitState& o) const {
    return state == o.state && global == o.global && data == o.data && global_data == o.global_data &&
           escaped == o.escaped && names == o.names && result == o.result && remembered == o.remembered;
  }
  friend bool operator==(const ExitState&, const ExitState&) = default;
};

/// What an item asked of another machine, and was told: whether the function is marked with the tag.
struct Query {
  u32 annotator = 0;  ///< which of the solver's annotators
  FunctionId function;
  ConstantParameters constants;
  std::string tag;
  bool answer = false;
  std::string why;
  bool same_question(const Query& o) const {
    return annotator == o.annotator && function == o.function && constants == o.constants && tag == o.tag;
  }
};

/// What is known of an item. How one comes to its findings is worked out when they are reported.
struct Summary {
  void cut_by(Bound b) { cut = static_cast<u8>(cut | 1u << static_cast<u8>(b)); }
  ItemKey key;
  std::vector<ExitState> exits;
  std::vector<ItemId> demands;  ///< items that were asked for on the way, each once
  std::vector<ItemId> asked;    ///< items of this machine whose marks were asked for
  std::vector<Query> queries;
  std::vector<Sighting> sightings;
  std::map<std::string, std::string> annotations;  ///< tag to reason
  bool complains = false;                          ///< some path has something to report
  u8 cut = 0;                                      ///< bounds that cut it, a bit for each Bound
  bool solving = false;
  bool recursive = false;  ///< it was solved together with others that rest on it
  bool quiet = false;      ///< nothing in it or below has anything to say, as far as was asked
  static constexpr u32 kSettled = 0xffffffff;
  u32 index = 0;       ///< on the stack, while being solved
  u32 low = kSettled;  ///< recursion: the outermost unfinished item that this one rests on
};

/// What walking an item again, for its report, gives: texts and paths.
struct Record {
  /// How an item was first asked for.
  struct Demand {
    std::vector<PathNote> path;
    SourcePoint cause;  ///< where the state that is handed in began, when it began in this function
    u32 branches = 0;
    bool indirect = false;
  };
  std::vector<Finding> findings;
  std::vector<Observation> observations;  ///< counter-examples, with their findings
  std::map<ItemId, Demand> demands;
  std::vector<std::vector<PathNote>> exits;  ///< by exit: the changes of state on the way
};

}  // namespace quire::metal
