// C++ over <quire/mm.h>: an address space as a value that closes itself. Header only, no exceptions.
#pragma once

#include <quire/mm.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace quire {

/// Owns the descriptor of an address space. A failed call leaves errno set and tests false.
class AddressSpace {
 public:
  AddressSpace() = default;
  /// A new, empty address space.
  static AddressSpace create() { return AddressSpace(::create_mm(0)); }
  /// A copy-on-write copy of the caller's own.
  static AddressSpace clone_own() { return AddressSpace(::create_mm(MM_CLONE)); }
  /// A copy-on-write copy of this one.
  AddressSpace clone() const {
    const unsigned long call[7] = {QUIRE_NR_create_mm, MM_CLONE, 0, 0, 0, 0, 0};
    return AddressSpace(static_cast<int>(::mm_indirect(fd_, call, 0)));
  }
  /// Takes over a descriptor (received over a socket, from /proc/mm).
  explicit AddressSpace(int fd) : fd_(fd) {}
  AddressSpace(AddressSpace&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  AddressSpace& operator=(AddressSpace&& o) noexcept {
    std::swap(fd_, o.fd_);
    return *this;
  }
  ~AddressSpace() {
    if (fd_ >= 0) ::close(fd_);
  }

  explicit operator bool() const { return fd_ >= 0; }
  int fd() const { return fd_; }

  /// mmap there; nullptr on failure.
  void* map(void* address, std::size_t length, int prot, int flags = MAP_PRIVATE | MAP_ANONYMOUS, int file = -1,
            off_t offset = 0) {
    void* p = ::mm_mmap(fd_, address, length, prot, flags, file, offset);
    return p == MAP_FAILED ? nullptr : p;
  }
  bool unmap(void* address, std::size_t length) { return ::mm_munmap(fd_, address, length) == 0; }
  bool protect(void* address, std::size_t length, int prot) { return ::mm_mprotect(fd_, address, length, prot) == 0; }
  /// All bytes or false.
  bool read(std::uintptr_t from, std::span<std::byte> to) {
    iovec l{to.data(), to.size()}, r{reinterpret_cast<void*>(from), to.size()};
    return ::mm_read(fd_, &l, 1, &r, 1, 0) == static_cast<ssize_t>(to.size());
  }
  bool write(std::uintptr_t to, std::span<const std::byte> from) {
    iovec l{const_cast<std::byte*>(from.data()), from.size()}, r{reinterpret_cast<void*>(to), from.size()};
    return ::mm_write(fd_, &l, 1, &r, 1, 0) == static_cast<ssize_t>(from.size());
  }
  /// Shows a range of this address space in the caller's own, where it is shared from then on; nullptr on
  /// failure.
  void* show(std::uintptr_t address, std::size_t length, int prot) {
    void* p = ::mm_map(fd_, reinterpret_cast<void*>(address), length, prot, 0, nullptr);
    return p == MAP_FAILED ? nullptr : p;
  }
  /// Runs code there; the reason (MM_EXIT_*) or -1.
  int run(mm_context& context) { return ::mm_run(fd_, &context, 0); }

 private:
  int fd_ = -1;
};

}  // namespace quire
