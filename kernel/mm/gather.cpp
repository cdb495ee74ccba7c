#include "kernel/mm/page_table.h"

namespace quire::mm {

void Gather::frames(FrameNumber f, u32 n) {
  if (!frames_.empty() && frames_.back().first + frames_.back().n == f &&
      block_of(frames_.back().first) == block_of(f)) {
    frames_.back().n += n;
    return;
  }
  frames_.push_back({f, n});
}

void Gather::blocks(BlockNumber b, u64 n) {
  if (!blocks_.empty() && blocks_.back().first + blocks_.back().n == b) {
    blocks_.back().n += n;
    return;
  }
  blocks_.push_back({b, n});
}

void Gather::clear(FrameNumber f, u64 n) {
  if (!clears_.empty() && clears_.back().first + clears_.back().n == f) {
    clears_.back().n += n;
    return;
  }
  clears_.push_back({f, n});
}

void Gather::append(Gather&& other) {
  frames_.insert(frames_.end(), other.frames_.begin(), other.frames_.end());
  blocks_.insert(blocks_.end(), other.blocks_.begin(), other.blocks_.end());
  tables_.insert(tables_.end(), other.tables_.begin(), other.tables_.end());
  clears_.insert(clears_.end(), other.clears_.begin(), other.clears_.end());
  other.frames_.clear();
  other.blocks_.clear();
  other.tables_.clear();
  other.clears_.clear();
}

void Gather::clear_now() {
  for (const FrameRun& r : clears_) pool_->clear(r.first, r.n);
  clears_.clear();
}

void Gather::release() {
  clear_now();
  for (const FrameRun& r : frames_) pool_->release_frames(r.first, static_cast<u32>(r.n));
  frames_.clear();
  for (const BlockRun& r : blocks_) pool_->release_whole(r.first, r.n);
  blocks_.clear();
  for (Table* t : tables_) PageTables::drop(t, *pool_, *counters_);
  tables_.clear();
}

}  // namespace quire::mm
