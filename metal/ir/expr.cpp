#include "metal/ir/expr.h"

#include <algorithm>
#include <array>

namespace quire::metal {

namespace {

/// Mixes `v` into `h` (the multiply-and-shift step of a 64-bit hash).
u64 mix(u64 h, u64 v) {
  h ^= v + 0x9e3779b97f4a7c15u + (h << 6) + (h >> 2);
  h *= 0xff51afd7ed558ccdu;
  return h ^ (h >> 32);
}

}  // namespace

u64 Pool::key(const Expr& node, std::span<const ExprId> kids) const {
  u64 h = mix(static_cast<u64>(node.kind) << 32 | static_cast<u64>(node.op) << 16 | node.flags,
              node.type.value());
  h = mix(h, node.name.hash());
  h = mix(h, static_cast<u64>(node.value));
  for (const ExprId kid : kids) h = mix(h, kid.value());
  return h;
}

bool Pool::same(const Expr& a, const Expr& node, std::span<const ExprId> kids) const {
  return a.kind == node.kind && a.op == node.op && a.flags == node.flags && a.type == node.type &&
         a.name == node.name && a.value == node.value && a.kid_count == kids.size() &&
         std::equal(kids.begin(), kids.end(), kids_.begin() + a.first_kid);
}

ExprId Pool::add(Expr node, std::span<const ExprId> kids) {
  const u64 h = key(node, kids);
  const auto [first, last] = index_.equal_range(h);
  for (auto it = first; it != last; ++it)
    if (same(exprs_[it->second], node, kids)) return ExprId(it->second);
  const ExprId id(static_cast<u32>(exprs_.size()));
  node.first_kid = static_cast<u32>(kids_.size());
  node.kid_count = static_cast<u32>(kids.size());
  node.core = id;
  // `kids` may be a view of kids_ itself: copy by index after growing.
  const std::vector<ExprId> copy(kids.begin(), kids.end());
  kids_.insert(kids_.end(), copy.begin(), copy.end());
  exprs_.push_back(node);
  index_.emplace(h, id.value());
  const ExprId core = make_core(id);
  exprs_[id.value()].core = core;
  return id;
}

ExprId Pool::make_core(ExprId id) {
  const Expr node = exprs_[id.value()];
  if (node.kid_count == 0) return id;
  if (node.kind == ExprKind::Macro) {
    // Only an expansion has a core of its own; a macro of unknown value stands for itself.
    if (has_expansion(node)) return core(kid(id, 0));
  }
  if (node.kind == ExprKind::Cast) {
    const Type& to = type(node.type);
    const Type& from = type_of(kid(id, 0));
    const bool pointers = to.kind == TypeKind::Pointer && from.kind == TypeKind::Pointer;
    const bool same_width =
        to.kind == TypeKind::Integer && from.kind == TypeKind::Integer && to.size == from.size;
    const bool between =
        (to.kind == TypeKind::Pointer && from.kind == TypeKind::Integer) ||
        (to.kind == TypeKind::Integer && from.kind == TypeKind::Pointer && to.size == from.size);
    if (pointers || same_width || between || to.kind == TypeKind::Void) return core(kid(id, 0));
  }
  const bool arithmetic = node.kind == ExprKind::Binary || node.kind == ExprKind::Index ||
                          node.kind == ExprKind::Deref || node.kind == ExprKind::Increment;
  std::vector<ExprId> cores;
  bool differs = false;
  for (u32 i = 0; i < node.kid_count; ++i) {
    const ExprId k = kid(id, i);
    ExprId c = core(k);
    if (arithmetic && c != k) {
      // A cast beneath arithmetic sets the step: keep it, but look through macros.
      const ExprId bare = strip_macros(*this, k);
      if ((*this)[bare].kind == ExprKind::Cast && node.kind != ExprKind::Deref) {
        const Expr cast = (*this)[bare];
        const std::array<ExprId, 1> inner{core(kid(bare, 0))};
        c = add(cast, inner);
      }
    }
    differs |= c != k;
    cores.push_back(c);
  }
  if (!differs) return id;
  const ExprId made = add(node, cores);
  return made;
}

TypeId Pool::add_type(const Type& t) {
  for (std::size_t i = types_.size(); i-- > 0;)
    if (types_[i] == t) return TypeId(static_cast<u32>(i));
  types_.push_back(t);
  return TypeId(static_cast<u32>(types_.size() - 1));
}

u32 Pool::add_function(const FunctionRef& ref) {
  for (std::size_t i = 0; i < functions_.size(); ++i)
    if (functions_[i] == ref) return static_cast<u32>(i);
  functions_.push_back(ref);
  return static_cast<u32>(functions_.size() - 1);
}

void Pool::freeze() {
  index_ = {};
  exprs_.shrink_to_fit();
  kids_.shrink_to_fit();
  types_.shrink_to_fit();
  functions_.shrink_to_fit();
}

ExprId strip_macros(const Pool& pool, ExprId id) {
  while (id != kNoExpr && has_expansion(pool[id])) id = pool.kid(id, 0);
  return id;
}

ExprId strip_casts(const Pool& pool, ExprId id) {
  while (id != kNoExpr && (has_expansion(pool[id]) || pool[id].kind == ExprKind::Cast)) id = pool.kid(id, 0);
  return id;
}

namespace {

std::optional<i64> fold_binary(Op op, i64 a, i64 b) {
  // Wrapping is what an unsigned operation would do, and a signed one may do anything.
  const u64 x = static_cast<u64>(a), y = static_cast<u64>(b);
  switch (op) {
    case Op::Add:
      return static_cast<i64>(x + y);
    case Op::Sub:
      return static_cast<i64>(x - y);
    case Op::Mul:
      return static_cast<i64>(x * y);
    case Op::And:
      return a & b;
    case Op::Or:
      return a | b;
    case Op::Xor:
      return a ^ b;
    case Op::Lt:
      return a < b;
    case Op::Gt:
      return a > b;
    case Op::Le:
      return a <= b;
    case Op::Ge:
      return a >= b;
    case Op::Eq:
      return a == b;
    case Op::Ne:
      return a != b;
    case Op::LogAnd:
      return a != 0 && b != 0;
    case Op::LogOr:
      return a != 0 || b != 0;
    case Op::Shl:
      return b >= 0 && b < 64 ? std::optional<i64>(static_cast<i64>(x << b)) : std::nullopt;
    case Op::Shr:
      return b >= 0 && b < 64 ? std::optional<i64>(a >> b) : std::nullopt;
    case Op::Div:
      return b != 0 && b != -1 ? std::optional<i64>(a / b) : std::nullopt;
    case Op::Rem:
      return b != 0 && b != -1 ? std::optional<i64>(a % b) : std::nullopt;
    default:
      return std::nullopt;
  }
}

std::optional<i64> fold_at(const Pool& pool, ExprId id, int depth) {
  id = pool.core(id);
  const Expr& e = pool[id];
  if (e.kind == ExprKind::Int) return e.value;
  if (depth > 20) return std::nullopt;
  if (e.kind == ExprKind::Cast && pool.type(e.type).kind == TypeKind::Bool) {
    const auto v = fold_at(pool, pool.kid(id, 0), depth + 1);
    return v ? std::optional<i64>(*v != 0) : std::nullopt;
  }
  if (e.kind == ExprKind::Unary) {
    const auto v = fold_at(pool, pool.kid(id, 0), depth + 1);
    if (!v || *v == INT64_MIN) return std::nullopt;
    return e.op == Op::Neg ? -*v : e.op == Op::Not ? static_cast<i64>(*v == 0) : ~*v;
  }
  if (e.kind == ExprKind::Binary) {
    const auto a = fold_at(pool, pool.kid(id, 0), depth + 1);
    // A constant side can decide && and || alone.
    if (a && e.op == Op::LogAnd && *a == 0) return 0;
    if (a && e.op == Op::LogOr && *a != 0) return 1;
    const auto b = a ? fold_at(pool, pool.kid(id, 1), depth + 1) : std::nullopt;
    if (b) return fold_binary(e.op, *a, *b);
  }
  return std::nullopt;
}

}  // namespace

std::optional<i64> fold(const Pool& pool, ExprId id) {
  return id == kNoExpr ? std::nullopt : fold_at(pool, id, 0);
}

}  // namespace quire::metal
