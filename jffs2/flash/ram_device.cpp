#include "jffs2/flash/ram_device.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "jffs2/flash/erased.h"

namespace quire::jffs2 {

namespace {

/// A word of each at once: the power-loss tests spend much of their time here.
void clear_bits(std::span<u8> to, std::span<const u8> from) {
  std::size_t i = 0;
  for (; i + 8 <= from.size(); i += 8) {
    u64 a, b;
    std::memcpy(&a, to.data() + i, 8);
    std::memcpy(&b, from.data() + i, 8);
    a &= b;
    std::memcpy(to.data() + i, &a, 8);
  }
  for (; i < from.size(); i++) to[i] &= from[i];
}

/// The first byte of `wanted` with a one where `have` has a zero; the size if there is none.
std::size_t first_raised(std::span<const u8> have, std::span<const u8> wanted) {
  std::size_t i = 0;
  for (; i + 8 <= wanted.size(); i += 8) {
    u64 a, b;
    std::memcpy(&a, have.data() + i, 8);
    std::memcpy(&b, wanted.data() + i, 8);
    if ((a & b) != b) break;
  }
  while (i < wanted.size() && (have[i] & wanted[i]) == wanted[i]) i++;
  return i;
}

}  // namespace

/// What a block holds. `shaky` has a one for each bit that is not stable (empty: none).
struct RamDevice::Block {
  std::vector<u8> data;
  std::vector<u8> oob;
  std::vector<u8> shaky;
  u32 next_page = 0;         ///< NAND: first page that may be programmed
  bool needs_erase = false;  ///< an erase was cut: whatever it reads as, it must be erased again
};

const char* cut_name(Cut cut) {
  switch (cut) {
    case Cut::nothing:
      return "nothing";
    case Cut::prefix:
      return "prefix";
    case Cut::subset:
      return "subset";
    case Cut::unstable:
      return "unstable";
    case Cut::complete:
      return "complete";
  }
  return "?";
}

RamDevice::RamDevice(const Geometry& geometry)
    : geometry_(geometry),
      erases_(geometry.block_count),
      failing_(geometry.block_count),
      bad_(geometry.block_count) {
  auto blank = std::make_shared<Block>();
  blank->data.assign(geometry.erase_size, 0xFF);
  blank->oob.assign(u64{geometry.erase_size} / geometry.page_size * geometry.oob_size, 0xFF);
  blocks_.assign(geometry.block_count, blank);
}

RamDevice::~RamDevice() = default;

RamDevice::Block& RamDevice::writable(BlockIndex block) {
  auto& p = blocks_[block.value()];
  if (p.use_count() > 1) p = std::make_shared<Block>(*p);
  return *p;
}

Result<> RamDevice::violation(const char* what, u64 offset) {
  violations_++;
  last_violation_ = fmt::format("{} at {:#x}", what, offset);
  return err(EINVAL);
}

void RamDevice::begin(const FlashOp& op) {
  operations_++;
  if (hook_) hook_(op);
}

Result<> RamDevice::read(u64 offset, std::span<u8> out) {
  if (!inside(offset, out.size())) return err(EINVAL);
  while (!out.empty()) {
    u32 in_block = static_cast<u32>(offset % geometry_.erase_size);
    std::size_t n = std::min<std::size_t>(out.size(), geometry_.erase_size - in_block);
    std::memcpy(out.data(), at(geometry_.block_of(offset)).data.data() + in_block, n);
    offset += n;
    out = out.subspan(n);
  }
  return {};
}

std::span<const u8> RamDevice::view(u64 offset, u32 length) {
  u32 in_block = static_cast<u32>(offset % geometry_.erase_size);
  if (!lends_views_ || !inside(offset, length) || length > geometry_.erase_size - in_block) return {};
  return std::span(at(geometry_.block_of(offset)).data).subspan(in_block, length);
}

Result<> RamDevice::check_program(const FlashOp& op) {
  u32 in_block = static_cast<u32>(op.offset % geometry_.erase_size);
  BlockIndex index = geometry_.block_of(op.offset);
  if (op.data.size() > geometry_.erase_size - in_block) return violation("program across blocks", op.offset);
  const Block& b = at(index);
  if (bad_[index.value()]) return violation("program of a bad block", op.offset);
  if (b.needs_erase) return violation("program of a half-erased block", op.offset);
  if (geometry_.is_nand()) {
    if (in_block % geometry_.page_size != 0 || op.data.size() % geometry_.page_size != 0)
      return violation("program of a part of a page", op.offset);
    if (in_block / geometry_.page_size < b.next_page)
      return violation("page programmed twice or out of order", op.offset);
  }
  if (std::size_t i = first_raised(std::span(b.data).subspan(in_block, op.data.size()), op.data);
      i != op.data.size())
    return violation("bit raised", op.offset + i);
  return {};
}

Result<> RamDevice::program(u64 offset, std::span<const u8> data) {
  if (!inside(offset, data.size())) return err(EINVAL);
  FlashOp op{FlashOp::Kind::program, offset, 0, data};
  TRY_VOID(check_program(op));
  begin(op);
  BlockIndex index = geometry_.block_of(offset);
  if ((failing_[index.value()] & 1) != 0) {
    apply_cut(op, Cut::subset, offset);
    return err(EIO);
  }
  apply_cut(op, Cut::complete, 0);
  return {};
}

Result<> RamDevice::erase(BlockIndex block) {
  if (block.value() >= geometry_.block_count) return err(EINVAL);
  if (bad_[block.value()]) return violation("erase of a bad block", geometry_.block_start(block));
  FlashOp op{FlashOp::Kind::erase, geometry_.block_start(block)};
  begin(op);
  erases_[block.value()]++;
  if ((failing_[block.value()] & 2) != 0) {
    apply_cut(op, Cut::subset, block.value());
    return err(EIO);
  }
  apply_cut(op, Cut::complete, 0);
  return {};
}

Result<> RamDevice::read_oob(u64 page_offset, u32 oob_offset, std::span<u8> out) {
  if (geometry_.oob_size == 0) return err(ENOTSUP);
  if (!inside(page_offset, geometry_.page_size) || oob_offset + out.size() > geometry_.oob_size)
    return err(EINVAL);
  u64 page = page_offset % geometry_.erase_size / geometry_.page_size;
  std::memcpy(out.data(),
              at(geometry_.block_of(page_offset)).oob.data() + page * geometry_.oob_size + oob_offset,
              out.size());
  return {};
}

Result<> RamDevice::program_oob(u64 page_offset, u32 oob_offset, std::span<const u8> data) {
  if (geometry_.oob_size == 0) return err(ENOTSUP);
  if (!inside(page_offset, geometry_.page_size) || oob_offset + data.size() > geometry_.oob_size)
    return err(EINVAL);
  if (bad_[geometry_.block_of(page_offset).value()])
    return violation("program of a bad block's OOB", page_offset);
  FlashOp op{FlashOp::Kind::program_oob, page_offset, oob_offset, data};
  begin(op);
  apply_cut(op, Cut::complete, 0);
  return {};
}

bool RamDevice::is_bad(BlockIndex block) { return bad_[block.value()]; }

Result<> RamDevice::mark_bad(BlockIndex block) {
  bad_[block.value()] = true;
  return {};
}

std::unique_ptr<RamDevice> RamDevice::snapshot() const {
  auto copy = std::make_unique<RamDevice>(geometry_);
  copy->blocks_ = blocks_;
  copy->erases_ = erases_;
  copy->failing_ = failing_;
  copy->bad_ = bad_;
  copy->lends_views_ = lends_views_;
  return copy;
}

void RamDevice::apply_cut(const FlashOp& op, Cut cut, u64 seed) {
  if (cut == Cut::nothing) return;
  BlockIndex index = geometry_.block_of(op.offset);
  Block& b = writable(index);
  std::minstd_rand rng(static_cast<u32>(seed * 2654435761u + 1));
  u32 in_block = static_cast<u32>(op.offset % geometry_.erase_size);
  bool erase = op.kind == FlashOp::Kind::erase;
  bool oob = op.kind == FlashOp::Kind::program_oob;

  // The bytes that change, and what they become.
  std::vector<u8>& bytes = oob ? b.oob : b.data;
  u32 start = oob     ? in_block / geometry_.page_size * geometry_.oob_size + op.oob_offset
              : erase ? 0
                      : in_block;
  u32 length = erase ? geometry_.erase_size : static_cast<u32>(op.data.size());
  u32 reach = cut == Cut::prefix && length != 0 ? static_cast<u32>(rng() % length) : length;
  if (cut == Cut::unstable && !oob && b.shaky.empty()) b.shaky.assign(geometry_.erase_size, 0);
  if (cut == Cut::complete && b.shaky.empty()) {  // the common case
    if (erase)
      std::memset(bytes.data(), 0xFF, length);
    else
      clear_bits(std::span(bytes).subspan(start, length), op.data);
    reach = 0;
  }
  for (u32 i = 0; i < reach; i++) {
    u8& byte = bytes[start + i];
    u8 target = erase ? 0xFF : byte & op.data[i];
    u8 changing = byte ^ target;
    // A cut OOB program of eight bytes is a subset too: it has no unstable cells of its own.
    if (cut == Cut::subset || (cut == Cut::unstable && oob)) changing &= static_cast<u8>(rng() >> 8);
    if (cut == Cut::unstable && !oob)
      b.shaky[start + i] |= changing;
    else if (!oob && !b.shaky.empty() && (erase || cut == Cut::complete))
      b.shaky[start + i] &= erase ? 0 : op.data[i];
    byte ^= changing;
  }
  if (erase) {
    // The OOB goes with the block; a cut erase may leave any of it.
    for (u8& byte : b.oob)
      if (cut == Cut::complete || (rng() & 64) != 0) byte = 0xFF;
    b.needs_erase = cut != Cut::complete;
    b.next_page = 0;
    if (cut == Cut::complete) b.shaky.clear();
  } else if (!oob && geometry_.is_nand()) {
    b.next_page = (in_block + length + geometry_.page_size - 1) / geometry_.page_size;
  }
}

void RamDevice::power_up(u64 seed) {
  std::mt19937 rng(static_cast<u32>(seed));
  for (u32 i = 0; i < geometry_.block_count; i++) {
    if (blocks_[i]->shaky.empty()) continue;
    Block& b = writable(BlockIndex(i));
    // Now and then all go one way: a cell that is nearly programmed, or nearly not.
    u32 lean = rng() % 4;
    for (u32 k = 0; k < b.shaky.size(); k++) {
      u8 mask = b.shaky[k];
      if (mask == 0) continue;
      u8 value = lean == 0 ? 0 : lean == 1 ? 0xFF : static_cast<u8>(rng() >> 8);
      b.data[k] = static_cast<u8>((b.data[k] & ~mask) | (value & mask));
    }
  }
}

void RamDevice::flip_bit(u64 offset, u32 bit) {
  writable(geometry_.block_of(offset)).data[offset % geometry_.erase_size] ^= static_cast<u8>(1u << bit);
}

std::vector<u8> RamDevice::image() const {
  std::vector<u8> out;
  out.reserve(geometry_.size());
  for (const auto& b : blocks_) out.insert(out.end(), b->data.begin(), b->data.end());
  return out;
}

void RamDevice::load(std::span<const u8> image) {
  for (u32 i = 0; i < geometry_.block_count && !image.empty(); i++) {
    std::size_t n = std::min<std::size_t>(image.size(), geometry_.erase_size);
    Block& b = writable(BlockIndex(i));
    std::memcpy(b.data.data(), image.data(), n);
    if (geometry_.is_nand())
      for (u32 p = 0; p * geometry_.page_size < n; p++)
        if (!is_erased(std::span(b.data).subspan(u64{p} * geometry_.page_size, geometry_.page_size)))
          b.next_page = p + 1;
    image = image.subspan(n);
  }
}

}  // namespace quire::jffs2
