// One run of Clang's front end inside this process.
#pragma once

#include <clang/Basic/Diagnostic.h>
#include <clang/Frontend/FrontendAction.h>
#include <llvm/Support/VirtualFileSystem.h>

#include <string>
#include <vector>

namespace quire::metal {

struct ClangRun {
  std::vector<std::string> arguments;  ///< for the driver: options and the file, without the program's name
  llvm::IntrusiveRefCntPtr<llvm::vfs::FileSystem> files;
  std::unique_ptr<clang::DiagnosticConsumer> diagnostics;
};

/// Runs `action` on a thread with a stack for deep nesting. A crash of the parser is an error like others.
/// The text says what went wrong; empty when the action ran, whatever errors the source has.
std::string run_clang(ClangRun run, clang::FrontendAction& action);

}  // namespace quire::metal
