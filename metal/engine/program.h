// All functions of a run, linked: who calls whom.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "metal/ir/codec.h"

namespace quire::metal {

using FunctionId = StrongInt<struct FunctionTag, u32>;
inline constexpr FunctionId kNoFunction{0xffffffffu};

/// A call and what it may reach.
struct CallSite {
  ExprId call;
  bool indirect = false;  ///< through a pointer or a virtual table
  bool by_field = false;  ///< through a field or a virtual table, not merely by type
  bool wide = false;      ///< too many targets (kMaxTargets, kMaxRecursion): `targets` is cut to none
  std::vector<FunctionId> targets;
};

/// A function as the engine uses it. Its Function is decoded when the program is linked.
struct LinkedFunction {
  std::shared_ptr<const Function> body;
  u32 unit = 0;  ///< first unit that defines it, in the order of main file names
  bool exported = false;
  bool address_taken = false;
  bool has_caller = false;
  bool has_field_caller = false;    ///< called through the field or virtual table that it alone was put in
  std::vector<CallSite> calls;      ///< in the order of their ExprId
  u32 component = 0;                ///< which of Program::components() it is in
  std::vector<FunctionId> callers;  ///< each once
  std::vector<FunctionId> callees;  ///< each once, in order
  u32 calls_of_it = 0;              ///< calls that may reach it
};

/// What link counted, for --stats.
struct LinkStats {
  u32 units = 0;
  u32 functions = 0;
  u32 duplicates = 0;
  u32 calls = 0;
  u32 indirect_calls = 0;
  u32 unresolved_calls = 0;
  u32 wide_calls = 0;
  u32 broken_functions = 0;  ///< could not be decoded
};

/// Above this an indirect call changes no state.
inline constexpr std::size_t kMaxTargets = 16;

/// Indirect calls that make recursions of more functions than this change no state either.
inline constexpr std::size_t kMaxRecursion = 100;

class Program {
 public:
  /// Links `units`, which must be in the order of their main files' names. Same units, same program.
  static Program link(const std::vector<std::shared_ptr<UnitReader>>& units, u32 threads);

  std::span<const LinkedFunction> functions() const { return functions_; }
  const LinkedFunction& operator[](FunctionId id) const { return functions_[id.value()]; }
  const Function& body(FunctionId id) const { return *functions_[id.value()].body; }
  /// Null when the function makes no such call.
  const CallSite* call(FunctionId id, ExprId call) const;
  /// A root: nothing that is known calls it, or others may. A function whose address is taken is one, unless
  /// it is called through the very field that it, and nothing else, was stored in: then its callers are known
  /// well enough. (Where several are, a call leaves only the state that all agree in: see Walk::call.)
  bool is_root(FunctionId id) const {
    const LinkedFunction& f = functions_[id.value()];
    return !f.has_caller || f.exported || (f.address_taken && !f.has_field_caller);
  }
  /// Tells apart internal variables of equal name in different units; 0 for external ones.
  u32 global_scope(FunctionId id, Symbol name) const;
  /// The function of that link name as the unit sees it, or kNoFunction.
  FunctionId find(u32 unit, Symbol link, bool internal) const;
  /// A hash of the names that the unit has to itself.
  u64 own_names(u32 unit) const { return own_names_[unit]; }
  /// The table of all names. Only for programs that have units.
  Symbols& symbols() const { return units_.front()->symbols(); }
  /// The function that a reference in `id` names, or kNoFunction.
  FunctionId named(FunctionId id, const FunctionRef& ref) const;
  /// Functions that call each other, callees before callers.
  const std::vector<std::vector<FunctionId>>& components() const { return components_; }
  /// Functions that name the global variable themselves. `scope` as global_scope() says.
  std::span<const FunctionId> users_of(Symbol name, u32 scope) const {
    auto it = users_.find({name, scope});
    return it == users_.end() ? std::span<const FunctionId>() : it->second;
  }
  /// A hash of the global variables that the function and all that it can call name.
  u64 globals_in_reach(FunctionId id) const { return globals_in_reach_[functions_[id.value()].component]; }
  const LinkStats& stats() const { return stats_; }
  /// Main files of the units, in order.
  std::vector<std::string> main_files() const;

 private:
  void resolve(FunctionId id);
  void bound_recursions();
  void find_components();
  void find_users();

  struct GlobalHash {
    std::size_t operator()(const std::pair<Symbol, u32>& g) const { return g.first.hash() * 31 + g.second; }
  };
  std::vector<LinkedFunction> functions_;
  std::vector<std::vector<FunctionId>> components_;
  std::vector<std::shared_ptr<UnitReader>> units_;
  std::unordered_map<Symbol, FunctionId> external_;
  std::vector<std::unordered_map<Symbol, FunctionId>> internal_;    // by unit
  std::vector<std::unordered_map<Symbol, bool>> internal_globals_;  // by unit
  std::vector<u64> own_names_;                                      // by unit
  std::unordered_map<Symbol, std::vector<FunctionId>> by_type_;     // address-taken, by signature
  std::unordered_map<Symbol, std::unordered_map<Symbol, std::vector<FunctionId>>> by_field_;
  std::unordered_map<Symbol, std::vector<Symbol>> overriders_;
  std::unordered_map<std::pair<Symbol, u32>, std::vector<FunctionId>, GlobalHash> users_;
  std::vector<u64> globals_in_reach_;  // by component
  LinkStats stats_;
};

}  // namespace quire::metal
