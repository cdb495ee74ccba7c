#include "metal/engine/function_info.h"

#include <algorithm>
#include <optional>

#include "metal/engine/evaluate.h"

namespace quire::metal {
namespace {

constexpr u32 kMaxDepth = 12;

}  // namespace

FunctionInfo::FunctionInfo(const Function& f, const Effects& effects, FunctionId id)
    : f_(f),
      effects_(effects),
      id_(id),
      key_index_(f.pool.size(), 0),
      modified_(f.parameter_count, false),
      matters_(f.parameter_count, false),
      used_(f.pool.size(), false),
      voided_(f.pool.size(), false),
      evaluated_(f.pool.size(), false),
      repeated_(f.pool.size(), false) {
  const Pool& pool = f.pool;
  for (const Local& l : f.locals)
    if (!l.parameter && !l.is_static) frame_size_ += l.size;
  // A reference is never bound anew: what is written to it is written to the caller's object.
  auto reference = [&](std::size_t i) {
    return i < f.locals.size() && pool.type(f.locals[i].type).kind == TypeKind::Reference;
  };
  for (u32 i = 0; i < f.parameter_count && i < f.locals.size(); ++i)
    modified_[i] = f.locals[i].address_taken && !reference(i);

  local_exprs_.assign(f.locals.size(), kNoExpr);
  for (u32 i = 0; i < pool.size(); ++i) {
    const Expr& e = pool[ExprId(i)];
    if (e.kind == ExprKind::Var && e.value >= 0 && static_cast<std::size_t>(e.value) < f.locals.size())
      local_exprs_[static_cast<std::size_t>(e.value)] = pool.core(ExprId(i));
    if (e.kind == ExprKind::Cast && e.kid_count == 1 && pool.type(e.type).kind == TypeKind::Void)
      voided_[pool.core(pool.kid(ExprId(i), 0)).value()] = true;
  }

  for (u32 i = 0; i < pool.size(); ++i)
    if (pool[ExprId(i)].kind == ExprKind::Call && pool.core(ExprId(i)) == ExprId(i))
      if (std::optional<ValueRange> r = effects.given_constants(id, ExprId(i)))
        by_constants_.emplace(ExprId(i), *r);

  for (const Block& b : f.blocks) {
    if (b.condition != kNoExpr) {
      add_keys(b.condition);
      use(b.condition);
    }
    for (const Event& ev : b.events) {
      if (ev.expr == kNoExpr) continue;
      if (ev.kind == EventKind::Return) {
        add_keys(ev.expr);
        use(ev.expr);
      }
      if (ev.kind != EventKind::Evaluate) continue;
      const Expr& e = pool[pool.core(ev.expr)];
      if (e.kind == ExprKind::Call) {
        u32 x = pool.core(ev.expr).value();
        (evaluated_[x] ? repeated_ : evaluated_)[x] = true;
      }
      std::span<const ExprId> kids = pool.kids(pool.core(ev.expr));
      for (ExprId k : kids) use(k);
      if ((e.kind == ExprKind::Assign || e.kind == ExprKind::Increment) && !kids.empty()) {
        const Expr& lhs = pool[pool.core(kids[0])];
        if (lhs.kind == ExprKind::Var && lhs.value >= 0 && lhs.value < f.parameter_count &&
            !reference(static_cast<std::size_t>(lhs.value)))
          modified_[static_cast<std::size_t>(lhs.value)] = true;
      }
      if (e.kind == ExprKind::Call)
        for (std::size_t i = 1; i < kids.size(); ++i) {
          ExprId a = strip_casts(pool, pool.core(kids[i]));
          if (pool[a].kind != ExprKind::Var || pool[a].value < 0) continue;
          // A callee that decides by it may be told.
          const FunctionEffects* fx = pool[a].value < f.parameter_count ? nullptr : this->effects(ev.expr);
          if (pool[a].value < f.parameter_count ||
              (fx != nullptr && i <= 64 && (fx->decides_by >> (i - 1) & 1) != 0))
            add_key(a);
        }
    }
  }
  // What flows into a key by assignment is a key too.
  for (std::size_t before = 0; before != keys_.size();) {
    before = keys_.size();
    for (u32 i = 0; i < pool.size(); ++i) {
      const Expr& e = pool[ExprId(i)];
      if (e.kind == ExprKind::Assign && e.kid_count == 2 && key_of(pool.core(pool.kid(ExprId(i), 0))) >= 0)
        add_keys(pool.kid(ExprId(i), 1));
    }
  }
  for (const FactKey& k : keys_)
    for (i64 l : k.locals)
      if (l >= 0 && l < f.parameter_count) matters_[static_cast<std::size_t>(l)] = true;
  liveness();
}

bool FunctionInfo::describe(ExprId id, FactKey& key, u32 depth) const {
  if (depth > kMaxDepth) return false;
  const Pool& pool = f_.pool;
  const Expr& e = pool[id];
  switch (e.kind) {
    case ExprKind::Assign:
    case ExprKind::Increment:
    case ExprKind::Asm:
    case ExprKind::Unknown:
      return false;
    case ExprKind::Call:
      if (depth != 0) return false;
      describe_call(id, key);
      return true;
    case ExprKind::Var:
      if (e.value >= 0) {
        key.locals.push_back(e.value);
        if (static_cast<std::size_t>(e.value) < f_.locals.size() &&
            f_.locals[static_cast<std::size_t>(e.value)].address_taken)
          key.memory = key.plain = true;
      } else {
        key.globals.push_back(e.name);
      }
      return true;
    case ExprKind::Member: {
      key.fields.push_back(e.name);
      ExprId of = pool.core(pool.kid(id, 0));
      if (pool[of].kind != ExprKind::Deref) break;
      key.memory = true;
      return describe(pool.core(pool.kid(of, 0)), key, depth + 1);
    }
    case ExprKind::AddressOf:
      // Where a variable is does not change.
      if (e.kid_count != 0 && pool[pool.core(pool.kid(id, 0))].kind == ExprKind::Var) return true;
      break;
    case ExprKind::Deref:
    case ExprKind::Index:
      key.memory = key.plain = true;
      break;
    default:
      break;
  }
  for (ExprId k : pool.kids(id))
    if (!describe(pool.core(k), key, depth + 1)) return false;
  return true;
}

void FunctionInfo::describe_call(ExprId call, FactKey& key) const {
  const FunctionEffects* fx = effects(call);
  if (fx == nullptr || !fx->looks) return;  // its value is a key only until it is made again
  FactKey asked = key;
  asked.asks = asked.memory = asked.plain = true;
  asked.fields = asked.globals = fx->reads;
  for (ExprId k : f_.pool.kids(call).subspan(1))
    if (!describe(f_.pool.core(k), asked, 1)) return;
  key = std::move(asked);
}

void FunctionInfo::add_key(ExprId e) {
  e = f_.pool.core(e);
  if (keys_.size() >= kMaxKeys || key_index_[e.value()] != 0) return;
  FactKey k;
  k.expr = e;
  if (!describe(e, k, 0)) return;
  keys_.push_back(std::move(k));
  key_index_[e.value()] = static_cast<u8>(keys_.size());
  const Expr& x = f_.pool[e];
  if (x.kind == ExprKind::Binary && is_comparison(x.op)) comparisons_.push_back(e);
  if (x.kind == ExprKind::Binary && x.op == Op::And && x.kid_count == 2 && fold(f_.pool, f_.pool.kid(e, 1)))
    masked_.push_back(e);
}

void FunctionInfo::add_keys(ExprId id, u32 depth) {
  if (id == kNoExpr || depth > kMaxDepth) return;
  const Pool& pool = f_.pool;
  id = pool.core(id);
  const Expr& e = pool[id];
  switch (e.kind) {
    case ExprKind::Int:
    case ExprKind::Float:
    case ExprKind::String:
    case ExprKind::Function:
      return;
    case ExprKind::Unary:
    case ExprKind::Cast:
      if (e.kid_count > 0) add_keys(pool.kid(id, 0), depth + 1);
      return;
    case ExprKind::Assign:
      if (e.kid_count == 2) {
        add_keys(pool.kid(id, 0), depth + 1);
        add_keys(pool.kid(id, 1), depth + 1);
      }
      return;
    case ExprKind::Comma:
      if (e.kid_count == 2) add_keys(pool.kid(id, 1), depth + 1);
      return;
    case ExprKind::Conditional:
      for (ExprId k : pool.kids(id)) add_keys(k, depth + 1);
      return;
    case ExprKind::Binary:
      if (e.op != Op::LogAnd && e.op != Op::LogOr) add_key(id);
      for (ExprId k : pool.kids(id)) add_keys(k, depth + 1);
      return;
    default:
      add_key(id);
  }
}

void FunctionInfo::mark(ExprId id, u64* bits, u32 depth) const {
  if (id == kNoExpr || depth > kMaxDepth) return;
  const Pool& pool = f_.pool;
  id = pool.core(id);
  if (i32 k = key_of(id); k >= 0) {
    bits[k / 64] |= u64{1} << (k % 64);
    // What is known of other bits of it matters, too.
    if (pool[id].kind == ExprKind::Binary && pool[id].op == Op::And)
      for (ExprId other : masked_)
        if (pool.core(pool.kid(other, 0)) == pool.core(pool.kid(id, 0)))
          if (i32 o = key_of(other); o >= 0) bits[o / 64] |= u64{1} << (o % 64);
  }
  for (ExprId kid : pool.kids(id)) mark(kid, bits, depth + 1);
}

void FunctionInfo::step_back(const Event& ev, u64* live, u64* killed) const {
  const Pool& pool = f_.pool;
  if (ev.kind == EventKind::Return) mark(ev.expr, live);
  if (ev.kind != EventKind::Evaluate || ev.expr == kNoExpr) return;
  ExprId id = pool.core(ev.expr);
  const Expr& e = pool[id];
  if (e.kind == ExprKind::Assign && e.kid_count == 2) {
    i32 key = key_of(pool.core(pool.kid(id, 0)));
    if (key < 0) return;
    if (e.op == Op::None && pool[keys_[static_cast<std::size_t>(key)].expr].kind == ExprKind::Var) {
      live[key / 64] &= ~(u64{1} << (key % 64));
      if (killed != nullptr) killed[key / 64] |= u64{1} << (key % 64);
    }
    mark(pool.kid(id, 1), live);
  } else if (e.kind == ExprKind::Call) {
    for (ExprId a : pool.kids(id)) mark(a, live);
  }
}

std::vector<u64> FunctionInfo::live_after(BlockId block, std::size_t index) const {
  std::vector<u64> live(words_, 0);
  const Block& b = f_.blocks[block.value()];
  for (const Edge& edge : b.edges)
    if (edge.to.value() < f_.blocks.size())
      for (std::size_t w = 0; w < words_; ++w) live[w] |= live_[edge.to.value() * words_ + w];
  mark(b.condition, live.data());
  for (std::size_t i = b.events.size(); i-- > index + 1;) step_back(b.events[i], live.data(), nullptr);
  return live;
}

void FunctionInfo::prune(Facts& facts, const std::vector<u64>& live, i32 kept) {
  std::erase_if(facts,
                [&](const Fact& p) { return (live[p.key / 64] >> (p.key % 64) & 1) == 0 && p.key != kept; });
}

void FunctionInfo::liveness() {
  words_ = std::max<std::size_t>(1, (keys_.size() + 63) / 64);
  std::size_t n = f_.blocks.size();
  live_.assign(n * words_, 0);
  asked_.assign(n * words_, 0);
  for (std::size_t b = 0; b < n; ++b) mark(f_.blocks[b].condition, &asked_[b * words_]);
  std::vector<u64> gen(n * words_, 0), kill(n * words_, 0);
  for (std::size_t b = 0; b < n; ++b) {
    u64* g = &gen[b * words_];
    u64* k = &kill[b * words_];
    const Block& block = f_.blocks[b];
    mark(block.condition, g);
    for (auto ev = block.events.rbegin(); ev != block.events.rend(); ++ev) step_back(*ev, g, k);
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t b = n; b-- > 0;) {
      for (std::size_t w = 0; w < words_; ++w) {
        u64 out = 0;
        for (const Edge& edge : f_.blocks[b].edges)
          if (edge.to.value() < n) out |= live_[edge.to.value() * words_ + w];
        u64 in = gen[b * words_ + w] | (out & ~kill[b * words_ + w]);
        if (in != live_[b * words_ + w]) {
          live_[b * words_ + w] = in;
          changed = true;
        }
      }
    }
  }
}

