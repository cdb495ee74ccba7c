// Clang's types and declarations as names.
#pragma once

#include <clang/AST/ASTContext.h>
#include <clang/AST/DeclCXX.h>
#include <clang/AST/Mangle.h>
#include <clang/Basic/SourceManager.h>
#include <llvm/ADT/DenseMap.h>
#include <llvm/ADT/StringMap.h>

#include <memory>
#include <string>
#include <vector>

#include "metal/ir/expr.h"

namespace quire::metal {

/// Names of one translation unit, each made once.
class Names {
 public:
  Names(clang::ASTContext& context, Symbols& symbols);

  clang::ASTContext& context() { return context_; }
  Symbols& symbols() { return symbols_; }
  Symbol symbol(llvm::StringRef text) { return symbols_.intern(std::string_view(text.data(), text.size())); }

  /// As a rule would write it: qualified in C++, without template arguments and inline namespaces.
  Symbol qualified(const clang::NamedDecl* decl);
  /// What link joins on. All instances of a template share one.
  Symbol link(const clang::FunctionDecl* decl);
  Symbol link(const clang::VarDecl* decl);
  /// The type without `element`, and the type that belongs there (null when there is none).
  std::pair<Type, clang::QualType> type(clang::QualType type);
  /// The absolute path of a file.
  Symbol file(clang::FileID file);
  /// Bytes of an object of this type; 0 when that is not known.
  u64 size(clang::QualType type);

 private:
  Symbol spelling(clang::QualType canonical);
  Symbol tag(const clang::TagDecl* decl);
  std::string place(clang::SourceLocation at);
  /// A lambda expression's own name; its instances in the instances of a template share one.
  std::string lambda(const clang::CXXRecordDecl* record);

  clang::ASTContext& context_;
  Symbols& symbols_;
  clang::PrintingPolicy policy_;
  std::unique_ptr<clang::MangleContext> mangler_;
  llvm::DenseMap<const void*, Symbol> spellings_;
  llvm::DenseMap<const clang::Decl*, Symbol> qualified_;
  llvm::DenseMap<const clang::Decl*, Symbol> links_;
  llvm::DenseMap<clang::FileID, Symbol> files_;
  llvm::StringMap<std::vector<clang::SourceLocation>> lambdas_;  ///< by place
  llvm::DenseMap<const void*, std::pair<Type, clang::QualType>> types_;
};

/// Types of one pool.
class PoolTypes {
 public:
  PoolTypes(Names& names, Pool& pool) : names_(names), pool_(pool) {}
  TypeId id(clang::QualType type);

 private:
  Names& names_;
  Pool& pool_;
  llvm::DenseMap<const void*, TypeId> ids_;
};

}  // namespace quire::metal
