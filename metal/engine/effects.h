// What functions do whatever the rule: what they give, and what they write. Conditions that are asked again
// after a call are settled by that.
#pragma once

#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "metal/engine/place.h"
#include "metal/engine/program.h"
#include "metal/engine/range.h"

namespace quire::metal {

/// What a function gives, when that is always one place behind a parameter: `EXT4_SB(sb)` is sb->s_fs_info.
struct GivenPlace {
  struct Part {
    Step step;
    Symbol name;
    i64 number;
    friend bool operator==(const Part&, const Part&) = default;
  };
  i64 parameter = -1;  ///< -1: it is not known
  std::vector<Part> parts;
  friend bool operator==(const GivenPlace&, const GivenPlace&) = default;
};

/// As far as its own text and that of the functions that it calls by name tell.
struct FunctionEffects {
  ValueRange result;  ///< what it can give; any: not known
  bool fails =
      false;  ///< on some way it gives an error number that its text names, or that such a one gave it
  /// It only looks, and gives the same again while nothing of what it looks at is written.
  bool looks = false;
  GivenPlace gives;           ///< of one that only looks
  u64 decides_by = 0;         ///< a bit for each of the first parameters that its own decisions read
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
  /// What the call gives, as far as its constant arguments say; nothing when they say no more than of() does.
  std::optional<ValueRange> given_constants(FunctionId caller, ExprId call) const;
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
