// Fuzz targets. Threat model: an image file from a stranger, mounted read-write, walked and changed.
// No input may crash, hang, trip a sanitizer or take memory out of proportion to the image.
#pragma once

#include <span>

#include "base/types.h"

namespace quire::jffs2 {

/// Input: flags, then edits of a sound image: {u16 word, u8 how, u32 value}, after which all CRCs are
/// made right (unless a flag says no), so that mutations reach what lies behind them. With kRaw the
/// rest of the input is the image.
void fuzz_mount(std::span<const u8> input);

/// Input: flags (byte order, which decoder, method), then bytes for it.
void fuzz_codec(std::span<const u8> input);

}  // namespace quire::jffs2
