#include "metal/front/pattern.h"

#include <clang/AST/ASTConsumer.h>
#include <clang/Basic/DiagnosticSema.h>
#include <clang/Frontend/CompilerInstance.h>

#include <cctype>
#include <optional>

#include "metal/front/macros.h"
#include "metal/front/pattern_source.h"
#include "metal/front/run_clang.h"
#include "metal/front/translator.h"

namespace quire::metal {

namespace {

constexpr int kMostRuns = 8;  // of Clang for one request

/// An error of Clang, with what a retry wants to know of it.
struct Complaint {
  std::optional<std::size_t> offset;  ///< in the generated file
  std::string file;
  u32 line = 0;
  std::string text;
  std::string missing_member;  ///< of the record that stands in for a hole
  std::string undeclared;
  bool fatal = false;
};

class Collector final : public clang::DiagnosticConsumer {
 public:
  explicit Collector(std::vector<Complaint>& out) : out_(out) {}

  void HandleDiagnostic(clang::DiagnosticsEngine::Level level, const clang::Diagnostic& info) override {
    DiagnosticConsumer::HandleDiagnostic(level, info);
    if (level < clang::DiagnosticsEngine::Error) return;
    Complaint c;
    llvm::SmallString<128> text;
    info.FormatDiagnostic(text);
    c.text = text.str();
    c.fatal = level == clang::DiagnosticsEngine::Fatal;
    if (info.hasSourceManager() && info.getLocation().isValid()) {
      const clang::SourceManager& sm = info.getSourceManager();
      const auto [file, offset] = sm.getDecomposedLoc(sm.getFileLoc(info.getLocation()));
      if (file == sm.getMainFileID()) {
        c.offset = offset;
      } else if (const clang::PresumedLoc at = sm.getPresumedLoc(info.getLocation()); at.isValid()) {
        c.file = at.getFilename();
        c.line = at.getLine();
        // Where the rule includes the file: that is the line which its author can change.
        clang::SourceLocation including = sm.getIncludeLoc(file);
        while (including.isValid() && sm.getFileID(including) != sm.getMainFileID())
          including = sm.getIncludeLoc(sm.getFileID(including));
        if (including.isValid()) c.offset = sm.getFileOffset(including);
      }
    }
    const unsigned id = info.getID();
    if ((id == clang::diag::err_no_member || id == clang::diag::err_no_member_suggest) &&
        info.getNumArgs() > 0)
      c.missing_member = name_argument(info);
    if (id == clang::diag::err_undeclared_var_use || id == clang::diag::err_undeclared_var_use_suggest)
      c.undeclared = name_argument(info);
    out_.push_back(std::move(c));
  }

 private:
  static std::string name_argument(const clang::Diagnostic& info) {
    switch (info.getArgKind(0)) {
      case clang::DiagnosticsEngine::ak_declarationname:
        return clang::DeclarationName::getFromOpaqueInteger(info.getRawArg(0)).getAsString();
      case clang::DiagnosticsEngine::ak_identifierinfo:
        return info.getArgIdentifier(0)->getName().str();
      case clang::DiagnosticsEngine::ak_std_string:
        return info.getArgStdStr(0);
      default:
        return {};
    }
  }
  std::vector<Complaint>& out_;
};

/// Makes the tree of one fragment.
class FragmentTranslator final : public Translator {
 public:
  FragmentTranslator(Names& names, const MacroLog& log, const PatternRequest& request,
                     const std::vector<Parameter>& parameters, Pattern& out)
      : Translator(names, out.pool),
        request_(request),
        parameters_(parameters),
        out_(out),
        macros_(names.context().getSourceManager(), names.context().getLangOpts(), log, names.symbols(),
                uses_) {}

  TypeId type(clang::QualType t) { return types_.id(t); }
  /// The variable of a declaration pattern: it is the hole of its name, if there is one.
  ExprId declared(const clang::VarDecl* decl) {
    for (u32 i = 0; i < request_.holes.size(); ++i)
      if (request_.holes[i].name == decl->getName()) return hole(i, types_.id(decl->getType()));
    return make(ExprKind::Var, decl->getType(), {}, Op::None, names_.symbol(decl->getName()), -1);
  }

