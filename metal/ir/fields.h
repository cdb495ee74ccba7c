// What is stored of each structure, once, for both directions: an Archive is the Writer or the Reader of
// codec.cpp.
#pragma once

#include "metal/ir/unit.h"

namespace quire::metal {

/// The codec's way into a Pool.
struct PoolAccess {
  template <typename Archive, typename P>
  static void fields(Archive& ar, P& pool);
};

template <typename Archive, typename L>
void location_fields(Archive& ar, L& at) {
  ar.line(at.line);
  ar.number(at.column);
  ar.number(at.file);
}

template <typename Archive, typename P>
void PoolAccess::fields(Archive& ar, P& pool) {
  ar.sequence(pool.types_, [&](auto& t, std::size_t i) {
    ar.enumeration(t.kind, TypeKind::Last);
    ar.bits(t.is_signed, t.is_const, t.is_volatile);
    ar.earlier(t.element, i);
    ar.number(t.size);
    ar.symbol(t.spelling);
    ar.symbol(t.tag);
    ar.symbol(t.alias);
  });
  const std::size_t types = pool.types_.size();
  ar.sequence(pool.functions_, [&](auto& f, std::size_t) {
    ar.symbol(f.name);
    ar.symbol(f.link);
    ar.below(f.type, types);
    ar.bits(f.internal, f.noreturn, f.is_virtual, f.is_method, f.is_destructor, f.is_constructor, f.must_use);
  });
  const std::size_t functions = pool.functions_.size();
  std::size_t kids = 0;
  ar.sequence(pool.exprs_, [&](auto& e, std::size_t i) {
    ar.enumeration(e.kind, ExprKind::Last);
    ar.enumeration(e.op, Op::Last);
    ar.number(e.flags);
    ar.below(e.type, types);
    ar.symbol(e.name);
    ar.signed_number(e.value);
    if (e.kind == ExprKind::Function) ar.check(e.value >= 0 && static_cast<u64>(e.value) < functions);
    ar.kid_list(pool.kids_, e.first_kid, e.kid_count, kids, i);
    if (e.kind == ExprKind::Macro) ar.check(e.value == 0 || (e.value == 1 && e.kid_count > 0));
    ar.relative(e.core, i);
  });
  for (auto& e : pool.exprs_) ar.check(e.core.value() < pool.exprs_.size());
}

template <typename Archive, typename F>
void function_fields(Archive& ar, F& f) {
  ar.symbol(f.name);
  ar.symbol(f.link);
  ar.symbol(f.record);
  ar.bits(f.internal, f.in_header, f.is_inline, f.is_virtual, f.has_errors, f.from_template, f.noreturn,
          f.is_lambda);
  PoolAccess::fields(ar, f.pool);
  const std::size_t types = f.pool.types().size();
  const std::size_t exprs = f.pool.size();
  ar.below(f.type, types);
  ar.below(f.result, types);
  ar.sequence(f.files, [&](auto& file, std::size_t) { ar.symbol(file); });
  const std::size_t files = f.files.size();
  const auto location = [&](auto& at) {
    location_fields(ar, at);
    ar.check(at.file < files || (files == 0 && at.file == 0));
  };
  location(f.at);
  location(f.end);
  ar.sequence(f.locals, [&](auto& l, std::size_t) {
    ar.symbol(l.name);
    ar.below(l.type, types);
    ar.number(l.size);
    ar.bits(l.parameter, l.is_static, l.variable_length, l.address_taken);
    location(l.at);
  });
  const std::size_t locals = f.locals.size();
  ar.number(f.parameter_count);
  ar.check(f.parameter_count <= locals);
  for (const Expr& e : f.pool.exprs())
    if (e.kind == ExprKind::Var) ar.check(e.value >= -1 && e.value < static_cast<i64>(locals));
  ar.sequence(f.macros, [&](auto& m, std::size_t i) {
    ar.symbol(m.name);
    ar.bits(m.function_like, m.is_expression);
    ar.earlier(m.parent, i);
    ar.earlier(m.written_in, i);
    location(m.at);
    ar.below(m.tree, exprs);
    ar.sequence(m.arguments, [&](auto& a, std::size_t) {
      ar.below(a.expr, exprs);
      ar.bits(a.written);
    });
  });
  const std::size_t macros = f.macros.size();
  ar.sequence(f.blocks, [&](auto& b, std::size_t) {
    ar.sequence(b.events, [&](auto& e, std::size_t) {
      ar.enumeration(e.kind, EventKind::Last);
      ar.below(e.expr, exprs);
      ar.below(e.local, locals);
      ar.below(e.macro, macros);
      if (e.macro != kNoMacro) ar.below(e.written_in, macros);
      location(e.at);
      if (e.kind == EventKind::Evaluate) ar.check(e.expr != kNoExpr);
      if (e.kind == EventKind::Declare || e.kind == EventKind::ScopeEnd) ar.check(e.local != kNoLocal);
      if (e.kind == EventKind::MacroBegin || e.kind == EventKind::MacroEnd) ar.check(e.macro != kNoMacro);
    });
    ar.below(b.condition, exprs);
    if (b.condition != kNoExpr) {
      ar.below(b.condition_macro, macros);
      location(b.condition_at);
    }
    ar.sequence(b.edges, [&](auto& e, std::size_t) {
      ar.id(e.to);
      ar.enumeration(e.kind, EdgeKind::Last);
      if (e.kind == EdgeKind::Case) {
        ar.signed_number(e.low);
        ar.signed_number(e.high);
      }
      if (e.kind == EdgeKind::Catch) ar.below(e.type, types);
    });
  });
  ar.check(f.blocks.size() >= 2);
  for (const Block& b : f.blocks)
    for (const Edge& e : b.edges) ar.check(e.to.value() < f.blocks.size());
  ar.sequence(f.address_taken, [&](auto& s, std::size_t) { ar.symbol(s); });
}

/// All of a unit but the functions.
template <typename Archive, typename U>
void unit_fields(Archive& ar, U& u) {
  ar.text(u.main_file);
  ar.sequence(u.dependencies, [&](auto& d, std::size_t) {
    ar.text(d.path);
    ar.number(d.size);
    ar.signed_number(d.mtime_ns);
    ar.number(d.hash);
  });
  ar.sequence(u.stores, [&](auto& s, std::size_t) {
    ar.symbol(s.record);
    ar.symbol(s.field);
    ar.symbol(s.function);
    ar.bits(s.function_internal);
    ar.symbol(s.variable);
    ar.symbol(s.file);
    ar.number(s.line);
  });
  ar.sequence(u.globals, [&](auto& g, std::size_t) {
    ar.symbol(g.name);
    ar.symbol(g.link);
    ar.symbol(g.type);
    ar.bits(g.internal, g.defined, g.is_const);
    ar.symbol(g.file);
    ar.number(g.line);
  });
  const auto symbols = [&](auto& list) { ar.sequence(list, [&](auto& s, std::size_t) { ar.symbol(s); }); };
  ar.sequence(u.classes, [&](auto& c, std::size_t) {
    ar.symbol(c.name);
    symbols(c.bases);
    ar.sequence(c.methods, [&](auto& m, std::size_t) {
      ar.symbol(m.name);
      ar.symbol(m.signature);
      ar.symbol(m.link);
      symbols(m.overrides);
    });
  });
  symbols(u.exported);
  symbols(u.address_taken);
  ar.sequence(u.diagnostics, [&](auto& d, std::size_t) {
    ar.bits(d.is_error);
    ar.text(d.file);
    ar.number(d.line);
    ar.number(d.column);
    ar.text(d.text);
  });
  ar.number(u.errors);
  ar.number(u.functions_with_errors);
  ar.number(u.flags_dropped);
  ar.bits(u.incomplete);
}

}  // namespace quire::metal
