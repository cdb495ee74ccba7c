// Fixes for source that only old versions of GCC took: made in memory, never on disk.
#pragma once

#include <llvm/Support/VirtualFileSystem.h>

#include <optional>
#include <string>
#include <string_view>

namespace quire::metal {

/// `text` with line breaks inside string literals escaped and casts on the left of an assignment taken away;
/// nothing when there is nothing to fix. The number of lines stays what it was.
std::optional<std::string> fix_old_source(std::string_view text);

/// A file system like `base` whose C files and headers come fixed.
llvm::IntrusiveRefCntPtr<llvm::vfs::FileSystem> fixing_file_system(
    llvm::IntrusiveRefCntPtr<llvm::vfs::FileSystem> base);

}  // namespace quire::metal
