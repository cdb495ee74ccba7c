// The classes of metal's locks, in the order in which they may be taken. No lock of metal is held while
// source is parsed or rules run.
#pragma once

#include "base/lock.h"

namespace quire::metal {

inline constexpr LockClass kCacheLock{300, "metal: states of source files"};
inline constexpr LockClass kSymbolLock{310, "metal: a shard of the symbol table"};

}  // namespace quire::metal
