#include "kernel/platform/native/patcher.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace quire::platform::native {
namespace {

constexpr std::byte B(unsigned v) { return static_cast<std::byte>(v); }
constexpr u32 largest_call_number = 2048;

u32 immediate(const std::byte* p) {
  u32 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

/// The jump through a site's place in LOW_SITE_TABLE.
std::array<std::byte, Patcher::jump_size> jump_through(u32 number) {
  const u32 target = LOW_SITE_TABLE + number * 8;
  std::array<std::byte, Patcher::jump_size> code{B(0xff), B(0x24), B(0x25)};
  std::memcpy(&code[3], &target, sizeof target);
  return code;
}

/// Length of the one instruction before the SYSCALL at `at` that can be moved; 0 if none is known. The
/// patterns are long enough not to turn up inside other instructions or data in practice.
unsigned movable_before(std::span<const std::byte> text, std::size_t at) {
  const std::byte* p = text.data() + at;
  // mov $number, %eax
  if (at >= 5 && p[-5] == B(0xb8) && immediate(p - 4) < largest_call_number) return 5;
  // mov $number, %rax
  if (at >= 7 && p[-7] == B(0x48) && p[-6] == B(0xc7) && p[-5] == B(0xc0) &&
      immediate(p - 4) < largest_call_number)
    return 7;
  // mov disp8(%rsp), %r64: the last of syscall()'s shuffle of arguments
  if (at >= 5 && (p[-5] == B(0x48) || p[-5] == B(0x4c)) && p[-4] == B(0x8b) && (p[-3] & B(0xc7)) == B(0x44) &&
      p[-2] == B(0x24))
    return 5;
  return 0;
}

constexpr std::byte syscall_bytes[] = {B(0x0f), B(0x05)};
constexpr unsigned longest_relocated = 15;
// In a trampoline, after the relocated instruction; see write_trampoline.
constexpr unsigned guard_size = 19;

}  // namespace

Patcher::Patcher(ControlFile& control, const MemoryFile& memory, bool enabled)
    : control_(control), memory_(memory), enabled_(enabled) {}

u32 Patcher::count() const {
  LockGuard guard(lock_);
  return next_;
}

// A trampoline: the relocated instruction at its end's distance from a fixed point, so that the
// trampoline's own SYSCALL always ends at the same place.
//
//     <nops> <relocated>
//     rdgsbase %rcx                 is GS ours? (without touching the flags)
//     rorx $30, %rcx, %rcx
//     lea -STUB_BASE_TAG(%rcx), %ecx
//     jrcxz 1f
//     syscall                       no: the ordinary trap
//  1: mov LOW_RETURN_TABLE + 8 * number, %rcx
//     jmp quire_stub_enter
void Patcher::write_trampoline(u32 number, std::span<const std::byte> relocated) {
  std::byte code[TRAMPOLINE_SIZE];
  std::memset(code, 0x90, sizeof code);
  std::byte* p = code + longest_relocated + 1;
  std::memcpy(p - relocated.size(), relocated.data(), relocated.size());
  auto emit = [&](std::initializer_list<unsigned> bytes) {
    for (unsigned b : bytes) *p++ = B(b);
  };
  auto emit32 = [&](u32 v) {
    std::memcpy(p, &v, sizeof v);
    p += sizeof v;
  };
  static_assert(STUB_BASE_SHIFT == 30);
  emit({0xf3, 0x48, 0x0f, 0xae, 0xc9});
  emit({0xc4, 0xe3, 0xfb, 0xf0, 0xc9, STUB_BASE_SHIFT});
  emit({0x8d, 0x89});
  emit32(static_cast<u32>(-STUB_BASE_TAG));
  emit({0xe3, 0x02});
  emit({0x0f, 0x05});
  emit({0x48, 0x8b, 0x0c, 0x25});
  emit32(LOW_RETURN_TABLE + number * 8);
  const u64 here = STUB_TRAMPOLINES + number * TRAMPOLINE_SIZE + static_cast<u64>(p - code);
  emit({0xe9});
  emit32(static_cast<u32>(stub_address(quire_stub_enter) - (here + 5)));
  const auto offset = number * TRAMPOLINE_SIZE;
  std::memcpy(control_.at<std::byte>(ControlFile::trampolines_offset + offset), code, sizeof code);
  const u64 start = STUB_TRAMPOLINES + offset + longest_relocated + 1 - relocated.size();
  control_.at<std::atomic<u64>>(ControlFile::site_table_offset)[number].store(start,
                                                                              std::memory_order_release);
}

std::optional<u32> Patcher::trapped_in_trampoline(u64 rip) {
  if (rip < STUB_TRAMPOLINES || rip >= STUB_TRAMPOLINES + STUB_TRAMPOLINES_SIZE) return std::nullopt;
  const u64 offset = rip - STUB_TRAMPOLINES;
  if (offset % TRAMPOLINE_SIZE != longest_relocated + 1 + guard_size + sizeof syscall_bytes)
    return std::nullopt;
  return static_cast<u32>(offset / TRAMPOLINE_SIZE);
}

std::optional<u32> Patcher::allocate(u64 key, u64 offset, std::span<const std::byte> original,
                                     unsigned relocated) {
  auto it = sites_.find({key, offset});
  if (it != sites_.end() && std::ranges::equal(it->second.original, original)) return it->second.number;
  if (next_ == MAX_SITES) return std::nullopt;
  const u32 number = next_++;
  write_trampoline(number, original.first(relocated));
  originals_.emplace_back(original.begin(), original.end());
  sites_.insert_or_assign({key, offset}, Known{number, {original.begin(), original.end()}});
  return number;
}

unsigned Patcher::patch(u64 key, u64 offset, std::span<std::byte> text) {
  if (!enabled_ || key == 0) return 0;
  unsigned n = 0;
  LockGuard guard(lock_);
  for (std::size_t i = 0; i + sizeof syscall_bytes <= text.size(); ++i) {
    const void* found = std::memchr(text.data() + i, 0x0f, text.size() - i);
    if (found == nullptr) break;
    i = static_cast<std::size_t>(static_cast<const std::byte*>(found) - text.data());
    if (i + sizeof syscall_bytes > text.size() || text[i + 1] != syscall_bytes[1]) continue;
    const unsigned relocated = movable_before(text, i);
    if (relocated == 0) continue;
    const std::size_t start = i - relocated;
    // A jump over a page's border could be seen half.
    if (start / page_size != (start + jump_size - 1) / page_size) continue;
    FrameNumber frame;
    if (!memory_.frame_of(&text[start], &frame)) continue;
    const std::size_t overwritten = std::max<std::size_t>(relocated, jump_size);
    const auto number = allocate(key, offset + start, text.subspan(start, overwritten), relocated);
    if (!number) break;
    std::ranges::copy(jump_through(*number), text.begin() + static_cast<std::ptrdiff_t>(start));
    const auto in_page = static_cast<u16>(reinterpret_cast<u64>(&text[start]) % page_size);
    std::vector<Site>& sites = frames_[frame.value()];
    std::erase_if(sites, [&](const Site& s) { return s.at == in_page; });
    sites.push_back({*number, in_page, static_cast<u16>(in_page + relocated + sizeof syscall_bytes)});
    ++n;
  }
  return n;
}

std::vector<FrameNumber> Patcher::patched_frames(FrameNumber first, PageCount n) const {
  std::vector<FrameNumber> found;
  LockGuard guard(lock_);
  for (auto it = frames_.lower_bound(first.value());
       it != frames_.end() && it->first < first.value() + n.value(); ++it)
    found.emplace_back(it->first);
  return found;
}

std::vector<Site> Patcher::sites_in(FrameNumber frame) const {
  LockGuard guard(lock_);
  auto it = frames_.find(frame.value());
  if (it == frames_.end()) return {};
  std::vector<Site> sites;
  const std::byte* page = memory_.at(frame);
  for (const Site& s : it->second) {
    const auto jump = jump_through(s.number);
    if (std::memcmp(page + s.at, jump.data(), jump.size()) == 0) sites.push_back(s);
  }
  return sites;
}

void Patcher::restore(FrameNumber frame, std::byte* to) const {
  const std::vector<Site> sites = sites_in(frame);
  std::memcpy(to, memory_.at(frame), page_size);
  LockGuard guard(lock_);
  for (const Site& s : sites)
    std::memcpy(to + s.at, originals_[s.number].data(), originals_[s.number].size());
}

}  // namespace quire::platform::native
