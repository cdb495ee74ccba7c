// Making an image from a SourceTree.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "jffs2/codec/compress.h"
#include "jffs2/codec/types.h"
#include "jffs2/tool/failure.h"
#include "jffs2/tool/source.h"

namespace quire::jffs2 {

/// How mkfs compresses. The modes of mkfs.jffs2, in its words.
enum class MkfsCompressMode : u8 { none, priority, size, favour_lzo };

struct MkfsCompression {
  MkfsCompressMode mode = MkfsCompressMode::priority;
  std::vector<Compression> methods = default_methods();  ///< in order of preference
  int level = 6;        ///< of zlib, 1 (fast) to 12 (small), in libdeflate's steps
  bool verify = false;  ///< expand each node again and compare
};

struct MkfsOptions {
  ByteOrder order = ByteOrder::little;
  u32 erase_size = 64 * 1024;
  u32 page_size = 4096;  ///< most file bytes in one node
  u32 cleanmarker = 12;  ///< bytes; 0: none
  bool summaries = true;
  /// Images with attributes are refused by kernels built without them.
  bool xattrs = false;
  bool only_selinux = false;  ///< of the attributes, SELinux labels; with the next, both
  bool only_acls = false;
  bool squash_owners = false;
  bool squash_permissions = false;
  bool zero_times = false;
  /// Extend with 0xFF: to this many bytes, or with 0 to the end of the last block.
  std::optional<u64> pad_to;
  MkfsCompression compression;
  unsigned threads = 0;  ///< 0: as many as there are processors
};

struct MkfsReport {
  u64 files = 0;       ///< inodes written
  u64 file_bytes = 0;  ///< of data given to the compressors or found to be holes
  u64 image_bytes = 0;
  u64 nodes = 0;
  std::vector<std::string> warnings;
};

/// Writes the image, in order, through `write`; the same tree and options give the same bytes
/// whatever the number of threads. `progress` is told of file bytes done, from this thread.
Outcome<MkfsReport> make_image(const SourceTree& tree, const MkfsOptions& options,
                               const std::function<Status(std::span<const u8>)>& write,
                               const std::function<void(u64)>& progress);

}  // namespace quire::jffs2