bool FunctionInfo::mentions(ExprId x, i64 local, u32 depth) const {
  const Expr& e = f_.pool[x];
  if (e.kind == ExprKind::Var && e.value == local) return true;
  if (depth > kMaxDepth) return true;
  for (ExprId k : f_.pool.kids(x))
    if (mentions(k, local, depth + 1)) return true;
  return false;
}

bool FunctionInfo::only_made(const Block& b, std::size_t index) const {
  const Pool& pool = f_.pool;
  ExprId object = pool.core(pool.kid(pool.core(b.events[index].expr), 1));
  if (pool[object].kind == ExprKind::AddressOf) object = pool.core(pool.kid(object, 0));
  if (pool[object].kind != ExprKind::Var) return true;
  for (std::size_t i = index + 1; i < b.events.size(); ++i) {
    const Event& e = b.events[i];
    if (e.kind == EventKind::ScopeEnd && e.local.value() == static_cast<u64>(pool[object].value)) return true;
    if (e.expr == kNoExpr || !mentions(e.expr, pool[object].value, 0)) continue;
    if ((pool[e.expr].flags & kImplicit) == 0) return false;  // else its destructor
  }
  return false;
}

bool FunctionInfo::only_address(BlockId block, std::size_t index, ExprId place) const {
  const Pool& pool = f_.pool;
  const Block& b = f_.blocks[block.value()];
  place = pool.core(place);
  for (std::size_t i = index + 1; i < b.events.size() && i < index + 6; ++i) {
    if (b.events[i].kind != EventKind::Evaluate || b.events[i].expr == kNoExpr) continue;
    ExprId e = pool.core(b.events[i].expr);
    if (pool[e].kind == ExprKind::AddressOf) {
      for (ExprId k = pool.core(pool.kid(e, 0));;) {
        if (k == place) return true;
        const Expr& x = pool[k];
        bool inner_array = x.kind == ExprKind::Index && pool.type_of(pool.kid(k, 0)).kind == TypeKind::Array;
        if (x.kind != ExprKind::Member && !inner_array) break;
        k = pool.core(pool.kid(k, 0));
      }
    }
  }
  return false;
}

