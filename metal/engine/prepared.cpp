#include "metal/engine/prepared.h"

#include <algorithm>

#include "metal/engine/evaluate.h"
#include "metal/engine/values.h"

namespace quire::metal {

const std::vector<PatternMatch>* PreparedFunction::at(BlockId block, std::size_t event) const {
  const auto& list = blocks[block.value()];
  auto it = std::lower_bound(list.begin(), list.end(), event,
                             [](const EventMatches& m, std::size_t e) { return m.event < e; });
  return it != list.end() && it->event == event ? &it->matches : nullptr;
}

namespace {

class Preparer {
 public:
  Preparer(const CompiledMachine& m, const Program& program, FunctionId id, const FunctionInfo& info)
      : m_(m), program_(program), id_(id), info_(info), f_(info.function()), pool_(f_.pool) {}

  PreparedFunction run() {
    out_.blocks.resize(f_.blocks.size());
    out_.covered.resize(f_.macros.size());
    for (std::size_t i = 0; i < f_.macros.size(); ++i) {
      const MacroUse& u = f_.macros[i];
      bool outer = u.written_in != kNoMacro && u.written_in.value() < i && out_.covered[u.written_in.value()];
      out_.covered[i] = outer || m_.named.contains(u.name) || matches_macro(u);
    }
    start_of_path();
    for (u32 b = 0; b < f_.blocks.size(); ++b)
      for (u32 e = 0; e < f_.blocks[b].events.size(); ++e) {
        EventMatches found;
        found.event = e;
        event(BlockId(b), e, found.matches);
        if (!found.matches.empty()) out_.blocks[b].push_back(std::move(found));
      }
    return std::move(out_);
  }

 private:
  /// Object-like macros that a pattern names as such.
  bool matches_macro(const MacroUse& u) const {
    if (u.function_like || u.tree == kNoExpr) return false;
    for (const auto& p : m_.fragments)
      if (p->root != kNoExpr && p->pool[p->root].kind == ExprKind::Macro && p->pool[p->root].name == u.name)
        return true;
    return false;
  }

  /// $start_of_path$ fits every function that its guards let through.
  void start_of_path() {
    for (const CompiledTransition& t : m_.transitions)
      for (const Alternative& a : t.alternatives) {
        if (a.special != rule::SpecialPattern::kStartOfPath) continue;
        Bindings none(m_.holes.size());
        ValueContext c{m_, program_, id_, info_};
        c.bindings = &none;
        out_.direct = out_.direct || std::all_of(a.guards.begin(), a.guards.end(), [&](const Guard& g) {
                        Value v = evaluate(*g.expr, c);
                        return !v.known() || v.truth() != g.negated;
                      });
      }
  }

  void event(BlockId b, u32 index, std::vector<PatternMatch>& found) {
    const Event& ev = f_.blocks[b.value()].events[index];
    switch (ev.kind) {
      case EventKind::MacroBegin: {
        const MacroUse& u = f_.macros[ev.macro.value()];
        bool inside = u.written_in != kNoMacro && out_.covered[u.written_in.value()];
        // What is an expression is matched where its value is there.
        if (u.is_expression && u.function_like) break;
        if (!inside && out_.covered[ev.macro.value()] && u.tree != kNoExpr)
          try_all(b, index, metal::PatternKind::Expression, {u.tree}, found);
        break;
      }
      case EventKind::Evaluate: {
        if (ev.expr == kNoExpr || (out_.is_covered(ev) && !initialised_by(ev))) break;
        std::vector<ExprId> shown{ev.expr};
        if (pool_[ev.expr].kind == ExprKind::Macro) {
          // The expansion had its own event; this one is for rules that name the macro.
          if (m_.named.contains(pool_[ev.expr].name))
            try_all(b, index, metal::PatternKind::Expression, shown, found);
          break;
        }
        const Expr& e = pool_[pool_.core(ev.expr)];
        if (e.kind == ExprKind::Member || e.kind == ExprKind::Index)
          accessed(b, index, pool_.core(ev.expr), shown);
        if ((e.kind == ExprKind::Member || e.kind == ExprKind::Index || e.kind == ExprKind::Deref) &&
            (info_.only_address(b, index, ev.expr) || pool_.type_of(ev.expr).kind == TypeKind::Array))
          break;
        try_all(b, index, metal::PatternKind::Expression, shown, found);
        if (e.kind == ExprKind::Assign && (e.flags & kInit) != 0)
          try_all(b, index, metal::PatternKind::Declaration, {ev.expr}, found);
        break;
      }
      case EventKind::Return:
        if (!out_.is_covered(ev)) {
          try_all(b, index, metal::PatternKind::Return, {ev.expr}, found);
          if (ev.expr != kNoExpr) returned_call(b, index, ev.expr, found);
        }
        break;
      case EventKind::Declare:
        specials(b, index, rule::SpecialPattern::kVariable, found);
        if (ExprId e = info_.local_expr(static_cast<i64>(ev.local.value())); e != kNoExpr)
          try_all(b, index, metal::PatternKind::Declaration, {e}, found);
        break;
      default:
        break;
    }
  }

