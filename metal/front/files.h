// Whole files, in and out.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/types.h"

namespace quire::metal {

/// The content of a regular file; EFBIG above `limit` bytes.
Result<std::string> read_file(const std::string& path, std::size_t limit = std::size_t{1} << 30);

/// Writes beside `path` and renames, so that a reader sees the old content or the new, never a part.
Result<> write_file_atomically(const std::string& path, const std::string& bytes);

/// Runs a program to its end and returns what it wrote to standard output; its errors are not shown and its
/// exit status does not matter.
Result<std::string> output_of(const std::vector<std::string>& words);

}  // namespace quire::metal
