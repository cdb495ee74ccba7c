#include "jffs2/tool/node_compressor.h"

#include <libdeflate.h>

#include <algorithm>

namespace quire::jffs2 {

namespace {

// favour_lzo takes LZO, which expands fast, unless another is smaller than this share of it.
constexpr u64 kFavourLzoPercent = 80;
// Below this, a piece in front of a block's end costs more in headers than it saves.
constexpr u32 kLeastPiece = 128;

bool all_zero(std::span<const u8> data) {
  return std::all_of(data.begin(), data.end(), [](u8 b) { return b == 0; });
}

}  // namespace

void NodeCompressor::Freer::operator()(libdeflate_compressor* c) const { libdeflate_free_compressor(c); }

NodeCompressor::NodeCompressor(const MkfsCompression& options)
    : options_(options), deflate_(libdeflate_alloc_compressor(options.level)) {}

bool NodeCompressor::compress_with_method(Compression method, std::span<const u8> data, u32 limit,
                                          std::vector<u8>& out) {
  if (method != Compression::zlib) return compress_with(method, data, limit, out);
  if (limit == 0) return false;
  out.resize(limit - 1);
  std::size_t n = libdeflate_zlib_compress(deflate_.get(), data.data(), data.size(), out.data(), out.size());
  out.resize(n);
  return n != 0;
}

Compressed NodeCompressor::compress(std::span<const u8> data) {
  if (!data.empty() && all_zero(data)) return {.method = Compression::zero, .bytes = {}};
  Compressed best{.method = Compression::none, .bytes = {}};
  u64 best_cost = data.size();
  std::vector<u8> attempt;
  if (options_.mode != MkfsCompressMode::none) {
    for (Compression method : options_.methods) {
      bool favoured = options_.mode == MkfsCompressMode::favour_lzo && method == Compression::lzo;
      if (!compress_with_method(method, data, static_cast<u32>(data.size()), attempt)) continue;
      u64 cost = favoured ? attempt.size() * kFavourLzoPercent / 100 : attempt.size();
      if (cost >= best_cost) continue;
      best_cost = cost;
      best.method = method;
      best.bytes = attempt;
      if (options_.mode == MkfsCompressMode::priority) break;
    }
  }
  if (best.method == Compression::none) best.bytes.assign(data.begin(), data.end());
  return best;
}

NodeCompressor::Piece NodeCompressor::compress_prefix(std::span<const u8> data, u32 room,
                                                      const Compressed& whole) {
  if (room < kLeastPiece) return {};
  if (whole.method == Compression::none) {
    u32 length = std::min<u32>(room, static_cast<u32>(data.size()));
    return {.length = length,
            .stored = {.method = Compression::none, .bytes = {data.begin(), data.begin() + length}}};
  }
  // Guess by the ratio of the whole, a little low, and go lower while it does not fit.
  u64 length = data.size() * room / std::max<std::size_t>(whole.bytes.size(), 1) * 15 / 16;
  Piece piece;
  for (int attempts = 0; attempts < 4 && length >= kLeastPiece; attempts++, length = length * 7 / 8) {
    length = std::min<u64>(length, data.size() - 1);
    std::vector<u8> out;
    u32 limit = std::min<u32>(room + 1, static_cast<u32>(length));
    if (!compress_with_method(whole.method, data.first(length), limit, out)) continue;
    return {.length = static_cast<u32>(length), .stored = {.method = whole.method, .bytes = std::move(out)}};
  }
  return {};
}

}  // namespace quire::jffs2
