// Signal numbers, sets and queues of pending signals.
#pragma once

#include <csignal>
#include <list>
#include <optional>

#include "base/types.h"

namespace quire::task {

inline constexpr int signal_count = 64;
inline constexpr int first_realtime_signal = 32;

/// Bit n-1 stands for signal n, as in the kernel's sigset_t.
using SignalSet = u64;
constexpr SignalSet signal_bit(int signo) { return u64{1} << (signo - 1); }
constexpr bool valid_signal(int signo) { return signo >= 1 && signo <= signal_count; }

inline constexpr SignalSet unblockable = signal_bit(SIGKILL) | signal_bit(SIGSTOP);
inline constexpr SignalSet stop_signals =
    signal_bit(SIGSTOP) | signal_bit(SIGTSTP) | signal_bit(SIGTTIN) | signal_bit(SIGTTOU);
/// Raised by the task's own instructions; delivered before others.
inline constexpr SignalSet synchronous_signals = signal_bit(SIGSEGV) | signal_bit(SIGBUS) |
                                                 signal_bit(SIGILL) | signal_bit(SIGTRAP) |
                                                 signal_bit(SIGFPE) | signal_bit(SIGSYS);

/// Pending signals: at most one of each ordinary signal, real-time ones queued in order.
class SignalQueue {
 public:
  SignalSet set() const { return set_; }
  std::size_t queued() const { return entries_.size(); }
  /// False when an ordinary signal was pending already (the new one is dropped, as in Linux).
  bool add(const siginfo_t& info);
  /// Takes the next signal that is in `wanted`, synchronous ones first, then by number.
  std::optional<siginfo_t> take(SignalSet wanted);
  void discard(SignalSet which);

 private:
  SignalSet set_ = 0;
  std::list<siginfo_t> entries_;
};

}  // namespace quire::task
