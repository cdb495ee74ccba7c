// Chooses and applies a compression to the data of one node at a time.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "jffs2/codec/compress.h"
#include "jffs2/tool/mkfs.h"

struct libdeflate_compressor;

namespace quire::jffs2 {

/// One for each thread: it holds the compressor's working memory.
class NodeCompressor {
 public:
  explicit NodeCompressor(const MkfsCompression& options);

  /// The stored form of `data`, by the options; `zero` when it is all zeros.
  Compressed compress(std::span<const u8> data);

  /// The stored form of a prefix of `data` in at most `room` bytes, with how long that prefix is; 0
  /// when nothing worth storing fits.
  struct Piece {
    u32 length = 0;
    Compressed stored;
  };
  Piece compress_prefix(std::span<const u8> data, u32 room, const Compressed& whole);

 private:
  bool compress_with_method(Compression method, std::span<const u8> data, u32 limit, std::vector<u8>& out);

  struct Freer {
    void operator()(libdeflate_compressor* c) const;
  };
  const MkfsCompression& options_;
  std::unique_ptr<libdeflate_compressor, Freer> deflate_;
};

}  // namespace quire::jffs2
