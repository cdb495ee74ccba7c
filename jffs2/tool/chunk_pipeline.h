// Reads and compresses the data of all files on several threads, and hands it back in order.
#pragma once

#include <memory>
#include <vector>

#include "jffs2/tool/failure.h"
#include "jffs2/tool/mkfs.h"
#include "jffs2/tool/node_compressor.h"

namespace quire::jffs2 {

/// The data of one node to be.
struct Chunk {
  u64 offset = 0;        ///< in the file
  u32 length = 0;        ///< bytes of file
  std::vector<u8> data;  ///< as in the file; empty for a hole
  Compressed stored;
};

/// The files to read, in the order in which next() will speak of them.
class ChunkPipeline {
 public:
  ChunkPipeline(std::vector<const SourceInode*> files, const MkfsOptions& options);
  ~ChunkPipeline();
  ChunkPipeline(const ChunkPipeline&) = delete;
  ChunkPipeline& operator=(const ChunkPipeline&) = delete;

  /// The next chunk of the current file, or nothing at its end; the following call then speaks of
  /// the next file. Waits for the threads; called from one thread.
  Outcome<std::optional<Chunk>> next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace quire::jffs2
