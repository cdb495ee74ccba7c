// Which macro expansions a piece of code came out of, read back from Clang's source locations.
#pragma once

#include <clang/Basic/SourceManager.h>
#include <clang/Lex/MacroInfo.h>
#include <clang/Lex/PPCallbacks.h>
#include <clang/Lex/Preprocessor.h>
#include <llvm/ADT/DenseMap.h>
#include <llvm/ADT/SmallVector.h>

#include <memory>
#include <optional>
#include <vector>

#include "metal/ir/function.h"

namespace quire::metal {

/// What the preprocessor expanded, in order. One for each translation unit.
class MacroLog {
 public:
  struct Use {
    clang::SourceLocation name;
    clang::SourceLocation end;
    const clang::MacroInfo* info = nullptr;
    const clang::IdentifierInfo* id = nullptr;
  };
  /// To be added to the preprocessor before it starts; the log must outlive it.
  std::unique_ptr<clang::PPCallbacks> recorder(clang::Preprocessor& pp);

  const clang::MacroInfo* info(clang::SourceLocation name) const;
  /// To be called once, after parsing and before between().
  void seal();
  /// Expansions written in a file between two locations in it, in source order.
  llvm::ArrayRef<Use> between(clang::SourceLocation first, clang::SourceLocation last) const;
  const std::vector<std::string>& exported() const { return exported_; }

 private:
  friend class MacroRecorder;
  std::vector<Use> in_files_;  // those whose name stands in a file, not in another macro
  llvm::DenseMap<clang::SourceLocation, const clang::MacroInfo*> infos_;
  std::vector<std::string> exported_;
};

/// Macro uses of one function, numbered as they are met.
class FunctionMacros {
 public:
  FunctionMacros(const clang::SourceManager& sm, const clang::LangOptions& lang, const MacroLog& log,
                 Symbols& symbols, std::vector<MacroUse>& out)
      : sm_(sm), lang_(lang), log_(log), symbols_(symbols), out_(out) {}

  /// Innermost expansion during which the token at `at` was made (see Event::macro).
  MacroId during(clang::SourceLocation at);
  /// Innermost expansion whose body spells the token (see Event::written_in).
  MacroId written_in(clang::SourceLocation at);
  /// The expansions that tokens `first` ... `last` make up entirely, innermost first.
  llvm::SmallVector<MacroId, 2> whole(clang::SourceLocation first, clang::SourceLocation last);
  /// The arguments that tokens `first` ... `last` make up entirely: which of which expansion.
  llvm::SmallVector<std::pair<MacroId, unsigned>, 2> arguments(clang::SourceLocation first,
                                                               clang::SourceLocation last);
  /// A use that left no token behind.
  MacroId empty(const MacroLog::Use& use);
  bool known(clang::SourceLocation name) const { return by_name_.count(name) != 0; }
  /// Where the name of the use stands.
  clang::SourceLocation name_of(MacroId id) const { return names_[id.value()]; }
  clang::SourceLocation end_of(MacroId id) const { return ends_[id.value()]; }

 private:
  MacroId use(clang::FileID file);
  bool at_end(clang::SourceLocation at, clang::SourceLocation& next) const;
  std::optional<unsigned> parameter_index(clang::SourceLocation at, MacroId macro);

  const clang::SourceManager& sm_;
  const clang::LangOptions& lang_;
  const MacroLog& log_;
  Symbols& symbols_;
  std::vector<MacroUse>& out_;
  std::vector<clang::SourceLocation> names_, ends_;
  std::vector<const clang::MacroInfo*> infos_;
  llvm::DenseMap<clang::FileID, MacroId> by_file_;
  llvm::DenseMap<clang::SourceLocation, MacroId> by_name_;
};

}  // namespace quire::metal