  /// Of a declaration: a constructor call on the variable itself, or the value.
  ExprId initial_value(const clang::VarDecl* decl, ExprId object) {
    const ExprId id = initialise(object, decl->getType(), decl->getInit());
    return pool_[id].kind == ExprKind::Assign ? pool_.kid(id, 1) : id;
  }

 protected:
  ExprId variable(const clang::VarDecl* decl) override {
    const auto* parameter = llvm::dyn_cast<clang::ParmVarDecl>(decl);
    if (parameter == nullptr || parameter->getFunctionScopeIndex() >= parameters_.size())
      return decl->isLocalVarDecl() ? declared(decl) : Translator::variable(decl);
    const Parameter& p = parameters_[parameter->getFunctionScopeIndex()];
    if (p.name != decl->getName()) return Translator::variable(decl);
    switch (p.kind) {
      case Parameter::Kind::Hole:
        return hole(p.hole, out_.hole_types[p.hole]);
      case Parameter::Kind::Macro:
        return make_typed(ExprKind::Macro, kNoType, {}, Op::None, names_.symbol(p.name), 0, 0);
      case Parameter::Kind::Callee: {
        FunctionRef ref;
        ref.name = ref.link = names_.symbol(p.name);
        return make_typed(ExprKind::Function, kNoType, {}, Op::None, ref.name, pool_.add_function(ref), 0);
      }
    }
    return Translator::variable(decl);
  }

  ExprId after(const clang::Expr* e, ExprId id) override {
    if (!e->getBeginLoc().isMacroID() || llvm::isa<clang::ImplicitCastExpr, clang::FullExpr>(e)) return id;
    for (const MacroId macro : macros_.whole(e->getBeginLoc(), e->getEndLoc())) {
      MacroUse& use = uses_[macro.value()];
      // Only names that the rule itself wrote count.
      if (use.parent != kNoMacro || use.tree != kNoExpr) continue;
      id = use.tree = make_typed(ExprKind::Macro, pool_[id].type, {id}, Op::None, use.name, 1,
                                 use.function_like ? kFunctionLike : 0);
    }
    return id;
  }

 private:
  ExprId hole(u32 index, TypeId type) {
    out_.hole_used[index] = true;
    return make_typed(ExprKind::Hole, type, {}, Op::None, names_.symbol(request_.holes[index].name), index,
                      0);
  }

  const PatternRequest& request_;
  const std::vector<Parameter>& parameters_;
  Pattern& out_;
  std::vector<MacroUse> uses_;
  FunctionMacros macros_;
};

/// State of a request over several runs.
class Job {
 public:
  Job(const PatternRequest& request, Symbols& symbols)
      : request_(request),
        symbols_(symbols),
        plans_(request.fragments.size()),
        bad_holes_(request.holes.size()) {
    result_.patterns.resize(request.fragments.size());
    first_errors_.resize(request.fragments.size());
  }

  PatternResult run();

  void take(clang::ASTContext& context, const MacroLog& log);

 private:
  void find_macros();
  void parsed(clang::ASTContext& context, const MacroLog& macro_log, std::size_t index,
              const clang::FunctionDecl* decl);
  std::optional<PatternError> to_error(const Complaint& c, const SourceMap& map) const;
  bool next_plan(std::size_t index, const std::vector<const Complaint*>& complaints,
                 const PatternSource& source);
  ClangRun clang_run(std::string text);

  const PatternRequest& request_;
  Symbols& symbols_;
  std::vector<FragmentPlan> plans_;
  std::vector<bool> bad_holes_;
  std::set<std::string> members_;
  std::set<std::string> function_macros_;
  std::vector<std::optional<PatternError>> first_errors_;
  std::vector<Complaint> complaints_;
  PatternResult result_;
  PatternSource* source_ = nullptr;
};

class JobConsumer final : public clang::ASTConsumer {
 public:
  JobConsumer(Job& job, MacroLog& log) : job_(job), log_(log) {}
  void HandleTranslationUnit(clang::ASTContext& context) override {
    log_.seal();
    job_.take(context, log_);
  }

