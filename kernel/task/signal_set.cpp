#include "kernel/task/signal_set.h"

namespace quire::task {

bool SignalQueue::add(const siginfo_t& info) {
  const SignalSet bit = signal_bit(info.si_signo);
  if (info.si_signo < first_realtime_signal && (set_ & bit) != 0) return false;
  entries_.push_back(info);
  set_ |= bit;
  return true;
}

std::optional<siginfo_t> SignalQueue::take(SignalSet wanted) {
  SignalSet ready = set_ & wanted;
  if (ready == 0) return std::nullopt;
  if ((ready & synchronous_signals) != 0) ready &= synchronous_signals;
  const int signo = __builtin_ctzll(ready) + 1;
  std::optional<siginfo_t> taken;
  bool more = false;
  for (auto it = entries_.begin(); it != entries_.end();) {
    if (it->si_signo != signo) {
      ++it;
    } else if (!taken) {
      taken = *it;
      it = entries_.erase(it);
    } else {
      more = true;
      break;
    }
  }
  if (!more) set_ &= ~signal_bit(signo);
  return taken;
}

void SignalQueue::discard(SignalSet which) {
  set_ &= ~which;
  entries_.remove_if([which](const siginfo_t& info) { return (signal_bit(info.si_signo) & which) != 0; });
}

}  // namespace quire::task
