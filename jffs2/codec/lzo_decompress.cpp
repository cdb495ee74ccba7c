// LZO1X, expanding. The instructions, by the first byte (format: Linux, Documentation/staging/lzo.rst):
//
//   0000LLLL  after no literals: a run of 3+L literals (L = 0: 18 + extension)
//   0000DDSS  after 1..3 literals: 2 bytes from distance 1.. 1024
//   0000DDSS  after a long run: 3 bytes from distance 2049..3072
//   0001HLLL  2+L bytes from 16384..49151 back; distance 16384 ends the stream
//   001LLLLL  2+L bytes from 1..16384 back
//   01LDDDSS, 1LLDDDSS  3..8 bytes from 1..2048 back
//
// SS literals follow a copy; L = 0 means a longer length follows, 255 for each zero byte.

#include <cstring>

#include "jffs2/codec/methods.h"

namespace quire::jffs2 {
namespace {

class Expander {
 public:
  Expander(std::span<const u8> in, std::span<u8> out) : in_(in), out_(out) {}

  bool run() {
    if (in_.size() < 3) return false;
    // The first byte has a literal-run code of its own above 17.
    if (in_[0] > 17) {
      u32 n = in_[0] - 17u;
      from_ = 1;
      if (!literals(n)) return false;
      state_ = n < 4 ? n : kLongRun;
    }
    while (from_ < in_.size()) {
      Step step = instruction();
      if (step == Step::bad) return false;
      if (step == Step::end) return from_ == in_.size() && to_ == out_.size();
    }
    return false;
  }

 private:
  enum class Step { go_on, end, bad };
  static constexpr u32 kLongRun = 4;

  Step instruction() {
    u32 t = in_[from_++];
    if (t >= 64) return short_match(t);
    if (t >= 32) return far_match(t, 31, 1);
    if (t >= 16) return far_match(t, 7, 16384 + ((t & 8) << 11));
    if (state_ == 0) {
      u32 n = t;
      if (n == 0 && !extend(n, 15)) return Step::bad;
      state_ = kLongRun;
      return literals(n + 3) ? Step::go_on : Step::bad;
    }
    if (from_ == in_.size()) return Step::bad;
    u32 distance = (u32{in_[from_++]} << 2) + (t >> 2);
    return state_ == kLongRun ? copy(distance + 2049, 3, t & 3) : copy(distance + 1, 2, t & 3);
  }

  Step short_match(u32 t) {
    if (from_ == in_.size()) return Step::bad;
    u32 distance = (u32{in_[from_++]} << 3) + ((t >> 2) & 7) + 1;
    return copy(distance, (t >> 5) + 1, t & 3);
  }

  Step far_match(u32 t, u32 length_mask, u32 base) {
    u32 length = t & length_mask;
    if (length == 0 && !extend(length, length_mask)) return Step::bad;
    if (in_.size() - from_ < 2) return Step::bad;
    u32 word = in_[from_] | u32{in_[from_ + 1]} << 8;
    from_ += 2;
    u32 distance = base + (word >> 2);
    if (length_mask == 7 && distance == 16384) return length == 1 ? Step::end : Step::bad;
    return copy(distance, length + 2, word & 3);
  }

  /// A length that did not fit its instruction: 255 a zero byte, then one that is not zero.
  bool extend(u32& length, u32 base) {
    length = base;
    while (from_ < in_.size() && in_[from_] == 0) {
      from_++;
      length += 255;
      if (length > out_.size()) return false;
    }
    if (from_ == in_.size()) return false;
    length += in_[from_++];
    return true;
  }

  bool literals(u32 n) {
    if (n > in_.size() - from_ || n > out_.size() - to_) return false;
    if (n != 0) std::memcpy(out_.data() + to_, in_.data() + from_, n);
    from_ += n;
    to_ += n;
    return true;
  }

  Step copy(u32 distance, u32 length, u32 then_literals) {
    if (distance > to_ || length > out_.size() - to_) return Step::bad;
    u8* to = out_.data() + to_;
    const u8* from = to - distance;
    to_ += length;
    if (distance >= length) {
      std::memcpy(to, from, length);
    } else {
      while (length-- != 0) *to++ = *from++;  // a run that feeds itself
    }
    state_ = then_literals;
    return literals(then_literals) ? Step::go_on : Step::bad;
  }

  std::span<const u8> in_;
  std::span<u8> out_;
  std::size_t from_ = 0;
  std::size_t to_ = 0;
  u32 state_ = 0;  ///< literals since the last copy: 0..3, or kLongRun
};

}  // namespace

bool lzo_decompress(std::span<const u8> in, std::span<u8> out) { return Expander(in, out).run(); }

}  // namespace quire::jffs2
