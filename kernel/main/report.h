// What --stats prints when the program has ended.
#pragma once

#include "kernel/task/kernel.h"

namespace quire::cli {

struct Times {
  double start_ms = 0;  // until the program ran
  double total_ms = 0;
};

/// To standard error: a table, or one line of JSON.
void print_report(bool json, const task::Kernel& kernel, const mm::MemoryManager& memory,
                  platform::Platform& platform, Times times);

}  // namespace quire::cli
