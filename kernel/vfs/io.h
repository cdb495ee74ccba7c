// Where bytes of a read go and bytes of a write come from: guest memory (with checked copies) or the
// kernel's own.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "kernel/mm/address_space.h"

namespace quire::vfs {

struct GuestIoVec {
  GuestAddr base{};
  u64 length = 0;
};

/// A cursor over guest or kernel memory, used in one direction by one call.
class IoBuffer {
 public:
  /// Guest memory, scattered. At most 2 GiB - 4 KiB in all (MAX_RW_COUNT), the caller has seen to it.
  IoBuffer(mm::AddressSpace& mm, std::vector<GuestIoVec> pieces);
  /// Guest memory in one piece (no allocation).
  IoBuffer(mm::AddressSpace& mm, GuestAddr base, std::size_t length);
  /// Kernel memory.
  explicit IoBuffer(std::span<std::byte> memory);
  explicit IoBuffer(std::span<const std::byte> memory);

  std::size_t remaining() const { return remaining_; }
  /// Bytes moved so far.
  std::size_t moved() const { return moved_; }

  /// Kernel -> buffer: copies as much of `from` as fits and advances. EFAULT when nothing could be
  /// copied at a bad address; fewer bytes when the bad address comes later.
  Result<std::size_t> put(std::span<const std::byte> from);
  Result<std::size_t> put_zeros(std::size_t n);
  /// Buffer -> kernel.
  Result<std::size_t> get(std::span<std::byte> to);
  /// As get() without advancing.
  Result<std::size_t> peek(std::span<std::byte> to);
  /// Steps back / forward without copying.
  void advance(std::size_t n);
  void rewind(std::size_t n);
  /// Hides all but the next `n` bytes / shows them again (a file that ends, sendfile's count).
  void limit(std::size_t n);
  void unlimit();
  /// At most 64 KiB of the rest, pinned for one host call in place (readv/writev on the pieces); then
  /// call advance() with what the host moved. Kernel memory gives its own pieces.
  Result<std::unique_ptr<mm::Pin>> pin(std::size_t max, Access access);

 private:
  /// What is left of the piece the cursor is in. remaining_ > 0.
  GuestIoVec rest_of_piece();
  template <typename Copy>
  Result<std::size_t> move(std::size_t want, Copy copy);

  mm::AddressSpace* mm_ = nullptr;
  GuestIoVec single_;  // instead of pieces_, when that is empty
  std::vector<GuestIoVec> pieces_;
  std::byte* kernel_ = nullptr;
  std::size_t piece_ = 0, piece_done_ = 0, remaining_ = 0, moved_ = 0, hidden_ = 0;
};

}  // namespace quire::vfs