  /// `T v = MACRO(x);`: where the value is written is inside the expansion, the initialisation is not.
  bool initialised_by(const Event& ev) const {
    const Expr& e = pool_[ev.expr];
    if (e.kind != ExprKind::Assign || (e.flags & kInit) == 0 || e.kid_count != 2) return false;
    const Expr& value = pool_[pool_.kid(ev.expr, 1)];
    if (value.kind != ExprKind::Macro) return false;
    for (MacroId m = ev.written_in; m != kNoMacro; m = f_.macros[m.value()].written_in)
      if (f_.macros[m.value()].name == value.name) return true;
    return false;
  }

  /// `p->f.g` reads *p: the dereference has no event of its own.
  void accessed(BlockId, u32, ExprId e, std::vector<ExprId>& shown) {
    for (u32 depth = 0; depth < 20 && pool_[e].kid_count > 0; ++depth) {
      const Expr& x = pool_[e];
      if (x.kind == ExprKind::Deref) {
        shown.push_back(e);
        return;
      }
      if (x.kind != ExprKind::Member) return;
      e = pool_.core(pool_.kid(e, 0));
    }
  }

  /// `return f(x)` is to `v = f(x)` what the caller's assignment would have been.
  void returned_call(BlockId b, u32 index, ExprId expr, std::vector<PatternMatch>& found) {
    ExprId call = strip_casts(pool_, pool_.core(expr));
    if (pool_[call].kind != ExprKind::Call) return;
    for (const CompiledTransition& t : m_.transitions) {
      if (t.var < 0) continue;
      u32 hole = m_.vars[static_cast<std::size_t>(t.var)].hole;
      for (u32 a = 0; a < t.alternatives.size(); ++a) {
        const Alternative& alt = t.alternatives[a];
        if (alt.fragments.size() != 1) continue;
        const Pattern& p = *m_.fragments[alt.fragments[0]];
        if (p.kind != metal::PatternKind::Expression || p.root == kNoExpr ||
            p.pool[p.root].kind != ExprKind::Assign)
          continue;
        ExprId lhs = p.pool.kid(p.root, 0);
        if (p.pool[lhs].kind != ExprKind::Hole || p.pool[lhs].value != hole) continue;
        Bindings bindings(m_.holes.size());
        if (!match_part(alt.fragments[0], p.pool.kid(p.root, 1), call, bindings)) continue;
        bindings[hole].expr = call;
        add(t, a, b, index, call, std::move(bindings), found);
      }
    }
  }

  bool match_part(u32 fragment, ExprId part, ExprId expr, Bindings& bindings) const;

  void specials(BlockId b, u32 index, rule::SpecialPattern which, std::vector<PatternMatch>& found) {
    for (const CompiledTransition& t : m_.transitions)
      for (u32 a = 0; a < t.alternatives.size(); ++a)
        if (t.alternatives[a].special == which)
          add(t, a, b, index, kNoExpr, Bindings(m_.holes.size()), found);
  }

