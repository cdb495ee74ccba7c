#include "kernel/platform/native/patcher.h"

#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace quire::platform::native {
namespace {

constexpr std::byte B(unsigned v) { return static_cast<std::byte>(v); }

constexpr std::size_t most_sites = 1u << 16;  // that are remembered; hostile guests make many
constexpr u32 worthwhile = 2;                 // traps at a site before its page is patched for it
constexpr unsigned chain_end = longest_chain + 1;
// In a trampoline, after the chain; see write_trampoline.
constexpr unsigned guard_size = 19, syscall_size = 2;

/// The jump through a site's place in LOW_SITE_TABLE. The SIB byte says "no base, no index"; e5 is the
/// one form of it that, met as an opcode, is privileged.
std::array<std::byte, site_jump_size> jump_through(u32 number) {
  const u32 target = LOW_SITE_TABLE + number * 8;
  std::array<std::byte, site_jump_size> code{B(0xff), B(0x24), B(0xe5)};
  std::memcpy(&code[3], &target, sizeof target);
  return code;
}

/// Whether byte 4 of the number's jump is an opcode that 64-bit mode lacks. Only such numbers are for
/// sites where an instruction begins there.
bool faults_at_4(u32 number) {
  constexpr u8 illegal[] = {0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27,
                            0x2f, 0x37, 0x3f, 0x60, 0x61, 0x9a, 0xce};
  return std::ranges::find(illegal, static_cast<u8>((LOW_SITE_TABLE + number * 8) >> 8)) != std::end(illegal);
}

/// The next number of the one kind or the other from `n`.
u32 next_number(u32 n, bool with_tail) {
  while (n < FIRST_TAIL && faults_at_4(n) != with_tail) ++n;
  return n;
}

class Code {
 public:
  Code() { std::memset(bytes_, 0x90, sizeof bytes_); }
  void at(unsigned offset) { at_ = offset; }
  unsigned offset() const { return at_; }
  void emit(std::initializer_list<unsigned> bytes) {
    for (unsigned b : bytes) bytes_[at_++] = B(b);
  }
  void emit32(u32 v) {
    std::memcpy(&bytes_[at_], &v, sizeof v);
    at_ += sizeof v;
  }
  void copy(std::span<const std::byte> from) {
    std::ranges::copy(from, &bytes_[at_]);
    at_ += static_cast<unsigned>(from.size());
  }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::byte bytes_[TRAMPOLINE_SIZE];
  unsigned at_ = 0;
};

constexpr u64 trampoline(u32 number) { return STUB_TRAMPOLINES + u64{number} * TRAMPOLINE_SIZE; }

}  // namespace

Patcher::Patcher(ControlFile& control, const MemoryFile& memory, bool enabled)
    : control_(control), memory_(memory), enabled_(enabled) {}

u32 Patcher::count() const {
  LockGuard guard(lock_);
  return static_cast<u32>(originals_.size());
}

u64 Patcher::chain_address(u32 number, const CallSite& shape) {
  return trampoline(number) + chain_end - shape.chain;
}

u64 Patcher::tail_address(u32 tail_number) { return trampoline(tail_number); }

std::optional<Patcher::Place> Patcher::place_of(u64 rip) {
  if (rip < STUB_TRAMPOLINES || rip >= STUB_TRAMPOLINES + STUB_TRAMPOLINES_SIZE) return std::nullopt;
  const u64 offset = rip - STUB_TRAMPOLINES;
  return Place{static_cast<u32>(offset / TRAMPOLINE_SIZE), static_cast<unsigned>(offset % TRAMPOLINE_SIZE)};
}

bool Patcher::Place::behind_syscall() const {
  return !is_tail() && offset == chain_end + guard_size + syscall_size;
}

unsigned Patcher::Place::before_syscall() const {
  return !is_tail() && offset < chain_end ? chain_end - offset : 0;
}

// A trampoline: the chain before a fixed point, so that the trampoline's own SYSCALL always ends at the
// same place.
//
//     <nops> <chain>
//     rdgsbase %rcx                 is GS ours? (without touching the flags)
//     rorx $30, %rcx, %rcx
//     lea -STUB_BASE_TAG(%rcx), %ecx
//     jrcxz 1f
//     syscall                       no: the ordinary trap
//  1: mov LOW_RETURN_TABLE + 8 * number, %rcx
//     jmp quire_stub_enter
void Patcher::write_trampoline(const Known& site) {
  Code code;
  code.at(chain_end - site.shape.chain);
  code.copy(std::span(site.original).first(site.shape.chain));
  static_assert(STUB_BASE_SHIFT == 30);
  code.emit({0xf3, 0x48, 0x0f, 0xae, 0xc9});
  code.emit({0xc4, 0xe3, 0xfb, 0xf0, 0xc9, STUB_BASE_SHIFT});
  code.emit({0x8d, 0x89});
  code.emit32(static_cast<u32>(-STUB_BASE_TAG));
  code.emit({0xe3, 0x02});
  code.emit({0x0f, 0x05});
  code.emit({0x48, 0x8b, 0x0c, 0x25});
  code.emit32(LOW_RETURN_TABLE + site.number * 8);
  const u64 here = trampoline(site.number) + code.offset();
  code.emit({0xe9});
  code.emit32(static_cast<u32>(stub_address(quire_stub_enter) - (here + 5)));
  publish(site.number, code.bytes(), chain_address(site.number, site.shape));
}

