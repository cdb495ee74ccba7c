// From a parsed translation unit to a Unit: which functions, and what stands outside of them.
#pragma once

#include <llvm/ADT/DenseSet.h>

#include <deque>

#include "metal/front/flow.h"
#include "metal/ir/unit.h"

namespace quire::metal {

class UnitBuilder final : public FlowListener {
 public:
  UnitBuilder(clang::ASTContext& context, Symbols& symbols, const MacroLog& log, Unit& out)
      : names_(context, symbols), log_(log), sm_(context.getSourceManager()), out_(out) {}

  /// Everything that the main file defines, and of headers what that reaches.
  void run();

  void reached(const clang::FunctionDecl* decl) override;
  void static_variable(const clang::VarDecl* decl) override;
  void lambda_body(const clang::LambdaExpr* e) override;

 private:
  void walk(const clang::DeclContext* context);
  void consider(const clang::FunctionDecl* decl);
  void enqueue(const clang::FunctionDecl* definition, bool lambda = false);
  void build(const clang::FunctionDecl* decl, bool lambda);
  void variable(const clang::VarDecl* decl);
  void class_info(const clang::CXXRecordDecl* decl);
  void stores(const clang::Expr* init, const clang::VarDecl* variable, Symbol record, Symbol field,
              int depth);
  bool in_main_file(const clang::Decl* decl) const;

  Names names_;
  const MacroLog& log_;
  const clang::SourceManager& sm_;
  Unit& out_;
  llvm::DenseSet<const clang::Decl*> seen_;
  std::deque<std::pair<const clang::FunctionDecl*, bool>> queue_;
};

}  // namespace quire::metal