  void try_all(BlockId b, u32 index, metal::PatternKind kind, const std::vector<ExprId>& shown,
               std::vector<PatternMatch>& found) {
    if (kind == metal::PatternKind::Expression
            ? std::none_of(shown.begin(), shown.end(), [&](ExprId e) { return may_open(e); })
        : kind == metal::PatternKind::Return ? !m_.openings.returns
                                             : !m_.openings.declarations)
      return;
    for (const CompiledTransition& t : m_.transitions)
      for (u32 a = 0; a < t.alternatives.size(); ++a) {
        const Alternative& alt = t.alternatives[a];
        if (alt.special || alt.fragments.empty()) continue;
        for (ExprId e : shown) {
          if (kind == metal::PatternKind::Expression && !may_fit(*m_.fragments[alt.fragments[0]], e))
            continue;
          Bindings bindings(m_.holes.size());
          bool ok = true;
          for (u32 i : alt.fragments) {
            const Pattern& p = *m_.fragments[i];
            if (p.kind != kind) {
              ok = false;
            } else if (kind == metal::PatternKind::Return && p.root == kNoExpr) {
              ok = e == kNoExpr;
            } else if (kind == metal::PatternKind::Declaration) {
              ok = declaration(i, e, bindings);
            } else {
              ok = match(m_, i, pool_, e, bindings);
            }
            if (!ok) break;
          }
          if (!ok) continue;
          // A macro use stands for the value of its expansion.
          ExprId value = e;
          if (value != kNoExpr && pool_[value].kind == ExprKind::Macro) value = pool_.core(value);
          add(t, a, b, index, value, std::move(bindings), found);
          break;
        }
      }
  }

  /// False when no alternative begins with a pattern that may_fit() the expression.
  bool may_open(ExprId e) const {
    const Openings& o = m_.openings;
    if (o.anything || e == kNoExpr) return o.anything;
    while (pool_[e].kind == ExprKind::Macro || (pool_[e].kind == ExprKind::Cast && pool_[e].kid_count == 1)) {
      const Expr& x = pool_[e];
      if (x.kind == ExprKind::Macro) {
        if (o.calls.contains(m_.known_as(x.name))) return true;
        if (x.value == 0 || x.kid_count == 0) return false;
      }
      e = pool_.kid(e, 0);
    }
    const Expr& x = pool_[e];
    if ((o.kinds >> static_cast<u32>(x.kind) & 1) != 0) return true;
    if (x.kind == ExprKind::Construct) return o.any_call;
    if (x.kind != ExprKind::Call) return false;
    return o.any_call || x.kid_count == 0 ||
           o.calls.contains(m_.known_as(callee_name(pool_, pool_.kid(e, 0))));
  }

  /// False when the pattern cannot match: most expressions are of another kind, or calls of something else.
  bool may_fit(const Pattern& p, ExprId e) const {
    if (p.kind != metal::PatternKind::Expression || p.root == kNoExpr || e == kNoExpr) return false;
    const Expr& root = p.pool[p.root];
    bool call = root.kind == ExprKind::Call && root.kid_count > 0;
    const Expr* callee = call ? &p.pool[p.pool.kid(p.root, 0)] : nullptr;
    bool named = call && callee->kind == ExprKind::Function;
    if (!call && root.kind != ExprKind::Assign && root.kind != ExprKind::Deref &&
        root.kind != ExprKind::Member)
      return true;
    // What match() would see on its way to the expression proper.
    while (pool_[e].kind == ExprKind::Macro || (pool_[e].kind == ExprKind::Cast && pool_[e].kid_count == 1)) {
      const Expr& x = pool_[e];
      if (x.kind == ExprKind::Macro) {
        if (named && m_.known_as(x.name) == p.pool.function(*callee).name) return true;
        if (x.value == 0 || x.kid_count == 0) return false;
      }
      e = pool_.kid(e, 0);
    }
    const Expr& x = pool_[e];
    if (!call) return x.kind == root.kind || (root.kind == ExprKind::Deref && x.kind == ExprKind::Index);
    if (x.kind != ExprKind::Call) return x.kind == ExprKind::Construct && !named;
    return !named || x.kid_count == 0 ||
           m_.known_as(callee_name(pool_, pool_.kid(e, 0))) == p.pool.function(*callee).name;
  }

  bool declaration(u32 fragment, ExprId e, Bindings& bindings) const {
    const Pattern& p = *m_.fragments[fragment];
    const Expr& x = pool_[pool_.core(e)];
    bool initialised = x.kind == ExprKind::Assign;
    if (initialised != (p.init != kNoExpr)) return false;
    if (!match(m_, fragment, pool_, initialised ? pool_.kid(pool_.core(e), 0) : e, bindings)) return false;
    return !initialised || match_part(fragment, p.init, pool_.kid(pool_.core(e), 1), bindings);
  }

