// What functions do whatever the rule: what they give, and what they write. Conditions that are asked again
// after a call are settled by that.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "metal/engine/program.h"
#include "metal/engine/range.h"

namespace quire::metal {

/// As far as its own text and that of the functions that it calls by name tell.
struct FunctionEffects {
  ValueRange result;  ///< what it can give; any: not known
  bool fails =
      false;  ///< on some way it gives an error number that its text names, or that such a one gave it
  /// It only looks, and gives the same again while nothing of what it looks at is written.
  bool looks = false;
  std::vector<Symbol> reads;  ///< of one that only looks: the fields and global variables, sorted
  std::vector<Symbol>
      writes;  ///< the fields and global variables that it, or whom it calls, twice over, writes; sorted
  bool writes_plain = false;  ///< it writes through a bare pointer or into an array
  bool writes_any = false;    ///< too many to tell
  u64 hash = 0;               ///< of all this, the same in every run
};

class Effects {
 public:
  /// `nonnull`: names of functions that never give null, whatever their text says.
  Effects(const Program& program, const std::unordered_set<std::string>& nonnull);
  const FunctionEffects& of(FunctionId id) const { return effects_[id.value()]; }
  /// Of a call by name to a function whose body is known; else null.
  const FunctionEffects* of_call(FunctionId caller, ExprId call) const;
  /// Such a call may give an error, with the constants that stand among its arguments.
  bool may_fail(FunctionId caller, ExprId call) const;

 private:
  void spread_writes();
  const Program& program_;
  std::vector<FunctionEffects> effects_;
};

}  // namespace quire::metal
