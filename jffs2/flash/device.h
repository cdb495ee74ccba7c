// What the file system needs of a flash chip.
//
// Rules of the medium, which every device enforces: programming only turns ones into zeros; NAND
// programs whole pages, in rising order within a block, each once between erases; a block turns to
// ones only as a whole.
#pragma once

#include <span>

#include "base/result.h"
#include "base/strong_int.h"
#include "base/types.h"

namespace quire::jffs2 {

/// Index of an erase block.
using BlockIndex = StrongInt<struct BlockIndexTag, u32>;

struct Geometry {
  u32 erase_size = 0;  ///< bytes in an erase block, a multiple of 4
  u32 block_count = 0;
  u32 page_size = 1;        ///< 1: NOR, byte programmable; else NAND, smallest unit of a program
  u32 oob_size = 0;         ///< bytes of OOB a page; 0: none
  u32 oob_free_offset = 2;  ///< where in a page's OOB the file system may write
  u32 oob_free_size = 0;    ///< how many bytes there

  bool is_nand() const { return page_size > 1; }
  u64 size() const { return u64{erase_size} * block_count; }
  u64 block_start(BlockIndex b) const { return u64{b.value()} * erase_size; }
  BlockIndex block_of(u64 offset) const { return BlockIndex(static_cast<u32>(offset / erase_size)); }
};

/// A flash chip. read() and view() may be called from several threads at once; the rest is the
/// business of one writer at a time. Offsets are in data bytes from the start of the chip.
class FlashDevice {
 public:
  FlashDevice() = default;
  FlashDevice(const FlashDevice&) = delete;
  FlashDevice& operator=(const FlashDevice&) = delete;
  virtual ~FlashDevice() = default;

  virtual const Geometry& geometry() const = 0;
  /// True when program() and erase() are refused with EROFS.
  virtual bool read_only() const { return false; }

  /// Fills `out` from `offset`. EINVAL past the end; EIO on an uncorrectable error (`out` is then
  /// filled as well as could be).
  virtual Result<> read(u64 offset, std::span<u8> out) = 0;
  /// The bytes themselves where the device can lend them, else an empty span. Valid until the range
  /// is programmed or erased.
  virtual std::span<const u8> view(u64 offset, u32 length) {
    (void)offset, (void)length;
    return {};
  }
  /// Programs `data`. NAND: offset and length are whole pages. EIO: the program failed, the range is
  /// undefined and the block should be retired. EINVAL: against the rules of the medium.
  virtual Result<> program(u64 offset, std::span<const u8> data) = 0;
  /// Erases a block to ones. EIO: it failed; mark the block bad.
  virtual Result<> erase(BlockIndex block) = 0;

  /// OOB of the page at `offset` (page-aligned), from its byte `oob_offset`. ENOTSUP without OOB.
  virtual Result<> read_oob(u64 page_offset, u32 oob_offset, std::span<u8> out) {
    (void)page_offset, (void)oob_offset, (void)out;
    return err(ENOTSUP);
  }
  virtual Result<> program_oob(u64 page_offset, u32 oob_offset, std::span<const u8> data) {
    (void)page_offset, (void)oob_offset, (void)data;
    return err(ENOTSUP);
  }
  /// Factory or run-time bad mark.
  virtual bool is_bad(BlockIndex block) {
    (void)block;
    return false;
  }
  virtual Result<> mark_bad(BlockIndex block) {
    (void)block;
    return err(ENOTSUP);
  }
  /// Makes what was programmed durable on the host (msync of an image file).
  virtual Result<> sync() { return {}; }
};

}  // namespace quire::jffs2
