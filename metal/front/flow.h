// One function body as blocks of events.
//
// Clang's own CFG is not used: macro expansions (also those that leave nothing behind) have to be placed in
// the flow, unwinding has to run destructors, and events have to come in one pass.
#pragma once

#include <clang/AST/StmtCXX.h>

#include <functional>

#include "metal/front/macros.h"
#include "metal/front/translator.h"

namespace quire::metal {

/// What the building of functions finds out for the unit.
class FlowListener {
 public:
  virtual ~FlowListener() = default;
  /// The function is called or its address is taken.
  virtual void reached(const clang::FunctionDecl* decl) = 0;
  /// A variable of static storage that a function defines.
  virtual void static_variable(const clang::VarDecl* decl) = 0;
  /// The body of a lambda expression.
  virtual void lambda_body(const clang::LambdaExpr* e) = 0;
};

class FlowBuilder final : public Translator {
 public:
  FlowBuilder(Names& names, const MacroLog& log, FlowListener& listener, Function& out);

  /// Fills `out` from the definition `decl`, which has a body.
  void run(const clang::FunctionDecl* decl);

 protected:
  void evaluated(ExprId id, const clang::Expr* e) override;
  void before(const clang::Expr* e) override;
  ExprId after(const clang::Expr* e, ExprId id) override;
  ExprId variable(const clang::VarDecl* decl) override;
  ExprId this_object(const clang::CXXThisExpr* e) override;
  ExprId function(const clang::FunctionDecl* decl, bool called) override;
  ExprId logical(const clang::BinaryOperator* e) override;
  ExprId conditional(const clang::AbstractConditionalOperator* e) override;
  ExprId statement_expression(const clang::StmtExpr* e) override;
  ExprId assign(const clang::BinaryOperator* e) override;
  ExprId lambda(const clang::LambdaExpr* e) override;
  ExprId temporary(const clang::CXXBindTemporaryExpr* e) override;
  ExprId throw_expression(const clang::CXXThrowExpr* e) override;
  ExprId recovery(const clang::RecoveryExpr* e) override;
  ExprId label_address(const clang::AddrLabelExpr* e) override;
  void may_throw(const clang::Expr* e) override;
  void does_not_return() override;

 private:
  /// Something to be done when a scope is left.
  struct Live {
    LocalId local = kNoLocal;
    ExprId cleanup = kNoExpr;  ///< destructor or cleanup call
  };
  /// Where break or continue go.
  struct Target {
    BlockId block;
    std::size_t depth;  ///< of live_
  };
  struct Label {
    BlockId block;
    std::vector<Live> live;
  };
  struct Goto {
    BlockId from;
    const clang::LabelDecl* label;
    std::vector<Live> live;
    Location at;
  };
  struct Switch {
    BlockId block;
    bool has_default = false;
  };
  struct Try {
    const clang::CXXTryStmt* statement;
    std::size_t depth;
    std::vector<BlockId> handlers;
    std::vector<std::pair<std::vector<u32>, BlockId>> pads;  ///< by what is live
  };

  // Blocks.
  BlockId new_block();
  Block& block(BlockId id) { return out_.blocks[id.value()]; }
  Block& here();
  void edge(BlockId from, Edge e) { block(from).edges.push_back(e); }
  /// Ends the current block with an edge to `to`; control is then nowhere.
  void jump(BlockId to);
  void go_on_in(BlockId next) {
    current_ = next;
    reachable_ = true;
  }
  void decide(ExprId condition, const clang::Expr* e, BlockId yes, BlockId no);
  void finish();

  // Events.
  Location location(clang::SourceLocation at);
  /// The token that says which macro an expression belongs to.
  static clang::SourceLocation anchor(const clang::Expr* e);
  ExprId wrap(MacroId macro, ExprId id);
  ExprId no_argument();
  void push(EventKind kind, ExprId expr, LocalId local, clang::SourceLocation anchor);
  void begin_macros(clang::SourceLocation anchor);
  void end_macros(std::size_t mark);
  /// Begin and end of the macros before `up_to` that left no code behind.
  void flush_empty_macros(clang::SourceLocation up_to);
  /// Macros in this range are met later, or elsewhere.
  void not_empty(clang::SourceRange range);
  void finish_macros();
  /// Arguments that no expression of the expansion is made of, from the text.
  void read_arguments(MacroId id);

