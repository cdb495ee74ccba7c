// Integers of the format that must not be mixed up, and the byte order of an image.
#pragma once

#include <bit>
#include <span>

#include "base/strong_int.h"
#include "base/types.h"

namespace quire::jffs2 {

/// An inode number; 1 is the root, 0 in a dirent means that the name is removed.
using Ino = StrongInt<struct InoTag, u32>;
/// Orders the nodes of one inode (a directory's inode nodes and dirents share a counter).
using Version = StrongInt<struct VersionTag, u32>;
/// Names one extended attribute datum, which several inodes may share.
using Xid = StrongInt<struct XidTag, u32>;

inline constexpr Ino kRootIno{1};
inline constexpr Ino kNoIno{0};

/// Byte order of a whole image.
using ByteOrder = std::endian;

/// Room on flash for `len` bytes: nodes start at multiples of four.
constexpr u32 pad4(u32 len) { return (len + 3) & ~u32{3}; }

/// Longest name of a directory entry, in bytes.
inline constexpr u32 kMaxName = 254;
/// Longest symlink target that Linux accepts on JFFS2 (mkfs.jffs2's limit too).
inline constexpr u32 kMaxSymlink = 254;

}  // namespace quire::jffs2
