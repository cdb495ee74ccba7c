// Colour, on terminals only.
#pragma once

#include <string>

#include "base/types.h"

namespace quire::jffs2 {

enum class Colour : u8 { plain = 0, red = 31, green = 32, yellow = 33, blue = 34, cyan = 36, grey = 90 };

/// True when standard output is a terminal and NO_COLOR is unset.
bool colours_wanted();

/// `text` in that colour, or as it is.
std::string colour(Colour c, const std::string& text);

/// 1536 as "1.5 KiB".
std::string human_size(u64 bytes);

}  // namespace quire::jffs2
