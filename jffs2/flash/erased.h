// Whether flash bytes are all ones.
#pragma once

#include <cstring>
#include <span>

#include "base/types.h"

namespace quire::jffs2 {

inline bool is_erased(std::span<const u8> bytes) {
  // Equal to itself moved by one, and the first is 0xFF: memcmp runs at the speed of memory.
  if (bytes.empty()) return true;
  return bytes[0] == 0xFF && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

}  // namespace quire::jffs2
