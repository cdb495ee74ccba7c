// The locks of jffs2, outermost first. Ranks lie between those of the vfs and of mm in
// kernel/abi/lock_order.h: a mounted image is called under the former and calls none of the latter.
//
//   mkfs     the queue between mkfs's threads; nothing is called with it held
//   fs       FileSystem's one lock: every operation and every step of garbage collection
//   device   a flash device's own state, where it has any
#pragma once

#include "base/lock.h"

namespace quire::jffs2 {

inline constexpr LockClass kPipelineLock{249, "jffs2::ChunkPipeline"};
inline constexpr LockClass kFsLock{250, "jffs2::FileSystem"};
inline constexpr LockClass kDeviceLock{252, "jffs2::FlashDevice"};

}  // namespace quire::jffs2