const ValueRange* FunctionInfo::find(const Facts& facts, ExprId core) const {
  i32 k = key_of(core);
  if (k < 0) return nullptr;
  auto it =
      std::lower_bound(facts.begin(), facts.end(), k, [](const Fact& p, i32 key) { return p.key < key; });
  return it != facts.end() && it->key == k && it->hold < Hold::Was ? &it->range : nullptr;
}

ValueRange FunctionInfo::evaluate(const Facts& facts, ExprId id) const {
  return evaluate_with(f_.pool, id, [&](ExprId core) -> const ValueRange* {
    if (const ValueRange* r = find(facts, core)) return r;
    if (f_.pool[core].kind != ExprKind::Call) return nullptr;
    if (auto it = by_constants_.find(core); it != by_constants_.end()) return &it->second;
    const FunctionEffects* fx = effects(core);
    return fx != nullptr ? &fx->result : nullptr;
  });
}

bool FunctionInfo::reads_told(const Facts& facts, ExprId id, u32 depth) const {
  const Pool& pool = f_.pool;
  id = pool.core(id);
  if (depth > kMaxDepth) return false;
  if (i32 k = key_of(id); k >= 0 && std::any_of(facts.begin(), facts.end(), [&](const Fact& f) {
                            return f.key == k && f.hold == Hold::Told;
                          }))
    return true;
  // An address says nothing of what lies there: the answer of a call that was given it is the call's own.
  if (pool[id].kind == ExprKind::AddressOf && pool[pool.core(pool.kid(id, 0))].kind == ExprKind::Var)
    return false;
  std::span<const ExprId> kids = pool.kids(id);
  return std::any_of(kids.begin(), kids.end(), [&](ExprId kid) { return reads_told(facts, kid, depth + 1); });
}

