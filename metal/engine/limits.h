// Bounds on the work that one function, object or block may take. All count steps, so that what is found does
// not depend on the machine; what they cut is counted.
#pragma once

#include <array>
#include <string_view>

#include "base/types.h"

namespace quire::metal {

struct Limits {
  u32 blocks_per_item = 20000;  ///< blocks walked for one item
  u32 facts_per_state = 12;  ///< fact sets kept apart for one state at one block; beyond, facts are dropped
  u32 forks_per_block = 48;  ///< configurations within one block
  u32 names_per_object = 6;
  u32 states_with_names = 24;  ///< states (with names) of one item, beyond which objects gain no more names
  u32 exits_per_item = 24;
  u32 exits_with_constants = 8;  ///< beyond, exits of an item are told apart by the sign of the result only
  u32 candidates_per_function = 96;  ///< objects that begin in a function or its callees
  u32 births_per_function = 32;      ///< of those, the ways in which they leave it
  u32 touched_per_function = 256;    ///< callers' objects told apart
  u32 callers_told_apart = 128;      ///< beyond, calls of a function do not differ by constant arguments
  u32 callers_of_globals = 4;        ///< beyond, callers are not told of globals that ask for nothing more
  u32 entries_per_function = 16384;  ///< items of one machine in one function; what is cut depends on order
  u32 call_depth = 1000;             ///< nested items; likewise
  bool intra = false;                ///< no calls are followed: the reading of 2001
};

/// A bound that a project file can set.
struct LimitName {
  std::string_view name;
  u32 Limits::* bound;
  u32 most;  ///< more makes no sense, or would not fit a thread's stack
};

inline constexpr u32 kAnyLimit = 1'000'000'000;
inline constexpr std::array kLimitNames = {
    LimitName{"blocks_per_item", &Limits::blocks_per_item, kAnyLimit},
    LimitName{"facts_per_state", &Limits::facts_per_state, 254},
    LimitName{"forks_per_block", &Limits::forks_per_block, kAnyLimit},
    LimitName{"names_per_object", &Limits::names_per_object, 8},
    LimitName{"states_with_names", &Limits::states_with_names, kAnyLimit},
    LimitName{"exits_per_item", &Limits::exits_per_item, kAnyLimit},
    LimitName{"exits_with_constants", &Limits::exits_with_constants, kAnyLimit},
    LimitName{"candidates_per_function", &Limits::candidates_per_function, kAnyLimit},
    LimitName{"births_per_function", &Limits::births_per_function, kAnyLimit},
    LimitName{"touched_per_function", &Limits::touched_per_function, kAnyLimit},
    LimitName{"callers_told_apart", &Limits::callers_told_apart, kAnyLimit},
    LimitName{"callers_of_globals", &Limits::callers_of_globals, kAnyLimit},
    LimitName{"entries_per_function", &Limits::entries_per_function, kAnyLimit},
    LimitName{"call_depth", &Limits::call_depth, 1000},
};

}  // namespace quire::metal
