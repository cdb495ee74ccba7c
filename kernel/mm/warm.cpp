#include "kernel/mm/warm.h"

#include <sys/sysinfo.h>

#include <algorithm>

namespace quire::mm {
namespace {

constexpr u64 part_of_free = 8;  // so much of what the host has free may stay warm
constexpr std::chrono::milliseconds look_again(100);

}  // namespace

void WarmBlocks::add(u64 block, Clock::time_point now) {
  const u64 chunk = block / blocks_per_chunk;
  if (chunk >= bits_.size()) bits_.resize(chunk + 1, 0);
  bits_[chunk] |= u32{1} << (block % blocks_per_chunk);
  places_[block % blocks_per_chunk].push_back({block, now});
  ++count_;
}

void WarmBlocks::remove(u64 block) {
  bits_[block / blocks_per_chunk] &= ~(u32{1} << (block % blocks_per_chunk));
  auto& list = places_[block % blocks_per_chunk];
  // Most often the last one that came.
  const auto at = std::find_if(list.rbegin(), list.rend(), [&](const Entry& e) { return e.block == block; });
  list.erase(std::next(at).base());
  --count_;
}

bool WarmBlocks::has(u64 block) const {
  const u64 chunk = block / blocks_per_chunk;
  return chunk < bits_.size() && (bits_[chunk] >> (block % blocks_per_chunk) & 1) != 0;
}

std::optional<u64> WarmBlocks::last_at(u64 place) const {
  const auto& list = places_[place];
  if (list.empty()) return std::nullopt;
  return list.back().block;
}

std::vector<u64> WarmBlocks::since(Clock::time_point then) const {
  std::vector<u64> found;
  for (const auto& list : places_)
    for (const Entry& e : list) {
      if (e.came > then) break;
      found.push_back(e.block);
    }
  std::ranges::sort(found);
  return found;
}

u64 SpareMemory::bytes() {
  const auto now = WarmBlocks::Clock::now();
  if (now < known_until_) return bytes_;
  known_until_ = now + look_again;
  struct sysinfo info{};
  bytes_ = sysinfo(&info) == 0 ? u64{info.freeram} * info.mem_unit / part_of_free : 0;
  return bytes_;
}

}  // namespace quire::mm
