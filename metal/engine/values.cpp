#include "metal/engine/values.h"

#include <algorithm>

#include "metal/language/builtins.h"

namespace quire::metal {
namespace {

using rule::BinaryOp;
using rule::Builtin;
using rule::ExprKind;

class Evaluator {
 public:
  explicit Evaluator(const ValueContext& c) : c_(c), pool_(c.info.function().pool) {}

  Value run(const rule::Expr& e) const {
    switch (e.kind) {
      case ExprKind::kInteger:
        return Value::of(e.integer);
      case ExprKind::kString:
        return Value::of(e.text);
      case ExprKind::kName:
        return name(e);
      case ExprKind::kMember:
        return data(e.member, e.text);
      case ExprKind::kCall:
        return call(e);
      case ExprKind::kNot: {
        Value v = run(e.args[0]);
        return v.known() ? Value::of(!v.truth()) : v;
      }
      case ExprKind::kNegate: {
        Value v = run(e.args[0]);
        return v.known() ? Value::of(static_cast<i64>(0 - static_cast<u64>(v.integer))) : v;
      }
      case ExprKind::kBinary:
        return binary(e);
    }
    return Value::of(0);
  }

 private:
  Value binary(const rule::Expr& e) const {
    Value a = run(e.args[0]);
    if (e.op == BinaryOp::kAnd || e.op == BinaryOp::kOr) {
      bool absorbing = e.op == BinaryOp::kOr;
      if (a.known() && a.truth() == absorbing) return Value::of(absorbing);
      Value b = run(e.args[1]);
      if (b.known() && b.truth() == absorbing) return Value::of(absorbing);
      return a.known() && b.known() ? Value::of(!absorbing) : Value::unknown();
    }
    Value b = run(e.args[1]);
    if (!a.known() || !b.known()) return Value::unknown();
    if (a.kind == Value::Kind::kText || b.kind == Value::Kind::kText) {
      bool same = a.str() == b.str();
      return Value::of(e.op == BinaryOp::kEqual ? same : e.op == BinaryOp::kNotEqual && !same);
    }
    auto x = static_cast<u64>(a.integer), y = static_cast<u64>(b.integer);
    switch (e.op) {
      case BinaryOp::kAdd:
        return Value::of(static_cast<i64>(x + y));
      case BinaryOp::kSubtract:
        return Value::of(static_cast<i64>(x - y));
      case BinaryOp::kMultiply:
        return Value::of(static_cast<i64>(x * y));
      case BinaryOp::kBitAnd:
        return Value::of(static_cast<i64>(x & y));
      case BinaryOp::kEqual:
        return Value::of(a.integer == b.integer);
      case BinaryOp::kNotEqual:
        return Value::of(a.integer != b.integer);
      case BinaryOp::kLess:
        return Value::of(a.integer < b.integer);
      case BinaryOp::kLessEqual:
        return Value::of(a.integer <= b.integer);
      case BinaryOp::kGreater:
        return Value::of(a.integer > b.integer);
      case BinaryOp::kGreaterEqual:
        return Value::of(a.integer >= b.integer);
      default:
        return Value::of(0);
    }
  }

  Value data(const std::string& field, const std::string& variable) const {
    i32 i = c_.machine.data_index(field);
    const DataFields* d = variable.empty() && c_.var < 0 ? c_.global_data
                          : c_.data != nullptr           ? c_.data
                                                         : c_.global_data;
    if (d == nullptr) return Value::unknown();
    return i >= 0 && static_cast<std::size_t>(i) < kMaxData ? Value::of((*d)[static_cast<std::size_t>(i)])
                                                            : Value::of(0);
  }

  Value name(const rule::Expr& e) const {
    if (auto it = c_.machine.settings.find(e.text); it != c_.machine.settings.end())
      return Value::of(it->second);
    if (c_.machine.data_index(e.text) >= 0) return data(e.text, "");
    return Value::of(text_of(e));
  }

  ExprId bound(const rule::Expr& e) const {
    if (e.kind == ExprKind::kCall && e.text == "mc_arg" && e.args.size() == 2) {
      const Binding* args = binding(e.args[0]);
      Value n = run(e.args[1]);
      if (args == nullptr || args->expr == kNoExpr || n.integer < 0) return kNoExpr;
      u64 i = args->first + static_cast<u64>(n.integer);
      return i < pool_[args->expr].kid_count ? pool_.kid(args->expr, static_cast<u32>(i)) : kNoExpr;
    }
    const Binding* b = binding(e);
    return b != nullptr ? b->expr : kNoExpr;
  }

