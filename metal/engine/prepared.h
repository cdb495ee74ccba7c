// One machine seen against one function: which events its patterns can match, whatever the path.
#pragma once

#include <utility>
#include <vector>

#include "metal/engine/function_info.h"
#include "metal/engine/machine.h"
#include "metal/engine/match.h"
#include "metal/engine/place.h"
#include "metal/engine/program.h"

namespace quire::metal {

/// A transition whose pattern fits an event. Guards that depend on the path are asked again each time.
struct PatternMatch {
  u32 transition = 0;
  u32 alternative = 0;
  bool open = false;    ///< some guard is still to be asked
  ExprId at = kNoExpr;  ///< what the first fragment matched; its value decides a path-specific target
  Bindings bindings;
};

struct EventMatches {
  u32 event = 0;
  std::vector<PatternMatch> matches;  ///< in the order of the transitions
};

struct PreparedFunction {
  std::vector<std::vector<EventMatches>> blocks;  ///< by block, sorted by event
  std::vector<bool> covered;  ///< by macro: spelled inside the body of a macro that the machine names
  bool direct = false;        ///< can change a state or complain by itself

  /// Matches at an event; null when there are none.
  const std::vector<PatternMatch>* at(BlockId block, std::size_t event) const;
  /// Events spelled in a covered expansion concern the macro that covers them, not the rule.
  bool is_covered(const Event& e) const { return e.written_in != kNoMacro && covered[e.written_in.value()]; }
};

PreparedFunction prepare(const CompiledMachine& machine, const Program& program, FunctionId id,
                         const FunctionInfo& info);

/// Translates expressions of one function to places, with a memory.
class PlaceReader {
 public:
  PlaceReader(Places& places, const Program& program, FunctionId id, const FunctionInfo& info)
      : places_(places), program_(program), id_(id), info_(info) {}

  /// The place that an expression denotes; expressions that are no place get one of their own (Value).
  PlaceId read(ExprId expr, u32 depth = 0);
  /// As source text.
  std::string text(PlaceId place) const;
  /// The place's name depends on the local (through an index, a call's arguments, a sum).
  bool depends_on(PlaceId place, i64 local) const;
  /// Some index of the place is worked out from what stands at `written`: `v[q->at]` once q->at has moved on.
  bool index_reads(PlaceId place, ExprId written) const;

 private:
  /// The step is the value of an expression, which is another when what it reads changes.
  bool worked_out(PlaceId place) const;
  bool reads(ExprId expr, ExprId part, u32 depth) const;
  /// Of a call that always gives one place behind an argument; else kNoPlace.
  PlaceId given(ExprId call, u32 depth);
  static constexpr PlaceId kUnread{0xfffffffe};
  bool mentions(ExprId expr, i64 local, u32 depth) const;
  Places& places_;
  const Program& program_;
  FunctionId id_;
  const FunctionInfo& info_;
  std::vector<PlaceId> memo_;
};

}  // namespace quire::metal
