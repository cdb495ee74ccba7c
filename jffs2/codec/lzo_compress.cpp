// LZO1X, writing (the instructions are listed in lzo_decompress.cpp). Of the copies only the three
// general forms are used; matches come from hash chains, with one step of lazy matching.

#include <algorithm>
#include <cstring>

#include "jffs2/codec/methods.h"

namespace quire::jffs2 {
namespace {

constexpr u32 kHashBits = 13;
constexpr u32 kMaxDistance = 49151;
constexpr u32 kChainLimit = 24;  // candidates looked at for one position
constexpr u32 kGoodEnough = 64;  // a match of this length ends the search
constexpr u32 kNone = ~0u;

struct Match {
  u32 length = 0;
  u32 distance = 0;
};

/// Bytes that the copy instruction takes; 0 when the match has no form.
u32 cost(u32 length, u32 distance) {
  if (length <= 8 && distance <= 2048) return 2;
  if (distance <= 16384) return 3 + (length > 33 ? 1 + (length - 34) / 255 : 0);
  return 3 + (length > 9 ? 1 + (length - 10) / 255 : 0);
}

class Finder {
 public:
  explicit Finder(std::span<const u8> in)
      : in_(in), head_(1u << kHashBits, kNone), previous_(in.size(), kNone) {}

  void insert(u32 pos) {
    if (pos + 3 > in_.size()) return;
    u32& head = head_[hash(pos)];
    previous_[pos] = head;
    head = pos;
  }

  /// The match at `pos` that saves most; length 0: none that saves anything.
  Match find(u32 pos) const {
    Match best;
    if (pos + 3 > in_.size()) return best;
    u32 most = static_cast<u32>(in_.size()) - pos;
    u32 best_gain = 0;
    u32 candidate = head_[hash(pos)];
    for (u32 tries = kChainLimit; candidate != kNone && tries != 0;
         tries--, candidate = previous_[candidate]) {
      u32 distance = pos - candidate;
      if (distance > kMaxDistance) break;
      u32 length = common(candidate, pos, most);
      // The last byte of a longer match must differ where a shorter one ended: skip early.
      if (length < 3 || length <= best.length) continue;
      u32 price = cost(length, distance);
      if (price >= length || length - price <= best_gain) continue;
      best = {length, distance};
      best_gain = length - price;
      if (length >= kGoodEnough) break;
    }
    return best;
  }

 private:
  u32 hash(u32 pos) const {
    u32 three = in_[pos] | u32{in_[pos + 1]} << 8 | u32{in_[pos + 2]} << 16;
    return (three * 0x9E3779B1u) >> (32 - kHashBits);
  }
  u32 common(u32 a, u32 b, u32 most) const {
    u32 n = 0;
    while (n < most && in_[a + n] == in_[b + n]) n++;
    return n;
  }

  std::span<const u8> in_;
  std::vector<u32> head_;
  std::vector<u32> previous_;
};

class Emitter {
 public:
  Emitter(std::vector<u8>& out) : out_(out) { out_.clear(); }

  void literals(std::span<const u8> bytes) {
    u32 n = static_cast<u32>(bytes.size());
    if (n == 0) return;
    if (out_.empty() && n <= 238) {
      put(17 + n);
    } else if (n <= 3) {
      out_[out_.size() - 2] |= static_cast<u8>(n);  // the SS bits of the copy before
    } else if (n <= 18) {
      put(n - 3);
    } else {
      put(0);
      extension(n - 18);
    }
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }

  void copy(Match m) {
    if (m.length <= 8 && m.distance <= 2048) {
      u32 d = m.distance - 1;
      put((m.length - 1) << 5 | (d & 7) << 2);
      put(d >> 3);
    } else if (m.distance <= 16384) {
      length(32, m.length, 33);
      word((m.distance - 1) << 2);
    } else {
      u32 d = m.distance - 16384;
      length(16 | (d & 0x4000) >> 11, m.length, 9);
      word((d & 0x3FFF) << 2);
    }
  }

  void end() {
    put(17);
    put(0);
    put(0);
  }

 private:
  void put(u32 byte) { out_.push_back(static_cast<u8>(byte)); }
  void word(u32 v) {
    put(v & 0xFF);
    put(v >> 8);
  }
  void length(u32 code, u32 n, u32 longest) {
    if (n <= longest) {
      put(code | (n - 2));
    } else {
      put(code);
      extension(n - longest);
    }
  }
  void extension(u32 n) {
    for (; n > 255; n -= 255) put(0);
    put(n);
  }

  std::vector<u8>& out_;
};

}  // namespace

bool lzo_compress(std::span<const u8> in, u32 limit, std::vector<u8>& out) {
  Emitter emit(out);
  Finder finder(in);
  u32 size = static_cast<u32>(in.size());
  u32 literal_start = 0, pos = 0;
  while (pos < size && out.size() < limit) {
    Match m = finder.find(pos);
    finder.insert(pos);
    if (m.length == 0) {
      pos++;
      continue;
    }
    // One step of laziness: a longer match at the next byte is worth a literal.
    if (m.length < kGoodEnough && pos + 1 < size) {
      Match next = finder.find(pos + 1);
      if (next.length > m.length + 1) {
        pos++;
        continue;
      }
    }
    emit.literals(in.subspan(literal_start, pos - literal_start));
    emit.copy(m);
    for (u32 i = 1; i < m.length; i++) finder.insert(pos + i);
    pos += m.length;
    literal_start = pos;
  }
  if (out.size() >= limit) return false;
  emit.literals(in.subspan(literal_start));
  emit.end();
  return size != 0 && out.size() < limit;
}

}  // namespace quire::jffs2
