// Mutated images with right CRCs: a changed byte would otherwise end at the first check, and nothing
// behind the checks would ever be tried.
#pragma once

#include <cstddef>
#include <span>

#include "base/types.h"

namespace quire::jffs2::fuzz {

/// Rewrites the CRCs of everything in `bytes` that has a node's magic number, in either byte order.
void reseal(std::span<u8> bytes);

/// A small change that knows the format: fields of a node, a node copied elsewhere, a range erased.
/// `random` is any number; equal numbers give equal changes.
void mutate_nodes(std::span<u8> bytes, u64 random);

}  // namespace quire::jffs2::fuzz
