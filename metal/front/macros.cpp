#include "metal/front/macros.h"

#include <clang/Lex/Lexer.h>
#include <clang/Lex/MacroArgs.h>

#include <algorithm>

namespace quire::metal {

/// Writes the log.
class MacroRecorder final : public clang::PPCallbacks {
 public:
  MacroRecorder(MacroLog& log, clang::Preprocessor& pp) : log_(log), pp_(pp) {}

  void MacroExpands(const clang::Token& name, const clang::MacroDefinition& definition,
                    clang::SourceRange range, const clang::MacroArgs* args) override {
    const clang::MacroInfo* info = definition.getMacroInfo();
    if (info == nullptr) return;
    log_.infos_[name.getLocation()] = info;
    if (!name.getLocation().isFileID()) return;
    const clang::IdentifierInfo* id = name.getIdentifierInfo();
    log_.in_files_.push_back({name.getLocation(), range.getEnd(), info, id});
    if (args != nullptr && id != nullptr && id->getName().starts_with("EXPORT_SYMBOL")) {
      const clang::Token* token = args->getUnexpArgument(0);
      if (token->is(clang::tok::identifier)) log_.exported_.push_back(pp_.getSpelling(*token));
    }
  }

 private:
  MacroLog& log_;
  clang::Preprocessor& pp_;
};

std::unique_ptr<clang::PPCallbacks> MacroLog::recorder(clang::Preprocessor& pp) {
  return std::make_unique<MacroRecorder>(*this, pp);
}

const clang::MacroInfo* MacroLog::info(clang::SourceLocation name) const { return infos_.lookup(name); }

void MacroLog::seal() {
  std::sort(in_files_.begin(), in_files_.end(), [](const Use& a, const Use& b) { return a.name < b.name; });
}

llvm::ArrayRef<MacroLog::Use> MacroLog::between(clang::SourceLocation first,
                                                clang::SourceLocation last) const {
  const auto begin = std::lower_bound(in_files_.begin(), in_files_.end(), first,
                                      [](const Use& u, clang::SourceLocation at) { return u.name < at; });
  const auto end = std::upper_bound(begin, in_files_.end(), last,
                                    [](clang::SourceLocation at, const Use& u) { return at < u.name; });
  return llvm::ArrayRef(in_files_).slice(static_cast<std::size_t>(begin - in_files_.begin()),
                                         static_cast<std::size_t>(end - begin));
}

MacroId FunctionMacros::use(clang::FileID file) {
  if (const auto it = by_file_.find(file); it != by_file_.end()) return it->second;
  const clang::SrcMgr::ExpansionInfo& info = sm_.getSLocEntry(file).getExpansion();
  const clang::SourceLocation name = info.getExpansionLocStart();
  // Parents first, so that they have lower numbers.
  const MacroId parent = during(name);
  const MacroId written = written_in(name);
  MacroUse made;
  llvm::SmallString<32> buffer;
  made.name = symbols_.intern(
      std::string_view(clang::Lexer::getSpelling(sm_.getSpellingLoc(name), buffer, sm_, lang_)));
  made.function_like = info.isFunctionMacroExpansion();
  made.parent = parent;
  made.written_in = written;
  const MacroId id(static_cast<u32>(out_.size()));
  out_.push_back(std::move(made));
  names_.push_back(name);
  ends_.push_back(info.getExpansionLocEnd());
  infos_.push_back(log_.info(name));
  if (const clang::MacroInfo* macro = infos_.back(); macro != nullptr)
    out_.back().arguments.resize(macro->getNumParams());
  by_file_[file] = id;
  by_name_[name] = id;
  return id;
}

MacroId FunctionMacros::empty(const MacroLog::Use& use) {
  MacroUse made;
  made.name = symbols_.intern(std::string_view(use.id->getName()));
  made.function_like = use.info->isFunctionLike();
  made.arguments.resize(use.info->getNumParams());
  const MacroId id(static_cast<u32>(out_.size()));
  out_.push_back(std::move(made));
  names_.push_back(use.name);
  ends_.push_back(use.end);
  infos_.push_back(use.info);
  by_name_[use.name] = id;
  return id;
}

MacroId FunctionMacros::during(clang::SourceLocation at) {
  while (at.isMacroID()) {
    const clang::FileID file = sm_.getFileID(at);
    const clang::SrcMgr::ExpansionInfo& info = sm_.getSLocEntry(file).getExpansion();
    if (!info.isMacroArgExpansion()) return use(file);
    at = info.getExpansionLocStart();  // the parameter, in the body of the expansion that is meant
  }
  return kNoMacro;
}

MacroId FunctionMacros::written_in(clang::SourceLocation at) {
  while (at.isMacroID()) {
    const clang::FileID file = sm_.getFileID(at);
    if (!sm_.getSLocEntry(file).getExpansion().isMacroArgExpansion()) return use(file);
    at = sm_.getImmediateSpellingLoc(at);
  }
  return kNoMacro;
}

bool FunctionMacros::at_end(clang::SourceLocation at, clang::SourceLocation& next) const {
  const unsigned length = clang::Lexer::MeasureTokenLength(sm_.getSpellingLoc(at), sm_, lang_);
  return sm_.isAtEndOfImmediateMacroExpansion(at.getLocWithOffset(static_cast<int>(length)), &next);
}

llvm::SmallVector<MacroId, 2> FunctionMacros::whole(clang::SourceLocation first, clang::SourceLocation last) {
  llvm::SmallVector<MacroId, 2> result;
  if (!first.isMacroID() || !last.isMacroID()) return result;
  llvm::SmallVector<clang::FileID, 4> starts;
  clang::SourceLocation next;
  while (first.isMacroID() && sm_.isAtStartOfImmediateMacroExpansion(first, &next)) {
    const clang::FileID file = sm_.getFileID(first);
    if (!sm_.getSLocEntry(file).getExpansion().isMacroArgExpansion()) starts.push_back(file);
    first = next;
  }
  if (starts.empty()) return result;
  while (last.isMacroID()) {
    const clang::FileID file = sm_.getFileID(last);
    const clang::SrcMgr::ExpansionInfo& info = sm_.getSLocEntry(file).getExpansion();
    if (!at_end(last, next)) break;
    if (!info.isMacroArgExpansion() && std::find(starts.begin(), starts.end(), file) != starts.end())
      result.push_back(use(file));
    last = info.isMacroArgExpansion() ? info.getExpansionLocStart() : info.getExpansionLocEnd();
  }
  return result;
}

std::optional<unsigned> FunctionMacros::parameter_index(clang::SourceLocation at, MacroId macro) {
  const clang::MacroInfo* info = infos_[macro.value()];
  if (info == nullptr) return std::nullopt;
  llvm::SmallString<32> buffer;
  const llvm::StringRef name = clang::Lexer::getSpelling(sm_.getSpellingLoc(at), buffer, sm_, lang_);
  unsigned index = 0;
  for (const clang::IdentifierInfo* parameter : info->params()) {
    if (parameter->getName() == name) return index;
    ++index;
  }
  return std::nullopt;
}

llvm::SmallVector<std::pair<MacroId, unsigned>, 2> FunctionMacros::arguments(clang::SourceLocation first,
                                                                             clang::SourceLocation last) {
  llvm::SmallVector<std::pair<MacroId, unsigned>, 2> result;
  clang::SourceLocation start, end;
  while (first.isMacroID() && last.isMacroID()) {
    const clang::FileID file = sm_.getFileID(first);
    const clang::SrcMgr::ExpansionInfo& info = sm_.getSLocEntry(file).getExpansion();
    const clang::FileID last_file = sm_.getFileID(last);
    const clang::SrcMgr::ExpansionInfo& last_info = sm_.getSLocEntry(last_file).getExpansion();
    if (!info.isMacroArgExpansion() || !last_info.isMacroArgExpansion() ||
        info.getExpansionLocStart() != last_info.getExpansionLocStart())
      break;
    const clang::SourceLocation parameter = info.getExpansionLocStart();
    if (parameter.isMacroID() && sm_.isAtStartOfImmediateMacroExpansion(first, &start) && at_end(last, end)) {
      const clang::FileID body = sm_.getFileID(parameter);
      if (!sm_.getSLocEntry(body).getExpansion().isMacroArgExpansion()) {
        const MacroId macro = use(body);
        if (const auto index = parameter_index(parameter, macro); index) result.emplace_back(macro, *index);
      }
    }
    first = sm_.getImmediateSpellingLoc(first);
    last = sm_.getImmediateSpellingLoc(last);
  }
  return result;
}

}  // namespace quire::metal
