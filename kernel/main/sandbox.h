// The running sandbox: what the options ask for, put together.
#pragma once

#include <memory>

#include "kernel/main/options.h"
#include "kernel/task/kernel.h"

namespace quire::cli {

/// What ends `quire run`: the status to exit with, or the signal to die of.
struct Outcome {
  int status = 0;
  int signo = 0;
};

/// Exit statuses of quire itself, as docker run uses them.
inline constexpr int status_quire_failed = 125;
inline constexpr int status_cannot_run = 126;
inline constexpr int status_not_found = 127;

/// Runs the program to its end. Prints one line to standard error on failure of its own.
Outcome run_sandbox(const RunOptions& options);

}  // namespace quire::cli
