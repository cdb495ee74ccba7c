// docs/syscalls.md, generated from the table of system calls.
#pragma once

#include <string>

namespace quire::cli {

/// The whole page, in Markdown.
std::string syscall_page();

}  // namespace quire::cli
