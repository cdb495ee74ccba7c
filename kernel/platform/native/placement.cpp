#include "kernel/platform/native/placement.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "kernel/platform/native/wire.h"

namespace quire::platform::native {
namespace {

using namespace std::chrono_literals;

constexpr auto lease = 50ms;          // kept on one CPU for so long at most
constexpr auto first_lease = 3ms;     // where it was put away from its maker
constexpr auto holiday = 3ms;         // and then left to the host for so long
constexpr auto most_contended = 2ms;  // beside another guest while a CPU has none

std::atomic<i64> short_guest_ns{20'000}, short_kernel_ns{3'000};

void keep_caller_on(int cpu) {
  auto& place = abi::ThreadPlace::current();
  if (place.placed() && place.kept_on() == cpu) return;
  keep_on(0, cpu);
  place.set_kept_on(cpu);
}

/// How the calling thread's turns at guests went lately, and what its scheduling was made of that.
///
/// Between one guest and its kernel thread it is best that the thread, woken, runs at once: it answers before
/// the guest has gone to sleep. Where the thread goes on with another guest instead, the first one, preempted
/// on its way to sleep, has to be switched to once more for that alone: six switches a round of mm_run, not
/// four. A woken thread that is SCHED_BATCH leaves its waker the CPU until that sleeps.
class Turns {
 public:
  void take(const void* guest) {
    if (guest == last_) {
      if (score_ > 0 && --score_ == 0 && yields_) set_yields(false);
      return;
    }
    last_ = guest;
    score_ = std::min(score_ + other_guest, most);
    if (score_ == most && !yields_) set_yields(true);
  }

 private:
  static constexpr int other_guest = 4, most = 256;

  void set_yields(bool on) {
    yields_ = on;
    if (on)
      patient_.emplace();
    else
      patient_.reset();
  }

  const void* last_ = nullptr;
  int score_ = 0;
  bool yields_ = false;
  std::optional<abi::Patient> patient_;
};

bool usable(int cpu) { return cpu >= 0 && cpu < CPU_SETSIZE && CPU_ISSET(cpu, &usable_cpus().mask); }

}  // namespace

void keep_on(pid_t tid, int cpu) {
  if (cpu == any_cpu) {
    sched_setaffinity(tid, sizeof usable_cpus().mask, &usable_cpus().mask);
    return;
  }
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  sched_setaffinity(tid, sizeof one, &one);
}

int Homes::better_than(int cpu) const {
  if (!valid(cpu) || count_[static_cast<unsigned>(cpu)].load(std::memory_order_relaxed) == 0) return any_cpu;
  return other_than(cpu);
}

int Homes::other_than(int cpu) const {
  unsigned left = usable_cpus().count;
  for (int c = 0; left != 0 && c < CPU_SETSIZE; ++c) {
    if (!usable(c)) continue;
    --left;
    if (c != cpu && count_[static_cast<unsigned>(c)].load(std::memory_order_relaxed) == 0) return c;
  }
  return any_cpu;
}

void Placement::set_short_call(double guest_us, double kernel_us) {
  short_guest_ns.store(static_cast<i64>(guest_us * 1000), std::memory_order_relaxed);
  short_kernel_ns.store(static_cast<i64>(kernel_us * 1000), std::memory_order_relaxed);
}

void Placement::before_resume(pid_t guest, int guest_cpu, int& kept_on, bool spare) {
  if (usable_cpus().count < 2) return;
  if (apart_) {
    if (spare) {
      ++calls_apart_;
      return;
    }
    give_up_spinning();
  }
  const auto now = PlacementClock::now();
  if ((now - trapped_).count() > short_kernel_ns.load(std::memory_order_relaxed)) short_calls_ = 0;
  resumed_ = now;
  if (spare && short_calls_ >= enough_short_calls_)
    go_apart(guest, kept_on);
  else
    stay_together(guest, guest_cpu, kept_on);
}

void Placement::after_trap() {
  if (apart_ || usable_cpus().count < 2) return;
  trapped_ = PlacementClock::now();
  usual_run_ += (trapped_ - resumed_ - usual_run_) / 8;
  if ((trapped_ - resumed_).count() > short_guest_ns.load(std::memory_order_relaxed))
    short_calls_ = 0;
  else
    ++short_calls_;
}

void Placement::take_turn() {
  thread_local Turns turns;
  turns.take(this);
}

void Placement::give_up_spinning() {
  if (!apart_) return;
  apart_ = false;
  short_calls_ = 0;
  // Did the move pay?
  if (calls_apart_ < 8 * enough_short_calls_)
    enough_short_calls_ = std::min(2 * enough_short_calls_, most_short_calls);
  else
    enough_short_calls_ = std::max(enough_short_calls_ / 2, few_short_calls);
}

void Placement::go_apart(pid_t guest, int& kept_on) {
  cpu_set_t others;
  if (!abi::other_cpus(others) || sched_setaffinity(0, sizeof others, &others) != 0) return;
  keep_on(0, any_cpu);
  abi::ThreadPlace::current().set_kept_on(any_cpu);
  if (kept_on != any_cpu) keep_on(guest, kept_on = any_cpu);
  home_ = any_cpu;
  free_ = false;
  apart_ = true;
  calls_apart_ = 0;
}

void Placement::set_free(pid_t guest, int& kept_on) {
  if (kept_on != any_cpu) keep_on(guest, kept_on = any_cpu);
  keep_caller_on(any_cpu);
  home_ = any_cpu;
  free_ = true;
  since_ = PlacementClock::now();
}

void Placement::stay_together(pid_t guest, int guest_cpu, int& kept_on) {
  int here = sched_getcpu();
  if (free_) {
    if (resumed_ - since_ < holiday) return;
    // To where the host has put the guest, which it may have done for a reason.
    if (usable(guest_cpu)) here = guest_cpu;
    free_ = false;
    since_ = resumed_;
  } else if (home_ == any_cpu) {
    since_ = resumed_;
    if (const int maker = std::exchange(start_away_from_, any_cpu); maker != any_cpu)
      if (const int other = homes_.other_than(maker); other != any_cpu) {
        here = other;
        since_ -= lease - first_lease;  // who else runs there the host knows better
      }
  } else if (resumed_ - since_ > lease) {
    set_free(guest, kept_on);
    return;
  }
  here = away_from(here);
  keep_caller_on(here);
  if (kept_on != here) keep_on(guest, kept_on = here);
  home_ = here;
}

int Placement::away_from(int here) {
  const auto since = std::min<PlacementClock::duration>(resumed_ - looked_, most_contended / 2);
  looked_ = resumed_;
  const int better = homes_.better_than(here);
  if (better == any_cpu) {
    contended_ = std::max(contended_ - since, PlacementClock::duration::zero());
    return here;
  }
  contended_ += since;
  if (contended_ < most_contended) return here;
  contended_ = {};
  // Who was woken to here for nothing stays away for a while.
  stay_ = resumed_ - moved_ > 4 * stay_ ? PlacementClock::duration(shortest_stay)
                                        : std::min<PlacementClock::duration>(2 * stay_, longest_stay);
  moved_ = resumed_;
  abi::ThreadPlace::current().stay_until(resumed_ + stay_);
  return better;
}

}  // namespace quire::platform::native
