#include "metal/front/run_clang.h"

#include <clang/Frontend/CompilerInstance.h>
#include <clang/Frontend/Utils.h>
#include <clang/Lex/PreprocessorOptions.h>
#include <llvm/Support/CrashRecoveryContext.h>

namespace quire::metal {

namespace {

constexpr unsigned kStack = 64u << 20;  // bytes, for the parser's recursion and our own

std::string run_here(ClangRun& run, clang::FrontendAction& action) {
  std::vector<const char*> words{METAL_CLANG_PROGRAM};
  for (const std::string& word : run.arguments) words.push_back(word.c_str());
  for (const char* word : {"-fsyntax-only", "-w", "-ferror-limit=0", "-resource-dir", METAL_CLANG_RESOURCES})
    words.push_back(word);
  clang::DiagnosticConsumer* const consumer = run.diagnostics.release();  // the engine owns it
  auto engine = clang::CompilerInstance::createDiagnostics(new clang::DiagnosticOptions, consumer);
  clang::CreateInvocationOptions options;
  options.Diags = engine;
  options.VFS = run.files;
  options.RecoverOnError = true;
  std::shared_ptr<clang::CompilerInvocation> invocation = clang::createInvocation(words, options);
  if (invocation == nullptr) return "the compiler options make no sense to Clang";
  invocation->getFrontendOpts().DisableFree = false;
  invocation->getDiagnosticOpts().ShowCarets = false;  // or a count of errors is printed
  clang::ProcessWarningOptions(*engine, invocation->getDiagnosticOpts());
  clang::CompilerInstance compiler;
  compiler.setInvocation(std::move(invocation));
  compiler.setDiagnostics(engine.get());
  compiler.createFileManager(run.files);
  compiler.ExecuteAction(action);
  return {};
}

}  // namespace

std::string run_clang(ClangRun run, clang::FrontendAction& action) {
  std::string why;
  llvm::CrashRecoveryContext::Enable();
  llvm::CrashRecoveryContext guard;
  const bool survived = guard.RunSafelyOnThread([&] { why = run_here(run, action); }, kStack);
  return survived ? why : "the parser crashed";
}

}  // namespace quire::metal