  void add(const CompiledTransition& t, u32 alternative, BlockId b, u32 index, ExprId at, Bindings bindings,
           std::vector<PatternMatch>& found) {
    const Alternative& alt = t.alternatives[alternative];
    const Event& ev = f_.blocks[b.value()].events[index];
    ValueContext c{m_, program_, id_, info_};
    c.bindings = &bindings;
    c.block = b;
    c.event = index;
    c.macro = ev.macro;
    if (ev.kind == EventKind::Declare && ev.local.value() < f_.locals.size())
      c.variable = &f_.locals[ev.local.value()];
    bool open = false, annotated = false;
    for (const Guard& g : alt.guards) {
      Value v = evaluate(*g.expr, c);
      if (!v.known()) {
        open = true;
        annotated = annotated || asks_annotation(*g.expr);
      } else if (v.truth() == g.negated) {
        return;
      }
    }
    // A call that only another machine's verdict can make interesting does not make this function so.
    bool named = names_function(alt);
    if ((!annotated || named) && (t.source_var < 0 || alt.special || named || !alt.guards.empty()))
      out_.direct = true;
    found.push_back({t.id, alternative, open, at, std::move(bindings)});
  }

  static bool asks_annotation(const rule::Expr& e) {
    if (e.kind == rule::ExprKind::kCall && (e.text == "mc_annotated" || e.text == "mc_why")) return true;
    return std::any_of(e.args.begin(), e.args.end(), asks_annotation);
  }

  bool names_function(const Alternative& alt) const {
    for (u32 i : alt.fragments)
      for (const Expr& e : m_.fragments[i]->pool.exprs())
        if (e.kind == ExprKind::Function) return true;
    return false;
  }

