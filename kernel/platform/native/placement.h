// On which CPUs a guest thread, its kernel thread and the stub's agent run.
//
// A hand-off by futex costs ten to thirty times more across CPUs than on one, and the host's scheduler
// likes to wake threads elsewhere. So the three are kept together on one CPU, unless the kernel thread
// spins beside the guest on another one, which is cheaper still, but pays only where a guest makes many
// short calls and a CPU is free. Nobody is kept anywhere for long: a guest that computes is set free
// after a few milliseconds, and everybody is now and then, so that the host can balance its load.
#pragma once

#include <sched.h>
#include <sys/types.h>

#include <array>
#include <atomic>
#include <chrono>

#include "base/types.h"
#include "kernel/abi/thread_place.h"

namespace quire::platform::native {

using abi::any_cpu;
using abi::usable_cpus;

/// Keeps a thread to a CPU, or lets it run on all (any_cpu). 0: the caller.
void keep_on(pid_t tid, int cpu);

using PlacementClock = std::chrono::steady_clock;

/// How many guests that compute for long at a time run, by the CPU that they are kept on. Those that make
/// call after call, to each other say, do not need a CPU each.
class Homes {
 public:
  void enter(int cpu) {
    if (valid(cpu)) count_[static_cast<unsigned>(cpu)].fetch_add(1, std::memory_order_relaxed);
  }
  void leave(int cpu) {
    if (valid(cpu)) count_[static_cast<unsigned>(cpu)].fetch_sub(1, std::memory_order_relaxed);
  }
  /// A CPU on which no guest of ours runs, if there is one, where others run on `cpu`.
  int better_than(int cpu) const;
  /// A CPU other than this on which no guest of ours runs, if there is one.
  int other_than(int cpu) const;

 private:
  static bool valid(int cpu) { return cpu >= 0 && cpu < CPU_SETSIZE; }
  std::array<std::atomic<u32>, CPU_SETSIZE> count_{};
};

/// One context's mode, and when to change it. Called by its kernel thread only.
class Placement {
 public:
  explicit Placement(Homes& homes) : homes_(homes) {}

  bool apart() const { return apart_; }
  /// The guest makes many short calls.
  bool wants_apart() const { return short_calls_ >= enough_short_calls_; }
  /// Before the first turn: somewhere else than on this CPU, where the maker goes on.
  void start_away_from(int cpu) { start_away_from_ = cpu; }
  /// The guest's thread is parked; sees to it that it and the calling thread are where they should be.
  /// `guest_cpu`: where the guest ran last, as it says; `kept_on`: what its thread is kept on, kept up to
  /// date; `spare`: whether a CPU is free to spin on.
  void before_resume(pid_t guest, int guest_cpu, int& kept_on, bool spare);
  /// The guest has come back.
  void after_trap();
  /// Spinning did not pay.
  void give_up_spinning();
  /// The guest has been computing for `patience`: the host may move it.
  void set_free(pid_t guest, int& kept_on);
  static constexpr i64 patience_ns = 3'000'000;

  /// At the begin and end of a time in the guest.
  void enter() { homes_.enter(counted_ = usual_run_ > long_run ? home_ : any_cpu); }
  void leave() { homes_.leave(counted_); }

  /// The calling thread is about to run this context's guest on its own CPU, not spinning beside it. A thread
  /// that runs now one guest, now another (mm_run) becomes one that does not preempt who wakes it.
  void take_turn();

  /// How long a side may take for its part of a short call, in microseconds.
  static void set_short_call(double guest_us, double kernel_us);

 private:
  void go_apart(pid_t guest, int& kept_on);
  void stay_together(pid_t guest, int guest_cpu, int& kept_on);
  /// Where it is better to be than here, if others have run here for too long.
  int away_from(int here);

  Homes& homes_;
  bool apart_ = false;
  bool free_ = false;  // the host places us for a while
  int home_ = any_cpu, counted_ = any_cpu, start_away_from_ = any_cpu;
  u32 short_calls_ = 0;
  u32 enough_short_calls_ = few_short_calls;
  u32 calls_apart_ = 0;
  PlacementClock::time_point resumed_{}, trapped_{}, since_{}, looked_{}, moved_{};
  PlacementClock::duration contended_{}, stay_ = shortest_stay, usual_run_{};

  /// About as many as the move costs more than they do.
  static constexpr std::chrono::microseconds long_run{200};
  static constexpr std::chrono::milliseconds shortest_stay{10}, longest_stay{1000};
  static constexpr u32 few_short_calls = 32, most_short_calls = 4096;
};

}  // namespace quire::platform::native
