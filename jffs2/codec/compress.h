// Compression of file data, one node at a time.
#pragma once

#include <optional>
#include <vector>

#include "base/result.h"
#include "jffs2/codec/node.h"

namespace quire::jffs2 {

/// Expands `stored` (as on flash) to exactly out.size() bytes. EIO: unknown method or broken data.
/// Never reads or writes outside its arguments, whatever the data. LZMA allocates at most 1 MiB.
[[nodiscard]] Result<> decompress(Compression method, std::span<const u8> stored, std::span<u8> out);

/// Compresses `data` into `out` (replaced). False, when the method cannot make it smaller than
/// `limit` bytes (or cannot write at all: rubin, lzma). Deterministic. `level` is zlib's (1..9).
/// rtime, zlib and lzo write; `none`/`copy` copy; `zero` succeeds only on all-zero data.
bool compress_with(Compression method, std::span<const u8> data, u32 limit, std::vector<u8>& out,
                   int level = 9);

/// How a writer chooses.
enum class CompressMode : u8 {
  none,      ///< store
  priority,  ///< the first of the list that makes it smaller
  size,      ///< the smallest of the list
};

/// zlib, then rtime.
std::vector<Compression> default_methods();

struct CompressPolicy {
  CompressMode mode = CompressMode::priority;
  /// In order of preference.
  std::vector<Compression> methods = default_methods();
  int zlib_level = 9;
};

/// The stored form of one node's data.
struct Compressed {
  Compression method = Compression::none;
  std::vector<u8> bytes;
};

/// Compresses by policy; falls back to storing. Never returns `zero`: holes are the caller's choice.
Compressed compress(std::span<const u8> data, const CompressPolicy& policy);

/// A cheap guess (a sampled byte histogram) that `data` would not get smaller: text and code say
/// no, media and archives say yes. Under 512 bytes it says no.
bool looks_incompressible(std::span<const u8> data);

/// Name as users write it ("zlib"), and back.
const char* compression_name(Compression method);
std::optional<Compression> compression_by_name(std::string_view name);

}  // namespace quire::jffs2
