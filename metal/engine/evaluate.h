// What an expression can be worth, whoever knows the values that it is made of.
#pragma once

#include <optional>

#include "metal/engine/range.h"

namespace quire::metal {

inline bool is_comparison(Op op) { return op >= Op::Lt && op <= Op::Ne; }

/// `a op b` as `b op' a`.
Op mirrored(Op op);
/// The comparison that holds where this one does not.
Op negated(Op op);
/// The values v with `v op c`.
ValueRange satisfying(Op op, i64 c);

/// What a cast makes of a value.
ValueRange cast_value(const Type& to, const Type& from, const ValueRange& r);
ValueRange unary_value(Op op, const ValueRange& r);
/// `pointer`: the result is one, which no offset makes null.
ValueRange binary_value(Op op, const ValueRange& a, const ValueRange& b, bool pointer);

/// The bytes by which a sum (or difference) of a pointer and a constant lies beside what the pointer leads
/// to.
std::optional<i64> moved_by(const Pool& pool, ExprId sum);

/// What `id` can be. `known(core id)` gives a pointer to what is known of an expression, or null.
template <typename Known>
ValueRange evaluate_with(const Pool& pool, ExprId id, const Known& known, u32 depth = 0) {
  constexpr u32 kMaxDepth = 12;
  if (id == kNoExpr || depth > kMaxDepth) return {};
  id = pool.core(id);
  const Expr& e = pool[id];
  if (const ValueRange* r = known(id)) return *r;
  auto kid = [&](u32 i) { return evaluate_with(pool, pool.kid(id, i), known, depth + 1); };
  switch (e.kind) {
    case ExprKind::Int:
      return ValueRange::constant(e.value);
    case ExprKind::String:
    case ExprKind::Function:
    case ExprKind::Lambda:
    case ExprKind::New:
    case ExprKind::AddressOf:  // &p->f is null exactly when p is, for all the kernel cares; &local never is
      return ValueRange::nonzero();
    case ExprKind::Cast:
      return cast_value(pool.type_of(id), pool.type_of(pool.kid(id, 0)), kid(0));
    case ExprKind::Assign:
      return e.kid_count == 2 ? (e.op == Op::None ? kid(1) : kid(0)) : ValueRange{};
    case ExprKind::Comma:
      return e.kid_count == 2 ? kid(1) : ValueRange{};
    case ExprKind::Conditional: {
      if (e.kid_count != 3) return {};
      ValueRange c = kid(0);
      if (c.known_nonzero()) return kid(1);
      if (c.known_zero()) return kid(2);
      ValueRange r = kid(1);
      r.join(kid(2));
      return r;
    }
    case ExprKind::Unary:
      return unary_value(e.op, kid(0));
    case ExprKind::Binary:
      if (e.kid_count != 2) return {};
      return binary_value(e.op, kid(0), kid(1), pool.type_of(id).kind == TypeKind::Pointer);
    default:
      // An array is where it is.
      return pool.type_of(id).kind == TypeKind::Array ? ValueRange::nonzero() : ValueRange{};
  }
}

}  // namespace quire::metal
