#include "metal/engine/ends.h"

#include <algorithm>

#include "metal/engine/match.h"

namespace quire::metal {
namespace {

class Ends {
 public:
  Ends(const Program& program, const std::unordered_set<std::string>& noreturn)
      : program_(program), noreturn_(noreturn), never_(program.functions().size()) {}

  std::vector<bool> run() {
    std::vector<std::vector<u32>> callers(never_.size());
    std::vector<u32> todo;
    for (u32 i = 0; i < never_.size(); ++i) {
      todo.push_back(i);
      for (const CallSite& c : program_[FunctionId(i)].calls)
        if (!c.indirect)
          for (FunctionId t : c.targets) callers[t.value()].push_back(i);
    }
    while (!todo.empty()) {
      u32 i = todo.back();
      todo.pop_back();
      if (never_[i] || comes_back(FunctionId(i))) continue;
      never_[i] = true;
      todo.insert(todo.end(), callers[i].begin(), callers[i].end());
    }
    return std::move(never_);
  }

 private:
  bool comes_back(FunctionId id) const {
    const Function& f = program_.body(id);
    if (f.has_errors || f.blocks.size() <= kExit.value()) return true;
    std::vector<bool> seen(f.blocks.size());
    std::vector<BlockId> left{kEntry};
    seen[kEntry.value()] = true;
    while (!left.empty()) {
      BlockId b = left.back();
      left.pop_back();
      if (b == kExit) return true;
      const Block& block = f.blocks[b.value()];
      if (std::any_of(block.events.begin(), block.events.end(),
                      [&](const Event& e) { return ends(id, f, e); }))
        continue;
      for (const Edge& e : block.edges) {
        if (seen[e.to.value()]) continue;
        seen[e.to.value()] = true;
        left.push_back(e.to);
      }
    }
    return false;
  }

  bool ends(FunctionId id, const Function& f, const Event& e) const {
    if (e.kind == EventKind::MacroBegin)
      return e.macro != kNoMacro && noreturn_.contains(std::string(f.macros[e.macro.value()].name.text()));
    if (e.kind != EventKind::Evaluate || e.expr == kNoExpr) return false;
    ExprId x = f.pool.core(e.expr);
    if (f.pool[x].kind != ExprKind::Call) return false;
    if ((f.pool[x].flags & kNoReturn) != 0) return true;
    Symbol name = callee_name(f.pool, f.pool.kid(x, 0));
    if (name && noreturn_.contains(std::string(name.text()))) return true;
    const CallSite* site = program_.call(id, x);
    return site != nullptr && !site->indirect && !site->targets.empty() &&
           std::all_of(site->targets.begin(), site->targets.end(),
                       [&](FunctionId t) { return never_[t.value()]; });
  }

  const Program& program_;
  const std::unordered_set<std::string>& noreturn_;
  std::vector<bool> never_;
};

}  // namespace

std::vector<bool> never_returning(const Program& program, const std::unordered_set<std::string>& noreturn) {
  return Ends(program, noreturn).run();
}

}  // namespace quire::metal
