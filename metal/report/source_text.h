// Lines of the checked sources, read once each.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "metal/engine/finding.h"

namespace quire::metal {

/// Reads source files on demand. A file that cannot be read has no lines. Not thread-safe.
class SourceText {
 public:
  /// Line `number`, from 1, without its newline; empty when there is none.
  std::string_view line(const std::string& file, u32 number);
  /// All lines of a file.
  const std::vector<std::string>& lines(const std::string& file);

 private:
  std::map<std::string, std::vector<std::string>> files_;
};

/// `path` relative to `base` when it lies below it, else as it is.
std::string shown_path(const std::string& path, const std::string& base);

}  // namespace quire::metal
