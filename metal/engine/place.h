// Names of objects, alike in every function: a root and the steps from it. `&dev->lock` is
// Address(Field(Deref(Param 0), lock)). Unlike an expression of one function's pool, a place can be carried
// across a call, and may stand for something that no expression of the function spells.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "metal/ir/function.h"

namespace quire::metal {

using PlaceId = StrongInt<struct PlaceTag, u32>;
inline constexpr PlaceId kNoPlace{0xffffffffu};

enum class Step : u8 {
  // Roots.
  Local,   ///< number: LocalId in the function at hand
  Param,   ///< number: the value that parameter had on entry
  Global,  ///< name; number tells apart internal variables of equal name
  Return,  ///< the function's result
  Value,   ///< number: ExprId of an expression that is no place (a call's result, a sum)
  // Steps.
  Deref,
  Address,
  Field,      ///< name
  Index,      ///< number: a constant
  IndexExpr,  ///< number: ExprId
  Offset,     ///< number: bytes that a pointer is moved by
};

struct Place {
  Step step = Step::Local;
  u8 depth = 0;  ///< steps from the root
  PlaceId base = kNoPlace;
  PlaceId root = kNoPlace;
  Symbol name;
  i64 number = 0;
};

/// All places of one solver. Ids are for identity only: their order follows the order of work.
class Places {
 public:
  static constexpr u8 kMaxDepth = 9;

  /// A place that begins afresh.
  PlaceId root(Step step, Symbol name, i64 number);
  /// One step on; Deref undoes Address and the reverse. kNoPlace when too deep.
  PlaceId step(PlaceId base, Step step, Symbol name = {}, i64 number = 0);

  const Place& operator[](PlaceId id) const { return places_[id.value()]; }
  /// True when `prefix` is `id` or on the way to it.
  bool has_prefix(PlaceId id, PlaceId prefix) const;
  /// `id` with `from` replaced by `to`; kNoPlace when `from` has no part in it. When `from` is `&x`, what
  /// lies inside x is reached through `*to`.
  PlaceId substitute(PlaceId id, PlaceId from, PlaceId to);
  /// The value depends on memory that others can reach: some Deref or a global root.
  bool through_memory(PlaceId id) const;

 private:
  PlaceId add(const Place& p);
  PlaceId rebase(PlaceId id, PlaceId from, PlaceId to);
  std::vector<Place> places_;
  std::unordered_multimap<u64, u32> index_;
};

}  // namespace quire::metal
