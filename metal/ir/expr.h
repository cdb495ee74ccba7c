// Normalised expression trees, hash-consed in a Pool.
//
// One Pool belongs to each function and to each rule pattern. The same tree in one pool has the same
// ExprId, so equality within a pool is equality of ids (of `core` ids, when macros and casts are not to
// count). Normalisation, alike for source and for patterns:
//   - parentheses, implicit casts, __builtin_expect and similar wrappers are gone;
//   - `p->f` is Member(Deref(p), f); `*(a + i)`, `a[i]` and `i[a]` are Index(a, i); `&*p` is p, `*&x` is x;
//   - a function name is Function whether or not it decays or has `&` before it; `(*fp)(x)` is `fp(x)`;
//   - `a > b` stays; constants keep their value in `value` (enumerators have a name too);
//   - a statement expression is the value of its last expression (its statements are events before it);
//   - a C++ method call is Call(Function, address of the object, arguments...), an operator likewise;
//   - an expression that is the whole expansion of a macro is wrapped in a Macro node (see there).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/strong_int.h"
#include "base/types.h"
#include "metal/ir/symbol.h"

namespace quire::metal {

using ExprId = StrongInt<struct ExprTag, u32>;
using TypeId = StrongInt<struct TypeTag, u32>;
using LocalId = StrongInt<struct LocalTag, u32>;

/// No expression, no type, no local.
inline constexpr ExprId kNoExpr{0xffffffffu};
inline constexpr TypeId kNoType{0xffffffffu};
inline constexpr LocalId kNoLocal{0xffffffffu};

enum class TypeKind : u8 {
  Unknown,  ///< dependent, erroneous, or an untyped hole
  Void,
  Bool,
  Integer,    ///< char and enum-sized too; is_signed tells
  Enum,       ///< `tag` names it; is_signed tells
  Float,      ///< real and complex
  Pointer,    ///< `element` is what it points to; references are Reference
  Reference,  ///< C++ & and &&
  Array,      ///< `element`; size 0 when unknown or variable
  Record,     ///< struct, union, class: `tag` names it
  Function,   ///< `element` is the result; `spelling` is the full canonical signature
  Last = Function,
};

/// A type by name, with as much structure as holes and link need.
struct Type {
  TypeKind kind = TypeKind::Unknown;
  bool is_signed = false;
  bool is_const = false;     ///< the outermost level is const
  bool is_volatile = false;  ///< the outermost level is volatile
  TypeId element = kNoType;
  u64 size = 0;     ///< bytes; 0 when unknown, incomplete or variable
  Symbol spelling;  ///< canonical, without outermost qualifiers: "struct inode *", "int (int, void *)"
  Symbol tag;       ///< record or enum name without keyword, qualified in C++: "inode", "ns::Guard"
  Symbol alias;     ///< the typedef it was written as, if any: "spinlock_t", "size_t"
  friend bool operator==(const Type&, const Type&) = default;
};

/// Who a Function expression names.
struct FunctionRef {
  Symbol name;            ///< as a rule would write it, qualified in C++: "kfree", "std::mutex::lock"
  Symbol link;            ///< what link joins on: the name in C, the mangled name in C++
  TypeId type = kNoType;  ///< of kind Function
  bool internal = false;  ///< static or in an anonymous namespace: resolve in the same unit only
  bool noreturn = false;
  bool is_virtual = false;  ///< the call is dispatched on the object (see Unit::classes)
  bool is_method = false;   ///< has an object as first argument
  bool is_destructor = false;
  bool is_constructor = false;
  bool must_use = false;  ///< warn_unused_result or [[nodiscard]]
  friend bool operator==(const FunctionRef&, const FunctionRef&) = default;
};

enum class ExprKind : u8 {
  Unknown,    ///< not modelled; `name` is Clang's class name; kids are its sub-expressions
  Int,        ///< `value`; character and bool constants, enumerators (`name`), sizeof; null pointer is Int 0
  Float,      ///< `name` is the text
  String,     ///< `name` is the bytes
  Var,        ///< `name`; `value` is the LocalId of a local or parameter, -1 for a global
  Function,   ///< `name`; `value` is an index for Pool::function()
  Member,     ///< kid 0 the record itself (not a pointer to it), `name` the field
  Deref,      ///< *kid 0
  Index,      ///< kid 0 the pointer or array, kid 1 the index
  AddressOf,  ///< &kid 0
  Unary,      ///< op: Neg, Not, BitNot
  Binary,     ///< op: Add ... LogOr. LogAnd/LogOr appear as values only; control flow is in blocks
  Assign,     ///< kid 0 = kid 1; op None is plain, else compound. kInit: from an initialiser
  Increment,  ///< op: PreInc, PreDec, PostInc, PostDec of kid 0
  Conditional,  ///< kid 0 ? kid 1 : kid 2 (`a ?: b` repeats kid 0 as kid 1)
  Comma,        ///< kid 0, kid 1
  Cast,         ///< explicit cast of kid 0 to `type`
  Call,         ///< kid 0 the callee (Function, or an expression: indirect), then arguments
  Construct,    ///< kid 0 Function (constructor), kid 1 address of the object or Unknown "temporary", then
                ///< arguments
  New,          ///< kid 0 the constructed value if any; `name` is the allocated type; kArray for new[]
  Delete,       ///< kid 0 the pointer; kArray for delete[]
  InitList,  ///< braces: kids in field order (implicit ones left out); `name` of the field on Designated kids
  Designated,  ///< one member of an InitList: `name` the field, kid 0 its value
  Lambda,      ///< `name` the link name of its body (a function of the unit); kids are captured values
  Throw,       ///< kid 0 the thrown value, none for a rethrow
  Asm,         ///< `value` outputs first, then inputs, as kids; `name` the template text
  Macro,       ///< `name`; `value` 1: kid 0 is its expansion, 0: it has none that is an expression; the
               ///< other kids are its arguments. See kFunctionLike
  Hole,        ///< in patterns only: `name`, `value` is the index of the hole
  Last = Hole,
};

enum class Op : u8 {
  None,
  Neg,
  Not,
  BitNot,
  Add,
  Sub,
  Mul,
  Div,
  Rem,
  Shl,
  Shr,
  And,
  Or,
  Xor,
  Lt,
  Gt,
  Le,
  Ge,
  Eq,
  Ne,
  LogAnd,
  LogOr,
  PreInc,
  PreDec,
  PostInc,
  PostDec,
  Last = PostDec,
};

/// Bits of Expr::flags.
enum ExprFlag : u16 {
  kInit = 1 << 0,          ///< Assign: the initialiser of a declaration
  kImplicit = 1 << 1,      ///< Call: written by nobody (destructor, cleanup attribute, conversion)
  kArray = 1 << 2,         ///< New, Delete: the [] form
  kFunctionLike = 1 << 3,  ///< Macro: with an argument list
  kVirtual = 1 << 4,       ///< Call: through the virtual table
  kStatic = 1 << 5,        ///< Var: of static storage (a global, or a static local)
  kDependent = 1 << 6,     ///< in a template that was never instantiated
  kError = 1 << 7,         ///< Clang could not type this (RecoveryExpr)
  kNoReturn = 1 << 8,      ///< Call: does not return
};

struct Expr {
  ExprKind kind = ExprKind::Unknown;
  Op op = Op::None;
  u16 flags = 0;
  TypeId type = kNoType;
  u32 first_kid = 0;
  u32 kid_count = 0;
  /// The same tree with Macro nodes replaced by their expansions and with casts that change neither pointer
  /// arithmetic nor an integer's width left out: the key for "is it the same object". Itself when nothing
  /// differs.
  ExprId core = kNoExpr;
  Symbol name;
  i64 value = 0;
};

/// Owner of the trees, types and function references of one function or pattern. Not thread-safe while being
/// built.
class Pool {
 public:
  /// Finds or adds a node; computes `core`. `kids` are ids in this pool.
  ExprId add(Expr node, std::span<const ExprId> kids);
  TypeId add_type(const Type& type);
  /// Index for the `value` of a Function expression.
  u32 add_function(const FunctionRef& ref);

