#include "kernel/platform/native/host.h"

#include "kernel/platform/native/native_space.h"

namespace quire::platform::native {

void Host::calibrate() {
  std::call_once(calibrated, [this] { spin_pauses.store(native::calibrate(&calibration), std::memory_order_relaxed); });
}

void Host::add_space(NativeSpace* space) {
  LockGuard guard(spaces_lock);
  spaces.push_back(space);
}

void Host::remove_space(NativeSpace* space) {
  LockGuard guard(spaces_lock);
  std::erase(spaces, space);
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

}  // namespace quire::platform::native