  const Binding* binding(const rule::Expr& e) const {
    if (c_.bindings == nullptr || e.kind != ExprKind::kName) return nullptr;
    i32 h = c_.machine.hole(e.text);
    return h >= 0 ? &(*c_.bindings)[static_cast<std::size_t>(h)] : nullptr;
  }

  /// A hole as text: a function's name, or the source of the expression.
  std::string text_of(const rule::Expr& e) const {
    ExprId x = bound(e);
    if (x == kNoExpr) {
      if (e.kind == ExprKind::kName && c_.var >= 0 &&
          c_.machine.vars[static_cast<std::size_t>(c_.var)].name == e.text)
        return c_.object ? c_.object() : std::string();
      return e.kind == ExprKind::kString ? e.text : std::string();
    }
    if (Symbol s = callee_name(pool_, x)) return std::string(s.text());
    return to_text(pool_, x);
  }

  /// The name that a list would hold: of a function, or the last name of an expression.
  std::string short_name(const rule::Expr& e) const {
    if (e.kind == ExprKind::kString || e.kind == ExprKind::kCall) {
      if (e.kind == ExprKind::kCall && e.text == "mc_arg") {
        ExprId x = bound(e);
        return x == kNoExpr ? "" : name_of(x);
      }
      return run(e).str();
    }
    ExprId x = bound(e);
    return x == kNoExpr ? "" : name_of(x);
  }

  std::string name_of(ExprId x) const {
    if (Symbol s = callee_name(pool_, x)) return std::string(s.text());
    x = strip_casts(pool_, x);
    const metal::Expr* k = &pool_[x];
    while ((k->kind == metal::ExprKind::AddressOf || k->kind == metal::ExprKind::Deref ||
            k->kind == metal::ExprKind::Index) &&
           k->kid_count > 0) {
      x = pool_.kid(x, 0);
      k = &pool_[x];
    }
    return k->kind == metal::ExprKind::Var || k->kind == metal::ExprKind::Member ||
                   k->kind == metal::ExprKind::Macro
               ? std::string(k->name.text())
               : to_text(pool_, x);
  }

  /// The variable that an expression begins with; `memory` tells whether a pointer is followed on the way.
  ExprId root(ExprId x, bool* memory) const {
    *memory = false;
    for (u32 depth = 0; x != kNoExpr && depth < 40; ++depth) {
      x = pool_.core(x);
      const metal::Expr& e = pool_[x];
      switch (e.kind) {
        case metal::ExprKind::Deref:
          *memory = true;
          [[fallthrough]];
        case metal::ExprKind::Member:
        case metal::ExprKind::AddressOf:
        case metal::ExprKind::Cast:
          x = pool_.kid(x, 0);
          break;
        case metal::ExprKind::Index:
          if (pool_.type_of(pool_.kid(x, 0)).kind != TypeKind::Array) *memory = true;
          x = pool_.kid(x, 0);
          break;
        default:
          return x;
      }
    }
    return kNoExpr;
  }

  bool contains(ExprId haystack, ExprId needle, u32 depth = 0) const {
    haystack = pool_.core(haystack);
    if (haystack == needle) return true;
    if (depth > 20) return false;
    // The result of an inner call is another matter.
    if (pool_[haystack].kind == metal::ExprKind::Call) return false;
    for (ExprId k : pool_.kids(haystack))
      if (contains(k, needle, depth + 1)) return true;
    return false;
  }

  template <typename F>
  bool any_text(const rule::Expr& e, std::size_t from, F&& f) const {
    for (std::size_t i = from; i < e.args.size(); ++i)
      if (f(run(e.args[i]).str())) return true;
    return false;
  }

