// Names from flash on a terminal.
#pragma once

#include <string>
#include <string_view>

namespace quire::jffs2 {

/// Names and paths may hold any byte: as text for a terminal, with control bytes, backslashes and
/// what is not UTF-8 escaped.
std::string printable(std::string_view raw);

}  // namespace quire::jffs2
