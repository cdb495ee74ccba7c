#include "metal/front/flow.h"

#include <clang/AST/Attr.h>

#include "metal/front/argument_text.h"

namespace quire::metal {

FlowBuilder::FlowBuilder(Names& names, const MacroLog& log, FlowListener& listener, Function& out)
    : Translator(names, out.pool),
      out_(out),
      log_(log),
      listener_(listener),
      sm_(names.context().getSourceManager()),
      macros_(sm_, names.context().getLangOpts(), log, names.symbols(), out.macros) {}

void FlowBuilder::run(const clang::FunctionDecl* decl) {
  out_.at = location(decl->getLocation());
  out_.end = location(decl->getEndLoc());
  out_.type = types_.id(decl->getType());
  out_.result = types_.id(decl->getReturnType());
  out_.blocks.resize(2);
  const clang::SourceLocation first = sm_.getExpansionLoc(decl->getBody()->getBeginLoc());
  const clang::SourceLocation last = sm_.getExpansionLoc(decl->getBody()->getEndLoc());
  log_here_ = log_.between(first, last);
  log_seen_.assign(log_here_.size(), false);

  const auto* method = llvm::dyn_cast<clang::CXXMethodDecl>(decl);
  if (method != nullptr && method->isInstance())
    this_local_ = new_local(names_.symbol("this"), method->getThisType(), decl->getLocation());
  for (const clang::ParmVarDecl* parameter : decl->parameters()) {
    const LocalId id =
        new_local(names_.symbol(parameter->getName()), parameter->getType(), parameter->getLocation());
    locals_[parameter] = id;
    live_.push_back({id, kNoExpr});
  }
  out_.parameter_count = static_cast<u32>(out_.locals.size());
  for (Local& local : out_.locals) local.parameter = true;

  if (const auto* ctor = llvm::dyn_cast<clang::CXXConstructorDecl>(decl); ctor != nullptr)
    constructor_initialisers(ctor);
  if (const auto* dtor = llvm::dyn_cast<clang::CXXDestructorDecl>(decl); dtor != nullptr)
    member_destructors(dtor);

  const clang::Stmt* body = decl->getBody();
  if (const auto* braces = llvm::dyn_cast<clang::CompoundStmt>(body); braces != nullptr) {
    for (const clang::Stmt* s : braces->body()) statement(s);
    flush_empty_macros(braces->getRBracLoc());
  } else {
    statement(body);
  }
  if (reachable_) return_value(nullptr, body->getEndLoc());
  finish();
}

// ---- blocks

BlockId FlowBuilder::new_block() {
  out_.blocks.emplace_back();
  return BlockId(static_cast<u32>(out_.blocks.size() - 1));
}

Block& FlowBuilder::here() {
  // Code that nothing reaches gets a block that finish() takes away.
  if (!reachable_) go_on_in(new_block());
  return block(current_);
}

void FlowBuilder::jump(BlockId to) {
  if (reachable_) edge(current_, {to});
  reachable_ = false;
}

void FlowBuilder::decide(ExprId condition, const clang::Expr* e, BlockId yes, BlockId no) {
  Block& b = here();
  if (const auto truth = fold(pool_, condition); truth) {
    jump(*truth != 0 ? yes : no);
    return;
  }
  b.condition = condition;
  b.condition_macro = macros_.during(anchor(e));
  b.condition_at = location(e->getBeginLoc());
  edge(current_, {yes, EdgeKind::True});
  edge(current_, {no, EdgeKind::False});
  reachable_ = false;
}

namespace {

/// Where a chain of empty blocks that starts at `id` leads.
BlockId through_empty(const std::vector<Block>& blocks, BlockId id) {
  for (int steps = 0; steps < 64; ++steps) {
    const Block& b = blocks[id.value()];
    if (id == kEntry || id == kExit || !b.events.empty() || b.condition != kNoExpr || b.edges.size() != 1 ||
        b.edges[0].kind != EdgeKind::Always)
      break;
    id = b.edges[0].to;
  }
  return id;
}

}  // namespace

void FlowBuilder::finish() {
  for (const Goto& g : gotos_) {
    const Label& target = label(g.label);
    std::size_t common = 0;
    while (common < g.live.size() && common < target.live.size() &&
           g.live[common].local == target.live[common].local &&
           g.live[common].cleanup == target.live[common].cleanup)
      ++common;
    for (std::size_t i = g.live.size(); i-- > common;) emit_leave(g.live[i], g.at, block(g.from).events);
  }
  for (const BlockId from : computed_gotos_)
    for (const clang::LabelDecl* taken : taken_labels_) edge(from, {label(taken).block, EdgeKind::Jump});
  finish_macros();

  // Take away what cannot be reached, and number anew in the order of a depth-first walk from the entry.
  std::vector<Block>& blocks = out_.blocks;
  for (Block& b : blocks)
    for (Edge& e : b.edges) e.to = through_empty(blocks, e.to);
  std::vector<u32> number(blocks.size(), UINT32_MAX);
  std::vector<u32> order{kEntry.value(), kExit.value()};
  number[kEntry.value()] = 0;
  number[kExit.value()] = 1;
  for (std::size_t next = 0; next < order.size(); ++next)
    for (const Edge& e : blocks[order[next]].edges)
      if (number[e.to.value()] == UINT32_MAX) {
        number[e.to.value()] = static_cast<u32>(order.size());
        order.push_back(e.to.value());
      }
  std::vector<Block> kept;
  kept.reserve(order.size());
  for (const u32 old : order) {
    kept.push_back(std::move(blocks[old]));
    for (Edge& e : kept.back().edges) e.to = BlockId(number[e.to.value()]);
    kept.back().events.shrink_to_fit();
    kept.back().edges.shrink_to_fit();
  }
  blocks = std::move(kept);
}

// ---- events

Location FlowBuilder::location(clang::SourceLocation at) {
  Location where;
  at = sm_.getExpansionLoc(at);
  if (at.isInvalid()) return where;
  const auto [file, offset] = sm_.getDecomposedLoc(at);
  where.line = sm_.getLineNumber(file, offset);
  where.column = static_cast<u16>(std::min(sm_.getColumnNumber(file, offset), 0xffffu));
  const auto [it, fresh] = file_index_.try_emplace(file, u16{0});
  if (fresh) {
    const Symbol name = names_.file(file);
    std::size_t i = 0;
    while (i < out_.files.size() && out_.files[i] != name) ++i;
    if (i == out_.files.size()) out_.files.push_back(name);
    it->second = static_cast<u16>(std::min<std::size_t>(i, 0xffff));
  }
  where.file = it->second;
  return where;
}

clang::SourceLocation FlowBuilder::anchor(const clang::Expr* e) {
  // Where the operator stands, not where the expression begins: in `M(x) + 1` the addition is outside of M.
  switch (e->getStmtClass()) {
    case clang::Stmt::CallExprClass:
    case clang::Stmt::CXXMemberCallExprClass:
      if (const auto at = llvm::cast<clang::CallExpr>(e)->getRParenLoc(); at.isValid()) return at;
      return e->getBeginLoc();
    case clang::Stmt::ArraySubscriptExprClass:
      return llvm::cast<clang::ArraySubscriptExpr>(e)->getRBracketLoc();
    case clang::Stmt::StmtExprClass:
      return llvm::cast<clang::StmtExpr>(e)->getLParenLoc();
    case clang::Stmt::ConditionalOperatorClass:
      return llvm::cast<clang::ConditionalOperator>(e)->getQuestionLoc();
    case clang::Stmt::MemberExprClass:
      return llvm::cast<clang::MemberExpr>(e)->getMemberLoc();
    case clang::Stmt::UnaryOperatorClass:
      return llvm::cast<clang::UnaryOperator>(e)->getOperatorLoc();
    case clang::Stmt::BinaryOperatorClass:
    case clang::Stmt::CompoundAssignOperatorClass:
      return llvm::cast<clang::BinaryOperator>(e)->getOperatorLoc();
    case clang::Stmt::ImplicitCastExprClass:
      return anchor(llvm::cast<clang::ImplicitCastExpr>(e)->getSubExpr());
    default:
      return e->getBeginLoc();
  }
}

void FlowBuilder::push(EventKind kind, ExprId expr, LocalId local, clang::SourceLocation at) {
  Event event;
  event.kind = kind;
  event.expr = expr;
  event.local = local;
  if (at.isMacroID()) {
    event.macro = macros_.during(at);
    event.written_in = macros_.written_in(at);
  }
  event.at = location(at);
  here().events.push_back(event);
}

void FlowBuilder::evaluated(ExprId id, const clang::Expr* e) {
  const Expr& node = pool_[id];
  if (node.kind == ExprKind::Int || node.kind == ExprKind::Function) return;
  if (node.kind == ExprKind::Assign || node.kind == ExprKind::Increment)
    mark_written(pool_.kid(id, 0), anchor(e));
  else if (node.kind == ExprKind::AddressOf)
    mark_address_taken(pool_.kid(id, 0));
  if (names_.context().getLangOpts().CPlusPlus)
    if (const auto* call = llvm::dyn_cast<clang::CallExpr>(e);
        call != nullptr && node.kind == ExprKind::Call && node.kid_count > call->getNumArgs())
      for (unsigned i = 0; i < call->getNumArgs(); ++i)
        if (call->getArg(i)->isGLValue())
          mark_address_taken(pool_.kid(id, node.kid_count - call->getNumArgs() + i));
  push(EventKind::Evaluate, id, kNoLocal, anchor(e));
  // The text of a call starts at its callee; that is where a reader looks.
  here().events.back().at = location(e->getBeginLoc());
}

void FlowBuilder::before(const clang::Expr* e) {
  marks_.push_back(open_macros_.size());
  begin_macros(anchor(e));
}

ExprId FlowBuilder::after(const clang::Expr* e, ExprId id) {
  const std::size_t mark = marks_.back();
  marks_.pop_back();
  const clang::SourceLocation first = e->getBeginLoc();
  const clang::SourceLocation last = e->getEndLoc();
  if (!first.isMacroID() || !last.isMacroID() || llvm::isa<clang::ImplicitCastExpr, clang::FullExpr>(e)) {
    end_macros(mark);
    return id;
  }
  for (const auto& [macro, index] : macros_.arguments(first, last)) {
    std::vector<MacroArgument>& arguments = out_.macros[macro.value()].arguments;
    if (index < arguments.size() && arguments[index].expr == kNoExpr) arguments[index].expr = id;
  }
  const auto whole = macros_.whole(first, last);
  end_macros(mark);
  for (const MacroId macro : whole) id = wrap(macro, id);
  return id;
}

ExprId FlowBuilder::wrap(MacroId macro, ExprId id) {
  MacroUse& use = out_.macros[macro.value()];
  if (use.tree != kNoExpr) return id;
  llvm::SmallVector<ExprId, 8> kids{id};
  ExprId truth = id;
  while (pool_[truth].kind == ExprKind::Unary && pool_[truth].op == Op::Not) {
    const ExprId inner = pool_.kid(truth, 0);
    if (pool_[inner].kind != ExprKind::Unary || pool_[inner].op != Op::Not) break;
    truth = pool_.kid(inner, 0);
  }
  for (const MacroArgument& argument : use.arguments) {
    // A macro that only passes its argument on (likely(x), a cast aside) is not worth a node.
    if (argument.expr != kNoExpr && pool_.core(argument.expr) == pool_.core(truth)) return truth;
    kids.push_back(argument.expr);
  }
  for (ExprId& kid : kids)
    if (kid == kNoExpr) kid = no_argument();
  const TypeId type = pool_[id].type;
  const u16 flags = use.function_like ? kFunctionLike : 0;
  const ExprId wrapped = make_typed(ExprKind::Macro, type, kids, Op::None, use.name, 1, flags);
  use.tree = wrapped;
  use.is_expression = true;
  if (use.function_like) push(EventKind::Evaluate, wrapped, kNoLocal, macros_.name_of(macro));
  return wrapped;
}

ExprId FlowBuilder::no_argument() {
  return make(ExprKind::Unknown, {}, {}, Op::None, names_.symbol("argument"));
}

void FlowBuilder::begin_macros(clang::SourceLocation at) {
  if (!at.isMacroID()) return;
  llvm::SmallVector<MacroId, 4> chain;
  for (MacroId m = macros_.during(at); m != kNoMacro; m = out_.macros[m.value()].parent) {
    if (m.value() < begun_.size() && begun_[m.value()]) break;
    chain.push_back(m);
  }
  for (std::size_t i = chain.size(); i-- > 0;) {
    const MacroId m = chain[i];
    if (m.value() >= begun_.size()) begun_.resize(m.value() + 1);
    begun_[m.value()] = true;
    push(EventKind::MacroBegin, kNoExpr, kNoLocal, macros_.name_of(m));
    here().events.back().macro = here().events.back().written_in = m;
    open_macros_.push_back(m);
  }
}

void FlowBuilder::end_macros(std::size_t mark) {
  while (open_macros_.size() > mark) {
    const MacroId m = open_macros_.back();
    open_macros_.pop_back();
    if (!reachable_) continue;
    push(EventKind::MacroEnd, kNoExpr, kNoLocal, macros_.name_of(m));
    here().events.back().macro = here().events.back().written_in = m;
  }
}

void FlowBuilder::flush_empty_macros(clang::SourceLocation up_to) {
  if (log_next_ >= log_here_.size() || up_to.isInvalid()) return;
  up_to = sm_.getExpansionLoc(up_to);
  for (; log_next_ < log_here_.size() && log_here_[log_next_].name < up_to; ++log_next_) {
    const MacroLog::Use& use = log_here_[log_next_];
    if (log_seen_[log_next_] || macros_.known(use.name)) continue;
    if (!use.info->isFunctionLike() && use.info->getNumTokens() != 0) continue;
    const MacroId m = macros_.empty(use);
    for (const EventKind kind : {EventKind::MacroBegin, EventKind::MacroEnd}) {
      push(kind, kNoExpr, kNoLocal, use.name);
      here().events.back().macro = here().events.back().written_in = m;
    }
  }
}

void FlowBuilder::not_empty(clang::SourceRange range) {
  for (std::size_t i = log_next_; i < log_here_.size(); ++i)
    if (!(log_here_[i].name < sm_.getExpansionLoc(range.getBegin())) &&
        !(sm_.getExpansionLoc(range.getEnd()) < log_here_[i].name))
      log_seen_[i] = true;
}

void FlowBuilder::finish_macros() {
  for (std::size_t i = 0; i < out_.macros.size(); ++i) {
    MacroUse& use = out_.macros[i];
    use.at = location(macros_.name_of(MacroId(static_cast<u32>(i))));
    read_arguments(MacroId(static_cast<u32>(i)));
    if (use.tree != kNoExpr) continue;
    llvm::SmallVector<ExprId, 8> kids;
    for (const MacroArgument& argument : use.arguments)
      kids.push_back(argument.expr != kNoExpr ? argument.expr : no_argument());
    use.tree = make(ExprKind::Macro, {}, kids, Op::None, use.name, 0, use.function_like ? kFunctionLike : 0);
  }
}

void FlowBuilder::read_arguments(MacroId id) {
  MacroUse& use = out_.macros[id.value()];
  const clang::SourceLocation name = macros_.name_of(id);
  const bool missing = std::any_of(use.arguments.begin(), use.arguments.end(),
                                   [](const MacroArgument& a) { return a.expr == kNoExpr; });
  if (!missing || !name.isFileID()) return;
  const auto [file, offset] = sm_.getDecomposedLoc(name);
  const llvm::StringRef buffer = sm_.getBufferData(file);
  if (offset + use.name.text().size() > buffer.size()) return;
  const llvm::StringRef rest = buffer.substr(offset + use.name.text().size());
  const auto texts = split_arguments(std::string_view(rest.data(), rest.size()));
  const auto variable_named = [&](std::string_view text) {
    const Symbol symbol = names_.symbols().intern(text);
    // The latest of the name: one in an inner scope hides the others.
    for (std::size_t i = out_.locals.size(); i-- > 0;)
      if (out_.locals[i].name == symbol)
        return make_typed(ExprKind::Var, out_.locals[i].type, {}, Op::None, symbol, static_cast<i64>(i),
                          out_.locals[i].is_static ? kStatic : 0);
    for (u32 i = 0; i < pool_.size(); ++i)
      if (const Expr& e = pool_[ExprId(i)]; e.kind == ExprKind::Var && e.name == symbol) return ExprId(i);
    return make_typed(ExprKind::Var, kNoType, {}, Op::None, symbol, -1, kStatic);
  };
  for (std::size_t i = 0; i < texts.size() && i < use.arguments.size(); ++i)
    if (use.arguments[i].expr == kNoExpr)
      use.arguments[i].expr = parse_argument(texts[i], pool_, names_.symbols(), variable_named);
}

void FlowBuilder::mark_written(ExprId target, clang::SourceLocation at) {
  if (!at.isMacroID()) return;
  for (MacroId m = macros_.during(at); m != kNoMacro; m = out_.macros[m.value()].parent)
    for (MacroArgument& argument : out_.macros[m.value()].arguments)
      if (argument.expr != kNoExpr && pool_.core(argument.expr) == pool_.core(target))
        argument.written = true;
}

void FlowBuilder::mark_address_taken(ExprId id) {
  while (pool_[id].kind == ExprKind::Member || has_expansion(pool_[id]) ||
         (pool_[id].kind == ExprKind::Index && pool_.type_of(pool_.kid(id, 0)).kind == TypeKind::Array))
    id = pool_.kid(id, 0);
  const Expr& e = pool_[id];
  if (e.kind == ExprKind::Var && e.value >= 0)
    out_.locals[static_cast<std::size_t>(e.value)].address_taken = true;
}

// ---- names

LocalId FlowBuilder::new_local(Symbol name, clang::QualType type, clang::SourceLocation at) {
  Local local;
  local.name = name;
  local.type = types_.id(type);
  local.size = names_.size(type);
  local.variable_length = type->isVariablyModifiedType() && type->isVariableArrayType();
  local.at = location(at);
  out_.locals.push_back(local);
  return LocalId(static_cast<u32>(out_.locals.size() - 1));
}

LocalId FlowBuilder::local_of(const clang::VarDecl* decl) {
  if (const auto it = locals_.find(decl); it != locals_.end()) return it->second;
  // A captured variable of the function around a lambda, or one whose declaration was jumped over.
  const LocalId id = new_local(names_.symbol(decl->getName()), decl->getType(), decl->getLocation());
  out_.locals[id.value()].is_static = decl->isStaticLocal();
  locals_[decl] = id;
  return id;
}

ExprId FlowBuilder::variable(const clang::VarDecl* decl) {
  const bool local = decl->isLocalVarDeclOrParm() && !decl->hasExternalStorage();
  if (!local) return Translator::variable(decl);
  const LocalId id = local_of(decl);
  return make(ExprKind::Var, decl->getType().getNonReferenceType(), {}, Op::None,
              names_.symbol(decl->getName()), id.value(), decl->isStaticLocal() ? kStatic : 0);
}

ExprId FlowBuilder::this_object(const clang::CXXThisExpr* e) {
  if (this_local_ == kNoLocal) this_local_ = new_local(names_.symbol("this"), e->getType(), e->getBeginLoc());
  return make(ExprKind::Var, e->getType(), {}, Op::None, names_.symbol("this"), this_local_.value());
}

ExprId FlowBuilder::function(const clang::FunctionDecl* decl, bool called) {
  listener_.reached(decl);
  const ExprId id = Translator::function(decl, called);
  if (!called) {
    const Symbol link = pool_.function(pool_[id]).link;
    std::vector<Symbol>& taken = out_.address_taken;
    if (std::find(taken.begin(), taken.end(), link) == taken.end()) taken.push_back(link);
  }
  return id;
}

ExprId FlowBuilder::recovery(const clang::RecoveryExpr* e) {
  out_.has_errors = true;
  return Translator::recovery(e);
}

ExprId FlowBuilder::label_address(const clang::AddrLabelExpr* e) {
  label(e->getLabel());
  if (std::find(taken_labels_.begin(), taken_labels_.end(), e->getLabel()) == taken_labels_.end())
    taken_labels_.push_back(e->getLabel());
  return Translator::label_address(e);
}

ExprId FlowBuilder::lambda(const clang::LambdaExpr* e) {
  not_empty(e->getBody()->getSourceRange());
  listener_.lambda_body(e);
  for (const clang::LambdaCapture& capture : e->captures())
    if (capture.getCaptureKind() == clang::LCK_ByRef && capture.capturesVariable())
      if (const auto* var = llvm::dyn_cast<clang::VarDecl>(capture.getCapturedVar()); var != nullptr)
        mark_address_taken(variable(var));
  return Translator::lambda(e);
}

// ---- flow inside of expressions

ExprId FlowBuilder::logical(const clang::BinaryOperator* e) {
  const bool both = e->getOpcode() == clang::BO_LAnd;
  const BlockId second = new_block();
  const BlockId join = new_block();
  const ExprId left = translate(e->getLHS());
  decide(left, e->getLHS(), both ? second : join, both ? join : second);
  go_on_in(second);
  const std::size_t depth = live_.size();
  const ExprId right = translate(e->getRHS());
  leave_scope(depth, e->getEndLoc());
  jump(join);
  go_on_in(join);
  const ExprId id = make(ExprKind::Binary, e->getType(), {left, right}, to_op(e->getOpcode()));
  evaluated(id, e);
  return id;
}

ExprId FlowBuilder::conditional(const clang::AbstractConditionalOperator* e) {
  const BlockId yes = new_block();
  const BlockId no = new_block();
  const BlockId join = new_block();
  ExprId condition, first;
  if (const auto* short_form = llvm::dyn_cast<clang::BinaryConditionalOperator>(e); short_form != nullptr) {
    first = condition = translate(short_form->getCommon());
    decide(condition, short_form->getCommon(), yes, no);
    go_on_in(yes);
  } else {
    condition = translate_condition(e->getCond(), yes, no);
    go_on_in(yes);
    const std::size_t depth = live_.size();
    first = translate(e->getTrueExpr());
    leave_scope(depth, e->getEndLoc());
  }
  jump(join);
  go_on_in(no);
  const std::size_t depth = live_.size();
  const ExprId second = translate(e->getFalseExpr());
  leave_scope(depth, e->getEndLoc());
  jump(join);
  go_on_in(join);
  // With a constant condition only one side is there.
  if (const auto truth = condition == kNoExpr ? std::nullopt : fold(pool_, condition); truth)
    return *truth != 0 ? first : second;
  if (condition == kNoExpr) condition = make(ExprKind::Unknown, {}, {}, Op::None, names_.symbol("condition"));
  const ExprId id = make(ExprKind::Conditional, e->getType(), {condition, first, second});
  evaluated(id, e);
  return id;
}

ExprId FlowBuilder::statement_expression(const clang::StmtExpr* e) {
  const clang::CompoundStmt* body = e->getSubStmt();
  const std::size_t depth = live_.size();
  const clang::Stmt* last = body->body_empty() ? nullptr : body->body_back();
  while (const auto* label_statement = llvm::dyn_cast_or_null<clang::LabelStmt>(last))
    last = label_statement->getSubStmt();
  const auto* value = llvm::dyn_cast_or_null<clang::Expr>(last);
  for (const clang::Stmt* s : body->body()) {
    if (s == body->body_back() && value != nullptr) break;
    statement(s);
  }
  ExprId id;
  if (value != nullptr && last == body->body_back()) {
    flush_empty_macros(value->getBeginLoc());
    id = translate(value);
  } else if (value != nullptr) {
    statement(body->body_back());
    id = make(ExprKind::Unknown, e->getType(), {}, Op::None, names_.symbol("StmtExpr"));
  } else {
    id = make(ExprKind::Unknown, e->getType(), {}, Op::None, names_.symbol("StmtExpr"));
  }
  // The value may be one of the variables in here: they stay in scope until the block around ends, unless
  // they have something to clean up.
  std::vector<Live> stay;
  while (live_.size() > depth) {
    const Live live = live_.back();
    live_.pop_back();
    if (live.cleanup == kNoExpr)
      stay.push_back(live);
    else if (reachable_)
      emit_leave(live, location(e->getEndLoc()), here().events);
  }
  live_.insert(live_.end(), stay.rbegin(), stay.rend());
  return id;
}

ExprId FlowBuilder::assign(const clang::BinaryOperator* e) {
  // `x = c ? a : b` is `c ? (x = a) : (x = b)`: which value x has stays tied to the condition.
  const clang::Expr* right = e->getRHS()->IgnoreParenImpCasts();
  const auto* choice = llvm::dyn_cast<clang::ConditionalOperator>(right);
  if (choice == nullptr || e->getOpcode() != clang::BO_Assign || choice->getQuestionLoc().isMacroID())
    return Translator::assign(e);
  const BlockId yes = new_block();
  const BlockId no = new_block();
  const BlockId join = new_block();
  branch(choice->getCond(), yes, no);
  ExprId id = kNoExpr;
  for (const auto& [side, value] :
       {std::pair(yes, choice->getTrueExpr()), std::pair(no, choice->getFalseExpr())}) {
    go_on_in(side);
    const std::size_t depth = live_.size();
    const ExprId from = translate(value);
    const ExprId to = translate(e->getLHS(), Use::Access);
    id = make(ExprKind::Assign, e->getType(), {to, from});
    evaluated(id, e);
    leave_scope(depth, e->getEndLoc());
    jump(join);
  }
  go_on_in(join);
  // The value of the whole is that of its left side.
  return pool_.kid(id, 0);
}

void FlowBuilder::does_not_return() { reachable_ = false; }

// ---- exceptions

ExprId FlowBuilder::throw_expression(const clang::CXXThrowExpr* e) {
  const ExprId id = Translator::throw_expression(e);
  if (!tries_.empty()) {
    const clang::QualType thrown =
        e->getSubExpr() != nullptr ? e->getSubExpr()->getType() : clang::QualType();
    const BlockId pad = landing_pad(tries_.size() - 1, live_.size(), thrown);
    jump(pad);
  }
  reachable_ = false;
  return id;
}

void FlowBuilder::may_throw(const clang::Expr*) {
  if (tries_.empty()) return;
  here();
  const BlockId pad = landing_pad(tries_.size() - 1, live_.size(), {});
  const BlockId next = new_block();
  edge(current_, {next});
  edge(current_, {pad, EdgeKind::Catch});
  go_on_in(next);
}

namespace {

/// Whether a handler for `caught` takes an exception of type `thrown`.
bool catches(clang::QualType caught, clang::QualType thrown) {
  if (caught.isNull()) return true;
  const clang::QualType to = caught.getNonReferenceType().getCanonicalType().getUnqualifiedType();
  const clang::QualType from = thrown.getNonReferenceType().getCanonicalType().getUnqualifiedType();
  if (to == from) return true;
  const clang::CXXRecordDecl* base = to->getAsCXXRecordDecl();
  const clang::CXXRecordDecl* derived = from->getAsCXXRecordDecl();
  return base != nullptr && derived != nullptr && derived->hasDefinition() && base->hasDefinition() &&
         derived->isDerivedFrom(base);
}

}  // namespace

BlockId FlowBuilder::landing_pad(std::size_t level, std::size_t live_count, clang::QualType thrown) {
  const Try& region = tries_[level];
  std::vector<u32> key{thrown.isNull() ? 0u : types_.id(thrown).value() + 1};
  for (std::size_t i = region.depth; i < live_count; ++i) key.push_back(live_[i].local.value());
  for (const auto& [known, pad] : region.pads)
    if (known == key) return pad;
  const BlockId pad = new_block();
  const Location at = location(region.statement->getBeginLoc());
  for (std::size_t i = live_count; i-- > region.depth;) emit_leave(live_[i], at, block(pad).events);
  bool stopped = false;
  for (unsigned i = 0; i < region.statement->getNumHandlers() && !stopped; ++i) {
    const clang::QualType caught = region.statement->getHandler(i)->getCaughtType();
    const bool known_type = !thrown.isNull() && !thrown->isDependentType() && !thrown->isPointerType();
    if (known_type && !catches(caught, thrown)) continue;
    edge(pad, {region.handlers[i], EdgeKind::Catch, 0, 0, types_.id(caught)});
    stopped = caught.isNull() || known_type;
  }
  if (!stopped && level > 0) {
    const BlockId outer = landing_pad(level - 1, std::min(live_count, tries_[level].depth), thrown);
    edge(pad, {outer, EdgeKind::Catch});
  }
  tries_[level].pads.emplace_back(std::move(key), pad);
  return pad;
}

// ---- scopes

ExprId FlowBuilder::destructor_call(ExprId object, clang::QualType type) {
  clang::QualType bare = names_.context().getBaseElementType(type);
  const clang::CXXRecordDecl* record = bare->getAsCXXRecordDecl();
  if (record == nullptr || !record->hasDefinition() || record->isDependentType() ||
      record->hasTrivialDestructor())
    return kNoExpr;
  const clang::CXXDestructorDecl* dtor = record->getDestructor();
  if (dtor == nullptr) return kNoExpr;
  const ExprId address = address_of(object, names_.context().getPointerType(bare));
  return call_function(dtor, {address}, names_.context().VoidTy, kImplicit);
}

ExprId FlowBuilder::temporary(const clang::CXXBindTemporaryExpr* e) {
  const LocalId local = new_local(names_.symbol("<temporary>"), e->getType(), e->getBeginLoc());
  const ExprId object =
      make(ExprKind::Var, e->getType(), {}, Op::None, names_.symbol("<temporary>"), local.value());
  initialise(object, e->getType(), e->getSubExpr());
  live_.push_back({local, destructor_call(object, e->getType())});
  return object;
}

void FlowBuilder::emit_leave(const Live& live, Location at, std::vector<Event>& events) {
  Event event;
  event.at = at;
  if (live.cleanup != kNoExpr) {
    event.expr = live.cleanup;
    events.push_back(event);
  }
  if (live.local != kNoLocal) {
    event.kind = EventKind::ScopeEnd;
    event.expr = kNoExpr;
    event.local = live.local;
    events.push_back(event);
  }
}

void FlowBuilder::unwind(std::size_t depth, clang::SourceLocation at) {
  if (!reachable_ || live_.size() <= depth) return;
  const Location where = location(at);
  for (std::size_t i = live_.size(); i-- > depth;) emit_leave(live_[i], where, here().events);
}

void FlowBuilder::leave_scope(std::size_t depth, clang::SourceLocation at) {
  unwind(depth, at);
  live_.resize(std::min(depth, live_.size()));
}

void FlowBuilder::member_destructors(const clang::CXXDestructorDecl* decl) {
  const clang::CXXRecordDecl* record = decl->getParent();
  if (record->isDependentType() || record->isUnion()) return;
  const clang::QualType this_type = decl->getThisType();
  const ExprId self =
      make(ExprKind::Var, this_type, {}, Op::None, names_.symbol("this"), this_local_.value());
  const ExprId object = dereference(self, this_type->getPointeeType());
  // Last in, first out: bases go after members.
  for (const clang::CXXBaseSpecifier& base : record->bases())
    if (const ExprId call = destructor_call(object, base.getType()); call != kNoExpr)
      live_.push_back({kNoLocal, call});
  for (const clang::FieldDecl* field : record->fields()) {
    const ExprId place =
        make(ExprKind::Member, field->getType(), {object}, Op::None, names_.symbol(field->getName()));
    if (const ExprId call = destructor_call(place, field->getType()); call != kNoExpr)
      live_.push_back({kNoLocal, call});
  }
}

void FlowBuilder::constructor_initialisers(const clang::CXXConstructorDecl* decl) {
  const clang::QualType this_type = decl->getThisType();
  const ExprId self =
      make(ExprKind::Var, this_type, {}, Op::None, names_.symbol("this"), this_local_.value());
  const ExprId object = dereference(self, this_type->getPointeeType());
  for (const clang::CXXCtorInitializer* init : decl->inits()) {
    if (init->getInit() == nullptr) continue;
    const std::size_t depth = live_.size();
    if (init->isAnyMemberInitializer()) {
      const clang::FieldDecl* field = init->getAnyMember();
      const ExprId place =
          make(ExprKind::Member, field->getType(), {object}, Op::None, names_.symbol(field->getName()));
      initialise(place, field->getType(), init->getInit());
    } else {
      initialise(object, names_.context().getTypeDeclType(decl->getParent()), init->getInit());
    }
    leave_scope(depth, init->getSourceLocation());
  }
}

}  // namespace quire::metal
