#include "metal/front/extract.h"

#include <clang/AST/ASTConsumer.h>
#include <clang/Basic/Version.h>
#include <clang/Frontend/CompilerInstance.h>
#include <clang/Frontend/FrontendAction.h>
#include <llvm/Support/Path.h>
#include <llvm/Support/xxhash.h>
#include <sys/stat.h>

#include <ctime>

#include "metal/front/flags.h"
#include "metal/front/old_source.h"
#include "metal/front/run_clang.h"
#include "metal/front/unit_builder.h"

namespace quire::metal {

namespace {

constexpr std::size_t kMostDiagnostics = 20;  // that are kept: the count says the rest
constexpr u32 kCode = 4;                      // goes up when this folder makes other units of the same source

class Diagnostics final : public clang::DiagnosticConsumer {
 public:
  explicit Diagnostics(Unit& out) : out_(out) {}

  void HandleDiagnostic(clang::DiagnosticsEngine::Level level, const clang::Diagnostic& info) override {
    DiagnosticConsumer::HandleDiagnostic(level, info);
    if (level < clang::DiagnosticsEngine::Error) return;
    ++out_.errors;
    if (level == clang::DiagnosticsEngine::Fatal) out_.incomplete = true;
    if (out_.diagnostics.size() >= kMostDiagnostics) return;
    UnitDiagnostic d;
    d.is_error = true;
    llvm::SmallString<128> text;
    info.FormatDiagnostic(text);
    d.text = text.str();
    if (info.hasSourceManager() && info.getLocation().isValid()) {
      const clang::PresumedLoc at = info.getSourceManager().getPresumedLoc(info.getLocation(), false);
      if (at.isValid()) {
        d.file = at.getFilename();
        d.line = at.getLine();
        d.column = at.getColumn();
      }
    }
    out_.diagnostics.push_back(std::move(d));
  }

 private:
  Unit& out_;
};

class Consumer final : public clang::ASTConsumer {
 public:
  Consumer(Symbols& symbols, MacroLog& log, Unit& out) : symbols_(symbols), log_(log), out_(out) {}
  void HandleTranslationUnit(clang::ASTContext& context) override {
    log_.seal();
    UnitBuilder(context, symbols_, log_, out_).run();
  }
  /// What a system header defines is not looked into; not parsing it, and so not instantiating it, saves a
  /// tenth to two fifths of the time for C++. Clang parses all the same what it needs itself: constexpr
  /// functions and deduced return types.
  bool shouldSkipFunctionBody(clang::Decl* decl) override {
    return decl->getASTContext().getSourceManager().isInSystemHeader(decl->getLocation());
  }

 private:
  Symbols& symbols_;
  MacroLog& log_;
  Unit& out_;
};

/// What went in, for the cache.
void dependencies(const clang::CompilerInstance& compiler, Unit& out) {
  const clang::SourceManager& sm = compiler.getSourceManager();
  const std::time_t now = std::time(nullptr);
  for (auto it = sm.fileinfo_begin(); it != sm.fileinfo_end(); ++it) {
    llvm::SmallString<128> path(it->first.getName());
    compiler.getFileManager().makeAbsolutePath(path);
    llvm::sys::path::remove_dots(path, true);
    Dependency d;
    d.path = path.str();
    struct stat st{};
    if (stat(d.path.c_str(), &st) != 0) continue;
    d.size = static_cast<u64>(st.st_size);
    // A file as young as this may change again within the same tick: let its content decide.
    if (now - st.st_mtim.tv_sec > 2) d.mtime_ns = i64{st.st_mtim.tv_sec} * 1'000'000'000 + st.st_mtim.tv_nsec;
    d.hash = file_hash(d.path);
    out.dependencies.push_back(std::move(d));
  }
  std::sort(out.dependencies.begin(), out.dependencies.end(),
            [](const Dependency& a, const Dependency& b) { return a.path < b.path; });
}

class Action final : public clang::ASTFrontendAction {
 public:
  Action(Symbols& symbols, Unit& out) : symbols_(symbols), out_(out) {}
  std::unique_ptr<clang::ASTConsumer> CreateASTConsumer(clang::CompilerInstance& compiler,
                                                        llvm::StringRef) override {
    compiler.getPreprocessor().addPPCallbacks(log_.recorder(compiler.getPreprocessor()));
    compiler.getFrontendOpts().SkipFunctionBodies = true;  // where the consumer says so
    return std::make_unique<Consumer>(symbols_, log_, out_);
  }
  void EndSourceFileAction() override { dependencies(getCompilerInstance(), out_); }

 private:
  Symbols& symbols_;
  Unit& out_;
  MacroLog log_;
};

std::string parse(const CompileCommand& command, const std::string& path, Symbols& symbols, Unit& out) {
  ClangFlags flags = to_clang_flags(command.arguments);
  out.flags_dropped = flags.dropped;
  ClangRun run;
  run.files = llvm::vfs::createPhysicalFileSystem();
  if (run.files->setCurrentWorkingDirectory(command.directory))
    return "no such directory: " + command.directory;
  if (flags.gnu89) run.files = fixing_file_system(run.files);
  run.arguments = std::move(flags.arguments);
  if (flags.gnu89)
    for (const char* word : {"-Wno-int-conversion", "-Wno-incompatible-function-pointer-types",
                             "-Wno-implicit-int", "-Wno-implicit-function-declaration", "-Wno-return-type",
                             "-Wno-invalid-token-paste", "-Wno-return-mismatch"})
      run.arguments.push_back(word);
  run.arguments.push_back(path);
  run.diagnostics = std::make_unique<Diagnostics>(out);
  Action action(symbols, out);
  std::string why = run_clang(std::move(run), action);
  if (!why.empty() && !out.diagnostics.empty()) why += ": " + out.diagnostics.front().text;
  return why;
}

}  // namespace

u64 file_hash(const std::string& path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, false, false);
  return buffer ? llvm::xxh3_64bits((*buffer)->getBuffer()) : 0;
}

std::expected<Unit, ExtractError> extract(const CompileCommand& command, Symbols& symbols) {
  llvm::SmallString<128> path(command.file);
  if (!llvm::sys::path::is_absolute(path)) {
    path = command.directory;
    llvm::sys::path::append(path, command.file);
  }
  llvm::sys::path::remove_dots(path, true);
  Unit unit;
  unit.main_file = path.str();
  struct stat st{};
  if (stat(unit.main_file.c_str(), &st) != 0)
    return std::unexpected(ExtractError{"cannot read " + unit.main_file + ": " + std::strerror(errno)});
  if (const std::string why = parse(command, unit.main_file, symbols, unit); !why.empty())
    return std::unexpected(ExtractError{unit.main_file + ": " + why});
  return unit;
}

std::string extractor_version() {
  return "quire-metal " + std::to_string(kFormatVersion) + "." + std::to_string(kCode) + " " +
         clang::getClangFullVersion();
}

}  // namespace quire::metal
