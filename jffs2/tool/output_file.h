// A file that appears whole or not at all.
#pragma once

#include <span>
#include <string>

#include "base/types.h"
#include "jffs2/tool/failure.h"

namespace quire::jffs2 {

/// Writes beside `path` and renames at the end; "-" is standard output. Without commit() nothing is
/// left behind. A path that is no regular file (a device, a pipe) is written directly.
class OutputFile {
 public:
  static Outcome<OutputFile> create(const std::string& path);
  ~OutputFile();
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;

  Status write(std::span<const u8> bytes);
  Status commit();

 private:
  OutputFile() = default;

  int fd_ = -1;
  std::string path_;
  std::string temporary_;  ///< empty: written directly
};

}  // namespace quire::jffs2
