// Thin wrappers of host calls that libc lacks.
#pragma once

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <span>

#include "base/types.h"
#include "kernel/platform/native/fd.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

namespace quire::platform::native {

/// Futexes in the control file are shared between processes.
inline void futex_wake(std::atomic<u32>* word) {
  syscall(SYS_futex, word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}
/// Returns when woken, when *word is not `value`, on a signal, or after the timeout (false).
inline bool futex_wait(std::atomic<u32>* word, u32 value, i64 timeout_ns) {
  const timespec t{.tv_sec = timeout_ns / 1'000'000'000, .tv_nsec = timeout_ns % 1'000'000'000};
  return !(syscall(SYS_futex, word, FUTEX_WAIT, value, &t, nullptr, 0) != 0 && errno == ETIMEDOUT);
}

/// The begin of /proc/PID/NAME, as a C string: null where it cannot be read.
inline const char* read_proc(pid_t pid, const char* name, std::span<char> text) {
  snprintf(text.data(), text.size(), "/proc/%d/%s", pid, name);
  const Fd file(open(text.data(), O_RDONLY | O_CLOEXEC));
  const ssize_t n = file ? read(file.get(), text.data(), text.size() - 1) : -1;
  if (n <= 0) return nullptr;
  text[static_cast<std::size_t>(n)] = '\0';
  return text.data();
}

/// Waiting for a stub goes by ticks that this process itself received: a stopped or starved kernel
/// never takes its stubs for dead.
inline constexpr i64 tick_ns = 100'000'000;
inline constexpr int ticks_until_dead = 10;

}  // namespace quire::platform::native
