// What each fuzz target defines, and how it complains.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <span>

#include "base/types.h"

namespace quire::jffs2::fuzz {

/// Tries one input; returns, or the process ends.
void run_one(std::span<const u8> input);

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: %s\n", what);
  std::abort();
}

}  // namespace quire::jffs2::fuzz
