#include "kernel/platform/native/spin.h"

#include <atomic>
#include <chrono>
#include <thread>

#include "kernel/platform/native/host_calls.h"

namespace quire::platform::native {
namespace {

using Clock = std::chrono::steady_clock;
double micros(Clock::duration d) { return std::chrono::duration<double, std::micro>(d).count(); }

constexpr double shortest_us = 5, longest_us = 60;

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

/// A futex hand-off to another thread and back, wherever the host puts the two.
double futex_round_us() {
  constexpr u32 warm_up = 4, rounds = 16;
  struct {
    alignas(64) std::atomic<u32> to{0};
    alignas(64) std::atomic<u32> from{0};
  } w;
  auto wait = [](std::atomic<u32>& word, u32 old) {
    while (word.load() == old) futex_wait(&word, old, tick_ns);
  };
  std::thread peer([&] {
    for (u32 i = 0; i < warm_up + rounds; ++i) {
      wait(w.to, i);
      w.from.store(i + 1);
      futex_wake(&w.from);
    }
  });
  Clock::time_point start;
  for (u32 i = 0; i < warm_up + rounds; ++i) {
    if (i == warm_up) start = Clock::now();
    w.to.store(i + 1);
    futex_wake(&w.to);
    wait(w.from, i);
  }
  const double us = micros(Clock::now() - start) / rounds;
  peer.join();
  return us;
}

}  // namespace

SpinPolicy calibrate(Calibration* out) {
  SpinPolicy p;
  CPU_ZERO(&p.mask);
  if (sched_getaffinity(0, sizeof p.mask, &p.mask) == 0) p.cpus = static_cast<unsigned>(CPU_COUNT(&p.mask));
  out->cpus = p.cpus;
  out->futex_round_us = futex_round_us();
  if (p.cpus > 1) {
    out->spin_us = std::clamp(out->futex_round_us, shortest_us, longest_us);
    p.pauses = static_cast<u32>(out->spin_us / pause_us());
  }
  return p;
}

}  // namespace quire::platform::native
