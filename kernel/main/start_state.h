// What the first program takes over from whoever started quire, unless an option says otherwise.
#pragma once

#include <signal.h>

#include <expected>

#include "kernel/main/file_tree.h"
#include "kernel/main/options.h"
#include "kernel/task/kernel.h"
#include "kernel/vfs/fd_table.h"
#include "kernel/vfs/fs_context.h"

namespace quire::cli {

/// A failure with the exit status that it means.
struct Failure {
  int status;
  std::string line;
};

/// Taken first of all, before quire changes its own signals, umask or privileges.
class StartState {
 public:
  static StartState capture();
  /// The first program: found in PATH, with its environment, directory, user and descriptors.
  std::expected<task::InitProgram, Failure> program(const RunOptions& options, const FileTree& tree,
                                                    mm::MemoryManager& memory) const;

 private:
  task::SignalSet ignored_ = 0, blocked_ = 0;
  u32 umask_ = 022;
  std::string directory_;
};

}  // namespace quire::cli
