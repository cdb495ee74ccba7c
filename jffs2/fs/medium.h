// The chip as the log sees it: reads that include what is not yet programmed, and appends that
// collect whole pages on NAND.
#pragma once

#include <vector>

#include "jffs2/flash/device.h"

namespace quire::jffs2 {

class Medium {
 public:
  explicit Medium(FlashDevice& device) : device_(device), page_(device.geometry().page_size) {
    if (page_ > 1) buffer_.resize(page_);
  }

  FlashDevice& device() { return device_; }
  /// Reads; the buffered page shows.
  Result<> read(u64 offset, std::span<u8> out);
  /// The bytes themselves, or a copy of them in `scratch`. Valid until the next append or read.
  Result<std::span<const u8>> look(u64 offset, u32 length, std::vector<u8>& scratch);

  /// Writes `data` at `offset`, which continues the last append or starts a page. EIO: programming
  /// failed; the page that failed stays readable here until discard().
  Result<> append(u64 offset, std::span<const u8> data);
  /// Bytes that wait for their page to fill.
  u32 pending() const { return fill_; }
  /// Start of the page being collected (or that failed), valid when pending() != 0.
  u64 pending_at() const { return at_; }
  /// Forgets the buffered page.
  void discard() { fill_ = 0; }
  u64 programmed_bytes() const { return programmed_; }

 private:
  FlashDevice& device_;
  u32 page_;
  std::vector<u8> buffer_;
  u64 at_ = 0;
  u32 fill_ = 0;
  u64 programmed_ = 0;
};

}  // namespace quire::jffs2
