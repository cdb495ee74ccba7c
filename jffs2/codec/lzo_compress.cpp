// LZO1X, writing (the instructions are listed in lzo_decompress.cpp): the cheapest sequence of literals
// and copies, found by dynamic programming over the positions of the data. What an instruction costs
// depends on how many literals came before it, so each position is reached in one of five states.

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/byte_order.h"
#include "jffs2/codec/methods.h"

namespace quire::jffs2 {
namespace {

constexpr u32 kHashBits = 13;
constexpr u32 kPairBits = 10;
constexpr u32 kMaxDistance = 49151;
constexpr u32 kPairDistance = 1024;  // of the two-byte copy behind one to three literals
constexpr u32 kNearDistance = 2049;  // from here to
constexpr u32 kNearEnd = 3072;       // here: the three-byte copy behind a longer run
constexpr u32 kChainLimit = 32;      // candidates looked at for one position
constexpr u32 kLongMatch = 32;       // taken whole, and not looked into
constexpr u32 kNone = ~u32{0};

/// Literals since the last copy: none, one to three (told by that copy), or a run of its own.
constexpr u32 kRun = 4;
constexpr u32 kStates = 5;

struct Match {
  u32 length = 0;
  u32 distance = 0;
};

/// Bytes that a general copy instruction takes.
u32 cost(u32 length, u32 distance) {
  if (length <= 8 && distance <= 2048) return 2;
  if (distance <= 16384) return 3 + (length > 33 ? 1 + (length - 34) / 255 : 0);
  return 3 + (length > 9 ? 1 + (length - 10) / 255 : 0);
}

/// What was met before, by hash chains.
class Finder {
 public:
  explicit Finder(std::span<const u8> in) : in_(in), previous_(in.size()) {
    head_.fill(kNone);
    pair_.fill(kNone);
  }

  void insert(u32 pos) {
    if (pos + 3 > in_.size()) return;
    u32& head = head_[hash(pos)];
    previous_[pos] = head;
    head = pos;
    pair_[pair_hash(pos)] = pos;
  }

  /// The matches at `pos` that are longer than all nearer ones, by rising length (at least three).
  const std::vector<Match>& find(u32 pos) {
    found_.clear();
    near_ = 0;
    if (pos + 3 > in_.size()) return found_;
    u32 most = static_cast<u32>(in_.size()) - pos;
    u32 best = 2;
    u32 candidate = head_[hash(pos)];
    for (u32 tries = kChainLimit; candidate != kNone && tries != 0;
         tries--, candidate = previous_[candidate]) {
      u32 distance = pos - candidate;
      if (distance > kMaxDistance) break;
      bool near = near_ == 0 && distance >= kNearDistance && distance <= kNearEnd;
      // Longer than the best so far it can only be if it agrees where that one ended.
      if (!near && (best >= most || in_[candidate + best] != in_[pos + best])) continue;
      u32 length = common(candidate, pos, most);
      if (near && length >= 3) near_ = distance;
      if (length <= best) continue;
      best = length;
      found_.push_back({length, distance});
      if (length >= kLongMatch) break;
    }
    return found_;
  }
  /// A distance at which find() met three bytes or more and the short code for three reaches; or 0.
  u32 near() const { return near_; }
  /// The distance of the two bytes at `pos`, if they were met within reach; or 0.
  u32 pair(u32 pos) const {
    if (pos + 3 > in_.size()) return 0;
    u32 at = pair_[pair_hash(pos)];
    if (at == kNone || pos - at > kPairDistance) return 0;
    return in_[at] == in_[pos] && in_[at + 1] == in_[pos + 1] ? pos - at : 0;
  }

 private:
  u32 hash(u32 pos) const {
    u32 three = in_[pos] | u32{in_[pos + 1]} << 8 | u32{in_[pos + 2]} << 16;
    return (three * 0x9E3779B1u) >> (32 - kHashBits);
  }
  u32 pair_hash(u32 pos) const {
    return ((in_[pos] | u32{in_[pos + 1]} << 8) * 0x9E3779B1u) >> (32 - kPairBits);
  }
  u32 common(u32 a, u32 b, u32 most) const {
    u32 n = 0;
    for (; n + 8 <= most; n += 8) {
      u64 differ = load<u64>(&in_[a + n], std::endian::little) ^ load<u64>(&in_[b + n], std::endian::little);
      if (differ != 0) return n + static_cast<u32>(std::countr_zero(differ)) / 8;
    }
    while (n < most && in_[a + n] == in_[b + n]) n++;
    return n;
  }

  std::span<const u8> in_;
  std::array<u32, 1u << kHashBits> head_;
  std::array<u32, 1u << kPairBits> pair_;
  std::vector<u32> previous_;
  std::vector<Match> found_;
  u32 near_ = 0;
};

class Emitter {
 public:
  Emitter(std::vector<u8>& out) : out_(out) { out_.clear(); }