  const Expr& operator[](ExprId id) const { return exprs_[id.value()]; }
  std::span<const ExprId> kids(ExprId id) const {
    const Expr& e = exprs_[id.value()];
    return std::span(kids_).subspan(e.first_kid, e.kid_count);
  }
  ExprId kid(ExprId id, u32 index) const { return kids_[exprs_[id.value()].first_kid + index]; }
  ExprId core(ExprId id) const { return exprs_[id.value()].core; }
  const Type& type(TypeId id) const { return id == kNoType ? unknown_ : types_[id.value()]; }
  const Type& type_of(ExprId id) const { return type(exprs_[id.value()].type); }
  /// Of an expression of kind Function.
  const FunctionRef& function(const Expr& e) const { return functions_[static_cast<std::size_t>(e.value)]; }

  std::size_t size() const { return exprs_.size(); }
  std::span<const Expr> exprs() const { return exprs_; }
  std::span<const Type> types() const { return types_; }
  std::span<const FunctionRef> functions() const { return functions_; }
  /// Frees the tables that only add() needs.
  void freeze();

 private:
  friend struct PoolAccess;
  ExprId make_core(ExprId id);
  u64 key(const Expr& node, std::span<const ExprId> kids) const;
  bool same(const Expr& a, const Expr& node, std::span<const ExprId> kids) const;
  std::vector<Expr> exprs_;
  std::vector<ExprId> kids_;
  std::vector<Type> types_;
  std::vector<FunctionRef> functions_;
  std::unordered_multimap<u64, u32> index_;
  Type unknown_;
};

/// Whether `e` is a Macro whose kid 0 is its expansion.
inline bool has_expansion(const Expr& e) { return e.kind == ExprKind::Macro && e.value == 1; }
/// `id` without Macro wrappers at its top (kid 0 of each, while it has one).
ExprId strip_macros(const Pool& pool, ExprId id);
/// `id` without Macro wrappers and explicit casts at its top.
ExprId strip_casts(const Pool& pool, ExprId id);
/// The value of a tree of integer constants.
std::optional<i64> fold(const Pool& pool, ExprId id);
/// Source-like text of a tree, for reports ("p->next", "f(a, 3)"). Bounded in length.
std::string to_text(const Pool& pool, ExprId id);

}  // namespace quire::metal
