// The compression methods one by one. compress.h is the way in; this header is for its parts.
//
// Each *_decompress fills `out` exactly or returns false, and touches nothing outside its spans.
// Each *_compress replaces `out` and returns false when the result would not be below `limit` bytes.
#pragma once

#include <span>
#include <vector>

#include "base/types.h"

namespace quire::jffs2 {

bool rtime_decompress(std::span<const u8> in, std::span<u8> out);
bool rtime_compress(std::span<const u8> in, u32 limit, std::vector<u8>& out);

/// Raw LZO1X, any compressor's, ended by its end marker; what follows the marker makes it invalid.
bool lzo_decompress(std::span<const u8> in, std::span<u8> out);
/// Writes LZO1X, about as small as liblzo2's best.
bool lzo_compress(std::span<const u8> in, u32 limit, std::vector<u8>& out);

/// Fixed probabilities.
bool rubinmips_decompress(std::span<const u8> in, std::span<u8> out);
/// Eight bytes of bit probabilities first.
bool dynrubin_decompress(std::span<const u8> in, std::span<u8> out);

/// A zlib stream; its checksum is not looked at, as in Linux (the node's CRC covers the data).
bool zlib_decompress(std::span<const u8> in, std::span<u8> out);
bool zlib_compress(std::span<const u8> in, u32 limit, std::vector<u8>& out, int level);

/// OpenWrt's: LZMA1 without header, lc = lp = pb = 0.
bool lzma_decompress(std::span<const u8> in, std::span<u8> out);

}  // namespace quire::jffs2
