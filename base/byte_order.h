// Unaligned loads and stores of a stated byte order.
#pragma once

#include <bit>
#include <concepts>
#include <cstring>

#include "base/types.h"

namespace quire {

template <std::unsigned_integral T>
constexpr T byte_swap(T v) {
  if constexpr (sizeof(T) == 1)
    return v;
  else if constexpr (sizeof(T) == 2)
    return __builtin_bswap16(v);
  else if constexpr (sizeof(T) == 4)
    return __builtin_bswap32(v);
  else
    return __builtin_bswap64(v);
}

template <std::unsigned_integral T>
T load(const void* p, std::endian order) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return order == std::endian::native ? v : byte_swap(v);
}
template <std::unsigned_integral T>
void store(void* p, T v, std::endian order) {
  if (order != std::endian::native) v = byte_swap(v);
  std::memcpy(p, &v, sizeof v);
}

}  // namespace quire
