// The two rubin methods: a binary arithmetic coder over the eight bits of each byte, whose
// probabilities are fixed (rubinmips) or sent in front (dynrubin). Old images only; we never write it.

#include <array>

#include "jffs2/codec/methods.h"

namespace quire::jffs2 {
namespace {

constexpr u32 kRegisterBits = 16;
constexpr u32 kUpper = 1u << (kRegisterBits - 1);
constexpr u32 kLower = kUpper - 1;

class Decoder {
 public:
  Decoder(std::span<const u8> in, u32 divider, const std::array<u32, 8>& bits)
      : in_(in), divider_(divider), bits_(bits) {
    for (u32 i = 0; i < kRegisterBits; i++) value_ = value_ * 2 + next_bit();
  }

  u8 byte() {
    u32 result = 0;
    for (u32 i = 0; i < 8; i++) result |= symbol(divider_ - bits_[i]) << i;
    return static_cast<u8>(result);
  }

 private:
  /// Zeros follow the end of the data: the coder's last bits may be implied.
  u32 next_bit() {
    u32 bit = at_ / 8 < in_.size() ? (in_[at_ / 8] >> (7 - at_ % 8)) & 1u : 0;
    at_++;
    return bit;
  }

  /// One bit, whose chance to be 0 is `zeros` of divider_.
  u32 symbol(u32 zeros) {
    while (low_ >= kUpper || width_ + low_ <= kUpper) {
      low_ = (low_ & kLower) << 1;
      width_ <<= 1;
      value_ = ((value_ & kLower) << 1) + next_bit();
    }
    u64 split = u64{zeros} * width_ / divider_;
    if (split == 0) split = 1;
    if (split >= width_) split = width_ - 1;
    u32 part = static_cast<u32>(split);
    if (value_ >= low_ + part) {
      low_ += part;
      width_ -= part;
      return 1;
    }
    width_ = part;
    return 0;
  }

  std::span<const u8> in_;
  u64 at_ = 0;
  u32 divider_;
  const std::array<u32, 8>& bits_;
  u32 low_ = 0;
  u32 width_ = 2 * kUpper;
  u32 value_ = 0;
};

bool decode_all(std::span<const u8> in, u32 divider, const std::array<u32, 8>& bits, std::span<u8> out) {
  Decoder decoder(in, divider, bits);
  for (u8& b : out) b = decoder.byte();
  return true;
}

}  // namespace

bool rubinmips_decompress(std::span<const u8> in, std::span<u8> out) {
  // How often each bit is set in MIPS code, of 1043.
  static constexpr std::array<u32, 8> kBits{277, 249, 290, 267, 229, 341, 212, 241};
  return decode_all(in, 1043, kBits, out);
}

bool dynrubin_decompress(std::span<const u8> in, std::span<u8> out) {
  if (in.size() < 8) return false;
  std::array<u32, 8> bits;
  for (u32 i = 0; i < 8; i++) bits[i] = in[i];
  return decode_all(in.subspan(8), 256, bits, out);
}

}  // namespace quire::jffs2
