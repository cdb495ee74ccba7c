#include "kernel/platform/native/spin.h"

#include <atomic>
#include <chrono>
#include <thread>

#include "kernel/platform/native/host_calls.h"
#include "kernel/platform/native/placement.h"

namespace quire::platform::native {
namespace {

using Clock = std::chrono::steady_clock;
double micros(Clock::duration d) { return std::chrono::duration<double, std::micro>(d).count(); }

constexpr double shortest_us = 5, longest_us = 100;

double pause_us() {
  constexpr int n = 1000;
  double best = 1;
  for (int k = 0; k < 3; ++k) {
    const auto start = Clock::now();
    for (int i = 0; i < n; ++i) __builtin_ia32_pause();
    best = std::min(best, micros(Clock::now() - start) / n);
  }
  return std::max(best, 1e-4);
}

cpu_set_t only(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return set;
}

/// A futex hand-off to another thread and back, where the host puts the two; or, with two CPUs given,
/// on these: then it includes waking an idle CPU, which is what a block costs those who could spin.
double futex_round_us(u32 rounds, const int* cpus) {
  constexpr u32 warm_up = 2;
  struct {
    alignas(64) std::atomic<u32> to{0};
    alignas(64) std::atomic<u32> from{0};
  } w;
  auto wait = [](std::atomic<u32>& word, u32 old) {
    while (word.load() == old) futex_wait(&word, old, tick_ns);
  };
  auto pin = [&](int i) {
    if (cpus == nullptr) return;
    const cpu_set_t set = only(cpus[i]);
    sched_setaffinity(0, sizeof set, &set);
  };
  cpu_set_t before;
  CPU_ZERO(&before);
  sched_getaffinity(0, sizeof before, &before);
  std::thread peer([&] {
    pin(1);
    for (u32 i = 0; i < warm_up + rounds; ++i) {
      wait(w.to, i);
      w.from.store(i + 1);
      futex_wake(&w.from);
    }
  });
  pin(0);
  Clock::time_point start;
  for (u32 i = 0; i < warm_up + rounds; ++i) {
    if (i == warm_up) start = Clock::now();
    w.to.store(i + 1);
    futex_wake(&w.to);
    wait(w.from, i);
  }
  const double us = micros(Clock::now() - start) / rounds;
  peer.join();
  sched_setaffinity(0, sizeof before, &before);
  return us;
}

}  // namespace

u32 calibrate(Calibration* out) {
  const cpu_set_t& mask = usable_cpus().mask;
  const unsigned count = usable_cpus().count;
  out->cpus = count;
  out->futex_round_us = futex_round_us(16, nullptr);
  u32 pauses = 0;
  if (count > 1) {
    int cpus[2] = {}, n = 0;
    for (int c = 0; c < CPU_SETSIZE && n < 2; ++c)
      if (CPU_ISSET(c, &mask)) cpus[n++] = c;
    out->spin_us = std::clamp(futex_round_us(6, cpus), shortest_us, longest_us);
    pauses = static_cast<u32>(out->spin_us / pause_us());
    Placement::set_short_call(out->spin_us, out->spin_us / 16);
  }
  return pauses;
}

}  // namespace quire::platform::native
