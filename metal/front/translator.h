// Clang's expressions as trees of a Pool, normalised as metal/ir/expr.h says.
//
// The base class makes trees only, as rule patterns need them. FlowBuilder derives from it and turns the same
// walk into events and blocks.
#pragma once

#include <clang/AST/Expr.h>
#include <clang/AST/ExprCXX.h>
#include <llvm/ADT/SmallVector.h>

#include "metal/front/types.h"

namespace quire::metal {

/// What an expression that denotes an object is wanted for.
enum class Use : u8 {
  Access,   ///< its content is read or written: what it passes through is dereferenced
  Address,  ///< only where it is
};

class Translator {
 public:
  Translator(Names& names, Pool& pool) : names_(names), pool_(pool), types_(names, pool) {}
  virtual ~Translator() = default;
  Translator(const Translator&) = delete;
  Translator& operator=(const Translator&) = delete;

  /// The tree of `e`; sub-expressions are reported through evaluated() in the order of evaluation.
  ExprId translate(const clang::Expr* e, Use use = Use::Access);

 protected:
  /// `id` has just been evaluated; `e` tells where.
  virtual void evaluated(ExprId /*id*/, const clang::Expr* /*e*/) {}
  /// Before and after a node, for macro markers; after() may wrap the tree.
  virtual void before(const clang::Expr* /*e*/) {}
  virtual ExprId after(const clang::Expr* /*e*/, ExprId id) { return id; }
  virtual ExprId variable(const clang::VarDecl* decl);
  virtual ExprId this_object(const clang::CXXThisExpr* e);
  virtual ExprId function(const clang::FunctionDecl* decl, bool called);
  virtual ExprId logical(const clang::BinaryOperator* e);
  virtual ExprId conditional(const clang::AbstractConditionalOperator* e);
  virtual ExprId statement_expression(const clang::StmtExpr* e);
  virtual ExprId assign(const clang::BinaryOperator* e);
  virtual ExprId lambda(const clang::LambdaExpr* e);
  /// A temporary object of a class with a destructor; `object` is what to construct, or kNoExpr.
  virtual ExprId temporary(const clang::CXXBindTemporaryExpr* e);
  /// Called before the event of a call that can throw.
  virtual void may_throw(const clang::Expr* /*e*/) {}
  /// Control does not come back from what was just evaluated.
  virtual void does_not_return() {}
  virtual ExprId throw_expression(const clang::CXXThrowExpr* e);
  virtual ExprId recovery(const clang::RecoveryExpr* e);
  virtual ExprId label_address(const clang::AddrLabelExpr* e);

  ExprId make(ExprKind kind, clang::QualType type, llvm::ArrayRef<ExprId> kids, Op op = Op::None,
              Symbol name = {}, i64 value = 0, u16 flags = 0);
  ExprId make_typed(ExprKind kind, TypeId type, llvm::ArrayRef<ExprId> kids, Op op, Symbol name, i64 value,
                    u16 flags);
  ExprId integer(i64 value, clang::QualType type, Symbol name = {});
  ExprId unknown(const clang::Expr* e);
  ExprId address_of(ExprId object, clang::QualType type);
  ExprId dereference(ExprId pointer, clang::QualType type);
  ExprId construct(const clang::CXXConstructExpr* e, ExprId object_address);
  /// The initialiser of an object at `object`: a Construct or an Assign with kInit, reported as evaluated.
  ExprId initialise(ExprId object, clang::QualType type, const clang::Expr* init);
  ExprId call_function(const clang::FunctionDecl* decl, llvm::ArrayRef<ExprId> arguments,
                       clang::QualType type, u16 flags);

  Names& names_;
  Pool& pool_;
  PoolTypes types_;

 private:
  ExprId dispatch(const clang::Expr* e, Use use);
  ExprId constant(const clang::Expr* e, bool& is_constant);
  ExprId implicit_cast(const clang::ImplicitCastExpr* e, Use use);
  ExprId member(const clang::MemberExpr* e, Use use);
  ExprId index(const clang::ArraySubscriptExpr* e, Use use);
  ExprId unary(const clang::UnaryOperator* e, Use use);
  ExprId binary(const clang::BinaryOperator* e, Use use);
  ExprId call(const clang::CallExpr* e);
  ExprId dependent_operator(const clang::CXXOperatorCallExpr* e);
  ExprId init_list(const clang::InitListExpr* e);
  ExprId new_object(const clang::CXXNewExpr* e);
  ExprId rest(const clang::Expr* e);

  llvm::DenseMap<const clang::OpaqueValueExpr*, ExprId> opaque_;
  int depth_ = 0;
};

/// The operator of an expression or of the arithmetic in a compound assignment.
Op to_op(clang::BinaryOperatorKind kind);

}  // namespace quire::metal