bool FunctionInfo::doubts(const Facts& facts, ExprId id, const ValueRange& range) const {
  if (id == kNoExpr ||
      std::none_of(facts.begin(), facts.end(), [](const Fact& f) { return f.hold >= Hold::Was; }))
    return false;
  if (reads_told(facts, id)) return true;
  Facts before = facts;
  std::erase_if(before, [](const Fact& f) { return f.hold == Hold::Told; });
  for (Fact& f : before) f.hold = Hold::Now;
  ValueRange then = evaluate(before, id);
  return !then.intersect(range);
}

Facts FunctionInfo::of_now(Facts facts) {
  std::erase_if(facts, [](const Fact& f) { return f.hold == Hold::Was; });
  return facts;
}

Fact* FunctionInfo::slot(Facts& facts, ExprId expr) const {
  i32 k = key_of(f_.pool.core(expr));
  if (k < 0) return nullptr;
  auto it =
      std::lower_bound(facts.begin(), facts.end(), k, [](const Fact& p, i32 key) { return p.key < key; });
  if (it == facts.end() || it->key != k)
    it = facts.insert(it, Fact{static_cast<u16>(k), 0, 0, Hold::Now, {}});
  else if (it->hold >= Hold::Was)
    *it = Fact{static_cast<u16>(k), 0, 0, Hold::Now, {}};
  return &*it;
}

