#include "metal/front/extract.h"

#include <clang/AST/ASTConsumer.h>
#include <clang/Basic/Version.h>
#include <clang/Frontend/CompilerInstance.h>
#include <clang/Frontend/FrontendAction.h>
#include <clang/Frontend/Utils.h>
#include <clang/Lex/PreprocessorOptions.h>
#include <llvm/Support/CrashRecoveryContext.h>
#include <llvm/Support/Path.h>
#include <llvm/Support/xxhash.h>
#include <sys/stat.h>

#include <ctime>

#include "metal/front/flags.h"
#include "metal/front/old_source.h"
#include "metal/front/unit_builder.h"

namespace quire::metal {

namespace {

constexpr unsigned kStack = 64u << 20;        // bytes for the parser's and our own recursion
constexpr std::size_t kMostDiagnostics = 20;  // that are kept: the count says the rest
constexpr u32 kCode = 1;                      // goes up when this folder makes other units of the same source

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
    return std::make_unique<Consumer>(symbols_, log_, out_);
  }
  void EndSourceFileAction() override { dependencies(getCompilerInstance(), out_); }

 private:
  Symbols& symbols_;
  Unit& out_;
  MacroLog log_;
};

bool parse(const CompileCommand& command, const std::string& path, Symbols& symbols, Unit& out,
           std::string& why) {
  const ClangFlags flags = to_clang_flags(command.arguments);
  out.flags_dropped = flags.dropped;
  llvm::IntrusiveRefCntPtr<llvm::vfs::FileSystem> files = llvm::vfs::createPhysicalFileSystem();
  if (files->setCurrentWorkingDirectory(command.directory)) {
    why = "no such directory: " + command.directory;
    return false;
  }
  if (flags.gnu89) files = fixing_file_system(files);
  std::vector<const char*> words{METAL_CLANG_PROGRAM};
  for (const std::string& word : flags.arguments) words.push_back(word.c_str());
  for (const char* word : {"-fsyntax-only", "-w", "-ferror-limit=0", "-resource-dir", METAL_CLANG_RESOURCES})
    words.push_back(word);
  if (flags.gnu89)
    for (const char* word : {"-Wno-int-conversion", "-Wno-incompatible-function-pointer-types",
                             "-Wno-implicit-int", "-Wno-implicit-function-declaration", "-Wno-return-type",
                             "-Wno-invalid-token-paste", "-Wno-return-mismatch"})
      words.push_back(word);
  words.push_back(path.c_str());

  auto* collector = new Diagnostics(out);  // the engine owns it
  auto engine = clang::CompilerInstance::createDiagnostics(new clang::DiagnosticOptions, collector);
  clang::CreateInvocationOptions options;
  options.Diags = engine;
  options.VFS = files;
  options.RecoverOnError = true;
  std::shared_ptr<clang::CompilerInvocation> invocation = clang::createInvocation(words, options);
  if (invocation == nullptr) {
    why = "the compiler options make no sense to Clang" +
          (out.diagnostics.empty() ? std::string() : ": " + out.diagnostics.front().text);
    return false;
  }
  invocation->getFrontendOpts().DisableFree = false;
  invocation->getDiagnosticOpts().ShowCarets = false;  // or a count of errors is printed
  clang::CompilerInstance compiler;
  compiler.setInvocation(std::move(invocation));
  compiler.setDiagnostics(engine.get());
  compiler.createFileManager(files);
  Action action(symbols, out);
  compiler.ExecuteAction(action);
  return true;
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
  std::string why;
  bool parsed = false;
  llvm::CrashRecoveryContext::Enable();
  llvm::CrashRecoveryContext guard;
  const bool survived =
      guard.RunSafelyOnThread([&] { parsed = parse(command, unit.main_file, symbols, unit, why); }, kStack);
  if (!survived) return std::unexpected(ExtractError{"the parser crashed on " + unit.main_file});
  if (!parsed) return std::unexpected(ExtractError{why});
  return unit;
}

std::string extractor_version() {
  return "quire-metal " + std::to_string(kFormatVersion) + "." + std::to_string(kCode) + " " +
         clang::getClangFullVersion();
}

}  // namespace quire::metal