  Value call(const rule::Expr& e) const {
    const rule::BuiltinInfo* b = rule::find_builtin(e.text);
    if (b == nullptr) return Value::of(0);
    const Function& fn = c_.info.function();
    switch (b->id) {
      case Builtin::kIsCallTo: {
        std::string n = short_name(e.args[0]);
        return Value::of(any_text(e, 1, [&](const std::string& s) { return s == n; }));
      }
      case Builtin::kIn: {
        auto it = c_.machine.lists.find(e.args[1].text);
        return Value::of(it != c_.machine.lists.end() && it->second.contains(short_name(e.args[0])));
      }
      case Builtin::kName:
        return Value::of(short_name(e.args[0]));
      case Builtin::kIdentifier:
        return Value::of(text_of(e.args[0]));
      case Builtin::kAnnotated:
      case Builtin::kWhy: {
        if (!c_.annotated) return Value::unknown();
        ExprId x = bound(e.args[0]);
        std::string why;
        bool yes = x != kNoExpr && c_.annotated(x, e.args[1].text, &why).value_or(false);
        return b->id == Builtin::kWhy ? Value::of(std::move(why)) : Value::of(yes);
      }
      case Builtin::kFunction:
        return Value::of(std::string(fn.name.text()));
      case Builtin::kInFunction:
        return Value::of(any_text(e, 0, [&](const std::string& s) { return s == fn.name.text(); }));
      case Builtin::kContains: {
        Value text = run(e.args[0]);
        if (!text.known()) return text;
        return Value::of(any_text(e, 1, [&](const std::string& part) { return text.str().contains(part); }));
      }
      case Builtin::kInFile: {
        std::string_view file =
            fn.at.file < fn.files.size() ? fn.files[fn.at.file].text() : std::string_view();
        return Value::of(
            any_text(e, 0, [&](const std::string& s) { return file.find(s) != std::string_view::npos; }));
      }
      case Builtin::kIsConst: {
        ExprId x = bound(e.args[0]);
        if (x == kNoExpr) return Value::of(0);
        if (c_.info.evaluate({}, x).is_constant()) return Value::of(1);
        return c_.facts != nullptr ? Value::of(c_.info.evaluate(*c_.facts, x).is_constant())
                                   : Value::unknown();
      }
      case Builtin::kValue: {
        ExprId x = bound(e.args[0]);
        if (x == kNoExpr) return Value::of(0);
        ValueRange r = c_.info.evaluate({}, x);
        if (r.is_constant()) return Value::of(r.low);
        if (c_.facts == nullptr) return Value::unknown();
        r = c_.info.evaluate(*c_.facts, x);
        return Value::of(r.is_constant() ? r.low : 0);
      }
      case Builtin::kIsNull: {
        ExprId x = bound(e.args[0]);
        return Value::of(x != kNoExpr && c_.info.evaluate({}, x).known_zero());
      }
      case Builtin::kKnownNull:
      case Builtin::kKnownZero:
      case Builtin::kKnownNonnull: {
        if (c_.facts == nullptr) return Value::unknown();
        ExprId x = bound(e.args[0]);
        ValueRange r = x != kNoExpr ? c_.info.evaluate(*c_.facts, x) : ValueRange{};
        return Value::of(b->id == Builtin::kKnownNonnull ? r.known_nonzero() : r.known_zero());
      }
      case Builtin::kIsLocal:
      case Builtin::kIsLocalStorage:
      case Builtin::kIsParameter:
      case Builtin::kIsGlobal: {
        ExprId x = bound(e.args[0]);
        if (x == kNoExpr) return Value::of(0);
        bool memory = false;
        ExprId r = root(x, &memory);
        // A value that is in nobody's hands yet.
        if (r != kNoExpr && pool_[r].kind == metal::ExprKind::Call && b->id == Builtin::kIsLocalStorage)
          return Value::of(!memory);
        if (r == kNoExpr || pool_[r].kind != metal::ExprKind::Var) return Value::of(0);
        i64 local = pool_[r].value;
        bool known = local >= 0 && static_cast<std::size_t>(local) < fn.locals.size();
        const Local* l = known ? &fn.locals[static_cast<std::size_t>(local)] : nullptr;
        if (b->id == Builtin::kIsGlobal) return Value::of(l == nullptr || l->is_static);
        if (l == nullptr) return Value::of(0);
        if (b->id == Builtin::kIsParameter) return Value::of(l->parameter);
        if (l->is_static) return Value::of(0);
        return Value::of(b->id == Builtin::kIsLocal ? !l->parameter : !memory);
      }
      case Builtin::kTypeIs: {
        ExprId x = bound(e.args[0]);
        if (x == kNoExpr) return Value::of(0);
        const Type* t = &pool_.type_of(x);
        if (t->kind == TypeKind::Reference) t = &pool_.type(t->element);
        const Type* pointee =
            t->kind == TypeKind::Pointer || t->kind == TypeKind::Array ? &pool_.type(t->element) : nullptr;
        return Value::of(any_text(e, 1, [&](const std::string& s) {
          if (s.ends_with(" *") && pointee != nullptr) {
            std::string p = s.substr(0, s.size() - 2);
            if (p == pointee->alias.text() || p == pointee->tag.text()) return true;
          }
          return s == t->spelling.text() || s == t->alias.text() || s == t->tag.text();
        }));
      }
      case Builtin::kSize: {
        if (e.args[0].kind == ExprKind::kString)
          return Value::of(c_.variable != nullptr ? static_cast<i64>(c_.variable->size) : 0);
        ExprId x = bound(e.args[0]);
        return Value::of(x != kNoExpr ? static_cast<i64>(pool_.type_of(x).size) : 0);
      }
      case Builtin::kVariableSize:
        return Value::of(c_.variable != nullptr && !c_.variable->is_static && !c_.variable->parameter
                             ? static_cast<i64>(c_.variable->size)
                             : 0);
      case Builtin::kVariableName:
        return Value::of(c_.variable != nullptr ? std::string(c_.variable->name.text()) : "");
      case Builtin::kArg: {
        ExprId x = bound(e);
        return Value::of(x != kNoExpr ? to_text(pool_, x) : "");
      }
      case Builtin::kArgCount: {
        const Binding* args = binding(e.args[0]);
        return Value::of(args != nullptr && args->expr != kNoExpr
                             ? static_cast<i64>(pool_[args->expr].kid_count) - args->first
                             : 0);
      }
      case Builtin::kHasArg: {
        const Binding* args = binding(e.args[0]);
        ExprId v = bound(e.args[1]);
        if (args == nullptr || args->expr == kNoExpr) return Value::of(0);
        if (v == kNoExpr) return has_object_argument(*args, e.args[1]);
        for (u32 i = args->first; i < pool_[args->expr].kid_count; ++i)
          if (contains(pool_.kid(args->expr, i), pool_.core(v))) return Value::of(1);
        return Value::of(0);
      }
      case Builtin::kKnownNegative: {
        if (c_.facts == nullptr) return Value::unknown();
        ExprId x = bound(e.args[0]);
        if (x == kNoExpr && c_.object_expr != kNoExpr) x = c_.object_expr;
        return Value::of(x != kNoExpr && c_.info.evaluate(*c_.facts, x).high < 0);
      }
      case Builtin::kIsMethodOn: {
        ExprId fn_expr = bound(e.args[0]);
        const Binding* args = binding(e.args[1]);
        if (fn_expr == kNoExpr || args == nullptr || args->expr == kNoExpr) return Value::of(0);
        ExprId callee = strip_macros(pool_, fn_expr);
        if (pool_[callee].kind != metal::ExprKind::Function || !pool_.function(pool_[callee]).is_method ||
            pool_.function(pool_[callee]).is_destructor || args->first >= pool_[args->expr].kid_count)
          return Value::of(0);
        ExprId object = pool_.core(pool_.kid(args->expr, args->first));
        if (pool_[object].kind != metal::ExprKind::AddressOf) return Value::of(0);
        if (ExprId v = bound(e.args[2]); v != kNoExpr)
          return Value::of(pool_.core(pool_.kid(object, 0)) == pool_.core(v));
        if (c_.facts == nullptr) return Value::unknown();
        return Value::of(c_.object && to_text(pool_, pool_.kid(object, 0)) == c_.object());
      }
      case Builtin::kMethodIn: {
        std::string name = short_name(e.args[0]);
        if (std::size_t colon = name.rfind("::"); colon != std::string::npos) name = name.substr(colon + 2);
        auto it = c_.machine.lists.find(e.args[1].text);
        return Value::of(it != c_.machine.lists.end() && it->second.contains(name));
      }
      case Builtin::kMethodOf: {
        // Class templates count by their name without arguments.
        std::string name = short_name(e.args[0]), plain;
        int depth = 0;
        for (char c : name) {
          if (c == '<') ++depth;
          if (depth == 0) plain += c;
          if (c == '>' && depth > 0) --depth;
        }
        std::size_t colon = plain.rfind("::");
        auto it = c_.machine.lists.find(e.args[1].text);
        return Value::of(colon != std::string::npos && it != c_.machine.lists.end() &&
                         it->second.contains(plain.substr(0, colon)) &&
                         plain.substr(colon + 2) == run(e.args[2]).str());
      }
      case Builtin::kTypeArgument: {
        ExprId x = bound(e.args[0]);
        if (x == kNoExpr) return Value::of(std::string());
        const Type* t = &pool_.type_of(x);
        for (int i = 0; i < 2 && (t->kind == TypeKind::Pointer || t->kind == TypeKind::Reference); ++i)
          t = &pool_.type(t->element);
        // The first of the innermost ones: Guard<Mutex<c, std::mutex>> says c. What is no template says its
        // own name.
        std::string_view text = t->spelling.text();
        if (const std::size_t open = text.rfind('<'); open != std::string_view::npos)
          text.remove_prefix(open + 1);
        if (text.starts_with("const ")) text.remove_prefix(6);
        return Value::of(std::string(text.substr(0, text.find_first_of(",>"))));
      }
      case Builtin::kPosition: {
        auto it = c_.machine.lists.find(e.args[1].text);
        if (it == c_.machine.lists.end()) return Value::of(0);
        auto word = it->second.find(run(e.args[0]).str());
        return Value::of(word == it->second.end() ? 0 : word->second);
      }
      case Builtin::kRemembered:
        return c_.remembered != nullptr ? Value::of(*c_.remembered) : Value::unknown();
      case Builtin::kLargestVariable: {
        u64 largest = 0;
        for (const Local& l : fn.locals)
          if (!l.parameter && !l.is_static) largest = std::max(largest, l.size);
        return Value::of(static_cast<i64>(largest));
      }
      case Builtin::kFrameSize:
        return Value::of(static_cast<i64>(c_.info.frame_size()));
      case Builtin::kInMacro: {
        for (MacroId m = c_.macro; m != kNoMacro && m.value() < fn.macros.size();
             m = fn.macros[m.value()].parent)
          if (any_text(e, 0, [&](const std::string& s) { return s == fn.macros[m.value()].name.text(); }))
            return Value::of(1);
        return Value::of(0);
      }
      case Builtin::kReturned:
        return c_.facts != nullptr ? Value::of(c_.returned) : Value::unknown();
      case Builtin::kEscaped:
        return c_.facts != nullptr ? Value::of(c_.escaped) : Value::unknown();
      case Builtin::kDiscarded:
        return Value::of(c_.info.discarded(c_.block, c_.event));
      case Builtin::kAskedLater:
        return Value::of(c_.info.asked_later(c_.block, c_.event));
      case Builtin::kIsNoreturn:
      case Builtin::kMustUse: {
        ExprId x = bound(e.args[0]);
        if (x == kNoExpr) return Value::of(0);
        x = strip_macros(pool_, x);
        if (pool_[x].kind != metal::ExprKind::Function) return Value::of(0);
        const FunctionRef& f = pool_.function(pool_[x]);
        return Value::of(b->id == Builtin::kMustUse ? f.must_use : f.noreturn);
      }
      case Builtin::kIsIndirect: {
        ExprId x = bound(e.args[0]);
        return Value::of(x != kNoExpr && !callee_name(pool_, x));
      }
      case Builtin::kKey: {
        std::string s;
        for (const rule::Expr& a : e.args) s += (s.empty() ? "" : " / ") + run(a).str();
        return Value::of(std::move(s));
      }
      case Builtin::kRoot: {
        ExprId x = bound(e.args[0]);
        bool memory = false;
        x = x != kNoExpr ? root(x, &memory) : kNoExpr;
        return Value::of(x != kNoExpr ? to_text(pool_, x) : "");
      }
      case Builtin::kField:
      case Builtin::kRecord: {
        ExprId x = bound(e.args[0]);
        if (x != kNoExpr) x = strip_casts(pool_, pool_.core(x));
        while (x != kNoExpr &&
               (pool_[x].kind == metal::ExprKind::AddressOf || pool_[x].kind == metal::ExprKind::Index))
          x = pool_.core(pool_.kid(x, 0));
        if (x == kNoExpr || pool_[x].kind != metal::ExprKind::Member) return Value::of(std::string());
        if (b->id == Builtin::kField) return Value::of(std::string(pool_[x].name.text()));
        return Value::of(std::string(pool_.type_of(pool_.kid(x, 0)).tag.text()));
      }
      case Builtin::kMayFail: {
        const Block& block = fn.blocks[c_.block.value()];
        if (c_.event >= block.events.size() || block.events[c_.event].expr == kNoExpr) return Value::of(0);
        const ExprId called = pool_.core(block.events[c_.event].expr);
        if (const std::optional<bool> fails = c_.info.may_fail(called)) return Value::of(*fails);
        // Of another program only the prototype is known: with a rest of arguments it gives a length, mostly.
        const CallSite* site = c_.program.call(c_.function, called);
        if (site != nullptr && !site->targets.empty()) return Value::of(0);
        if (pool_[called].kind != metal::ExprKind::Call) return Value::of(0);
        const metal::Expr& callee = pool_[strip_macros(pool_, pool_.kid(called, 0))];
        if (callee.kind != metal::ExprKind::Function) return Value::of(0);
        const std::string_view type = pool_.type(pool_.function(callee).type).spelling.text();
        return Value::of(!type.empty() && !type.ends_with("()") && !type.ends_with("...)"));
      }
      case Builtin::kResultType: {
        ExprId x = e.args.empty() ? kNoExpr : bound(e.args[0]);
        if (x == kNoExpr && !e.args.empty()) return Value::of(std::string());
        const Type* t = &pool_.type(fn.result);
        if (x != kNoExpr) {
          t = &pool_.type_of(x);
          if (t->kind == TypeKind::Pointer) t = &pool_.type(t->element);
          if (t->kind == TypeKind::Function) t = &pool_.type(t->element);
        }
        switch (t->kind) {
          case TypeKind::Pointer:
            return Value::of(std::string("pointer"));
          case TypeKind::Void:
            return Value::of(std::string("void"));
          case TypeKind::Integer:
            return Value::of(std::string(t->is_signed ? "signed" : "unsigned"));
          case TypeKind::Record:
            return Value::of(std::string(t->tag.text()));
          default:
            return Value::of(std::string("other"));
        }
      }
      case Builtin::kResultIs: {
        if (c_.facts == nullptr) return Value::unknown();
        std::string what = run(e.args[0]).str();
        ValueRange r = c_.result != nullptr ? *c_.result : ValueRange{};
        return Value::of(what == "negative"   ? r.high < 0
                         : what == "zero"     ? r.known_zero()
                         : what == "nonzero"  ? r.known_nonzero()
                         : what == "positive" ? r.low > 0
                                              : false);
      }
      default:
        return Value::of(0);
    }
  }