void FunctionInfo::set(Facts& facts, ExprId expr, const ValueRange& range) const {
  if (range.any()) {
    forget_value(facts, expr);
  } else if (Fact* f = slot(facts, expr)) {
    f->range = range;
    f->group = 0;
    f->decided = 0;
    f->hold = Hold::Now;
  }
}

void FunctionInfo::equate(Facts& facts, ExprId lhs, ExprId rhs) const {
  i32 l = key_of(f_.pool.core(lhs)), r = key_of(f_.pool.core(rhs));
  if (l < 0 || r < 0 || l == r) return;
  const ValueRange range = evaluate(facts, rhs);
  Fact* from = slot(facts, rhs);
  from->range = range;
  if (from->group == 0) {
    u16 group = 1;
    while (std::any_of(facts.begin(), facts.end(), [&](const Fact& f) { return f.group == group; })) ++group;
    from->group = group;
  }
  u16 group = from->group;
  Fact* to = slot(facts, lhs);
  to->group = group;
  to->range = range;
}

bool FunctionInfo::restrict(Facts& facts, ExprId id, const ValueRange& range, u32 depth) const {
  if (id == kNoExpr || depth > kMaxDepth) return true;
  const Pool& pool = f_.pool;
  id = pool.core(id);
  ValueRange r = evaluate(facts, id);
  if (!r.intersect(range)) return false;
  if (!r.any())
    if (Fact* f = slot(facts, id)) {
      f->range = r;
      if (u16 group = f->group; group != 0)
        for (Fact& other : facts)
          if (other.group == group) other.range = r;
    }
  const Expr& e = pool[id];
  switch (e.kind) {
    case ExprKind::Cast: {
      const Type& t = pool.type_of(id);
      const Type& from = pool.type_of(pool.kid(id, 0));
      if (t.size == from.size && t.is_signed == from.is_signed)
        return restrict(facts, pool.kid(id, 0), range, depth + 1);
      if (t.size >= from.size || t.size == 0) {
        if (range.known_zero()) return restrict(facts, pool.kid(id, 0), range, depth + 1);
        if (range.known_nonzero()) return restrict(facts, pool.kid(id, 0), ValueRange::nonzero(), depth + 1);
      }
      return true;
    }
    case ExprKind::Assign:
      if (e.kid_count != 2) return true;
      return restrict(facts, pool.kid(id, 0), range, depth + 1) &&
             (e.op != Op::None || restrict(facts, pool.kid(id, 1), range, depth + 1));
    case ExprKind::Comma:
      return e.kid_count != 2 || restrict(facts, pool.kid(id, 1), range, depth + 1);
    case ExprKind::Unary:
      if (e.op == Op::Not && (range.known_zero() || range.known_nonzero()))
        return assume(facts, id, range.known_nonzero(), depth + 1);
      return true;
    case ExprKind::Binary:
      if ((is_comparison(e.op) || e.op == Op::LogAnd || e.op == Op::LogOr) &&
          (range.known_zero() || range.known_nonzero()))
        return assume(facts, id, range.known_nonzero(), depth + 1);
      return true;
    default:
      return true;
  }
}

