// From a compile command to a function file.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "metal/ir/codec.h"
#include "metal/ir/unit.h"

namespace quire::metal {

/// How one file is compiled. `arguments` are the compiler's, without the compiler, without the file, -o or
/// -c.
struct CompileCommand {
  std::string directory;  ///< absolute
  std::string file;       ///< absolute, or relative to `directory`
  std::vector<std::string> arguments;
};

struct ExtractError {
  std::string what;
};

/// Parses one file with Clang. A file with errors still gives a Unit (see Unit::errors); fails only when
/// there is no such file, when the flags make no sense at all, or when the parser crashed. Thread-safe.
std::expected<Unit, ExtractError> extract(const CompileCommand& command, Symbols& symbols);

/// A hash of the content of a file; 0 when it cannot be read.
u64 file_hash(const std::string& path);

/// Names the extractor in cache keys: format, Clang's version, and this code's own.
std::string extractor_version();

}  // namespace quire::metal
