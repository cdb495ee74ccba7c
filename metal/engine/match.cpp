#include "metal/engine/match.h"

namespace quire::metal {
namespace {

class Matcher {
 public:
  Matcher(const CompiledMachine& machine, const Pattern& pattern, const Pool& pool, Bindings& bindings)
      : m_(machine), pattern_(pattern), pp_(pattern.pool), fp_(pool), b_(bindings) {}

  bool match(ExprId p, ExprId f, u32 depth) {
    if (depth > 40) return false;
    const Expr& pe = pp_[p];
    if (pe.kind == ExprKind::Hole) return hole(static_cast<u32>(pe.value), f);
    if (pe.kind == ExprKind::Macro) return macro(p, f, depth);
    // A macro use in the source matches a pattern that names it; otherwise what it expands to counts.
    for (;;) {
      const Expr& fe = fp_[f];
      if (fe.kind != ExprKind::Macro) break;
      if (pe.kind == ExprKind::Call && macro_call(p, f, depth)) return true;
      if (fe.value == 0 || fe.kid_count == 0) return false;  // its expansion is not one expression
      ExprId inner = fp_.kid(f, 0);
      if (fp_[inner].kind == ExprKind::Unknown) return false;
      f = inner;
    }
    while (fp_[f].kind == ExprKind::Cast && pe.kind != ExprKind::Cast && fp_[f].kid_count == 1)
      f = fp_.kid(f, 0);
    while (fp_[f].kind == ExprKind::Macro && fp_[f].value != 0) f = fp_.kid(f, 0);
    const Expr& fe = fp_[f];
    if (pe.kind == ExprKind::Deref && fe.kind == ExprKind::Index)
      return match(pp_.kid(p, 0), fp_.kid(f, 0), depth + 1);
    // `fn(args)` stands for a constructor's call too.
    if (pe.kind == ExprKind::Call && fe.kind == ExprKind::Construct && pe.kid_count > 0 &&
        pp_[pp_.kid(p, 0)].kind == ExprKind::Hole)
      return call(p, f, depth);
    if (pe.kind != fe.kind) return false;
    switch (pe.kind) {
      case ExprKind::Int:
        return pe.value == fe.value;
      case ExprKind::Float:
      case ExprKind::String:
      case ExprKind::Var:
        return pe.name == fe.name;
      case ExprKind::Function:
        return pp_.function(pe).name == m_.known_as(fp_.function(fe).name);
      case ExprKind::Member:
        if (pe.name != fe.name) return false;
        break;
      case ExprKind::Call:
      case ExprKind::Construct:
        return call(p, f, depth);
      case ExprKind::New:
      case ExprKind::Delete:
        if (((pe.flags ^ fe.flags) & kArray) != 0) return false;
        if (pe.kind == ExprKind::New) return true;
        break;
      case ExprKind::Assign:
        if (pe.op != fe.op) return false;
        break;
      case ExprKind::Binary:
        if (pe.op != fe.op || pe.kid_count != 2 || fe.kid_count != 2) return false;
        if (pe.op == Op::Eq || pe.op == Op::Ne) {
          Bindings saved = b_;
          if (match(pp_.kid(p, 0), fp_.kid(f, 0), depth + 1) &&
              match(pp_.kid(p, 1), fp_.kid(f, 1), depth + 1))
            return true;
          b_ = std::move(saved);
          return match(pp_.kid(p, 0), fp_.kid(f, 1), depth + 1) &&
                 match(pp_.kid(p, 1), fp_.kid(f, 0), depth + 1);
        }
        break;
      default:
        if (pe.op != fe.op || pe.name != fe.name) return false;
    }
    if (pe.kid_count != fe.kid_count) return false;
    for (u32 i = 0; i < pe.kid_count; ++i)
      if (!match(pp_.kid(p, i), fp_.kid(f, i), depth + 1)) return false;
    return true;
  }

 private:
  /// Arguments of a pattern's call against kids of the source from `at` on.
  bool arguments(std::span<const ExprId> p, ExprId f, u32 at, u32 depth) {
    u32 count = fp_[f].kid_count;
    for (std::size_t i = 0; i < p.size(); ++i) {
      const Expr& pe = pp_[p[i]];
      if (pe.kind == ExprKind::Hole &&
          m_.holes[static_cast<std::size_t>(pe.value)].type == HoleType::AnyArguments) {
        Binding& b = b_[static_cast<std::size_t>(pe.value)];
        b = {f, at};
        return true;
      }
      if (at >= count || !match(p[i], fp_.kid(f, at), depth + 1)) return false;
      ++at;
    }
    return at == count;
  }

  bool call(ExprId p, ExprId f, u32 depth) {
    std::span<const ExprId> kids = pp_.kids(p);
    if (kids.empty() || fp_[f].kid_count == 0 || !match(kids[0], fp_.kid(f, 0), depth + 1)) return false;
    return arguments(kids.subspan(1), f, 1, depth);
  }

