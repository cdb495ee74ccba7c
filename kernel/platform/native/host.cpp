#include "kernel/platform/native/host.h"

#include <algorithm>

#include "kernel/platform/native/native_space.h"

namespace quire::platform::native {
namespace {

/// Stubs of transient spaces: some seventy kilobytes each, and the time of a first run to have one again.
constexpr std::size_t most_transient_stubs = 48;

}  // namespace

void Host::calibrate() {
  std::call_once(calibrated,
                 [this] { spin_pauses.store(native::calibrate(&calibration), std::memory_order_relaxed); });
}

void Host::add_space(NativeSpace* space) {
  LockGuard guard(spaces_lock);
  spaces.push_back(space);
}

void Host::remove_space(NativeSpace* space) {
  LockGuard guard(spaces_lock);
  std::erase(spaces, space);
  std::erase(transient_bound, space);
}

bool Host::steal_stub(const NativeSpace* taker) {
  LockGuard guard(spaces_lock);
  for (std::size_t i = 0; i < spaces.size(); ++i) {
    NativeSpace* victim = spaces[next_victim++ % spaces.size()];
    if (victim == taker || !victim->give_up_stub()) continue;
    statistics.stolen.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  return false;
}

void Host::make_room_for(NativeSpace* taker) {
  LockGuard guard(spaces_lock);
  std::erase(transient_bound, taker);
  std::vector<NativeSpace*> tried;
  while (transient_bound.size() >= most_transient_stubs) {
    const auto oldest = std::min_element(transient_bound.begin(), transient_bound.end(),
                                         [](auto* a, auto* b) { return a->last_use() < b->last_use(); });
    NativeSpace* victim = *oldest;
    transient_bound.erase(oldest);
    if (victim->current() == nullptr) continue;
    if (victim->give_up_stub()) {
      statistics.stolen.fetch_add(1, std::memory_order_relaxed);
      continue;
    }
    tried.push_back(victim);  // it runs
  }
  transient_bound.insert(transient_bound.end(), tried.begin(), tried.end());
  transient_bound.push_back(taker);
}

}  // namespace quire::platform::native
