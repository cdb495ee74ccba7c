#include "jffs2/tool/chunk_pipeline.h"

#include <algorithm>
#include <optional>
#include <thread>

#include "base/lock.h"
#include "base/range.h"
#include "jffs2/lock_order.h"
#include "jffs2/threads.h"

namespace quire::jffs2 {

namespace {

// A batch is what one thread does between two visits to the lock: many small files or a piece of a
// large one. The window bounds what is read ahead of the writer.
constexpr u64 kBatchBytes = 256 * 1024;
constexpr std::size_t kBatchPieces = 64;
constexpr std::size_t kWindow = 32;

struct Piece {
  std::size_t file;
  u64 offset;
  u64 length;
  bool last;  ///< of its file
};

struct DoneChunk {
  Chunk chunk;
  bool ends_file;  ///< then chunk is empty
};

struct Batch {
  std::vector<Piece> pieces;
  std::vector<DoneChunk> chunks;
  Status status;
  bool done = false;
};

std::vector<Batch> plan(const std::vector<const SourceInode*>& files, u32 page_size) {
  // Pieces are cut where nodes are.
  const u64 most = std::max<u64>(kBatchBytes / page_size, 1) * page_size;
  std::vector<Batch> batches(1);
  u64 bytes = 0;
  for (std::size_t f = 0; f < files.size(); f++) {
    u64 size = files[f]->content ? files[f]->content->size() : 0;
    u64 offset = 0;
    do {
      u64 length = std::min(size - offset, most);
      if (bytes + length > kBatchBytes || batches.back().pieces.size() >= kBatchPieces) {
        if (!batches.back().pieces.empty()) batches.emplace_back();
        bytes = 0;
      }
      batches.back().pieces.push_back({f, offset, length, offset + length == size});
      bytes += length;
      offset += length;
    } while (offset < size);
  }
  return batches;
}

}  // namespace

struct ChunkPipeline::State {
  std::vector<const SourceInode*> files;
  const MkfsOptions& options;
  std::vector<Batch> batches;  // of which [taken, ...) belong to nobody yet, done ones to the reader

  Mutex<kPipelineLock> lock;
  CondVar changed;
  std::size_t taken GUARDED_BY(lock) = 0;
  std::size_t consumed GUARDED_BY(lock) = 0;
  bool stop GUARDED_BY(lock) = false;

  std::optional<Helpers> threads;
  NodeCompressor own;       // where there are none
  std::size_t current = 0;  // batch and chunk that next() is at
  std::size_t position = 0;

  State(std::vector<const SourceInode*> f, const MkfsOptions& o)
      : files(std::move(f)), options(o), batches(plan(files, o.page_size)), own(o.compression) {}

  void work() {
    NodeCompressor compressor(options.compression);
    while (true) {
      std::size_t mine = 0;
      {
        LockGuard guard(lock);
        while (!stop && taken < batches.size() && taken >= consumed + kWindow) changed.wait(lock);
        if (stop || taken >= batches.size()) return;
        mine = taken++;
      }
      Batch& batch = batches[mine];
      batch.status = compress_batch(batch, compressor);
      {
        LockGuard guard(lock);
        batch.done = true;
      }
      changed.notify_all();
    }
  }

  Status compress_batch(Batch& batch, NodeCompressor& compressor) {
    std::vector<u8> buffer;
    for (const Piece& piece : batch.pieces) {
      CHECK_VOID(compress_piece(piece, buffer, batch.chunks, compressor));
      if (piece.last) batch.chunks.push_back({.chunk = {}, .ends_file = true});
    }
    return {};
  }

  Status compress_piece(const Piece& piece, std::vector<u8>& buffer, std::vector<DoneChunk>& out,
                        NodeCompressor& compressor) {
    const u64 end = piece.offset + piece.length;
    u64 at = piece.offset;
    if (at == end) return {};
    const SourceContent& content = *files[piece.file]->content;
    // A hole of the host's file needs no reading; whole pages of it become one node.
    u64 data = content.next_data(at);
    if (u64 hole_end = std::min(data >= end ? end : data / options.page_size * options.page_size, end);
        hole_end > at) {
      out.push_back({.chunk = hole(at, hole_end - at), .ends_file = false});
      at = hole_end;
      if (at == end) return {};
    }
    buffer.resize(end - at);
    if (auto got = content.read(at, reinterpret_cast<char*>(buffer.data()), buffer.size()); !got)
      return fail("reading a file", got.error());
    for (std::size_t from = 0; from < buffer.size(); from += options.page_size) {
      std::span<const u8> raw = std::span<const u8>(buffer).subspan(
          from, std::min<std::size_t>(options.page_size, buffer.size() - from));
      Chunk chunk{.offset = at + from, .length = static_cast<u32>(raw.size()), .data = {}, .stored = {}};
      chunk.stored = compressor.compress(raw);
      if (chunk.stored.method != Compression::zero) chunk.data.assign(raw.begin(), raw.end());
      if (options.compression.verify) CHECK_VOID(verify(chunk));
      out.push_back({.chunk = std::move(chunk), .ends_file = false});
    }
    return {};
  }

  static Chunk hole(u64 offset, u64 length) {
    return {.offset = offset,
            .length = static_cast<u32>(length),
            .data = {},
            .stored = {.method = Compression::zero, .bytes = {}}};
  }

  static Status verify(const Chunk& chunk) {
    if (chunk.stored.method == Compression::zero) return {};
    std::vector<u8> again(chunk.data.size());
    if (!decompress(chunk.stored.method, chunk.stored.bytes, again) || again != chunk.data)
      return fail(std::string("compression test failed: ") + compression_name(chunk.stored.method));
    return {};
  }
};

ChunkPipeline::ChunkPipeline(std::vector<const SourceInode*> files, const MkfsOptions& options)
    : state_(std::make_unique<State>(std::move(files), options)) {
  unsigned n = options.threads != 0 ? options.threads : std::max(1u, std::thread::hardware_concurrency());
  state_->threads.emplace(n, [s = state_.get()] { s->work(); });
}

ChunkPipeline::~ChunkPipeline() {
  {
    LockGuard guard(state_->lock);
    state_->stop = true;
  }
  state_->changed.notify_all();
  state_->threads.reset();
}

Outcome<std::optional<Chunk>> ChunkPipeline::next() {
  State& s = *state_;
  while (true) {
    Batch& batch = s.batches[s.current];
    if (s.threads->none() && !batch.done) {
      batch.status = s.compress_batch(batch, s.own);
      batch.done = true;
    }
    {
      LockGuard guard(s.lock);
      while (!batch.done) s.changed.wait(s.lock);
    }
    if (!batch.status) return std::unexpected(batch.status.error());
    if (s.position < batch.chunks.size()) {
      DoneChunk& done = batch.chunks[s.position++];
      if (done.ends_file) return std::optional<Chunk>{};
      return std::optional<Chunk>{std::move(done.chunk)};
    }
    batch.chunks = {};
    s.position = 0;
    {
      LockGuard guard(s.lock);
      s.consumed = ++s.current;
    }
    s.changed.notify_all();
  }
}

}  // namespace quire::jffs2