void FunctionInfo::settle_alike(Facts& facts, ExprId comparison, bool truth) const {
  const Pool& pool = f_.pool;
  const Expr& e = pool[comparison];
  const ExprId l = pool.core(pool.kid(comparison, 0)), r = pool.core(pool.kid(comparison, 1));
  for (ExprId other : comparisons_) {
    if (other == comparison || pool[other].kid_count != 2) continue;
    const ExprId ol = pool.core(pool.kid(other, 0)), r2 = pool.core(pool.kid(other, 1));
    if (!(ol == l && r2 == r) && !(ol == r && r2 == l)) continue;
    const Op op = ol == l ? pool[other].op : mirrored(pool[other].op);
    if (op != e.op && op != negated(e.op)) continue;
    set(facts, other, (op == e.op) == truth ? ValueRange::nonzero() : ValueRange::constant(0));
  }
}

bool FunctionInfo::bits_allow(const Facts& facts, ExprId bits, bool truth) const {
  const Pool& pool = f_.pool;
  if (std::find(masked_.begin(), masked_.end(), bits) == masked_.end()) return true;
  const ExprId of = pool.core(pool.kid(bits, 0));
  auto mask = [&](ExprId e) { return static_cast<u64>(*fold(pool, pool.kid(e, 1))); };
  u64 clear = truth ? 0 : mask(bits);
  std::vector<u64> set;
  if (truth) set.push_back(mask(bits));
  for (ExprId other : masked_) {
    if (other == bits || pool.core(pool.kid(other, 0)) != of) continue;
    const ValueRange* r = find(facts, other);
    if (r == nullptr) continue;
    if (r->known_zero()) clear |= mask(other);
    if (r->known_nonzero()) set.push_back(mask(other));
  }
  return std::all_of(set.begin(), set.end(), [&](u64 m) { return (m & ~clear) != 0; });
}

