#include "jffs2/codec/compress.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "jffs2/codec/methods.h"

namespace quire::jffs2 {
namespace {

struct MethodName {
  Compression method;
  const char* name;
};
constexpr std::array<MethodName, 9> kNames{{{Compression::none, "none"},
                                            {Compression::zero, "zero"},
                                            {Compression::rtime, "rtime"},
                                            {Compression::dynrubin, "dynrubin"},
                                            {Compression::copy, "copy"},
                                            {Compression::rubinmips, "rubinmips"},
                                            {Compression::zlib, "zlib"},
                                            {Compression::lzo, "lzo"},
                                            {Compression::lzma, "lzma"}}};

bool expand(Compression method, std::span<const u8> stored, std::span<u8> out) {
  switch (method) {
    case Compression::none:
    case Compression::copy:
      if (stored.size() < out.size()) return false;
      if (!out.empty()) std::memcpy(out.data(), stored.data(), out.size());
      return true;
    case Compression::zero:
      std::fill(out.begin(), out.end(), u8{0});
      return true;
    case Compression::rtime:
      return rtime_decompress(stored, out);
    case Compression::dynrubin:
      return dynrubin_decompress(stored, out);
    case Compression::rubinmips:
      return rubinmips_decompress(stored, out);
    case Compression::zlib:
      return zlib_decompress(stored, out);
    case Compression::lzo:
      return lzo_decompress(stored, out);
    case Compression::lzma:
      return lzma_decompress(stored, out);
  }
  return false;
}

/// Positions whose four bytes were met before, of those.
u32 repeats(std::span<const u8> data) {
  std::array<u16, 1024> seen{};
  u32 found = 0;
  for (std::size_t i = 0; i + 4 <= data.size(); i++) {
    u32 four;
    std::memcpy(&four, data.data() + i, 4);
    u32 h = (four * 0x9E3779B1u);
    u16& slot = seen[h >> 22];
    u16 tag = static_cast<u16>(h | 1);
    found += slot == tag;
    slot = tag;
  }
  return found;
}

}  // namespace

std::vector<Compression> default_methods() { return {Compression::zlib, Compression::rtime}; }

Result<> decompress(Compression method, std::span<const u8> stored, std::span<u8> out) {
  bool known = static_cast<u8>(method) <= static_cast<u8>(Compression::lzma);
  if (out.empty() && known) return {};  // nothing to expand, whatever is stored
  if (!expand(method, stored, out)) return err(EIO);
  return {};
}

bool compress_with(Compression method, std::span<const u8> data, u32 limit, std::vector<u8>& out, int level) {
  switch (method) {
    case Compression::none:
    case Compression::copy:
      out.assign(data.begin(), data.end());
      return out.size() < limit;
    case Compression::zero:
      out.clear();
      return limit != 0 && std::all_of(data.begin(), data.end(), [](u8 b) { return b == 0; });
    case Compression::rtime:
      return rtime_compress(data, limit, out);
    case Compression::zlib:
      return zlib_compress(data, limit, out, level);
    case Compression::lzo:
      return lzo_compress(data, limit, out);
    case Compression::dynrubin:
    case Compression::rubinmips:
    case Compression::lzma:
      return false;
  }
  return false;
}

Compressed compress(std::span<const u8> data, const CompressPolicy& policy) {
  Compressed best;
  u32 limit = static_cast<u32>(data.size());

  if (policy.mode != CompressMode::none && !looks_incompressible(data)) {
    std::vector<u8> out;
    for (Compression method : policy.methods) {
      if (method == Compression::none || !compress_with(method, data, limit, out, policy.zlib_level))
        continue;
      best.method = method;
      best.bytes.swap(out);
      limit = static_cast<u32>(best.bytes.size());
      if (policy.mode == CompressMode::priority) break;
    }
  }
  if (best.method == Compression::none) best.bytes.assign(data.begin(), data.end());
  return best;
}

bool looks_incompressible(std::span<const u8> data) {
  if (data.size() < 512) return false;
  data = data.first(std::min<std::size_t>(data.size(), 4096));
  std::array<u32, 256> count{};
  for (u8 b : data) count[b]++;
  u64 sum = 0;
  for (u32 c : count) sum += u64{c} * c;
  // Of uniform random bytes the sum of squares is n + n(n-1)/256; an eighth more leaves coders a gain.
  u64 n = data.size();
  u64 uniform = n + n * (n - 1) / 256;
  if (sum > uniform + uniform / 8) return false;
  return repeats(data) < n / 64;
}

const char* compression_name(Compression method) {
  for (const auto& m : kNames)
    if (m.method == method) return m.name;
  return "unknown";
}

std::optional<Compression> compression_by_name(std::string_view name) {
  for (const auto& m : kNames)
    if (m.name == name) return m.method;
  return std::nullopt;
}

}  // namespace quire::jffs2