 private:
  Job& job_;
  MacroLog& log_;
};

class JobAction final : public clang::ASTFrontendAction {
 public:
  explicit JobAction(Job& job) : job_(job) {}
  std::unique_ptr<clang::ASTConsumer> CreateASTConsumer(clang::CompilerInstance& compiler,
                                                        llvm::StringRef) override {
    compiler.getPreprocessor().addPPCallbacks(log_.recorder(compiler.getPreprocessor()));
    return std::make_unique<JobConsumer>(job_, log_);
  }

 private:
  Job& job_;
  MacroLog log_;
};

/// Finds out which of the words of the fragments are macros with arguments.
class MacroProbe final : public clang::PreprocessorFrontendAction {
 public:
  MacroProbe(const std::set<std::string>& words, std::set<std::string>& out) : words_(words), out_(out) {}

 protected:
  void ExecuteAction() override {
    clang::Preprocessor& pp = getCompilerInstance().getPreprocessor();
    pp.EnterMainSourceFile();
    clang::Token token;
    do pp.Lex(token);
    while (token.isNot(clang::tok::eof));
    for (const std::string& word : words_)
      if (const clang::MacroInfo* info = pp.getMacroInfo(pp.getIdentifierInfo(word));
          info != nullptr && info->isFunctionLike())
        out_.insert(word);
  }