bool FunctionInfo::assume(Facts& facts, ExprId id, bool truth, u32 depth) const {
  if (id == kNoExpr || depth > kMaxDepth) return true;
  const Pool& pool = f_.pool;
  id = pool.core(id);
  const Expr& e = pool[id];
  ValueRange now = evaluate(facts, id);
  if (truth ? now.known_zero() : now.known_nonzero()) return false;
  if (e.kind == ExprKind::Unary && e.op == Op::Not) return assume(facts, pool.kid(id, 0), !truth, depth + 1);
  if (e.kind == ExprKind::Binary && e.kid_count == 2) {
    if (e.op == Op::And && !bits_allow(facts, id, truth)) return false;
    ExprId l = pool.kid(id, 0), r = pool.kid(id, 1);
    if (e.op == Op::LogAnd || e.op == Op::LogOr) {
      // Both operands are settled one way; otherwise only one is, and which is not known.
      if ((e.op == Op::LogAnd) == truth)
        return assume(facts, l, truth, depth + 1) && assume(facts, r, truth, depth + 1);
      return true;
    }
    if (is_comparison(e.op)) {
      Op op = truth ? e.op : negated(e.op);
      set(facts, id, truth ? ValueRange::nonzero() : ValueRange::constant(0));
      settle_alike(facts, id, truth);
      ValueRange a = evaluate(facts, l), b = evaluate(facts, r);
      if (b.is_constant()) return restrict(facts, l, satisfying(op, b.low), depth + 1);
      if (a.is_constant()) return restrict(facts, r, satisfying(mirrored(op), a.low), depth + 1);
      if (op == Op::Eq) {
        if (!restrict(facts, l, b, depth + 1)) return false;
        return restrict(facts, r, evaluate(facts, l), depth + 1);
      }
      // a < b with b's upper end known says something about a, and the reverse.
      if ((op == Op::Lt || op == Op::Le) && b.high != ValueRange::kMax)
        return restrict(facts, l, satisfying(op, b.high), depth + 1);
      if ((op == Op::Gt || op == Op::Ge) && b.low != ValueRange::kMin)
        return restrict(facts, l, satisfying(op, b.low), depth + 1);
      return true;
    }
  }
  return restrict(facts, id, truth ? ValueRange::nonzero() : ValueRange::constant(0), depth + 1);
}

template <typename Changed>
void FunctionInfo::forget_if(Facts& facts, Changed&& changed) const {
  std::erase_if(facts, [&](Fact& p) {
    const FactKey& k = keys_[p.key];
    Change c = changed(k);
    if (c == Change::None || (k.asks && p.hold >= Hold::Was)) return false;
    if (p.hold == Hold::Told) return c == Change::Sure;
    if (k.asks) {  // what a call gave is still that
      p.hold = Hold::Stale;
      if (c == Change::Sure) p.decided = 0;  // asked again, it is another question
      return false;
    }
    if (c == Change::Sure || p.decided == 0) return true;
    p.hold = Hold::Was;
    p.group = 0;
    return false;
  });
}

bool FunctionInfo::contains(ExprId x, ExprId part, u32 depth) const {
  if (x == part) return true;
  if (depth > kMaxDepth) return true;
  for (ExprId k : f_.pool.kids(x))
    if (contains(f_.pool.core(k), part, depth + 1)) return true;
  return false;
}

void FunctionInfo::forget_write(Facts& facts, ExprId lhs) const {
  const Pool& pool = f_.pool;
  lhs = pool.core(lhs);
  const Expr& e = pool[lhs];
  auto has = [](const auto& list, const auto& what) {
    return std::find(list.begin(), list.end(), what) != list.end();
  };
  forget_if(facts, [&](const FactKey& k) {
    if (e.kind == ExprKind::Var)
      return (e.value >= 0 ? has(k.locals, e.value) : has(k.globals, e.name)) ? Change::Sure : Change::None;
    if (e.kind == ExprKind::Member ? !has(k.fields, e.name) : !k.memory) return Change::None;
    return contains(k.expr, lhs, 0) ? Change::Sure : Change::Perhaps;  // else of another object, it may be
  });
}

void FunctionInfo::forget_value(Facts& facts, ExprId expr) const {
  i32 k = key_of(f_.pool.core(expr));
  if (k >= 0) std::erase_if(facts, [&](const auto& p) { return p.key == k; });
}