// A tail: the way back from the kernel leads here.
//
//     mov LOW_RETURN_TABLE + 8 * tail_number, %rcx
//     lea -<size of the tail>(%rcx), %rcx              as SYSCALL leaves it
//     <the instruction behind the SYSCALL>
//     jmp *LOW_RETURN_TABLE + 8 * tail_number
void Patcher::write_tail(const Known& site) {
  Code code;
  code.emit({0x48, 0x8b, 0x0c, 0x25});
  code.emit32(LOW_RETURN_TABLE + site.tail_number * 8);
  code.emit({0x48, 0x8d, 0x49, static_cast<u8>(-site.shape.tail)});
  code.copy(std::span(site.original).subspan(site.shape.chain + syscall_size, site.shape.tail));
  code.emit({0xff, 0x24, 0x25});
  code.emit32(LOW_RETURN_TABLE + site.tail_number * 8);
  publish(site.tail_number, code.bytes(), tail_address(site.tail_number));
}

void Patcher::publish(u32 number, std::span<const std::byte> code, u64 start) {
  std::memcpy(control_.at<std::byte>(ControlFile::trampolines_offset + number * TRAMPOLINE_SIZE), code.data(),
              code.size());
  control_.at<std::atomic<u64>>(ControlFile::site_table_offset)[number].store(start,
                                                                              std::memory_order_release);
}

bool Patcher::allocate(Known& site) {
  const bool with_tail = site.shape.tail != 0;
  u32& next = with_tail ? next_with_tail_ : next_;
  next = next_number(next, with_tail);
  if (next == FIRST_TAIL || (with_tail && next_tail_ == MAX_SITES)) return false;
  site.number = next++;
  if (with_tail) site.tail_number = next_tail_++;
  write_trampoline(site);
  if (with_tail) write_tail(site);
  originals_.emplace(site.number, site.original);
  return true;
}

/// The child gets the extended state: by the trampoline it would take a second trap to have it.
static bool needs_whole_state(u64 number) {
  return number == SYS_clone || number == SYS_fork || number == SYS_vfork || number == SYS_clone3;
}

bool Patcher::trapped(u64 key, u64 offset, std::span<const std::byte> page, std::size_t at,
                      const TrappedCall& call) {
  if (!enabled_ || key == 0 || needs_whole_state(call.number)) return false;
  LockGuard guard(lock_);
  auto it = sites_.find({key, offset + at});
  if (it == sites_.end()) {
    const auto shape = find_call_site(page, at, call);
    if (!shape || sites_.size() == most_sites) return false;
    Known site{.shape = *shape, .original = {}};
    const auto original = page.subspan(shape->start, shape->size());
    site.original.assign(original.begin(), original.end());
    if (!allocate(site)) return false;
    it = sites_.emplace(std::pair(key, offset + at), std::move(site)).first;
  }
  Known& site = it->second;
  return ++site.traps == worthwhile;
}

unsigned Patcher::apply(u64 key, u64 offset, std::span<std::byte> text) {
  if (!enabled_ || key == 0) return 0;
  unsigned n = 0;
  LockGuard guard(lock_);
  for (auto it = sites_.lower_bound({key, offset}); it != sites_.end() && it->first.first == key; ++it) {
    const u64 at = it->first.second - offset;
    if (at >= text.size()) break;
    const Known& site = it->second;
    const auto there = text.subspan(at - site.shape.chain);
    FrameNumber frame;
    if (there.size() < site.original.size() ||
        !std::ranges::equal(there.first(site.original.size()), site.original) ||
        !memory_.frame_of(there.data(), &frame))
      continue;  // patched already, or other text
    std::ranges::copy(jump_through(site.number), there.begin());
    std::vector<Site>& sites = frames_[frame.value()];
    std::erase_if(sites, [&](const Site& s) { return s.shape.start == site.shape.start; });
    sites.push_back({site.number, site.tail_number, site.shape});
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
  for (const Site& s : it->second) {
    const auto jump = jump_through(s.number);
    auto found = jump;
    if (memory_.checked_copy(found.data(), memory_.at(frame) + s.shape.start, found.size()) && found == jump)
      sites.push_back(s);
  }
  return sites;
}

bool Patcher::restore(FrameNumber frame, std::byte* to) const {
  const std::vector<Site> sites = sites_in(frame);
  std::array<std::byte, page_size> page;
  if (!memory_.checked_copy(page.data(), memory_.at(frame), page_size)) return false;
  {
    LockGuard guard(lock_);
    for (const Site& s : sites) std::ranges::copy(originals_.at(s.number), page.begin() + s.shape.start);
  }
  return memory_.checked_copy(to, page.data(), page_size);
}

}  // namespace quire::platform::native