  /// Pattern `name(args)` against a use of the function-like macro `name`.
  bool macro_call(ExprId p, ExprId f, u32 depth) {
    const Expr& fe = fp_[f];
    if ((fe.flags & kFunctionLike) == 0) return false;
    std::span<const ExprId> kids = pp_.kids(p);
    if (kids.empty() || pp_[kids[0]].kind != ExprKind::Function ||
        pp_.function(pp_[kids[0]]).name != m_.known_as(fe.name))
      return false;
    Bindings saved = b_;
    if (arguments(kids.subspan(1), f, static_cast<u32>(fe.value), depth)) return true;
    b_ = std::move(saved);
    return false;
  }

  /// An object-like macro of the pattern: by name, or by value where its value is known.
  bool macro(ExprId p, ExprId f, u32 depth) {
    const Expr& pe = pp_[p];
    for (ExprId g = f;;) {
      const Expr& fe = fp_[g];
      if (fe.kind == ExprKind::Macro && fe.name == pe.name) return true;
      if (fe.kid_count == 0 || (fe.kind == ExprKind::Macro ? fe.value == 0 : fe.kind != ExprKind::Cast))
        break;
      g = fp_.kid(g, 0);
    }
    return pe.kid_count > 0 && match(pp_.kid(p, 0), f, depth + 1);
  }

  bool hole(u32 index, ExprId f) {
    if (index >= m_.holes.size()) return false;
    const HoleDecl& h = m_.holes[index];
    f = uncopied(f);
    ExprId bare = fp_.core(strip_casts(fp_, f));
    if (h.type == HoleType::AnyCall) {
      // `fn` alone stands for the callee.
      bare = fp_.core(f);
    } else if (h.type == HoleType::Typed) {
      if (!typed(index, f) && !typed(index, bare)) return false;
      // An object keeps its identity through casts; a number may not.
    } else if (h.type == HoleType::AnyScalar) {
      TypeKind k = fp_.type_of(f).kind;
      if (k == TypeKind::Void || k == TypeKind::Record || k == TypeKind::Function) return false;
    } else if (h.type == HoleType::AnyPointer) {
      TypeKind k = fp_.type_of(bare).kind;
      if (k == TypeKind::Void || k == TypeKind::Bool || k == TypeKind::Float) return false;
      if ((k == TypeKind::Integer || k == TypeKind::Enum) && fp_.type_of(f).kind != TypeKind::Pointer)
        return false;
    }
    Binding& b = b_[index];
    if (b.expr != kNoExpr) return fp_.core(b.expr) == bare;
    b.expr = bare;
    return true;
  }

  /// An object that is passed by value is made by its copy constructor: what was copied.
  ExprId uncopied(ExprId f) const {
    const Expr& e = fp_[f];
    if (e.kind != ExprKind::Construct || e.kid_count != 3 || fp_[fp_.kid(f, 1)].kind != ExprKind::Unknown)
      return f;
    ExprId from = fp_.kid(f, 2);
    const Type& a = fp_.type_of(f);
    const Type& b = fp_.type_of(from);
    return a.tag && a.tag == b.tag && a.spelling == b.spelling ? from : f;
  }

  bool typed(u32 index, ExprId f) const {
    TypeId id = index < pattern_.hole_types.size() ? pattern_.hole_types[index] : kNoType;
    if (id == kNoType) return true;
    const Type& want = pp_.type(id);
    const Type* have = &fp_.type_of(f);
    if (have->kind == TypeKind::Unknown || want.kind == TypeKind::Unknown) return true;
    if (have->kind == TypeKind::Reference && want.kind != TypeKind::Reference)
      have = &fp_.type(have->element);
    auto integer = [](const Type& t) { return t.kind == TypeKind::Integer || t.kind == TypeKind::Enum; };
    if (integer(want)) return integer(*have) && have->is_signed == want.is_signed;
    if (want.alias && want.alias == have->alias) return true;
    if (want.kind == TypeKind::Record && want.tag)
      return have->kind == TypeKind::Record && have->tag == want.tag;
    if (want.spelling == have->spelling) return true;
    // An array is as good as a pointer to its elements, and constness of what is pointed to is no matter.
    if (want.kind == TypeKind::Pointer &&
        (have->kind == TypeKind::Pointer || have->kind == TypeKind::Array)) {
      const Type& a = pp_.type(want.element);
      const Type& b = fp_.type(have->element);
      if (a.kind == TypeKind::Void && b.kind == TypeKind::Void) return true;
      return a.spelling == b.spelling || (a.tag && a.tag == b.tag);
    }
    return false;
  }

  const CompiledMachine& m_;
  const Pattern& pattern_;
  const Pool& pp_;
  const Pool& fp_;
  Bindings& b_;
};

}  // namespace

bool match(const CompiledMachine& machine, u32 index, const Pool& pool, ExprId expr, Bindings& bindings) {
  const Pattern& p = *machine.fragments[index];
  if (p.root == kNoExpr || expr == kNoExpr) return false;
  return Matcher(machine, p, pool, bindings).match(p.root, expr, 0);
}

bool match_part(const CompiledMachine& machine, u32 index, ExprId part, const Pool& pool, ExprId expr,
                Bindings& bindings) {
  return Matcher(machine, *machine.fragments[index], pool, bindings).match(part, expr, 0);
}

Symbol callee_name(const Pool& pool, ExprId callee) {
  ExprId c = strip_macros(pool, callee);
  return pool[c].kind == ExprKind::Function ? pool.function(pool[c]).name : Symbol();
}

}  // namespace quire::metal
