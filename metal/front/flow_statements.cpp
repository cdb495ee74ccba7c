// FlowBuilder: statements.
#include <clang/AST/Attr.h>
#include <clang/Basic/Builtins.h>

#include "metal/front/flow.h"

namespace quire::metal {

void FlowBuilder::statement(const clang::Stmt* s) {
  if (s == nullptr) return;
  flush_empty_macros(s->getBeginLoc());
  const std::size_t mark = open_macros_.size();
  const auto* expression = llvm::dyn_cast<clang::Expr>(s);
  begin_macros(expression != nullptr ? anchor(expression) : s->getBeginLoc());
  dispatch_statement(s);
  end_macros(mark);
}

void FlowBuilder::dispatch_statement(const clang::Stmt* s) {
  switch (s->getStmtClass()) {
    case clang::Stmt::NullStmtClass:
      return;
    case clang::Stmt::CompoundStmtClass:
      return compound(llvm::cast<clang::CompoundStmt>(s));
    case clang::Stmt::DeclStmtClass:
      return declaration(llvm::cast<clang::DeclStmt>(s));
    case clang::Stmt::IfStmtClass:
      return if_statement(llvm::cast<clang::IfStmt>(s));
    case clang::Stmt::WhileStmtClass:
      return while_loop(llvm::cast<clang::WhileStmt>(s));
    case clang::Stmt::DoStmtClass:
      return do_loop(llvm::cast<clang::DoStmt>(s));
    case clang::Stmt::ForStmtClass:
      return for_loop(llvm::cast<clang::ForStmt>(s));
    case clang::Stmt::CXXForRangeStmtClass:
      return range_for(llvm::cast<clang::CXXForRangeStmt>(s));
    case clang::Stmt::SwitchStmtClass:
      return switch_statement(llvm::cast<clang::SwitchStmt>(s));
    case clang::Stmt::CaseStmtClass:
    case clang::Stmt::DefaultStmtClass:
      return case_label(llvm::cast<clang::SwitchCase>(s));
    case clang::Stmt::ReturnStmtClass: {
      const auto* ret = llvm::cast<clang::ReturnStmt>(s);
      return return_value(ret->getRetValue(), ret->getReturnLoc());
    }
    case clang::Stmt::GCCAsmStmtClass:
      return asm_statement(llvm::cast<clang::GCCAsmStmt>(s));
    case clang::Stmt::CXXTryStmtClass:
      return try_block(llvm::cast<clang::CXXTryStmt>(s));
    case clang::Stmt::AttributedStmtClass:
      return statement(llvm::cast<clang::AttributedStmt>(s)->getSubStmt());
    case clang::Stmt::LabelStmtClass: {
      const auto* labelled = llvm::cast<clang::LabelStmt>(s);
      Label& l = label(labelled->getDecl());
      l.live = live_;
      jump(l.block);
      go_on_in(l.block);
      return statement(labelled->getSubStmt());
    }
    case clang::Stmt::GotoStmtClass: {
      const auto* jump_statement = llvm::cast<clang::GotoStmt>(s);
      here();
      gotos_.push_back({current_, jump_statement->getLabel(), live_, location(s->getBeginLoc())});
      return jump(label(jump_statement->getLabel()).block);
    }
    case clang::Stmt::IndirectGotoStmtClass:
      translate(llvm::cast<clang::IndirectGotoStmt>(s)->getTarget());
      here();
      computed_gotos_.push_back(current_);
      reachable_ = false;
      return;
    case clang::Stmt::BreakStmtClass:
    case clang::Stmt::ContinueStmtClass: {
      const std::vector<Target>& targets =
          s->getStmtClass() == clang::Stmt::BreakStmtClass ? breaks_ : continues_;
      if (targets.empty()) return;  // an error that Clang has reported
      unwind(targets.back().depth, s->getBeginLoc());
      return jump(targets.back().block);
    }
    default:
      break;
  }
  if (const auto* e = llvm::dyn_cast<clang::Expr>(s); e != nullptr) return full_expression(e);
  // Rare ones (OpenMP, SEH, coroutines): what is inside, in order.
  if (const auto* captured = llvm::dyn_cast<clang::CapturedStmt>(s); captured != nullptr)
    return statement(captured->getCapturedStmt());
  for (const clang::Stmt* child : s->children())
    if (child != nullptr) statement(child);
}

void FlowBuilder::compound(const clang::CompoundStmt* s) {
  const std::size_t depth = live_.size();
  for (const clang::Stmt* child : s->body()) statement(child);
  flush_empty_macros(s->getRBracLoc());
  leave_scope(depth, s->getRBracLoc());
}

void FlowBuilder::full_expression(const clang::Expr* e) {
  const std::size_t depth = live_.size();
  translate(e);
  leave_scope(depth, e->getEndLoc());
}

void FlowBuilder::declaration(const clang::DeclStmt* s) {
  for (const clang::Decl* decl : s->decls())
    if (const auto* var = llvm::dyn_cast<clang::VarDecl>(decl); var != nullptr) declare(var);
}

void FlowBuilder::declare(const clang::VarDecl* decl) {
  if (decl->hasExternalStorage()) return;
  const clang::QualType type = decl->getType();
  const auto [it, fresh] = locals_.try_emplace(decl, kNoLocal);
  if (fresh) it->second = new_local(names_.symbol(decl->getName()), type, decl->getLocation());
  const LocalId id = locals_[decl];
  if (decl->isStaticLocal()) {
    out_.locals[id.value()].is_static = true;
    listener_.static_variable(decl);
    take_labels(decl->getInit());
    return;
  }
  const std::size_t mark = open_macros_.size();
  begin_macros(decl->getLocation());
  push(EventKind::Declare, kNoExpr, id, decl->getLocation());
  const ExprId object = variable(decl);
  if (const clang::Expr* init = decl->getInit(); init != nullptr) {
    const std::size_t depth = live_.size();
    const auto* choice = llvm::dyn_cast<clang::ConditionalOperator>(init->IgnoreParenImpCasts());
    if (choice != nullptr && type->isScalarType() && !choice->getQuestionLoc().isMacroID()) {
      // As in assign(): the value stays tied to the condition.
      const BlockId yes = new_block();
      const BlockId no = new_block();
      const BlockId join = new_block();
      branch(choice->getCond(), yes, no);
      for (const auto& [side, value] :
           {std::pair(yes, choice->getTrueExpr()), std::pair(no, choice->getFalseExpr())}) {
        go_on_in(side);
        const std::size_t side_depth = live_.size();
        initialise(object, type, value);
        leave_scope(side_depth, init->getEndLoc());
        jump(join);
      }
      go_on_in(join);
    } else {
      initialise(object, type, init);
    }
    if (type->isReferenceType()) mark_address_taken_by(init);
    // A temporary bound to a reference lives as long as the reference.
    if (!type->isReferenceType()) leave_scope_but_variables(depth, init->getEndLoc());
  }
  Live live{id, kNoExpr};
  if (const auto* cleanup = decl->getAttr<clang::CleanupAttr>(); cleanup != nullptr)
    live.cleanup =
        call_function(cleanup->getFunctionDecl(), {address_of(object, names_.context().getPointerType(type))},
                      names_.context().VoidTy, kImplicit);
  else if (!type->isReferenceType())
    live.cleanup = destructor_call(object, type);
  live_.push_back(live);
  if (const auto* pieces = llvm::dyn_cast<clang::DecompositionDecl>(decl); pieces != nullptr)
    for (const clang::BindingDecl* binding : pieces->bindings())
      if (const clang::VarDecl* holder = binding->getHoldingVar(); holder != nullptr) declare(holder);
  end_macros(mark);
}

void FlowBuilder::take_labels(const clang::Stmt* init) {
  if (init == nullptr) return;
  if (const auto* taken = llvm::dyn_cast<clang::AddrLabelExpr>(init); taken != nullptr) label_address(taken);
  for (const clang::Stmt* child : init->children()) take_labels(child);
}

void FlowBuilder::leave_scope_but_variables(std::size_t depth, clang::SourceLocation at) {
  // Variables of a statement expression stay (see there); temporaries with a destructor go.
  std::vector<Live> stay;
  while (live_.size() > depth) {
    const Live live = live_.back();
    live_.pop_back();
    if (live.cleanup == kNoExpr)
      stay.push_back(live);
    else if (reachable_)
      emit_leave(live, location(at), here().events);
  }
  live_.insert(live_.end(), stay.rbegin(), stay.rend());
}

void FlowBuilder::mark_address_taken_by(const clang::Expr* init) {
  const clang::Expr* bare = init->IgnoreParenImpCasts();
  if (const auto* ref = llvm::dyn_cast<clang::DeclRefExpr>(bare); ref != nullptr)
    if (const auto* var = llvm::dyn_cast<clang::VarDecl>(ref->getDecl()); var != nullptr)
      mark_address_taken(variable(var));
}

// ---- decisions

namespace {

/// One step through what does not change the truth of an expression; null when there is none.
const clang::Expr* same_truth(const clang::Expr* e) {
  if (const auto* paren = llvm::dyn_cast<clang::ParenExpr>(e); paren != nullptr) return paren->getSubExpr();
  if (const auto* constant = llvm::dyn_cast<clang::ConstantExpr>(e); constant != nullptr)
    return constant->getSubExpr();
  if (const auto* cast = llvm::dyn_cast<clang::ImplicitCastExpr>(e); cast != nullptr) {
    switch (cast->getCastKind()) {
      case clang::CK_IntegralToBoolean:
      case clang::CK_PointerToBoolean:
      case clang::CK_IntegralCast:
      case clang::CK_NoOp:
        return cast->getSubExpr();
      default:
        return nullptr;
    }
  }
  if (const auto* op = llvm::dyn_cast<clang::UnaryOperator>(e);
      op != nullptr && op->getOpcode() == clang::UO_Extension)
    return op->getSubExpr();
  if (const auto* call = llvm::dyn_cast<clang::CallExpr>(e); call != nullptr)
    if (const clang::FunctionDecl* callee = call->getDirectCallee();
        callee != nullptr && call->getNumArgs() != 0 &&
        (callee->getBuiltinID() == clang::Builtin::BI__builtin_expect ||
         callee->getBuiltinID() == clang::Builtin::BI__builtin_expect_with_probability))
      return call->getArg(0);
  return nullptr;
}

bool is_zero(const clang::Expr* e) {
  const auto* literal = llvm::dyn_cast<clang::IntegerLiteral>(e->IgnoreParenImpCasts());
  return literal != nullptr && literal->getValue() == 0;
}

/// Whether the value can only be 0 or 1.
bool is_truth_value(const clang::Expr* e) {
  e = e->IgnoreParenImpCasts();
  if (const auto* op = llvm::dyn_cast<clang::UnaryOperator>(e); op != nullptr)
    return op->getOpcode() == clang::UO_LNot;
  const auto* op = llvm::dyn_cast<clang::BinaryOperator>(e);
  return op != nullptr && (op->isComparisonOp() || op->isLogicalOp());
}

/// The operand and whether it is negated, for `!x`, `x == 0` and `x != 0` of a truth value; null otherwise.
std::pair<const clang::Expr*, bool> negation(const clang::Expr* e) {
  if (const auto* op = llvm::dyn_cast<clang::UnaryOperator>(e);
      op != nullptr && op->getOpcode() == clang::UO_LNot)
    return {op->getSubExpr(), true};
  if (const auto* op = llvm::dyn_cast<clang::BinaryOperator>(e);
      op != nullptr && op->isEqualityOp() && is_zero(op->getRHS()) && is_truth_value(op->getLHS()))
    return {op->getLHS(), op->getOpcode() == clang::BO_EQ};
  return {nullptr, false};
}

bool splits(const clang::Expr* e) {
  const auto* op = llvm::dyn_cast<clang::BinaryOperator>(e);
  return (op != nullptr && (op->isLogicalOp() || op->getOpcode() == clang::BO_Comma)) ||
         llvm::isa<clang::ConditionalOperator>(e);
}

}  // namespace

bool FlowBuilder::opaque_macro(const clang::Expr* e) {
  auto whole = macros_.whole(e->getBeginLoc(), e->getEndLoc());
  if (whole.empty()) return false;
  const clang::Expr* bare = e;
  while (true) {
    if (const clang::Expr* next = same_truth(bare); next != nullptr)
      bare = next;
    else if (const auto [operand, negated] = negation(bare); operand != nullptr)
      bare = operand;
    else
      break;
    if (splits(bare)) return false;
    // Down to an argument: what surrounds it belongs to the macro, as in likely(x). A macro whose own text it
    // is, not its argument, stands around that: `try(l)` that is `likely(try_it(l))`.
    for (const auto& [macro, index] : macros_.arguments(bare->getBeginLoc(), bare->getEndLoc()))
      if (const auto it = std::find(whole.begin(), whole.end(), macro); it != whole.end()) whole.erase(it);
    if (whole.empty()) return negation_count(e, bare) % 2 != 0;
  }
  return !splits(bare);
}

int FlowBuilder::negation_count(const clang::Expr* outer, const clang::Expr* inner) {
  int count = 0;
  while (outer != inner) {
    if (const clang::Expr* next = same_truth(outer); next != nullptr) {
      outer = next;
      continue;
    }
    const auto [operand, negated] = negation(outer);
    if (operand == nullptr) break;
    count += negated ? 1 : 0;
    outer = operand;
  }
  return count;
}

ExprId FlowBuilder::branch(const clang::Expr* e, BlockId yes, BlockId no) {
  if (const auto* cleanups = llvm::dyn_cast<clang::ExprWithCleanups>(e); cleanups != nullptr) {
    // Temporaries end before either side begins.
    const std::size_t depth = live_.size();
    const ExprId id = translate(cleanups->getSubExpr());
    leave_scope_but_variables(depth, e->getEndLoc());
    decide_value(id, e, yes, no);
    return id;
  }
  const std::size_t mark = open_macros_.size();
  const clang::QualType type = e->getType();
  bool turned = false;
  while (true) {
    begin_macros(anchor(e));
    if (e->getBeginLoc().isMacroID() && opaque_macro(e)) break;
    if (const clang::Expr* next = same_truth(e); next != nullptr) {
      e = next;
    } else if (const auto [operand, negated] = negation(e); operand != nullptr) {
      e = operand;
      turned = turned != negated;
      if (negated) std::swap(yes, no);
    } else if (const auto* op = llvm::dyn_cast<clang::BinaryOperator>(e);
               op != nullptr && op->getOpcode() == clang::BO_Comma) {
      translate(op->getLHS());
      e = op->getRHS();
    } else {
      break;
    }
  }
  ExprId id;
  if (const auto* op = llvm::dyn_cast<clang::BinaryOperator>(e); op != nullptr && op->isLogicalOp()) {
    const BlockId second = new_block();
    const bool both = op->getOpcode() == clang::BO_LAnd;
    const ExprId left = branch(op->getLHS(), both ? second : yes, both ? no : second);
    go_on_in(second);
    id = make(ExprKind::Binary, e->getType(), {left, branch(op->getRHS(), yes, no)}, to_op(op->getOpcode()));
  } else if (const auto* choice = llvm::dyn_cast<clang::ConditionalOperator>(e); choice != nullptr) {
    const BlockId first = new_block();
    const BlockId second = new_block();
    const ExprId condition = branch(choice->getCond(), first, second);
    go_on_in(first);
    const ExprId taken = branch(choice->getTrueExpr(), yes, no);
    go_on_in(second);
    id = make(ExprKind::Conditional, e->getType(),
              {condition, taken, branch(choice->getFalseExpr(), yes, no)});
  } else {
    id = translate(e);
    end_macros(mark);
    decide_value(id, e, yes, no);
  }
  open_macros_.resize(std::min(mark, open_macros_.size()));
  return turned ? make(ExprKind::Unary, type, {id}, Op::Not) : id;
}

void FlowBuilder::decide_value(ExprId id, const clang::Expr* e, BlockId yes, BlockId no) {
  while (pool_[id].kind == ExprKind::Unary && pool_[id].op == Op::Not) {
    id = pool_.kid(id, 0);
    std::swap(yes, no);
  }
  decide(id, e, yes, no);
}

ExprId FlowBuilder::translate_condition(const clang::Expr* e, BlockId yes, BlockId no) {
  const std::size_t before_blocks = out_.blocks.size();
  here();
  const BlockId from = current_;
  const ExprId tree = branch(e, yes, no);
  if (out_.blocks.size() != before_blocks) return tree;
  const Block& b = block(from);
  if (b.condition != kNoExpr && !b.edges.empty() && b.edges[0].to == yes) return b.condition;
  if (b.condition != kNoExpr && !b.edges.empty())
    return make(ExprKind::Unary, e->getType(), {b.condition}, Op::Not);
  if (b.edges.size() == 1 && b.edges[0].kind == EdgeKind::Always)
    return integer(b.edges[0].to == yes ? 1 : 0, e->getType());
  return kNoExpr;
}

void FlowBuilder::declare_then_branch(const clang::DeclStmt* declared, const clang::Expr* cond, BlockId yes,
                                      BlockId no) {
  if (declared != nullptr) declaration(declared);
  if (cond != nullptr)
    branch(cond, yes, no);
  else
    jump(yes);
}

void FlowBuilder::if_statement(const clang::IfStmt* s) {
  const std::size_t depth = live_.size();
  if (s->getInit() != nullptr) statement(s->getInit());
  if (const auto chosen = s->isConstexpr() ? s->getNondiscardedCase(names_.context()) : std::nullopt;
      chosen) {
    if (*chosen != nullptr) statement(*chosen);
    return leave_scope(depth, s->getEndLoc());
  }
  const BlockId yes = new_block();
  const BlockId no = new_block();
  const BlockId join = s->getElse() != nullptr ? new_block() : no;
  if (s->isConsteval()) {
    here();
    jump(s->isNonNegatedConsteval() ? no : yes);
  } else {
    declare_then_branch(s->getConditionVariableDeclStmt(), s->getCond(), yes, no);
  }
  go_on_in(yes);
  statement(s->getThen());
  jump(join);
  if (s->getElse() != nullptr) {
    go_on_in(no);
    statement(s->getElse());
    jump(join);
  }
  go_on_in(join);
  leave_scope_but_variables(depth, s->getEndLoc());
  if (s->getConditionVariableDeclStmt() != nullptr || s->getInit() != nullptr)
    leave_scope(depth, s->getEndLoc());
}

void FlowBuilder::while_loop(const clang::WhileStmt* s) {
  const std::size_t depth = live_.size();
  const BlockId head = new_block();
  const BlockId body = new_block();
  const BlockId after_loop = new_block();
  jump(head);
  go_on_in(head);
  declare_then_branch(s->getConditionVariableDeclStmt(), s->getCond(), body, after_loop);
  // A variable in the condition is a new one on each turn.
  const std::size_t turn = s->getConditionVariableDeclStmt() != nullptr ? depth : live_.size();
  breaks_.push_back({after_loop, live_.size()});
  const BlockId next = turn != live_.size() ? new_block() : head;
  continues_.push_back({next, live_.size()});
  go_on_in(body);
  statement(s->getBody());
  jump(next);
  breaks_.pop_back();
  continues_.pop_back();
  if (next != head) {
    go_on_in(next);
    unwind(turn, s->getEndLoc());
    jump(head);
  }
  go_on_in(after_loop);
  leave_scope(depth, s->getEndLoc());
}

void FlowBuilder::do_loop(const clang::DoStmt* s) {
  const std::size_t depth = live_.size();
  const BlockId body = new_block();
  const BlockId test = new_block();
  const BlockId after_loop = new_block();
  jump(body);
  go_on_in(body);
  breaks_.push_back({after_loop, depth});
  continues_.push_back({test, depth});
  statement(s->getBody());
  jump(test);
  breaks_.pop_back();
  continues_.pop_back();
  go_on_in(test);
  branch(s->getCond(), body, after_loop);
  go_on_in(after_loop);
  leave_scope(depth, s->getEndLoc());
}

void FlowBuilder::for_loop(const clang::ForStmt* s) {
  const std::size_t depth = live_.size();
  if (s->getInit() != nullptr) statement(s->getInit());
  const BlockId head = new_block();
  const BlockId body = new_block();
  const BlockId step = new_block();
  const BlockId after_loop = new_block();
  jump(head);
  go_on_in(head);
  declare_then_branch(s->getConditionVariableDeclStmt(), s->getCond(), body, after_loop);
  // The step comes before the body in the text, so its macros must not be taken for ones that left nothing.
  if (s->getInc() != nullptr) not_empty(s->getInc()->getSourceRange());
  breaks_.push_back({after_loop, live_.size()});
  continues_.push_back({step, live_.size()});
  go_on_in(body);
  statement(s->getBody());
  jump(step);
  breaks_.pop_back();
  continues_.pop_back();
  go_on_in(step);
  if (s->getInc() != nullptr) full_expression(s->getInc());
  jump(head);
  go_on_in(after_loop);
  leave_scope(depth, s->getEndLoc());
}

void FlowBuilder::range_for(const clang::CXXForRangeStmt* s) {
  const std::size_t depth = live_.size();
  if (s->getInit() != nullptr) statement(s->getInit());
  if (s->getRangeStmt() != nullptr) statement(s->getRangeStmt());
  if (s->getBeginStmt() != nullptr) statement(s->getBeginStmt());
  if (s->getEndStmt() != nullptr) statement(s->getEndStmt());
  const BlockId head = new_block();
  const BlockId body = new_block();
  const BlockId step = new_block();
  const BlockId after_loop = new_block();
  jump(head);
  go_on_in(head);
  if (s->getCond() != nullptr) {
    branch(s->getCond(), body, after_loop);
  } else {
    // In a template: some number of turns.
    Block& b = here();
    b.condition = make(ExprKind::Unknown, {}, {}, Op::None, names_.symbol("range"));
    b.condition_at = location(s->getForLoc());
    edge(current_, {body, EdgeKind::True});
    edge(current_, {after_loop, EdgeKind::False});
    reachable_ = false;
  }
  breaks_.push_back({after_loop, live_.size()});
  continues_.push_back({step, live_.size()});
  go_on_in(body);
  const std::size_t inside = live_.size();
  if (s->getLoopVarStmt() != nullptr) statement(s->getLoopVarStmt());
  statement(s->getBody());
  leave_scope(inside, s->getEndLoc());
  jump(step);
  breaks_.pop_back();
  continues_.pop_back();
  go_on_in(step);
  if (s->getInc() != nullptr) full_expression(s->getInc());
  jump(head);
  go_on_in(after_loop);
  leave_scope(depth, s->getEndLoc());
}

void FlowBuilder::switch_statement(const clang::SwitchStmt* s) {
  const std::size_t depth = live_.size();
  if (s->getInit() != nullptr) statement(s->getInit());
  if (s->getConditionVariableDeclStmt() != nullptr) declaration(s->getConditionVariableDeclStmt());
  const ExprId value = translate(s->getCond());
  Block& b = here();
  b.condition = value;
  b.condition_macro = macros_.during(anchor(s->getCond()));
  b.condition_at = location(s->getSwitchLoc());
  const BlockId after_switch = new_block();
  switches_.push_back({current_});
  breaks_.push_back({after_switch, live_.size()});
  reachable_ = false;
  statement(s->getBody());
  jump(after_switch);
  breaks_.pop_back();
  if (!switches_.back().has_default) edge(switches_.back().block, {after_switch, EdgeKind::Default});
  switches_.pop_back();
  go_on_in(after_switch);
  leave_scope(depth, s->getEndLoc());
}

void FlowBuilder::case_label(const clang::SwitchCase* s) {
  if (switches_.empty()) return statement(s->getSubStmt());
  const BlockId next = new_block();
  jump(next);
  go_on_in(next);
  Switch& around = switches_.back();
  if (const auto* values = llvm::dyn_cast<clang::CaseStmt>(s); values != nullptr) {
    const auto number = [&](const clang::Expr* e) -> std::optional<i64> {
      if (e == nullptr || e->isValueDependent() || e->containsErrors()) return std::nullopt;
      clang::Expr::EvalResult result;
      if (!e->EvaluateAsInt(result, names_.context())) return std::nullopt;
      const llvm::APSInt& v = result.Val.getInt();
      return v.isSigned() ? v.getSExtValue() : static_cast<i64>(v.getLimitedValue());
    };
    const auto low = number(values->getLHS());
    const auto high = values->getRHS() != nullptr ? number(values->getRHS()) : low;
    if (low && high)
      edge(around.block, {next, EdgeKind::Case, *low, *high});
    else
      edge(around.block, {next, EdgeKind::Jump});
    if (values->getLHS() != nullptr) not_empty(values->getLHS()->getSourceRange());
  } else {
    edge(around.block, {next, EdgeKind::Default});
    around.has_default = true;
  }
  statement(s->getSubStmt());
}

void FlowBuilder::return_value(const clang::Expr* value, clang::SourceLocation at) {
  while (value != nullptr) {
    // The value is built in the caller's place: no temporary of its own ends here.
    if (const auto* full = llvm::dyn_cast<clang::FullExpr>(value); full != nullptr)
      value = full->getSubExpr();
    else if (const auto* bound = llvm::dyn_cast<clang::CXXBindTemporaryExpr>(value); bound != nullptr)
      value = bound->getSubExpr();
    else
      break;
  }
  const auto* choice =
      value != nullptr ? llvm::dyn_cast<clang::ConditionalOperator>(value->IgnoreParenImpCasts()) : nullptr;
  if (choice != nullptr && value->getType()->isScalarType() && !choice->getQuestionLoc().isMacroID()) {
    const BlockId yes = new_block();
    const BlockId no = new_block();
    branch(choice->getCond(), yes, no);
    const std::size_t depth = live_.size();
    for (const auto& [side, result] :
         {std::pair(yes, choice->getTrueExpr()), std::pair(no, choice->getFalseExpr())}) {
      go_on_in(side);
      return_value(result, at);
      live_.resize(std::min(depth, live_.size()));
    }
    return;
  }
  const auto* op =
      value != nullptr ? llvm::dyn_cast<clang::BinaryOperator>(value->IgnoreParenImpCasts()) : nullptr;
  if (op != nullptr && op->isLogicalOp() && !op->getOperatorLoc().isMacroID()) {
    // `return a && b` gives 1 on one path and 0 on the others.
    const BlockId yes = new_block();
    const BlockId no = new_block();
    branch(op, yes, no);
    for (const auto& [side, truth] : {std::pair(yes, 1), std::pair(no, 0)}) {
      go_on_in(side);
      push(EventKind::Return, integer(truth, value->getType()), kNoLocal, at);
      unwind(0, at);
      jump(kExit);
    }
    return;
  }
  const ExprId id = value != nullptr ? translate(value) : kNoExpr;
  if (id != kNoExpr && !reachable_) return;  // the value never comes
  push(EventKind::Return, id, kNoLocal, at);
  unwind(0, at);
  jump(kExit);
}

void FlowBuilder::asm_statement(const clang::GCCAsmStmt* s) {
  llvm::SmallVector<ExprId, 8> kids;
  for (const clang::Expr* output : s->outputs()) kids.push_back(translate(output, Use::Access));
  for (const clang::Expr* input : s->inputs()) kids.push_back(translate(input, Use::Access));
  const auto outputs = static_cast<i64>(s->getNumOutputs());
  const ExprId id = make(ExprKind::Asm, names_.context().VoidTy, kids, Op::None,
                         names_.symbol(s->getAsmString()->getBytes().take_front(512)), outputs);
  for (i64 i = 0; i < outputs; ++i) mark_written(kids[static_cast<std::size_t>(i)], s->getBeginLoc());
  push(EventKind::Evaluate, id, kNoLocal, s->getBeginLoc());
  if (!s->isAsmGoto()) return;
  const BlockId next = new_block();
  edge(current_, {next});
  for (unsigned i = 0; i < s->getNumLabels(); ++i) {
    const clang::AddrLabelExpr* target = s->getLabelExpr(i);
    const BlockId side = new_block();
    edge(current_, {side, EdgeKind::Jump});
    gotos_.push_back({side, target->getLabel(), live_, location(s->getBeginLoc())});
    edge(side, {label(target->getLabel()).block});
  }
  go_on_in(next);
}

void FlowBuilder::try_block(const clang::CXXTryStmt* s) {
  Try region{s, live_.size(), {}, {}};
  for (unsigned i = 0; i < s->getNumHandlers(); ++i) region.handlers.push_back(new_block());
  const std::vector<BlockId> handlers = region.handlers;
  const BlockId after_try = new_block();
  tries_.push_back(std::move(region));
  statement(s->getTryBlock());
  jump(after_try);
  tries_.pop_back();
  for (unsigned i = 0; i < s->getNumHandlers(); ++i) {
    const clang::CXXCatchStmt* handler = s->getHandler(i);
    go_on_in(handlers[i]);
    const std::size_t depth = live_.size();
    LocalId local = kNoLocal;
    if (const clang::VarDecl* decl = handler->getExceptionDecl(); decl != nullptr) {
      local = local_of(decl);
      live_.push_back({local, decl->getType()->isReferenceType()
                                  ? kNoExpr
                                  : destructor_call(variable(decl), decl->getType())});
    }
    push(EventKind::Catch, kNoExpr, local, handler->getCatchLoc());
    statement(handler->getHandlerBlock());
    leave_scope(depth, handler->getEndLoc());
    jump(after_try);
  }
  go_on_in(after_try);
}

FlowBuilder::Label& FlowBuilder::label(const clang::LabelDecl* decl) {
  std::unique_ptr<Label>& known = labels_[decl];
  if (known == nullptr) {
    known = std::make_unique<Label>();
    known->block = new_block();
  }
  return *known;
}

}  // namespace quire::metal
