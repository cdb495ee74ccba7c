#include "base/lock.h"

#if defined(QUIRE_CHECK_LOCKS)
#include <cstdio>
#include <cstdlib>

namespace quire::lock_check {
namespace {

struct Held {
  const LockClass* cls;
  const void* lock;
};
constexpr int max_held = 64;
thread_local Held held[max_held];
thread_local int depth = 0;

[[noreturn]] void die(const char* what, const LockClass& taken, const LockClass& other) {
  std::fprintf(stderr, "lock order: %s: taking '%s' (rank %d) while holding '%s' (rank %d)\n", what,
               taken.name, taken.rank, other.name, other.rank);
  std::abort();
}

}  // namespace

void acquired(const LockClass& c, const void* lock) {
  for (int i = 0; i < depth; ++i) {
    const LockClass& h = *held[i].cls;
    if (held[i].lock == lock) die("taken twice", c, h);
    if (h.rank > c.rank) die("out of order", c, h);
    if (h.rank == c.rank && !(&h == &c && c.nests_with_itself)) die("same rank", c, h);
  }
  if (depth == max_held) die("too deep", c, c);
  held[depth++] = {&c, lock};
}

void released(const LockClass& c, const void* lock) {
  for (int i = depth - 1; i >= 0; --i) {
    if (held[i].lock != lock) continue;
    for (int j = i; j + 1 < depth; ++j) held[j] = held[j + 1];
    --depth;
    return;
  }
  die("released but not held", c, c);
}

}  // namespace quire::lock_check
#endif
