// Whether anybody uses what a call gives.

#include <algorithm>

#include "metal/engine/function_info.h"
#include "metal/engine/match.h"

namespace quire::metal {
namespace {

/// The value of an operand goes on in these: a cast; the address of a temporary, on which a method is called;
/// the braces of an initialiser.
bool passes_on(const Expr& e) {
  return e.kind == ExprKind::Cast || e.kind == ExprKind::AddressOf || e.kind == ExprKind::InitList ||
         e.kind == ExprKind::Designated;
}

/// Calls `seen` for `x` and for what it passes on.
template <typename Seen>
void each_used(const Pool& pool, ExprId x, const Seen& seen) {
  x = pool.core(x);
  seen(x);
  if (!passes_on(pool[x])) return;
  for (ExprId k : pool.kids(x)) each_used(pool, k, seen);
}

}  // namespace

void FunctionInfo::use(ExprId x) {
  each_used(f_.pool, x, [&](ExprId e) { used_[e.value()] = true; });
}

bool FunctionInfo::discarded(BlockId block, std::size_t index) const {
  const Pool& pool = f_.pool;
  const Block& b = f_.blocks[block.value()];
  ExprId call = pool.core(b.events[index].expr);
  if (pool[call].kind == ExprKind::Construct && pool[call].kid_count > 1 && !only_made(b, index))
    return false;
  if (voided_[call.value()]) return false;
  if (!used_[call.value()]) return true;
  // The same text is used somewhere; is it here? Where the same call is made again before that (`f(g(x),
  // g(x))`), the last one made is used first.
  std::size_t made = 1;
  bool again = false;
  auto used_by = [&](ExprId x) {
    std::size_t times = 0;
    each_used(pool, x, [&](ExprId e) { times += e == call ? 1 : 0; });
    made -= std::min(made, times);
    return made == 0;
  };
  auto used = [&](const Block& in, std::size_t from) {
    for (std::size_t i = from; i < in.events.size(); ++i) {
      const Event& event = in.events[i];
      if (event.expr == kNoExpr) continue;
      if (event.kind == EventKind::Return) {
        if (used_by(event.expr)) return true;
        continue;
      }
      ExprId e = pool.core(event.expr);
      if (e == call) {
        if (event.expr == e) {
          ++made;
          again = true;
        }
        continue;  // the same value, as that of the macro around it
      }
      for (ExprId k : pool.kids(e))
        if (used_by(k)) return true;
    }
    return in.condition != kNoExpr && used_by(in.condition);
  };
  if (used(b, index + 1)) return false;
  // An operand of ?: is used where the sides meet.
  if (!again && b.edges.size() == 1 && used(f_.blocks[b.edges[0].to.value()], 0)) return false;
  if (again) return true;
  // Used beyond this block, as an operand beside &&; or used only where the same text stands again.
  return repeated_[call.value()] && b.condition == kNoExpr;
}

bool FunctionInfo::asked_later(BlockId block, std::size_t index) const {
  const Pool& pool = f_.pool;
  const Event& asked = f_.blocks[block.value()].events[index];
  auto callee = [&](const Event& e) -> Symbol {
    if (e.kind != EventKind::Evaluate || e.expr == kNoExpr) return {};
    const ExprId call = pool.core(e.expr);
    return pool[call].kind == ExprKind::Call ? callee_name(pool, pool.kid(call, 0)) : Symbol();
  };
  const Symbol name = callee(asked);
  for (u32 b = 0; name && b < f_.blocks.size(); ++b)
    for (std::size_t i = 0; i < f_.blocks[b].events.size(); ++i) {
      const Event& e = f_.blocks[b].events[i];
      if (e.at.file == asked.at.file && e.at.line > asked.at.line && callee(e) == name &&
          !discarded(BlockId(b), i))
        return true;
    }
  return false;
}

}  // namespace quire::metal
