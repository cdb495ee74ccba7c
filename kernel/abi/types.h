// Addresses, frames and pages as types that do not mix.
#pragma once

#include "base/range.h"
#include "base/strong_int.h"
#include "base/types.h"

namespace quire {

/// A virtual address in a guest. Never dereferenced: only AddressSpace's copies reach what is there.
using GuestAddr = StrongInt<struct GuestAddrTag>;
using GuestRange = Range<GuestAddr>;

/// A 4 KiB page of the memory file: byte offset / 4096.
using FrameNumber = StrongInt<struct FrameTag>;
/// A number of 4 KiB pages.
using PageCount = StrongInt<struct PageCountTag>;

inline constexpr u64 page_shift = 12;
inline constexpr u64 page_size = u64{1} << page_shift;
inline constexpr u64 huge_shift = 21;
inline constexpr u64 huge_size = u64{1} << huge_shift;
inline constexpr u64 pages_per_huge = huge_size / page_size;

constexpr GuestAddr page_down(GuestAddr a) { return GuestAddr(round_down(a.value(), page_size)); }
constexpr GuestAddr page_up(GuestAddr a) { return GuestAddr(round_up(a.value(), page_size)); }
constexpr bool page_aligned(GuestAddr a) { return is_aligned(a.value(), page_size); }
constexpr u64 file_offset(FrameNumber f) { return f.value() << page_shift; }

/// What an access does, and what a mapping allows. A set of bits.
enum class Access : u8 { none = 0, read = 1, write = 2, exec = 4 };
constexpr Access operator|(Access a, Access b) {
  return static_cast<Access>(static_cast<u8>(a) | static_cast<u8>(b));
}
constexpr Access operator&(Access a, Access b) {
  return static_cast<Access>(static_cast<u8>(a) & static_cast<u8>(b));
}
constexpr Access operator~(Access a) { return static_cast<Access>(~static_cast<u8>(a) & 7); }
/// True when `have` holds every bit of `want`.
constexpr bool allows(Access have, Access want) { return (have & want) == want; }
/// PROT_READ, PROT_WRITE and PROT_EXEC have the same bits as Access.
constexpr int to_prot(Access a) { return static_cast<int>(a); }

}  // namespace quire