  /// mc_has_arg(args, v) where v is the instance's own object, not bound by the pattern: by its text.
  Value has_object_argument(const Binding& args, const rule::Expr& v) const {
    if (c_.facts == nullptr) return Value::unknown();
    std::string object = text_of(v);
    if (object.empty()) return Value::of(0);
    for (u32 i = args.first; i < pool_[args.expr].kid_count; ++i)
      if (mentions(pool_.kid(args.expr, i), object, 0)) return Value::of(1);
    return Value::of(0);
  }
  bool mentions(ExprId x, const std::string& object, u32 depth) const {
    x = pool_.core(x);
    if (to_text(pool_, x) == object) return true;
    if (depth > 20 || pool_[x].kind == metal::ExprKind::Call) return false;
    for (ExprId k : pool_.kids(x))
      if (mentions(k, object, depth + 1)) return true;
    return false;
  }

  const ValueContext& c_;
  const Pool& pool_;
};

}  // namespace

Value evaluate(const rule::Expr& e, const ValueContext& context) { return Evaluator(context).run(e); }

std::string format_message(const rule::Expr& call, std::size_t first, const ValueContext& context) {
  if (call.args.size() <= first) return {};
  const std::string& f = call.args[first].text;
  std::string out;
  std::size_t next = first + 1;
  for (std::size_t i = 0; i < f.size(); ++i) {
    if (f[i] != '%' || i + 1 >= f.size()) {
      out += f[i];
      continue;
    }
    ++i;
    if (f[i] == '%')
      out += '%';
    else if (next < call.args.size())
      out += evaluate(call.args[next++], context).str();
  }
  return out;
}

}  // namespace quire::metal