  const CompiledMachine& m_;
  const Program& program_;
  FunctionId id_;
  const FunctionInfo& info_;
  const Function& f_;
  const Pool& pool_;
  PreparedFunction out_;
};

bool Preparer::match_part(u32 fragment, ExprId part, ExprId expr, Bindings& bindings) const {
  return metal::match_part(m_, fragment, part, pool_, expr, bindings);
}

}  // namespace

PreparedFunction prepare(const CompiledMachine& machine, const Program& program, FunctionId id,
                         const FunctionInfo& info) {
  return Preparer(machine, program, id, info).run();
}

PlaceId PlaceReader::read(ExprId expr, u32 depth) {
  if (expr == kNoExpr || depth > 40) return kNoPlace;
  const Function& f = info_.function();
  const Pool& pool = f.pool;
  expr = pool.core(expr);
  if (memo_.empty()) memo_.assign(pool.size(), kUnread);  // many functions are never asked for a place
  if (memo_[expr.value()] != kUnread) return memo_[expr.value()];
  const Expr& e = pool[expr];
  PlaceId out = kNoPlace;
  auto kid = [&](u32 i) { return i < e.kid_count ? read(pool.kid(expr, i), depth + 1) : kNoPlace; };
  switch (e.kind) {
    case ExprKind::Var:
      if (e.value < 0) {
        out = places_.root(Step::Global, e.name, program_.global_scope(id_, e.name));
      } else if (e.value < f.parameter_count && !info_.parameter_modified(static_cast<u32>(e.value))) {
        out = places_.root(Step::Param, {}, e.value);
      } else {
        out = places_.root(Step::Local, {}, e.value);
      }
      break;
    case ExprKind::Member:
      out = places_.step(kid(0), Step::Field, e.name);
      break;
    case ExprKind::Deref:
      out = places_.step(kid(0), Step::Deref);
      break;
    case ExprKind::AddressOf:
      out = places_.step(kid(0), Step::Address);
      break;
    case ExprKind::Index: {
      ValueRange r = info_.evaluate({}, pool.kid(expr, 1));
      out = r.is_constant() ? places_.step(kid(0), Step::Index, {}, r.low)
                            : places_.step(kid(0), Step::IndexExpr, {}, pool.core(pool.kid(expr, 1)).value());
      break;
    }
    case ExprKind::Cast:
    case ExprKind::Assign:
      out = kid(0);
      break;
    case ExprKind::Comma:
      out = kid(1);
      break;
    case ExprKind::Int:
    case ExprKind::Float:
    case ExprKind::Function:
      break;
    case ExprKind::Call:
      out = given(expr, depth);
      if (out == kNoPlace) out = places_.root(Step::Value, {}, expr.value());
      break;
    case ExprKind::Binary:
      if (std::optional<i64> by = moved_by(pool, expr)) {
        out = places_.step(kid(0), Step::Offset, {}, *by);
        break;
      }
      [[fallthrough]];
    default:
      out = places_.root(Step::Value, {}, expr.value());
  }
  memo_[expr.value()] = out;
  return out;
}

PlaceId PlaceReader::given(ExprId call, u32 depth) {
  const FunctionEffects* fx = info_.effects(call);
  const Pool& pool = info_.function().pool;
  if (fx == nullptr || fx->gives.parameter < 0 || fx->gives.parameter + 1 >= pool[call].kid_count)
    return kNoPlace;
  PlaceId out = read(strip_casts(pool, pool.kid(call, static_cast<u32>(fx->gives.parameter + 1))), depth + 1);
  for (const GivenPlace::Part& p : fx->gives.parts) out = places_.step(out, p.step, p.name, p.number);
  return out;
}

std::string PlaceReader::text(PlaceId place) const {
  if (place == kNoPlace) return "?";
  const Place& p = places_[place];
  const Function& f = info_.function();
  switch (p.step) {
    case Step::Local:
    case Step::Param: {
      auto i = static_cast<std::size_t>(p.number);
      return i < f.locals.size() ? std::string(f.locals[i].name.text()) : "?";
    }
    case Step::Global:
      return std::string(p.name.text());
    case Step::Return:
      return "the result";
    case Step::Value:
      return p.number >= 0 && static_cast<u64>(p.number) < f.pool.size()
                 ? to_text(f.pool, ExprId(static_cast<u32>(p.number)))
                 : "?";
    case Step::Deref:
      return "*" + text(p.base);
    case Step::Address:
      return "&" + text(p.base);
    case Step::Field: {
      const Place& b = places_[p.base];
      if (b.step == Step::Deref) return text(b.base) + "->" + std::string(p.name.text());
      return text(p.base) + "." + std::string(p.name.text());
    }
    case Step::Index:
      return text(p.base) + "[" + std::to_string(p.number) + "]";
    case Step::Offset:
      return "(" + text(p.base) + (p.number < 0 ? " - " : " + ") + std::to_string(std::abs(p.number)) + ")";
    case Step::IndexExpr:
      return text(p.base) + "[" +
             (static_cast<u64>(p.number) < f.pool.size() ? to_text(f.pool, ExprId(static_cast<u32>(p.number)))
                                                         : "?") +
             "]";
  }
  return "?";
}

bool PlaceReader::mentions(ExprId expr, i64 local, u32 depth) const {
  const Pool& pool = info_.function().pool;
  if (depth > 20 || expr.value() >= pool.size()) return false;
  const Expr& e = pool[expr];
  if (e.kind == ExprKind::Var) return e.value == local;
  for (ExprId k : pool.kids(expr))
    if (mentions(pool.core(k), local, depth + 1)) return true;
  return false;
}

bool PlaceReader::reads(ExprId expr, ExprId part, u32 depth) const {
  const Pool& pool = info_.function().pool;
  if (expr == part) return true;
  if (depth > 20 || expr.value() >= pool.size()) return false;
  for (ExprId k : pool.kids(expr))
    if (reads(pool.core(k), part, depth + 1)) return true;
  return false;
}

bool PlaceReader::worked_out(PlaceId place) const {
  return places_[place].step == Step::IndexExpr || places_[place].step == Step::Value;
}

bool PlaceReader::index_reads(PlaceId place, ExprId written) const {
  for (; place != kNoPlace; place = places_[place].base)
    if (worked_out(place) && reads(ExprId(static_cast<u32>(places_[place].number)), written, 0)) return true;
  return false;
}

bool PlaceReader::depends_on(PlaceId place, i64 local) const {
  for (; place != kNoPlace; place = places_[place].base)
    if (worked_out(place) && mentions(ExprId(static_cast<u32>(places_[place].number)), local, 0)) return true;
  return false;
}

}  // namespace quire::metal