  void literals(std::span<const u8> bytes) {
    u32 n = static_cast<u32>(bytes.size());
    literals_ = n;
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
    u32 d = m.distance - 1;
    if (m.length == 2 ||
        (m.length == 3 && literals_ >= kRun && m.distance >= kNearDistance && m.distance <= kNearEnd)) {
      if (m.length == 3) d = m.distance - kNearDistance;
      put((d & 3) << 2);
      put(d >> 2);
    } else if (m.length <= 8 && m.distance <= 2048) {
      put((m.length - 1) << 5 | (d & 7) << 2);
      put(d >> 3);
    } else if (m.distance <= 16384) {
      length(32, m.length, 33);
      word(d << 2);
    } else {
      d = m.distance - 16384;
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
  u32 literals_ = 0;  ///< before the copy to come
};

/// How a position is best reached in each state.
struct Reached {
  std::array<u32, kStates> bytes{kNone, kNone, kNone, kNone, kNone};
  Match copy{};              ///< state 0: the copy that ends here
  u8 copy_from = 0;          ///< state 0: the state in which that copy began
  bool run_goes_on = false;  ///< kRun: its last literal was not the run's first to need a code
  u16 run = 0;               ///< kRun: literals since the last copy (they cost more from 19 on)
};

class Parser {
 public:
  explicit Parser(std::span<const u8> in) : in_(in), finder_(in), at_(in.size() + 1) {}

  /// The copies of the cheapest sequence, from the last to the first: where each ends, and it.
  std::vector<std::pair<u32, Match>> parse() {
    u32 size = static_cast<u32>(in_.size());
    at_[0].bytes[0] = 0;
    for (u32 pos = 0; pos < size; pos++) {
      literal(pos);
      const auto& bytes = at_[pos].bytes;
      u32 best = static_cast<u32>(std::ranges::min_element(bytes) - bytes.begin());
      if (bytes[best] == kNone) {  // in the midst of a long match
        finder_.insert(pos);
        continue;
      }
      const std::vector<Match>& matches = finder_.find(pos);
      copies(pos, best, matches);
      u32 skip = matches.empty() || matches.back().length < kLongMatch ? 1 : matches.back().length;
      for (u32 i = 0; i < skip; i++) finder_.insert(pos + i);
      pos += skip - 1;
    }
    return trace(size);
  }

 private:
  void literal(u32 pos) {
    const Reached& here = at_[pos];
    Reached& next = at_[pos + 1];
    for (u32 s = 0; s + 1 < kRun; s++)
      if (here.bytes[s] != kNone) next.bytes[s + 1] = here.bytes[s] + 1;
    // The first run of all needs a code from its first literal on, but not another with its fourth.
    if (pos == 0) next.bytes[1] = 2;
    if (here.bytes[3] != kNone) {
      next.bytes[kRun] = here.bytes[3] + (pos == 3 ? 1 : 2);
      next.run = 4;
      next.run_goes_on = false;
    }
    if (here.bytes[kRun] != kNone) {
      u32 longer = here.bytes[kRun] + 1 + (here.run == 18 && pos > 238 ? 1 : 0);
      if (longer < next.bytes[kRun]) {
        next.bytes[kRun] = longer;
        next.run = static_cast<u16>(std::min<u32>(here.run + 1u, 19));
        next.run_goes_on = true;
      }
    }
  }

  void relax(u32 pos, u32 state, Match m, u32 price) {
    if (at_[pos].bytes[state] == kNone) return;
    u32 bytes = at_[pos].bytes[state] + price;
    Reached& end = at_[pos + m.length];
    if (bytes >= end.bytes[0]) return;
    end.bytes[0] = bytes;
    end.copy = m;
    end.copy_from = static_cast<u8>(state);
  }

  /// Tries what can be copied at `pos`, which is best reached in the state `best`.
  void copies(u32 pos, u32 best, const std::vector<Match>& matches) {
    if (u32 distance = finder_.pair(pos))
      for (u32 s = 1; s <= 3; s++) relax(pos, s, {2, distance}, 2);
    if (finder_.near() != 0) relax(pos, kRun, {3, finder_.near()}, 2);
    u32 length = 3;
    for (const Match& m : matches) {
      if (m.length >= kLongMatch) length = m.length;
      for (; length <= m.length; length++) relax(pos, best, {length, m.distance}, cost(length, m.distance));
    }
  }

  std::vector<std::pair<u32, Match>> trace(u32 size) const {
    std::vector<std::pair<u32, Match>> out;
    u32 pos = size;
    u32 state = static_cast<u32>(std::ranges::min_element(at_[pos].bytes) - at_[pos].bytes.begin());
    while (pos != 0) {
      const Reached& here = at_[pos];
      if (state == 0) {
        out.emplace_back(pos, here.copy);
        pos -= here.copy.length;
        state = here.copy_from;
      } else {
        if (state != kRun || !here.run_goes_on) state--;
        pos--;
      }
    }
    return out;
  }

  std::span<const u8> in_;
  Finder finder_;
  std::vector<Reached> at_;
};

}  // namespace

bool lzo_compress(std::span<const u8> in, u32 limit, std::vector<u8>& out) {
  if (in.empty()) return false;
  auto copies = Parser(in).parse();
  Emitter emit(out);
  u32 done = 0;
  for (auto it = copies.rbegin(); it != copies.rend(); ++it) {
    const auto& [end, copy] = *it;
    u32 start = end - copy.length;
    emit.literals(in.subspan(done, start - done));
    emit.copy(copy);
    done = end;
    if (out.size() >= limit) return false;
  }
  emit.literals(in.subspan(done));
  emit.end();
  return out.size() < limit;
}

}  // namespace quire::jffs2
