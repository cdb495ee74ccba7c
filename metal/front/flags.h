// Compiler command lines, as GCC takes them, made fit for Clang.
#pragma once

#include <string>
#include <vector>

#include "base/types.h"

namespace quire::metal {

struct ClangFlags {
  std::vector<std::string> arguments;  ///< for Clang's driver, without program name and file
  bool gnu89 = false;                  ///< old C: source fixes are wanted
  u32 dropped = 0;                     ///< options that only GCC knows or that an analysis must not follow
};

/// Drops what produces output or warnings, what only GCC knows, and names the rest.
ClangFlags to_clang_flags(const std::vector<std::string>& arguments);

/// Whether a file name ends like C or C++ source (.c, .cc, .cpp, .cxx, .C, .c++).
bool is_source_file(const std::string& name);
bool is_cxx_file(const std::string& name);

}  // namespace quire::metal
