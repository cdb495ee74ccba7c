// Hashes, and numbers and texts as bytes, for what the engine keeps from run to run. Reading trusts nothing.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "metal/ir/function.h"

namespace quire::metal {

/// A running 128-bit hash.
class Hash {
 public:
  void add(u64 v) {
    h_[0] = scramble(h_[0] * 31 + v + 0x9e3779b97f4a7c15ull);
    h_[1] = scramble((h_[1] ^ v) * 37 + 0xd1b54a32d192ed03ull);
  }
  void add(std::string_view s) {
    add(s.size());
    for (std::size_t i = 0; i < s.size(); i += 8) {
      u64 v = 0;
      std::memcpy(&v, s.data() + i, std::min<std::size_t>(8, s.size() - i));
      add(v);
    }
  }
  void add(const ContentHash& h) {
    add(h[0]);
    add(h[1]);
  }
  ContentHash value() const { return h_; }

 private:
  static u64 scramble(u64 x) {
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdull;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ull;
    return x ^ (x >> 33);
  }
  ContentHash h_{};
};

/// Numbers take as many bytes as they need, seven bits in each.
class ByteWriter {
 public:
  void number(u64 v) {
    for (; v >= 0x80; v >>= 7) bytes_ += static_cast<char>(v | 0x80);
    bytes_ += static_cast<char>(v);
  }
  void integer(i64 v) { number(static_cast<u64>(v) << 1 ^ static_cast<u64>(v >> 63)); }
  void hash(const ContentHash& h) { bytes_.append(reinterpret_cast<const char*>(h.data()), sizeof h); }
  void text(std::string_view s) {
    number(s.size());
    bytes_ += s;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// Once something does not fit, everything read is zero and good() is false.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : left_(bytes) {}
  u64 number() {
    u64 v = 0;
    for (u32 shift = 0; shift < 64; shift += 7) {
      if (left_.empty()) return fail();
      auto byte = static_cast<u8>(left_.front());
      left_.remove_prefix(1);
      v |= u64{byte & 0x7fu} << shift;
      if (byte < 0x80) return v;
    }
    return fail();
  }
  i64 integer() {
    u64 v = number();
    return static_cast<i64>(v >> 1) ^ -static_cast<i64>(v & 1);
  }
  /// A number below `limit`.
  u32 index(std::size_t limit) {
    u64 v = number();
    if (v >= limit) return static_cast<u32>(fail());
    return static_cast<u32>(v);
  }
  ContentHash hash() {
    ContentHash h{};
    if (left_.size() < sizeof h) {
      fail();
      return h;
    }
    std::memcpy(h.data(), left_.data(), sizeof h);
    left_.remove_prefix(sizeof h);
    return h;
  }
  std::string_view text() {
    u64 n = number();
    if (n > left_.size()) {
      fail();
      return {};
    }
    std::string_view s = left_.substr(0, n);
    left_.remove_prefix(n);
    return s;
  }
  /// A count of things that take at least one byte each.
  u64 count() {
    u64 n = number();
    return n > left_.size() ? fail() : n;
  }
  bool good() const { return good_; }
  bool done() const { return good_ && left_.empty(); }

 private:
  u64 fail() {
    good_ = false;
    left_ = {};
    return 0;
  }
  std::string_view left_;
  bool good_ = true;
};

}  // namespace quire::metal
