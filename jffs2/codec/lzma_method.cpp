#include <lzma.h>

#include "jffs2/codec/methods.h"

namespace quire::jffs2 {

bool lzma_decompress(std::span<const u8> in, std::span<u8> out) {
  // Encoders use a dictionary of 8 KiB; a larger one here reads all that a node can refer to.
  lzma_options_lzma options{};
  options.dict_size = 64 * 1024;
  options.lc = options.lp = options.pb = 0;
  lzma_filter filters[2] = {{LZMA_FILTER_LZMA1, &options}, {LZMA_VLI_UNKNOWN, nullptr}};
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_raw_decoder(&stream, filters) != LZMA_OK) return false;
  stream.next_in = in.data();
  stream.avail_in = in.size();
  stream.next_out = out.data();
  stream.avail_out = out.size();
  lzma_ret r = lzma_code(&stream, LZMA_RUN);
  bool full = stream.avail_out == 0;
  lzma_end(&stream);
  return full && (r == LZMA_OK || r == LZMA_STREAM_END || r == LZMA_BUF_ERROR);
}

}  // namespace quire::jffs2
