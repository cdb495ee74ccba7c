#include "kernel/vfs/io.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace quire::vfs {
namespace {

constexpr std::size_t max_pin = 64 * 1024;

/// Kernel memory stays put by itself.
class KernelPin final : public mm::Pin {
 public:
  explicit KernelPin(std::span<std::byte> memory) : piece_{memory} {}
  std::span<const std::span<std::byte>> pieces() const override { return piece_; }

 private:
  std::array<std::span<std::byte>, 1> piece_;
};

}  // namespace

IoBuffer::IoBuffer(mm::AddressSpace& mm, std::vector<GuestIoVec> pieces)
    : mm_(&mm), pieces_(std::move(pieces)) {
  for (const GuestIoVec& p : pieces_) remaining_ += p.length;
}

IoBuffer::IoBuffer(mm::AddressSpace& mm, GuestAddr base, std::size_t length)
    : mm_(&mm), single_{base, length}, remaining_(length) {}

IoBuffer::IoBuffer(std::span<std::byte> memory) : kernel_(memory.data()), remaining_(memory.size()) {}

IoBuffer::IoBuffer(std::span<const std::byte> memory)
    : kernel_(const_cast<std::byte*>(memory.data())), remaining_(memory.size()) {}

GuestIoVec IoBuffer::rest_of_piece() {
  if (pieces_.empty()) return {single_.base + piece_done_, single_.length - piece_done_};
  while (piece_done_ == pieces_[piece_].length) {
    ++piece_;
    piece_done_ = 0;
  }
  return {pieces_[piece_].base + piece_done_, pieces_[piece_].length - piece_done_};
}

template <typename Copy>
Result<std::size_t> IoBuffer::move(std::size_t want, Copy copy) {
  want = std::min(want, remaining_);
  std::size_t done = 0;
  while (done < want) {
    GuestIoVec rest = rest_of_piece();
    std::size_t n = std::min<u64>(rest.length, want - done);
    std::size_t moved = copy(rest.base, done, n);
    done += moved;
    advance(moved);
    if (moved < n) {
      if (done == 0) return err(EFAULT);
      break;
    }
  }
  return done;
}

Result<std::size_t> IoBuffer::put(std::span<const std::byte> from) {
  if (mm_ == nullptr) {
    std::size_t n = std::min(from.size(), remaining_);
    if (n != 0) std::memcpy(kernel_ + moved_, from.data(), n);
    advance(n);
    return n;
  }
  return move(from.size(), [&](GuestAddr to, std::size_t at, std::size_t n) {
    return mm_->copy_out_some(to, from.data() + at, n);
  });
}

Result<std::size_t> IoBuffer::put_zeros(std::size_t n) {
  static constexpr std::array<std::byte, 65536> zeros{};
  std::size_t done = 0;
  n = std::min(n, remaining_);
  while (done < n) {
    std::size_t chunk = std::min(n - done, zeros.size());
    auto r = put(std::span(zeros).first(chunk));
    if (!r) {
      if (done == 0) return r;
      break;
    }
    done += *r;
    if (*r < chunk) break;
  }
  return done;
}

Result<std::size_t> IoBuffer::get(std::span<std::byte> to) {
  if (mm_ == nullptr) {
    std::size_t n = std::min(to.size(), remaining_);
    if (n != 0) std::memcpy(to.data(), kernel_ + moved_, n);
    advance(n);
    return n;
  }
  return move(to.size(), [&](GuestAddr from, std::size_t at, std::size_t n) {
    return mm_->copy_in_some(to.data() + at, from, n);
  });
}

Result<std::size_t> IoBuffer::peek(std::span<std::byte> to) {
  std::size_t n = TRY(get(to));
  rewind(n);
  return n;
}

void IoBuffer::advance(std::size_t n) {
  moved_ += n;
  remaining_ -= n;
  if (mm_ == nullptr) return;
  if (pieces_.empty()) {
    piece_done_ += n;
    return;
  }
  while (n != 0) {
    std::size_t step = std::min<u64>(n, pieces_[piece_].length - piece_done_);
    piece_done_ += step;
    n -= step;
    if (n != 0) {
      ++piece_;
      piece_done_ = 0;
    }
  }
}

void IoBuffer::rewind(std::size_t n) {
  moved_ -= n;
  remaining_ += n;
  if (mm_ == nullptr) return;
  if (pieces_.empty()) {
    piece_done_ -= n;
    return;
  }
  while (n != 0) {
    if (piece_done_ == 0) piece_done_ = pieces_[--piece_].length;
    std::size_t step = std::min<u64>(n, piece_done_);
    piece_done_ -= step;
    n -= step;
  }
}

void IoBuffer::limit(std::size_t n) {
  hidden_ = remaining_ > n ? remaining_ - n : 0;
  remaining_ -= hidden_;
}

void IoBuffer::unlimit() {
  remaining_ += hidden_;
  hidden_ = 0;
}

Result<std::unique_ptr<mm::Pin>> IoBuffer::pin(std::size_t max, Access access) {
  max = std::min({max, remaining_, max_pin});
  if (mm_ == nullptr) return std::make_unique<KernelPin>(std::span(kernel_ + moved_, max));
  if (max == 0) return std::make_unique<KernelPin>(std::span<std::byte>());
  GuestIoVec rest = rest_of_piece();
  return mm_->pin(rest.base, std::min<u64>(rest.length, max), access);
}

}  // namespace quire::vfs