void FunctionInfo::forget_call(Facts& facts, ExprId call, bool gently) const {
  if (facts.empty()) return;
  const Pool& pool = f_.pool;
  std::vector<i64> handed, addressed;
  std::vector<Symbol> fields;
  std::span<const ExprId> kids = pool.kids(pool.core(call));
  for (std::size_t i = 1; i < kids.size(); ++i) {
    ExprId a = strip_casts(pool, pool.core(kids[i]));
    bool address = pool[a].kind == ExprKind::AddressOf || pool.type_of(a).kind == TypeKind::Array;
    bool through = false;
    Symbol field;
    while (pool[a].kid_count > 0 && (pool[a].kind == ExprKind::AddressOf ||
                                     pool[a].kind == ExprKind::Member || pool[a].kind == ExprKind::Index ||
                                     pool[a].kind == ExprKind::Deref || pool[a].kind == ExprKind::Cast)) {
      if (pool[a].kind == ExprKind::Deref) through = true;
      if (pool[a].kind == ExprKind::Member && !field) field = pool[a].name;
      a = pool.core(pool.kid(a, 0));
    }
    if (pool[a].kind != ExprKind::Var) continue;
    if (address && field) {
      fields.push_back(field);  // only that field is within reach
    } else if (address && !through && pool[a].value >= 0) {
      addressed.push_back(pool[a].value);
    } else if (pool[a].value >= 0) {
      handed.push_back(pool[a].value);
    }
  }
  auto shares = [](const auto& a, const auto& b) {
    return std::any_of(a.begin(), a.end(),
                       [&](const auto& x) { return std::find(b.begin(), b.end(), x) != b.end(); });
  };
  const FunctionEffects* fx = effects(call);
  forget_if(facts, [&](const FactKey& k) {
    if (shares(k.locals, addressed) || (!gently && shares(k.fields, fields))) return Change::Sure;
    if (gently) return Change::None;
    bool named = false;
    if (fx != nullptr && !fx->writes_any) {
      if (shares(k.globals, fx->writes)) return Change::Sure;
      named = shares(k.fields, fx->writes);
      if (!named && !(k.plain && fx->writes_plain)) return Change::None;
    } else if (!k.globals.empty()) {
      return Change::Perhaps;
    }
    if ((!k.memory && k.fields.empty()) || !shares(k.locals, handed)) return Change::None;
    return named ? Change::Sure : Change::Perhaps;
  });
}

void FunctionInfo::forget_result(Facts& facts, ExprId call, BlockId block) const {
  i32 k = key_of(f_.pool.core(call));
  if (k < 0) return;
  bool asks = keys_[static_cast<std::size_t>(k)].asks;
  std::erase_if(facts, [&](Fact& p) {
    if (p.key != k) return false;
    if (!asks || p.decided == block.value() + 1) return true;
    if (p.hold == Hold::Stale) {
      if (p.decided == 0) return true;
      p.hold = Hold::Was;
      p.group = 0;
    }
    return false;
  });
}

void FunctionInfo::decide_again(Facts& facts, BlockId block) const {
  std::erase_if(facts, [&](const Fact& p) {
    if (p.decided != block.value() + 1) return false;
    const FactKey& k = keys_[p.key];
    return p.hold == Hold::Was || (k.shared() && !k.asks);
  });
}

void FunctionInfo::told(Facts& facts, ExprId call) const {
  const Pool& pool = f_.pool;
  for (ExprId a : pool.kids(pool.core(call)).subspan(1)) {
    a = strip_casts(pool, pool.core(a));
    if (pool[a].kind != ExprKind::AddressOf || pool[pool.core(pool.kid(a, 0))].kind != ExprKind::Var)
      continue;
    if (TypeKind t = pool.type_of(pool.kid(a, 0)).kind;
        t != TypeKind::Bool && t != TypeKind::Integer && t != TypeKind::Enum && t != TypeKind::Pointer)
      continue;
    if (Fact* f = slot(facts, pool.kid(a, 0))) *f = Fact{f->key, 0, 0, Hold::Told, {}};
  }
}

void FunctionInfo::decided(Facts& facts, BlockId block) const {
  const u64* asked = &asked_[block.value() * words_];
  for (Fact& p : facts) {
    if (p.decided != 0 || p.hold == Hold::Told) continue;
    const FactKey& k = keys_[p.key];
    if (k.shared() || ((k.memory || !k.fields.empty()) && (asked[p.key / 64] >> (p.key % 64) & 1) != 0))
      p.decided = block.value() + 1;
  }
}

void FunctionInfo::prune(Facts& facts, BlockId block, i32 kept) const {
  std::erase_if(facts, [&](const auto& p) { return !live_in(block, p.key) && p.key != kept; });
}

}  // namespace quire::metal
