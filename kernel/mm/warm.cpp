#include "kernel/mm/warm.h"

#include <sys/sysinfo.h>

#include <algorithm>
#include <utility>

namespace quire::mm {
namespace {

constexpr u64 part_of_free = 8;  // so much of what the host has free may stay warm
constexpr std::chrono::milliseconds look_again(100);
constexpr std::chrono::seconds cooling_step(1);

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

void Cooler::stir() {
  {
    std::lock_guard guard(mutex_);
    if (stopping_) return;
    stirred_ = true;
    if (!thread_.joinable()) thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
  }
  wake_.notify_all();
}

void Cooler::stop() {
  std::jthread thread;
  {
    std::lock_guard guard(mutex_);
    stopping_ = true;
    thread = std::move(thread_);
  }
  // Asked to stop and waited for.
}

void Cooler::work(const std::stop_token& stop) {
  std::unique_lock guard(mutex_);
  while (!stop.stop_requested()) {
    wake_.wait(guard, stop, [&] { return stirred_; });
    wake_.wait_for(guard, stop, cooling_step, [] { return false; });
    if (stop.stop_requested()) return;
    stirred_ = false;
    guard.unlock();
    const bool more = cool_();
    guard.lock();
    stirred_ |= more;
  }
}

}  // namespace quire::mm
