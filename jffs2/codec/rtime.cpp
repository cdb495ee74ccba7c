// rtime: pairs (byte, length): the byte, then `length` bytes repeated from where that byte was last
// followed by something. One table of 256 positions is all the state.

#include <array>

#include "jffs2/codec/methods.h"

namespace quire::jffs2 {

bool rtime_decompress(std::span<const u8> in, std::span<u8> out) {
  std::array<u32, 256> last{};
  std::size_t from = 0, to = 0;
  while (to < out.size()) {
    if (in.size() - from < 2) return false;
    u8 value = in[from++];
    u32 repeat = in[from++];
    out[to++] = value;
    u32 back = last[value];
    last[value] = static_cast<u32>(to);
    if (repeat > out.size() - to) return false;
    // Byte by byte: source and destination overlap where a run feeds itself.
    while (repeat-- != 0) out[to++] = out[back++];
  }
  return true;
}

bool rtime_compress(std::span<const u8> in, u32 limit, std::vector<u8>& out) {
  std::array<u32, 256> last{};
  out.clear();
  std::size_t pos = 0;
  while (pos < in.size()) {
    if (out.size() + 2 >= limit) return false;
    u8 value = in[pos++];
    u32 back = last[value];
    last[value] = static_cast<u32>(pos);
    u8 repeat = 0;
    while (back < pos && pos < in.size() && repeat < 255 && in[pos] == in[back]) {
      pos++, back++, repeat++;
    }
    out.push_back(value);
    out.push_back(repeat);
  }
  return out.size() < limit;
}

}  // namespace quire::jffs2
