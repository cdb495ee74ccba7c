// An emulated flash chip in memory, for tests: it enforces the rules of the medium, counts
// operations and wear, loses power at any operation in each of the ways that flash does, and has
// cells that read differently after each power-up. Blocks are copy-on-write: a snapshot is cheap, so
// a test can try every cut of a workload in one run of it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "jffs2/flash/device.h"

namespace quire::jffs2 {

/// How an operation that power failed in leaves the medium.
enum class Cut : u8 {
  nothing,   ///< as if never begun
  prefix,    ///< a prefix of the bytes is programmed; the front of the block is erased
  subset,    ///< a random subset of the bits has changed
  unstable,  ///< the bits that change read either way, anew after each power-up
  complete,  ///< done, but what should follow (a cleanmarker) is not
};
inline constexpr u32 kCutModes = 5;
const char* cut_name(Cut cut);

/// One operation on the medium.
struct FlashOp {
  enum class Kind : u8 { program, program_oob, erase };
  Kind kind = Kind::program;
  u64 offset = 0;  ///< of the data, the page (OOB) or the block (erase)
  u32 oob_offset = 0;
  std::span<const u8> data{};
};

class RamDevice final : public FlashDevice {
 public:
  explicit RamDevice(const Geometry& geometry);
  ~RamDevice() override;

  const Geometry& geometry() const override { return geometry_; }
  Result<> read(u64 offset, std::span<u8> out) override;
  std::span<const u8> view(u64 offset, u32 length) override;
  Result<> program(u64 offset, std::span<const u8> data) override;
  Result<> erase(BlockIndex block) override;
  Result<> read_oob(u64 page_offset, u32 oob_offset, std::span<u8> out) override;
  Result<> program_oob(u64 page_offset, u32 oob_offset, std::span<const u8> data) override;
  bool is_bad(BlockIndex block) override;
  Result<> mark_bad(BlockIndex block) override;

  /// Called before each operation takes effect; may take a snapshot.
  void set_hook(std::function<void(const FlashOp&)> hook) { hook_ = std::move(hook); }
  /// Operations so far.
  u64 operations() const { return operations_; }
  /// Breaches of the rules of the medium by the user; the last one's text.
  u64 violations() const { return violations_; }
  const std::string& last_violation() const { return last_violation_; }

  /// A copy that shares unchanged blocks, with no hook.
  std::unique_ptr<RamDevice> snapshot() const;
  /// Applies `op` as a cut of that kind leaves it. `seed` chooses lengths and bits.
  void apply_cut(const FlashOp& op, Cut cut, u64 seed);
  /// Unstable bits settle anew, by `seed`.
  void power_up(u64 seed);

  // Faults.
  void flip_bit(u64 offset, u32 bit);
  /// Programs (or erases) of this block fail from now on.
  void fail_programs(BlockIndex block) { failing_[block.value()] |= 1; }
  void fail_erases(BlockIndex block) { failing_[block.value()] |= 2; }
  /// Refuse views, so that users take the read() path.
  void set_lends_views(bool lends) { lends_views_ = lends; }
  u32 erase_count(BlockIndex block) const { return erases_[block.value()]; }

  /// The whole chip's data, without OOB.
  std::vector<u8> image() const;
  /// Fills the chip from an image (short: the rest stays erased).
  void load(std::span<const u8> image);

 private:
  struct Block;

  Block& writable(BlockIndex block);
  const Block& at(BlockIndex block) const { return *blocks_[block.value()]; }
  Result<> violation(const char* what, u64 offset);
  Result<> check_program(const FlashOp& op);
  void begin(const FlashOp& op);
  bool inside(u64 offset, u64 length) const {
    return offset <= geometry_.size() && length <= geometry_.size() - offset;
  }

  Geometry geometry_;
  std::vector<std::shared_ptr<Block>> blocks_;
  std::vector<u32> erases_;
  std::vector<u8> failing_;
  std::vector<bool> bad_;
  std::function<void(const FlashOp&)> hook_;
  u64 operations_ = 0;
  u64 violations_ = 0;
  std::string last_violation_;
  bool lends_views_ = true;
};

}  // namespace quire::jffs2