  // Scopes.
  LocalId new_local(Symbol name, clang::QualType type, clang::SourceLocation at);
  LocalId local_of(const clang::VarDecl* decl);
  void unwind(std::size_t depth, clang::SourceLocation at);
  void leave_scope(std::size_t depth, clang::SourceLocation at);
  void emit_leave(const Live& live, Location at, std::vector<Event>& events);
  ExprId destructor_call(ExprId object, clang::QualType type);
  void leave_scope_but_variables(std::size_t depth, clang::SourceLocation at);
  void member_destructors(const clang::CXXDestructorDecl* decl);

  // Statements.
  void statement(const clang::Stmt* s);
  void dispatch_statement(const clang::Stmt* s);
  void compound(const clang::CompoundStmt* s);
  void declaration(const clang::DeclStmt* s);
  void declare(const clang::VarDecl* decl);
  /// Labels whose address an initialiser takes are targets of computed gotos.
  void take_labels(const clang::Stmt* init);
  void full_expression(const clang::Expr* e);
  /// Goes on in `yes` or `no`, split up at && and ||; the tree of the condition.
  ExprId branch(const clang::Expr* e, BlockId yes, BlockId no);
  void decide_value(ExprId id, const clang::Expr* e, BlockId yes, BlockId no);
  /// As branch(); a condition of one part that is known is that number.
  ExprId translate_condition(const clang::Expr* e, BlockId yes, BlockId no);
  void declare_then_branch(const clang::DeclStmt* declared, const clang::Expr* cond, BlockId yes, BlockId no);
  /// Whether `e` is all of a macro whose truth is not just that of an argument.
  bool opaque_macro(const clang::Expr* e);
  int negation_count(const clang::Expr* outer, const clang::Expr* inner);
  void if_statement(const clang::IfStmt* s);
  void while_loop(const clang::WhileStmt* s);
  void do_loop(const clang::DoStmt* s);
  void for_loop(const clang::ForStmt* s);
  void range_for(const clang::CXXForRangeStmt* s);
  void switch_statement(const clang::SwitchStmt* s);
  void case_label(const clang::SwitchCase* s);
  void return_value(const clang::Expr* value, clang::SourceLocation at);
  void asm_statement(const clang::GCCAsmStmt* s);
  void try_block(const clang::CXXTryStmt* s);
  void constructor_initialisers(const clang::CXXConstructorDecl* decl);
  Label& label(const clang::LabelDecl* decl);
  /// Where an exception goes that is thrown inside tries_[level] with `live_count` of live_ still to be
  /// ended. `thrown` is null when the type is not known.
  BlockId landing_pad(std::size_t level, std::size_t live_count, clang::QualType thrown);
  void mark_written(ExprId target, clang::SourceLocation at);
  void mark_address_taken(ExprId id);
  void mark_address_taken_by(const clang::Expr* init);

  Function& out_;
  const MacroLog& log_;
  FlowListener& listener_;
  const clang::SourceManager& sm_;
  FunctionMacros macros_;
  BlockId current_ = kEntry;
  bool reachable_ = true;
  std::vector<Live> live_;
  llvm::DenseMap<const clang::VarDecl*, LocalId> locals_;
  LocalId this_local_ = kNoLocal;
  std::vector<Target> breaks_, continues_;
  std::vector<Switch> switches_;
  std::vector<Try> tries_;
  llvm::DenseMap<const clang::LabelDecl*, std::unique_ptr<Label>> labels_;
  std::vector<Goto> gotos_;
  std::vector<BlockId> computed_gotos_;
  std::vector<const clang::LabelDecl*> taken_labels_;
  std::vector<std::size_t> marks_;    ///< of open_macros_, one for each node being translated
  std::vector<MacroId> open_macros_;  ///< begun and not ended
  std::vector<bool> begun_;
  llvm::ArrayRef<MacroLog::Use> log_here_;
  std::size_t log_next_ = 0;
  std::vector<bool> log_seen_;
  llvm::DenseMap<clang::FileID, u16> file_index_;
};

}  // namespace quire::metal
