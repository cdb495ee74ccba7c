#include "kernel/platform/native/call_site.h"

#include <cstring>

#include "kernel/platform/native/instruction.h"

namespace quire::platform::native {
namespace {

using Text = std::span<const std::byte>;

constexpr u64 largest_call_number = 2048;  // far below the first address a guest may map
constexpr std::size_t longest_instruction = 15;
constexpr std::size_t syscall_size = 2;

unsigned byte(Text text, std::size_t at) { return static_cast<unsigned>(text[at]); }

template <typename T>
T load(Text text, std::size_t at) {
  T v;
  std::memcpy(&v, &text[at], sizeof v);
  return v;
}

/// Length of an instruction at `p` after which the registers are as the call found them; 0 if none.
unsigned evident_start(Text page, std::size_t p, std::size_t at, const TrappedCall& call) {
  const std::size_t room = at - p;
  if (room >= 5 && byte(page, p) == 0xb8 && load<u32>(page, p + 1) == call.number) return 5;
  if (room >= 7 && byte(page, p) == 0x48 && byte(page, p + 1) == 0xc7 && byte(page, p + 2) == 0xc0 &&
      load<u32>(page, p + 3) == call.number)
    return 7;
  if (room >= 2 && (byte(page, p) == 0x31 || byte(page, p) == 0x33) && byte(page, p + 1) == 0xc0 &&
      call.number == 0)
    return 2;
  // mov 8(%rsp), %r9: the end of syscall()'s shuffle of arguments.
  constexpr u8 last_argument[] = {0x4c, 0x8b, 0x4c, 0x24, 0x08};
  if (room == sizeof last_argument && std::memcmp(&page[p], last_argument, sizeof last_argument) == 0 &&
      call.stack.size() >= 16 && load<u64>(call.stack, 8) == call.r9)
    return sizeof last_argument;
  return 0;
}

/// The chain that starts at `p` with an instruction of `first` bytes: whether it ends at the SYSCALL and
/// all its borders within the jump are where the jump can tell.
bool chain_holds(Text page, std::size_t p, unsigned first, std::size_t at) {
  const std::size_t length = at - p;
  if (length < site_jump_size && length != 2 && length != 5) return false;
  for (std::size_t q = p + first; q < at;) {
    const std::size_t offset = q - p;
    if (offset < site_jump_size && offset != 2 && offset != 5) return false;
    const Instruction i = decode(page.subspan(q, at - q));
    if (!movable_keeping_rax(i)) return false;
    q += i.length;
  }
  return true;
}

/// Whether an instruction cannot have been the one after which rax is `number`: it would have accessed
/// memory close above that address, where no guest has any. (Or it tests against zero, which is no test.)
bool cannot_be(const Instruction& i, u64 number) {
  if (i.map != 0 || i.vector || !i.has_modrm || i.register_operand()) return false;
  const unsigned op = i.opcode;
  if (op == 0xf6 && (i.modrm >> 3 & 7) < 2 && i.last_byte == 0) return true;
  const bool leaves_rax = (op < 0x40 && ((op & 7) < 2 || ((op & 7) < 4 && i.reg() != 0))) || op == 0x84 ||
                          op == 0x85 || op == 0x88 || op == 0x89 || (op == 0x63 && i.reg() != 0) ||
                          ((op == 0x8a || op == 0x8b) && i.reg() != 0) || (op >= 0xd0 && op < 0xd4) ||
                          (op >= 0xd8 && op < 0xe0);
  constexpr i64 nothing_below = 0x10000;
  const i64 address = static_cast<i64>(number) + i.displacement;
  return leaves_rax && i.rm() == 0 && address >= 0 && address < nothing_below;
}

/// The first instruction with a REX prefix that changes nothing.
bool same_with_prefix(const Instruction& i, std::size_t from, std::size_t p) {
  return i.map == 0 && from + 1 == p && i.rex != 0 && (i.rex & 9) == 0 && i.opcode == 0xb8;
}

bool never_falls_through(const Instruction& i) {
  const unsigned op = i.opcode;
  return i.map == 0 && (op == 0xc3 || op == 0xc2 || op == 0xe9 || op == 0xeb || op == 0xcc ||
                        (op == 0xff && (i.modrm >> 3 & 7) == 4));
}

/// Whether instructions that start before `p` could lead to the SYSCALL without one starting at `p`. All
/// that end where the first of the chain ends, or another of it, lead there.
bool another_way(Text page, std::size_t p, unsigned first, std::size_t at, u64 number) {
  for (std::size_t s = p - longest_instruction; s < p; ++s) {
    for (std::size_t q = s; q < at && q != p;) {
      const Instruction i = decode(page.subspan(q, at + longest_instruction - q));
      if (i.length == 0 || never_falls_through(i) || same_with_prefix(i, q, p)) break;
      q += i.length;
      if (q < p + first) continue;
      if (cannot_be(i, number)) break;
      if (q == p + first || q == at) return true;
    }
  }
  return false;
}

}  // namespace

std::optional<CallSite> find_call_site(Text page, std::size_t at, const TrappedCall& call) {
  if (call.number >= largest_call_number || at + syscall_size + longest_instruction > page.size() ||
      byte(page, at) != 0x0f || byte(page, at + 1) != 0x05)
    return std::nullopt;
  for (std::size_t chain = 2; chain <= longest_chain && chain + longest_instruction <= at; ++chain) {
    const std::size_t p = at - chain;
    const unsigned first = evident_start(page, p, at, call);
    if (first == 0 || !chain_holds(page, p, first, at) || another_way(page, p, first, at, call.number))
      continue;
    CallSite site{static_cast<u16>(p), static_cast<u8>(chain), 0};
    if (chain + syscall_size >= site_jump_size) return site;
    const Instruction next = decode(page.subspan(at + syscall_size));
    if (!movable_without_memory(next) || chain + syscall_size + next.length < site_jump_size)
      return std::nullopt;
    site.tail = next.length;
    return site;
  }
  return std::nullopt;
}

}  // namespace quire::platform::native