 private:
  const std::set<std::string>& words_;
  std::set<std::string>& out_;
};

ClangRun Job::clang_run(std::string text) {
  ClangRun run;
  const bool cxx = request_.language == Language::Cxx;
  // Beside the rule file, so that its quoted includes are found; the file exists in memory only.
  const std::string directory = request_.directory.empty() ? "." : request_.directory;
  const std::string path = directory + (cxx ? "/.metal-pattern.cpp" : "/.metal-pattern.c");
  auto overlay = llvm::makeIntrusiveRefCnt<llvm::vfs::OverlayFileSystem>(llvm::vfs::getRealFileSystem());
  auto memory = llvm::makeIntrusiveRefCnt<llvm::vfs::InMemoryFileSystem>();
  if (const auto here = overlay->getCurrentWorkingDirectory()) memory->setCurrentWorkingDirectory(*here);
  memory->addFile(path, 0, llvm::MemoryBuffer::getMemBufferCopy(text, path));
  overlay->pushOverlay(memory);
  run.files = overlay;
  run.arguments = {"-x", cxx ? "c++" : "c", cxx ? "-std=gnu++20" : "-std=gnu17"};
  for (const char* word :
       {"-Wno-implicit-function-declaration", "-Wno-implicit-int", "-Wno-int-conversion",
        "-Wno-incompatible-function-pointer-types", "-Wno-return-mismatch", "-Wno-return-type"})
    run.arguments.push_back(word);
  for (const std::string& folder : request_.include_paths) run.arguments.push_back("-I" + folder);
  for (const std::string& flag : request_.flags) run.arguments.push_back(flag);
  run.arguments.push_back(path);
  run.diagnostics = std::make_unique<Collector>(complaints_);
  return run;
}

void Job::find_macros() {
  if (request_.preamble.find('#') == std::string::npos) return;
  std::set<std::string> words;
  for (const std::string& fragment : request_.fragments)
    for (const Word& w : words_of(fragment))
      if (w.called && !w.member) words.insert(w.text);
  if (words.empty()) return;
  MacroProbe probe(words, function_macros_);
  run_clang(clang_run(request_.preamble + "\n"), probe);
  complaints_.clear();  // they come again
}

void Job::take(clang::ASTContext& context, const MacroLog& macro_log) {
  std::set<std::size_t> wrong;
  for (const Complaint& c : complaints_)
    if (const auto error = to_error(c, source_->map()); error) {
      if (error->where == PatternError::Where::Fragment) wrong.insert(error->index);
      if (error->where == PatternError::Where::Preamble) return;
    }
  const llvm::StringRef prefix = PatternSource::kFunction;
  for (const clang::Decl* decl : context.getTranslationUnitDecl()->decls()) {
    const auto* named = llvm::dyn_cast<clang::NamedDecl>(decl);
    if (named == nullptr || named->getIdentifier() == nullptr || !named->getName().starts_with(prefix))
      continue;
    const clang::FunctionDecl* function = named->getAsFunction();
    std::size_t index = 0;
    if (function == nullptr || named->getName().drop_front(prefix.size()).getAsInteger(10, index) ||
        index >= plans_.size() || wrong.count(index) != 0)
      continue;
    parsed(context, macro_log, index, function);
  }
}

void Job::parsed(clang::ASTContext& context, const MacroLog& macro_log, std::size_t index,
                 const clang::FunctionDecl* decl) {
  const auto* outer = llvm::dyn_cast_or_null<clang::CompoundStmt>(decl->getBody());
  const auto* body = outer != nullptr && !outer->body_empty()
                         ? llvm::dyn_cast<clang::CompoundStmt>(*outer->body_begin())
                         : nullptr;
  if (body == nullptr) return;
  const auto refuse = [&](std::string text) {
    PatternError e;
    e.index = static_cast<u32>(index);
    e.message = std::move(text);
    first_errors_[index] = std::move(e);
    plans_[index].done = true;
  };
  const clang::Stmt* only = nullptr;
  for (const clang::Stmt* s : body->body()) {
    if (llvm::isa<clang::NullStmt>(s)) continue;
    if (only != nullptr) return refuse("a pattern is one expression or one statement, not several");
    only = s;
  }
  if (only == nullptr) return refuse("the pattern is empty");
  Names names(context, symbols_);
  auto pattern = std::make_unique<Pattern>();
  pattern->hole_used.assign(request_.holes.size(), false);
  pattern->hole_types.assign(request_.holes.size(), kNoType);
  FragmentTranslator translator(names, macro_log, request_, source_->parameters(index), *pattern);
  // Before the tree: the trees of holes carry these types.
  unsigned i = 0;
  for (const Parameter& p : source_->parameters(index)) {
    const clang::ParmVarDecl* parameter = i < decl->getNumParams() ? decl->getParamDecl(i) : nullptr;
    ++i;
    if (p.kind == Parameter::Kind::Hole && parameter != nullptr &&
        request_.holes[p.hole].type == HoleType::Typed && !bad_holes_[p.hole]) {
      // Without the name that the generated source gives it, but with the author's own.
      clang::QualType type = parameter->getOriginalType();
      if (const auto* alias = type->getAs<clang::TypedefType>(); alias != nullptr) type = alias->desugar();
      if (const auto* of = type->getAs<clang::TypeOfType>(); of != nullptr) type = of->desugar();
      pattern->hole_types[p.hole] = translator.type(type);
    }
  }
  if (const auto* e = llvm::dyn_cast<clang::Expr>(only); e != nullptr) {
    pattern->root = translator.translate(e);
  } else if (const auto* ret = llvm::dyn_cast<clang::ReturnStmt>(only); ret != nullptr) {
    pattern->kind = PatternKind::Return;
    if (ret->getRetValue() != nullptr) pattern->root = translator.translate(ret->getRetValue());
  } else if (const auto* declared = llvm::dyn_cast<clang::DeclStmt>(only);
             declared != nullptr && declared->isSingleDecl() &&
             llvm::isa<clang::VarDecl>(declared->getSingleDecl())) {
    const auto* var = llvm::cast<clang::VarDecl>(declared->getSingleDecl());
    pattern->kind = PatternKind::Declaration;
    pattern->root = translator.declared(var);
    if (var->hasInit()) pattern->init = translator.initial_value(var, pattern->root);
  } else {
    return refuse("a pattern is an expression, a return or the declaration of one variable");
  }
  pattern->pool.freeze();
  result_.patterns[index] = std::move(pattern);
  plans_[index].done = true;
  first_errors_[index].reset();
}

std::optional<PatternError> Job::to_error(const Complaint& c, const SourceMap& map) const {
  PatternError error;
  error.message = c.text;
  error.file = c.file;
  error.line = c.line;
  if (!c.offset) {
    error.where = PatternError::Where::Preamble;
    return error;
  }
  for (const SourceMap::Piece& piece : map.pieces)
    // One past the end too: what is missing at the end of a fragment is missed there, or on the line below.
    if (*c.offset >= piece.begin && *c.offset <= piece.end + 2) {
      error.where = piece.where;
      error.index = piece.index;
      error.offset = static_cast<u32>(std::min(*c.offset, piece.end) - piece.begin);
      return error;
    }
  // In the text between: the last piece before it broke that.
  const SourceMap::Piece* last = nullptr;
  for (const SourceMap::Piece& piece : map.pieces)
    if (piece.end <= *c.offset) last = &piece;
  if (last == nullptr) return std::nullopt;
  error.where = last->where;
  error.index = last->index;
  error.offset = static_cast<u32>(last->end - last->begin);
  return error;
}

namespace {

bool in_capitals(const std::string& name) {
  bool letter = false;
  for (const char c : name) {
    if (std::islower(static_cast<unsigned char>(c)) != 0) return false;
    letter |= std::isupper(static_cast<unsigned char>(c)) != 0;
  }
  return letter && name.size() > 1;
}

}  // namespace

bool Job::next_plan(std::size_t index, const std::vector<const Complaint*>& complaints,
                    const PatternSource& source) {
  FragmentPlan& plan = plans_[index];
  bool same_again = false;
  for (const Complaint* c : complaints) {
    if (!c->missing_member.empty() && request_.language == Language::C)
      same_again |= members_.insert(c->missing_member).second;
    if (in_capitals(c->undeclared)) same_again |= plan.unknown_macros.insert(c->undeclared).second;
  }
  if (same_again) return true;
  if (++plan.attempt < source.attempts(index)) return true;
  if (!plan.shadow_calls) {
    plan.shadow_calls = true;
    plan.attempt = 0;
    return true;
  }
  return false;
}

PatternResult Job::run() {
  find_macros();
  PatternSource source(request_, function_macros_);
  source_ = &source;
  for (int runs = 0; runs < kMostRuns; ++runs) {
    complaints_.clear();
    JobAction action(*this);
    const std::string why = run_clang(clang_run(source.write(plans_, members_, bad_holes_)), action);
    if (!why.empty()) {
      PatternError error;
      error.where = PatternError::Where::Preamble;
      error.message = why;
      result_.errors.push_back(std::move(error));
      return std::move(result_);
    }
    std::vector<std::vector<const Complaint*>> by_fragment(plans_.size());
    bool holes_changed = false;
    for (const Complaint& c : complaints_) {
      auto error = to_error(c, source.map());
      if (!error) continue;
      if (error->where == PatternError::Where::Preamble) {
        result_.errors.push_back(std::move(*error));
      } else if (error->where == PatternError::Where::Hole) {
        if (!bad_holes_[error->index]) result_.errors.push_back(*error);
        bad_holes_[error->index] = holes_changed = true;
      } else {
        by_fragment[error->index].push_back(&c);
        if (!first_errors_[error->index]) first_errors_[error->index] = std::move(error);
      }
    }
    // With a broken preamble every other message would be noise.
    if (!result_.errors.empty() && result_.errors.front().where == PatternError::Where::Preamble)
      return std::move(result_);
    bool again = holes_changed;
    for (std::size_t i = 0; i < plans_.size(); ++i) {
      if (plans_[i].done) continue;
      if (holes_changed && by_fragment[i].empty()) continue;
      if (next_plan(i, by_fragment[i], source))
        again = true;
      else
        plans_[i].done = true;
    }
    if (!again) break;
  }
  for (std::size_t i = 0; i < plans_.size(); ++i) {
    if (result_.patterns[i] != nullptr) continue;
    PatternError error;
    error.index = static_cast<u32>(i);
    error.message = "this is no expression or statement that the compiler understands";
    result_.errors.push_back(first_errors_[i].value_or(std::move(error)));
  }
  return std::move(result_);
}

}  // namespace

PatternResult parse_patterns(const PatternRequest& request, Symbols& symbols) {
  return Job(request, symbols).run();
}

}  // namespace quire::metal
