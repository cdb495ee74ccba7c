// Writing a tree of an image out as files of the host.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "jffs2/tool/failure.h"
#include "jffs2/tool/tree.h"

namespace quire::jffs2 {

struct ExtractOptions {
  bool force = false;    ///< accept a directory that is not empty, replacing files in it
  bool orphans = false;  ///< also write files without a name, to lost+found/INO
  std::function<void(const std::string& path)> on_file;        ///< told of each entry made
  std::function<void(const std::string& message)> on_problem;  ///< told of what is damaged or left out
  std::function<void(u64 bytes)> on_bytes;                     ///< progress: file bytes written
};

struct ExtractReport {
  u64 entries = 0;
  u64 bytes = 0;
  u64 problems = 0;      ///< damaged or refused entries
  u64 left_to_root = 0;  ///< devices and attributes that only root may make
};

/// Makes `directory` and fills it. Never writes outside it: names that are not plain names are
/// refused, links in the way are not followed. Modes are set whatever the umask, times and hard
/// links restored, owners too when run by root. Damaged files are written as far as they can be
/// read, with zeros for what is lost.
Outcome<ExtractReport> extract_tree(const Tree& tree, const std::string& directory,
                                    const ExtractOptions& options);

}  // namespace quire::jffs2
