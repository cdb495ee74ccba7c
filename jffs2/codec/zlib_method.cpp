#include <libdeflate.h>
#include <zlib.h>

#include <memory>

#include "jffs2/codec/methods.h"

namespace quire::jffs2 {
namespace {

/// A deflate state kept by each thread: making one costs more than compressing a page.
class Deflater {
 public:
  explicit Deflater(int level) : level_(level) { ok_ = deflateInit(&z_, level) == Z_OK; }
  ~Deflater() {
    if (ok_) deflateEnd(&z_);
  }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  int level() const { return level_; }
  /// Bytes written, 0 when they do not fit `out`.
  std::size_t run(std::span<const u8> in, std::span<u8> out) {
    if (!ok_ || deflateReset(&z_) != Z_OK) return 0;
    z_.next_in = const_cast<u8*>(in.data());
    z_.avail_in = static_cast<uInt>(in.size());
    z_.next_out = out.data();
    z_.avail_out = static_cast<uInt>(out.size());
    return deflate(&z_, Z_FINISH) == Z_STREAM_END ? z_.total_out : 0;
  }

 private:
  z_stream z_{};
  int level_;
  bool ok_;
};

/// The same for expanding.
class Inflater {
 public:
  Inflater() { ok_ = inflateInit2(&z_, -MAX_WBITS) == Z_OK; }
  ~Inflater() {
    if (ok_) inflateEnd(&z_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  bool run(std::span<const u8> in, std::span<u8> out) {
    if (!ok_ || inflateReset(&z_) != Z_OK) return false;
    z_.next_in = const_cast<u8*>(in.data());
    z_.avail_in = static_cast<uInt>(in.size());
    z_.next_out = out.data();
    z_.avail_out = static_cast<uInt>(out.size());
    int r = inflate(&z_, Z_FINISH);
    return (r == Z_STREAM_END || r == Z_OK || r == Z_BUF_ERROR) && z_.avail_out == 0;
  }

 private:
  z_stream z_{};
  bool ok_;
};

/// Expands sound data several times as fast. It wants the whole stream and exactly its length, so what
/// others wrote otherwise is left to Inflater.
class FastInflater {
 public:
  FastInflater() : d_(libdeflate_alloc_decompressor()) {}
  ~FastInflater() { libdeflate_free_decompressor(d_); }
  FastInflater(const FastInflater&) = delete;
  FastInflater& operator=(const FastInflater&) = delete;

  bool run(std::span<const u8> in, std::span<u8> out) {
    return d_ != nullptr && libdeflate_deflate_decompress(d_, in.data(), in.size(), out.data(), out.size(),
                                                          nullptr) == LIBDEFLATE_SUCCESS;
  }

 private:
  libdeflate_decompressor* d_;
};

}  // namespace

bool zlib_decompress(std::span<const u8> in, std::span<u8> out) {
  // Two bytes of header: method 8, no preset dictionary, a multiple of 31.
  if (in.size() < 2 || (in[0] & 0x0F) != Z_DEFLATED || (in[1] & 0x20) != 0 || (in[0] * 256 + in[1]) % 31 != 0)
    return false;
  in = in.subspan(2);
  static thread_local FastInflater fast;
  if (fast.run(in, out)) return true;
  static thread_local Inflater inflater;
  return inflater.run(in, out);
}

bool zlib_compress(std::span<const u8> in, u32 limit, std::vector<u8>& out, int level) {
  static thread_local std::unique_ptr<Deflater> deflater;
  if (limit < 2) return false;
  if (!deflater || deflater->level() != level) deflater = std::make_unique<Deflater>(level);
  out.resize(limit - 1);
  out.resize(deflater->run(in, out));
  return !out.empty();
}

}  // namespace quire::jffs2
