// The stamp: the first node that we write into a block, telling that we wrote it and in what order.
//
// It is an ordinary padding node whose padding is used, so every other implementation skips it. It
// settles what the format leaves open after a power cut:
// - of two copies of one node (the move of garbage collection was cut) the one in the block stamped
//   later is the copy, and the other may lie in a block whose erase was cut, never to be trusted;
// - a stamped block without a summary was open when power went: its tail may be unstable, so the
//   next mount moves what it holds and erases it.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "jffs2/codec/types.h"

namespace quire::jffs2 {

inline constexpr u32 kStampSize = 24;

/// `sequence` counts the blocks opened on this chip, from 1.
std::vector<u8> encode_stamp(u32 sequence, ByteOrder order);
std::optional<u32> decode_stamp(std::span<const u8> bytes, ByteOrder order);

}  // namespace quire::jffs2
