#include "jffs2/tool/packer.h"

#include <fmt/format.h>

#include <algorithm>

namespace quire::jffs2 {

Packer::Packer(const MkfsOptions& options, Write write)
    : options_(options), write_(std::move(write)), summary_(options.order) {
  block_.reserve(options.erase_size);
  start_block();
}

void Packer::start_block() {
  block_.clear();
  summary_.clear();
  if (options_.cleanmarker == 0) return;
  encode_cleanmarker(block_, options_.order, options_.cleanmarker);
  pad_to_4(block_);
}

u32 Packer::room_after(std::size_t used, u32 summary_size) const {
  u64 taken = used + (options_.summaries ? pad4(summary_size) : 0);
  // Down to a multiple of four: a node's padding must fit too.
  return taken >= options_.erase_size ? 0 : static_cast<u32>(options_.erase_size - taken) & ~u32{3};
}

u32 Packer::room(NodeType type, u32 name_length) const {
  return room_after(block_.size(), summary_.size(summary_entry_size(type, name_length)));
}

u32 Packer::fresh_room(NodeType type, u32 name_length) const {
  SummaryBuilder empty(options_.order);
  return room_after(pad4(options_.cleanmarker), empty.size(summary_entry_size(type, name_length)));
}

Status Packer::write_block() {
  CHECK_VOID(write_(block_));
  written_ += block_.size();
  return {};
}

Status Packer::next_block() {
  if (options_.summaries && summary_.entries() > 0) {
    u32 at = static_cast<u32>(block_.size());
    std::vector<u8> summary = summary_.finish(at, options_.erase_size - at, options_.cleanmarker);
    block_.insert(block_.end(), summary.begin(), summary.end());
    nodes_++;
  }
  block_.resize(options_.erase_size, 0xFF);
  CHECK_VOID(write_block());
  start_block();
  return {};
}

Status Packer::add(std::span<const u8> node, SummaryEntry entry) {
  entry.offset = static_cast<u32>(block_.size());
  entry.totlen = static_cast<u32>(node.size());
  summary_.add(entry);
  block_.insert(block_.end(), node.begin(), node.end());
  pad_to_4(block_);
  nodes_++;
  return {};
}

Status Packer::finish() {
  u64 target = options_.pad_to.value_or(0);
  if (target != 0 && bytes() > target)
    return fail(fmt::format("the image has {} bytes, more than the {} to pad to", bytes(), target));
  if (!options_.pad_to) {
    CHECK_VOID(write_block());
  } else if (target == 0 || written_ + options_.erase_size <= target) {
    // The last block of a padded image is complete, so it can have its summary.
    CHECK_VOID(next_block());
  }
  while (written_ < target) {
    // Every block that is there gets its cleanmarker, or Linux would erase it at the first mount.
    block_.resize(std::min<u64>(options_.erase_size, target - written_), 0xFF);
    CHECK_VOID(write_block());
    start_block();
  }
  block_.clear();
  return {};
}

}  // namespace quire::jffs2
