#include "metal/engine/effects.h"

#include <algorithm>
#include <functional>
#include <map>

#include "metal/engine/evaluate.h"
#include "metal/engine/item.h"
#include "metal/engine/match.h"

namespace quire::metal {
namespace {

constexpr std::size_t kMostWritten = 96;

void sort_unique(std::vector<Symbol>& list) {
  std::sort(list.begin(), list.end(), [](Symbol a, Symbol b) { return a.hash() < b.hash(); });
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

/// One function's own text.
class Reader {
 public:
  Reader(const Effects& effects, FunctionId id, const Function& f, FunctionEffects& out)
      : effects_(effects), id_(id), f_(f), pool_(f.pool), out_(out), values_(f.locals.size()) {}

  void run() {
    TypeKind kind = pool_.type(f_.result).kind;
    bool gives = kind != TypeKind::Void && kind != TypeKind::Unknown && !f_.has_errors &&
                 f_.blocks.size() > kExit.value();
    // One that gives nothing may only look, too: checks that come to nothing in this configuration.
    out_.looks = (gives || (kind == TypeKind::Void && !f_.has_errors && f_.blocks.size() > kExit.value())) &&
                 kind != TypeKind::Record;
    gather();
    bool first = true;
    std::optional<GivenPlace> common;
    for (const Block& b : f_.blocks)
      for (const Event& e : b.events) {
        event(e);
        if (e.kind != EventKind::Return || !gives) continue;
        out_.fails = out_.fails || (e.expr != kNoExpr && error(e.expr, 0));
        ValueRange r = e.expr == kNoExpr
                           ? ValueRange{}
                           : cast_value(pool_.type(f_.result), pool_.type_of(e.expr), value(e.expr));
        if (first)
          out_.result = r;
        else
          out_.result.join(r);
        if (out_.looks) {
          std::optional<GivenPlace> here = place(e.expr);
          common = first || common == here ? std::move(here) : std::nullopt;
        }
        first = false;
      }
    for (const Block& b : f_.blocks)
      if (b.condition != kNoExpr) decides_by(b.condition, 0);
    if (out_.looks) read_all();
    if (out_.looks && common) out_.gives = *std::move(common);
    sort_unique(out_.reads);
    sort_unique(out_.writes);
  }

  /// Some way from the start on which the parameters have these values returns an error.
  bool fails_with(const std::vector<std::optional<ValueRange>>& arguments) {
    gather();
    auto known = [&](ExprId core) -> const ValueRange* {
      i64 v = local(core);
      if (v < 0 || static_cast<std::size_t>(v) >= arguments.size()) return nullptr;
      const auto i = static_cast<std::size_t>(v);
      return values_[i].changed || !values_[i].values.empty() || f_.locals[i].address_taken || !arguments[i]
                 ? nullptr
                 : &*arguments[i];
    };
    std::vector<bool> seen(f_.blocks.size());
    std::vector<BlockId> todo{kEntry};
    seen[kEntry.value()] = true;
    while (!todo.empty()) {
      const Block& b = f_.blocks[todo.back().value()];
      todo.pop_back();
      for (const Event& e : b.events)
        if (e.kind == EventKind::Return && error(e.expr, 0)) return true;
      const ValueRange asked = evaluate_with(pool_, b.condition, known);
      for (const Edge& edge : b.edges) {
        if (edge.kind == EdgeKind::True ? asked.known_zero()
                                        : edge.kind == EdgeKind::False && asked.known_nonzero())
          continue;
        if (!seen[edge.to.value()]) todo.push_back(edge.to);
        seen[edge.to.value()] = true;
      }
    }
    return false;
  }

 private:
  /// What a local variable is ever given.
  struct Given {
    std::vector<ExprId> values;
    bool otherwise = false;
    bool changed = false;  ///< in another way than by an assignment
    bool asked = false;
    std::optional<ValueRange> range;
  };

  i64 local(ExprId x) const {
    const Expr& e = pool_[pool_.core(x)];
    return e.kind == ExprKind::Var && e.value >= 0 && static_cast<std::size_t>(e.value) < f_.locals.size()
               ? e.value
               : -1;
  }

  void gather() {
    for (std::size_t i = 0; i < f_.locals.size(); ++i) {
      const Local& l = f_.locals[i];
      values_[i].otherwise = l.parameter || l.is_static || l.address_taken;
    }
    for (const Block& b : f_.blocks)
      for (const Event& e : b.events) {
        if (e.kind != EventKind::Evaluate || e.expr == kNoExpr) continue;
        ExprId x = pool_.core(e.expr);
        const Expr& node = pool_[x];
        if (node.kind == ExprKind::Asm)
          for (u32 i = 0; i < node.kid_count && static_cast<i64>(i) < node.value; ++i)
            if (i64 v = local(pool_.kid(x, i)); v >= 0)
              values_[static_cast<std::size_t>(v)].otherwise = values_[static_cast<std::size_t>(v)].changed =
                  true;
        if (node.kid_count == 0 || (node.kind != ExprKind::Assign && node.kind != ExprKind::Increment))
          continue;
        i64 v = local(pool_.kid(x, 0));
        if (v < 0) continue;
        Given& g = values_[static_cast<std::size_t>(v)];
        if (node.kind == ExprKind::Assign && node.op == Op::None && node.kid_count == 2)
          g.values.push_back(pool_.kid(x, 1));
        else
          g.otherwise = g.changed = true;
      }
  }

  ValueRange value(ExprId x) {
    ValueRange made;
    return evaluate_with(pool_, x, [&](ExprId core) -> const ValueRange* {
      if (pool_[core].kind == ExprKind::Call) {
        const FunctionEffects* fx = effects_.of_call(id_, core);
        return fx != nullptr ? &fx->result : nullptr;
      }
      i64 v = local(core);
      if (v < 0) return nullptr;
      made = of_local(static_cast<std::size_t>(v));
      return &made;
    });
  }

  /// An error number may be the value: -1 to -4095, as it stands here, in what a local variable is ever
  /// given, or in what a function gives that is called. EINVAL says that the arguments are wrong, which does
  /// not come to pass by itself.
  bool error(ExprId x, u32 depth) {
    constexpr u32 kMaxDepth = 6;
    constexpr i64 kLowest = -4095, kInvalid = -22;
    if (x == kNoExpr || depth > kMaxDepth) return false;
    x = pool_.core(x);
    if (ValueRange r = value(x); r.is_constant()) return r.low < 0 && r.low >= kLowest && r.low != kInvalid;
    const Expr& e = pool_[x];
    switch (e.kind) {
      case ExprKind::Call: {
        const FunctionEffects* fx = effects_.of_call(id_, x);
        return fx != nullptr && fx->fails;
      }
      case ExprKind::Cast:
        return error(pool_.kid(x, 0), depth + 1);
      case ExprKind::Conditional:
      case ExprKind::Comma:
      case ExprKind::Assign:
        return e.kid_count > 1 &&
               (error(pool_.kid(x, 1), depth + 1) ||
                (e.kind == ExprKind::Conditional && error(pool_.kid(x, e.kid_count - 1), depth + 1)));
      default: {
        i64 v = local(x);
        if (v < 0) return false;
        const std::vector<ExprId>& given = values_[static_cast<std::size_t>(v)].values;
        return std::any_of(given.begin(), given.end(), [&](ExprId g) { return error(g, depth + 1); });
      }
    }
  }

  ValueRange of_local(std::size_t v) {
    Given& g = values_[v];
    if (g.range) return *g.range;
    if (g.otherwise || g.asked || g.values.empty() || g.values.size() > 16) return {};
    g.asked = true;  // a value made of itself is not known
    std::optional<ValueRange> all;
    for (ExprId x : g.values) {
      ValueRange r = cast_value(pool_.type(f_.locals[v].type), pool_.type_of(x), value(x));
      if (all)
        all->join(r);
      else
        all = r;
    }
    g.asked = false;
    g.range = all;
    return *all;
  }

  /// Where `x` lies, seen from a parameter.
  std::optional<GivenPlace> place(ExprId x, u32 depth = 0) {
    constexpr u32 kDeepest = 12;
    if (x == kNoExpr || depth > kDeepest) return std::nullopt;
    x = strip_casts(pool_, pool_.core(x));
    const Expr& e = pool_[x];
    auto behind = [&](u32 kid, Step step, Symbol name = {}, i64 number = 0) {
      std::optional<GivenPlace> p = place(pool_.kid(x, kid), depth + 1);
      if (p) p->parts.push_back({step, name, number});
      return p;
    };
    switch (e.kind) {
      case ExprKind::Var: {
        i64 v = local(x);
        if (v < 0) return std::nullopt;
        const Given& g = values_[static_cast<std::size_t>(v)];
        if (v < f_.parameter_count)
          return g.values.empty() && !f_.locals[static_cast<std::size_t>(v)].address_taken && !g.changed
                     ? std::optional(GivenPlace{v, {}})
                     : std::nullopt;
        return g.values.size() == 1 && !g.otherwise ? place(g.values.front(), depth + 1) : std::nullopt;
      }
      case ExprKind::Member:
        return behind(0, Step::Field, e.name);
      case ExprKind::Deref:
        return behind(0, Step::Deref);
      case ExprKind::AddressOf:
        return behind(0, Step::Address);
      case ExprKind::Binary:
        if (std::optional<i64> by = moved_by(pool_, x)) return behind(0, Step::Offset, {}, *by);
        return std::nullopt;
      case ExprKind::Call: {
        const FunctionEffects* fx = effects_.of_call(id_, x);
        if (fx == nullptr || fx->gives.parameter < 0 || fx->gives.parameter + 1 >= e.kid_count)
          return std::nullopt;
        std::optional<GivenPlace> p =
            place(pool_.kid(x, static_cast<u32>(fx->gives.parameter + 1)), depth + 1);
        if (p) p->parts.insert(p->parts.end(), fx->gives.parts.begin(), fx->gives.parts.end());
        return p;
      }
      default:
        return std::nullopt;
    }
  }

  void decides_by(ExprId x, u32 depth) {
    x = pool_.core(x);
    if (i64 v = local(x); v >= 0 && v < f_.parameter_count && v < 64) out_.decides_by |= u64{1} << v;
    if (depth < 12)
      for (ExprId k : pool_.kids(x)) decides_by(k, depth + 1);
  }

  void event(const Event& ev) {
    if (ev.kind != EventKind::Evaluate || ev.expr == kNoExpr) return;
    ExprId x = pool_.core(ev.expr);
    const Expr& e = pool_[x];
    switch (e.kind) {
      case ExprKind::Assign:
      case ExprKind::Increment:
        if (e.kid_count > 0) written(pool_.kid(x, 0));
        return;
      case ExprKind::Asm: {
        bool memory = false;
        for (u32 i = 0; i < e.kid_count; ++i) {
          if (static_cast<i64>(i) < e.value) {
            written(pool_.kid(x, i));
          } else if (ExprKind k = pool_[pool_.core(pool_.kid(x, i))].kind;
                     k == ExprKind::Deref || k == ExprKind::Index || k == ExprKind::Member) {
            memory = true;
            // A device answers otherwise each time.
            if (pool_.type_of(pool_.kid(x, i)).is_volatile) out_.looks = false;
          }
        }
        if (!memory) out_.looks = false;
        return;
      }
      case ExprKind::Call: {
        Symbol name = callee_name(pool_, pool_.kid(x, 0));
        if (name && name.text().starts_with("__builtin_")) return;
        const FunctionEffects* fx = effects_.of_call(id_, x);
        if (fx == nullptr || !fx->looks)
          out_.looks = false;
        else
          out_.reads.insert(out_.reads.end(), fx->reads.begin(), fx->reads.end());
        return;
      }
      case ExprKind::Construct:
      case ExprKind::New:
      case ExprKind::Delete:
      case ExprKind::Throw:
        out_.looks = false;
        return;
      default:
        return;
    }
  }

  void written(ExprId lhs) {
    for (lhs = pool_.core(lhs);;) {
      const Expr& e = pool_[lhs];
      switch (e.kind) {
        case ExprKind::Member:
          // A member of a local variable is nobody else's.
          if (!in_local(lhs)) {
            out_.writes.push_back(e.name);
            out_.looks = false;
          }
          return;
        case ExprKind::Var:
          if (e.value < 0 || (e.flags & kStatic) != 0) {
            out_.writes.push_back(e.name);
            out_.looks = false;
          }
          return;
        case ExprKind::Cast:
          lhs = pool_.core(pool_.kid(lhs, 0));
          continue;
        default:
          if (!in_local(lhs)) {
            out_.writes_plain = true;
            out_.looks = false;
          }
          return;
      }
    }
  }

  bool in_local(ExprId x) const {
    for (;; x = pool_.core(pool_.kid(x, 0))) {
      const Expr& e = pool_[x];
      if (e.kind == ExprKind::Var) return e.value >= 0 && (e.flags & kStatic) == 0;
      bool inside = e.kind == ExprKind::Member ||
                    (e.kind == ExprKind::Index && pool_.type_of(pool_.kid(x, 0)).kind == TypeKind::Array);
      if (!inside || e.kid_count == 0) return false;
    }
  }

  void read_all() {
    for (const Expr& e : pool_.exprs()) {
      if (e.kind == ExprKind::Member) out_.reads.push_back(e.name);
      if (e.kind == ExprKind::Var && (e.value < 0 || (e.flags & kStatic) != 0)) out_.reads.push_back(e.name);
    }
  }

  const Effects& effects_;
  FunctionId id_;
  const Function& f_;
  const Pool& pool_;
  FunctionEffects& out_;
  std::vector<Given> values_;
};

u64 hash_of(const FunctionEffects& e) {
  u64 h =
      mix((e.looks ? 2u : 1u) + (e.writes_plain ? 4u : 0u) + (e.writes_any ? 8u : 0u) + (e.fails ? 16u : 0u),
          e.result);
  u64 sum = 0;  // sets: in whatever order
  for (Symbol s : e.reads) sum += mix(1, std::hash<std::string_view>{}(s.text()));
  h = mix(h, static_cast<u64>(e.gives.parameter + 2));
  h = mix(h, e.decides_by);
  for (const GivenPlace::Part& p : e.gives.parts)
    h = mix(mix(h, static_cast<u64>(p.step) * 1000003 + static_cast<u64>(p.number)),
            std::hash<std::string_view>{}(p.name.text()));
  for (Symbol s : e.writes) sum += mix(2, std::hash<std::string_view>{}(s.text()));
  return mix(h, sum);
}

}  // namespace

Effects::Effects(const Program& program, const std::unordered_set<std::string>& nonnull)
    : program_(program), effects_(program.functions().size()) {
  for (const std::vector<FunctionId>& component : program.components())
    for (FunctionId id : component) {
      FunctionEffects made;
      Reader(*this, id, program.body(id), made).run();
      if (nonnull.contains(std::string(program.body(id).name.text()))) made.result = ValueRange::nonzero();
      effects_[id.value()] = std::move(made);
    }
  spread_writes();
  for (FunctionEffects& e : effects_) e.hash = hash_of(e);
}

const FunctionEffects* Effects::of_call(FunctionId caller, ExprId call) const {
  const CallSite* site = program_.call(caller, call);
  if (site == nullptr || site->indirect || site->targets.size() != 1) return nullptr;
  FunctionId t = site->targets.front();
  return program_.body(t).blocks.size() > kExit.value() ? &effects_[t.value()] : nullptr;
}

std::optional<ValueRange> Effects::given_constants(FunctionId caller, ExprId call) const {
  const FunctionEffects* fx = of_call(caller, call);
  if (fx == nullptr || fx->decides_by == 0) return std::nullopt;
  const FunctionId id = program_.call(caller, call)->targets.front();
  const Function& f = program_.body(id);
  const Pool& theirs = program_.body(caller).pool;
  constexpr std::size_t kMostBlocks = 24;
  if (f.blocks.size() > kMostBlocks) return std::nullopt;
  std::map<i64, ValueRange> known;
  std::span<const ExprId> kids = theirs.kids(call);
  for (std::size_t i = 1; i < kids.size() && i <= f.parameter_count && i <= 64; ++i)
    if (std::optional<i64> v = fold(theirs, kids[i]);
        v && (fx->decides_by >> (i - 1) & 1) != 0 && !f.locals[i - 1].address_taken)
      known[static_cast<i64>(i - 1)] = ValueRange::constant(*v);
  auto forget = [&](ExprId lhs) {
    const Expr& e = f.pool[f.pool.core(lhs)];
    if (e.kind == ExprKind::Var) known.erase(e.value);
  };
  for (const Block& b : f.blocks)  // only parameters that stay what they are
    for (const Event& e : b.events)
      if (e.kind == EventKind::Evaluate && e.expr != kNoExpr)
        if (const Expr& x = f.pool[f.pool.core(e.expr)];
            (x.kind == ExprKind::Assign || x.kind == ExprKind::Increment || x.kind == ExprKind::Asm) &&
            x.kid_count > 0)
          forget(f.pool.kid(f.pool.core(e.expr), 0));
  if (known.empty()) return std::nullopt;
  auto value = [&](ExprId x) {
    return evaluate_with(f.pool, x, [&](ExprId core) -> const ValueRange* {
      const Expr& e = f.pool[core];
      if (e.kind == ExprKind::Call) {
        const FunctionEffects* inner = of_call(id, core);
        return inner != nullptr ? &inner->result : nullptr;
      }
      auto it = e.kind == ExprKind::Var && e.value >= 0 ? known.find(e.value) : known.end();
      return it != known.end() ? &it->second : nullptr;
    });
  };
  std::optional<ValueRange> all;
  std::vector<bool> seen(f.blocks.size());
  std::vector<BlockId> todo{kEntry};
  while (!todo.empty()) {
    BlockId at = todo.back();
    todo.pop_back();
    if (at.value() >= f.blocks.size() || seen[at.value()]) continue;
    seen[at.value()] = true;
    const Block& b = f.blocks[at.value()];
    for (const Event& e : b.events)
      if (e.kind == EventKind::Return) {
        ValueRange r = e.expr == kNoExpr
                           ? ValueRange{}
                           : cast_value(f.pool.type(f.result), f.pool.type_of(e.expr), value(e.expr));
        if (all)
          all->join(r);
        else
          all = r;
      }
    const ValueRange c = b.condition == kNoExpr ? ValueRange{} : value(b.condition);
    for (const Edge& edge : b.edges)
      if (!(edge.kind == EdgeKind::True && c.known_zero()) &&
          !(edge.kind == EdgeKind::False && c.known_nonzero()))
        todo.push_back(edge.to);
  }
  if (!all || *all == fx->result) return std::nullopt;
  return all;
}

void Effects::spread_writes() {
  for (int round = 0; round < 2; ++round) {
    std::vector<FunctionEffects> before = effects_;
    for (u32 i = 0; i < effects_.size(); ++i) {
      FunctionEffects& e = effects_[i];
      for (const CallSite& c : program_[FunctionId(i)].calls) {
        if (c.indirect || e.writes_any) continue;
        for (FunctionId t : c.targets) {
          const FunctionEffects& theirs = before[t.value()];
          e.writes.insert(e.writes.end(), theirs.writes.begin(), theirs.writes.end());
          e.writes_plain = e.writes_plain || theirs.writes_plain;
          e.writes_any = e.writes_any || theirs.writes_any;
        }
      }
      sort_unique(e.writes);
      if (e.writes.size() > kMostWritten) {
        e.writes_any = true;
        e.writes.clear();
      }
    }
  }
}

bool Effects::may_fail(FunctionId caller, ExprId call) const {
  const FunctionEffects* fx = of_call(caller, call);
  if (fx == nullptr || !fx->fails) return false;
  const Pool& pool = program_.body(caller).pool;
  const FunctionId t = program_.call(caller, call)->targets.front();
  std::vector<std::optional<ValueRange>> arguments;
  bool some = false;
  for (ExprId k : pool.kids(call).subspan(1)) {
    ValueRange r = evaluate_with(pool, k, [](ExprId) -> const ValueRange* { return nullptr; });
    arguments.push_back(r.is_constant() ? std::optional(r) : std::nullopt);
    some = some || r.is_constant();
  }
  if (!some) return true;
  arguments.resize(std::min<std::size_t>(arguments.size(), program_.body(t).parameter_count));
  FunctionEffects made;
  return Reader(*this, t, program_.body(t), made).fails_with(arguments);
}

}  // namespace quire::metal
