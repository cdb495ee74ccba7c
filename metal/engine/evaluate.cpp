#include "metal/engine/evaluate.h"

#include <algorithm>

namespace quire::metal {

Op mirrored(Op op) {
  switch (op) {
    case Op::Lt:
      return Op::Gt;
    case Op::Gt:
      return Op::Lt;
    case Op::Le:
      return Op::Ge;
    case Op::Ge:
      return Op::Le;
    default:
      return op;
  }
}

Op negated(Op op) {
  switch (op) {
    case Op::Lt:
      return Op::Ge;
    case Op::Gt:
      return Op::Le;
    case Op::Le:
      return Op::Gt;
    case Op::Ge:
      return Op::Lt;
    case Op::Eq:
      return Op::Ne;
    default:
      return Op::Eq;
  }
}

ValueRange satisfying(Op op, i64 c) {
  ValueRange r;
  switch (op) {
    case Op::Lt:
      r.high = c == ValueRange::kMin ? c : c - 1;
      break;
    case Op::Le:
      r.high = c;
      break;
    case Op::Gt:
      r.low = c == ValueRange::kMax ? c : c + 1;
      break;
    case Op::Ge:
      r.low = c;
      break;
    case Op::Eq:
      r = ValueRange::constant(c);
      break;
    default:
      r.exclude(c);
      break;
  }
  return r;
}

ValueRange cast_value(const Type& to, const Type& from, const ValueRange& r) {
  if (to.kind == TypeKind::Bool && !r.is_constant())
    return r.known_nonzero() ? ValueRange::constant(1) : ValueRange::boolean();
  // A narrower or sign-changing cast keeps only small non-negative values as they are.
  if (to.size != 0 && from.size != 0 && to.size < from.size && !(r.low >= 0 && r.high < 128)) return {};
  if (!to.is_signed && from.is_signed && r.low < 0)
    return r.known_nonzero() ? ValueRange::nonzero() : ValueRange{};
  return r;
}

ValueRange unary_value(Op op, const ValueRange& r) {
  if (op == Op::Not)
    return r.known_zero()      ? ValueRange::constant(1)
           : r.known_nonzero() ? ValueRange::constant(0)
                               : ValueRange::boolean();
  if (op == Op::Neg && r.low != ValueRange::kMin)
    return {r.high == ValueRange::kMax ? ValueRange::kMin : -r.high, -r.low, r.has_hole, -r.hole};
  if (op == Op::BitNot && r.is_constant()) return ValueRange::constant(~r.low);
  return {};
}

namespace {

ValueRange comparison(Op op, const ValueRange& a, const ValueRange& b) {
  const bool right = b.is_constant();
  if (!right && !a.is_constant()) return ValueRange::boolean();
  const ValueRange& open = right ? a : b;
  const i64 c = right ? b.low : a.low;
  const Op holds = right ? op : mirrored(op);
  ValueRange yes = open, no = open;
  if (!yes.intersect(satisfying(holds, c))) return ValueRange::constant(0);
  if (!no.intersect(satisfying(negated(holds), c))) return ValueRange::constant(1);
  return ValueRange::boolean();
}

ValueRange of_constants(Op op, i64 a, i64 b) {
  auto x = static_cast<u64>(a), y = static_cast<u64>(b);
  switch (op) {
    case Op::Add:
      return ValueRange::constant(static_cast<i64>(x + y));
    case Op::Sub:
      return ValueRange::constant(static_cast<i64>(x - y));
    case Op::Mul:
      return ValueRange::constant(static_cast<i64>(x * y));
    case Op::And:
      return ValueRange::constant(static_cast<i64>(x & y));
    case Op::Or:
      return ValueRange::constant(static_cast<i64>(x | y));
    case Op::Xor:
      return ValueRange::constant(static_cast<i64>(x ^ y));
    case Op::Shl:
      return y < 64 ? ValueRange::constant(static_cast<i64>(x << y)) : ValueRange{};
    case Op::Shr:
      return y < 64 ? ValueRange::constant(static_cast<i64>(x >> y)) : ValueRange{};
    case Op::Div:
      return b != 0 && b != -1 ? ValueRange::constant(a / b) : ValueRange{};
    case Op::Rem:
      return b != 0 && b != -1 ? ValueRange::constant(a % b) : ValueRange{};
    default:
      return {};
  }
}

}  // namespace

std::optional<i64> moved_by(const Pool& pool, ExprId sum) {
  const Expr& e = pool[sum];
  if (e.kind != ExprKind::Binary || (e.op != Op::Add && e.op != Op::Sub) || e.kid_count != 2)
    return std::nullopt;
  const Type& t = pool.type_of(pool.kid(sum, 0));
  std::optional<i64> by = fold(pool, pool.kid(sum, 1));
  if (t.kind != TypeKind::Pointer || !by) return std::nullopt;
  i64 size = static_cast<i64>(std::max<u64>(pool.type(t.element).size, 1));
  i64 bytes = 0;
  if (__builtin_mul_overflow(e.op == Op::Add ? *by : -*by, size, &bytes)) return std::nullopt;
  return bytes;
}

ValueRange binary_value(Op op, const ValueRange& a, const ValueRange& b, bool pointer) {
  if (is_comparison(op)) return comparison(op, a, b);
  if (op == Op::LogAnd) {
    if (a.known_zero() || b.known_zero()) return ValueRange::constant(0);
    return a.known_nonzero() && b.known_nonzero() ? ValueRange::constant(1) : ValueRange::boolean();
  }
  if (op == Op::LogOr) {
    if (a.known_nonzero() || b.known_nonzero()) return ValueRange::constant(1);
    return a.known_zero() && b.known_zero() ? ValueRange::constant(0) : ValueRange::boolean();
  }
  if (a.is_constant() && b.is_constant()) return of_constants(op, a.low, b.low);
  if (pointer && (op == Op::Add || op == Op::Sub)) return ValueRange::nonzero();
  if (op == Op::And && b.is_constant() && b.low >= 0) return {0, b.low, false, 0};
  if (op == Op::Or && (a.known_nonzero() || b.known_nonzero())) return ValueRange::nonzero();
  return {};
}

}  // namespace quire::metal
