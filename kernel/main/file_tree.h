// The guest's file tree: the root, what -v adds, and the kernel's own /proc, /sys, /dev and /run.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "kernel/main/options.h"
#include "kernel/task/kernel.h"
#include "kernel/vfs/operations.h"

namespace quire::cli {

/// Host directories and files that were opened while the process still could. Owned.
struct Sources {
  struct Source {
    int fd = -1;
    bool directory = false;
    std::string host;
  };
  Source root;
  std::vector<Source> volumes;  // in the order of the options
  bool writes = false;          // some of them will be written to

  Sources() = default;
  Sources(Sources&& o) noexcept;
  Sources& operator=(Sources&&) = delete;
  ~Sources();
};
/// One line says what cannot be opened.
std::expected<Sources, std::string> open_sources(const RunOptions& options);

struct FileTree {
  vfs::Path root;
};
std::expected<FileTree, std::string> build_file_tree(const RunOptions& options, Sources& sources,
                                                     mm::MemoryManager& memory, task::Kernel& kernel);

}  // namespace quire::cli
