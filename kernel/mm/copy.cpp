// The kernel's own view of guest memory: copies, pins, futex words. It obeys the same tables as the
// stub does: a write breaks copy-on-write first, a page that is not there is faulted in.
#include <algorithm>
#include <array>
#include <cstring>

#include "kernel/mm/space_impl.h"

namespace quire::mm {
namespace {

constexpr u64 largest_piece = 64u << 10;   // bytes copied under the locks at a time
constexpr u64 largest_detour = 16u << 10;  // for more it is worth having the frames hold the contents again
constexpr unsigned memory_tries = 3;
constexpr i64 fault_first = 0;
constexpr i64 copy_failed = -1;

std::array<std::byte, largest_piece> zero_bytes{};  // what reads of untouched memory show; never written

}  // namespace

// A few bytes of a page whose newest contents only the stub has go through its own view: to settle would copy
// the window. Whoever settles or freezes it takes the lock that is held here first.
template <typename F>
i64 AddressSpaceImpl::through_stub(u64 address, std::size_t n, bool write, F&& use) {
  std::array<std::byte, 512> bytes;
  const std::span<std::byte> part(bytes.data(), std::min(n, bytes.size()));
  if (write && private_at(address)->second.state != PrivateRange::State::writable) return fault_first;
  if (!write && !space_->read_private(GuestAddr(address), part)) return fault_first;
  if (!use(part.data(), part.size(), nullptr)) return copy_failed;
  if (write && !space_->write_private(GuestAddr(address), part)) return fault_first;
  return static_cast<i64>(part.size());
}

// Calls use(pointer, bytes, frame pinned by count or null) with the locks held that keep the piece as it
// is; the pointer is null for memory that nobody has touched. Returns bytes, fault_first or copy_failed.
template <typename F>
i64 AddressSpaceImpl::piece_locked(u64 address, std::size_t n, bool write, bool force, Via via, F&& use) {
  Vma* v = vmas_.find(address);
  if (v == nullptr || (!force && !v->permits(write ? Access::write : Access::read))) return fault_first;
  const u64 page = round_down(address, page_size);
  u64 end = std::min({v->end, address + n, page + largest_piece});
  platform::Memory& memory = manager_.memory();
  std::optional<ObjectImpl::Run> run;
  u64 index = 0;
  if (v->object != nullptr) {
    index = v->object_offset(page) >> page_shift;
    if (index >= v->object->page_count()) return fault_first;
    auto found = v->object->run_around(index, index, v->object_offset(end - 1) / page_size + 1, false);
    if (found && *found) run = **found;
    if (run) end = v->shared ? std::min(end, page + (run->end - index) * page_size) : end;
  }
  auto call = [&](FrameNumber frame, const FrameNumber* counted) {
    return use(memory.at(frame) + (address - page), end - address, counted) ? static_cast<i64>(end - address)
                                                                            : copy_failed;
  };
  if (v->shared) {
    if (!run || (write && !allows(v->access, Access::write))) return fault_first;
    if (write) v->object->mark_dirty(index, v->object_offset(end - 1) / page_size + 1);
    return call(run->at(index), nullptr);
  }
  LockGuard tables(tables_lock_);
  await_window(page);
  const Span s = span_at(page, round_up(end, page_size));
  end = std::min(end, s.end);
  if (s.named) {
    if (s.stub_owned && (write || private_at(page)->second.state != PrivateRange::State::clean)) {
      if (via == Via::frames || n > largest_detour) return fault_first;
      return through_stub(address, end - address, write, use);
    }
    if (write && !s.exclusive) return fault_first;
    return call(s.frame, &s.frame);
  }
  if (write) return fault_first;
  if (v->object == nullptr)
    return use(nullptr, end - address, nullptr) ? static_cast<i64>(end - address) : copy_failed;
  if (!run) return fault_first;
  end = std::min(end, page + (run->end - index) * page_size);
  return call(run->at(index), nullptr);
}

template <typename F>
std::size_t AddressSpaceImpl::transfer(u64 address, std::size_t n, bool write, bool force, F&& use, Via via) {
  if (address >= limit()) return 0;
  n = std::min<u64>(n, limit() - address);
  std::size_t done = 0;
  unsigned tries = 0;
  while (done < n) {
    i64 moved;
    {
      SharedLockGuard guard(lock_);
      moved = piece_locked(
          address + done, n - done, write, force, via,
          [&](std::byte* p, std::size_t bytes, const FrameNumber*) { return use(p, done, bytes); });
    }
    if (moved > 0) {
      done += static_cast<std::size_t>(moved);
    } else if (moved == fault_first) {
      if (fault_page(address + done, write ? Access::write : Access::read, force ? By::debugger : By::kernel)
              .signo != 0)
        break;
    } else if (tries++ == memory_tries || !manager_.out_of_memory()) {
      break;
    }
  }
  return done;
}

std::size_t AddressSpaceImpl::copy_in_some(void* to, GuestAddr from, std::size_t n) {
  return transfer(from.value(), n, false, false, [&](std::byte* p, std::size_t done, std::size_t bytes) {
    if (p != nullptr) return manager_.memory().checked_copy(static_cast<std::byte*>(to) + done, p, bytes);
    std::memset(static_cast<std::byte*>(to) + done, 0, bytes);
    return true;
  });
}

std::size_t AddressSpaceImpl::copy_out_some(GuestAddr to, const void* from, std::size_t n) {
  return transfer(to.value(), n, true, false, [&](std::byte* p, std::size_t done, std::size_t bytes) {
    return manager_.memory().checked_copy(p, static_cast<const std::byte*>(from) + done, bytes);
  });
}

Result<> AddressSpaceImpl::copy_in(void* to, GuestAddr from, std::size_t n) {
  if (copy_in_some(to, from, n) != n) return err(EFAULT);
  return {};
}

Result<> AddressSpaceImpl::copy_out(GuestAddr to, const void* from, std::size_t n) {
  if (copy_out_some(to, from, n) != n) return err(EFAULT);
  return {};
}

Result<> AddressSpaceImpl::zero_out(GuestAddr to, std::size_t n) {
  const std::size_t done =
      transfer(to.value(), n, true, false, [&](std::byte* p, std::size_t, std::size_t bytes) {
        return manager_.memory().checked_copy(p, zero_bytes.data(), bytes);
      });
  if (done != n) return err(EFAULT);
  return {};
}

Result<std::string> AddressSpaceImpl::copy_in_string(GuestAddr from, std::size_t max) {
  std::string text;
  std::array<char, 256> part;
  while (text.size() < max) {
    // Up to the end of the page: what follows a string need not be mapped.
    const u64 at = from.value() + text.size();
    const std::size_t n = std::min<u64>({part.size(), max - text.size(), page_size - at % page_size});
    const std::size_t got = copy_in_some(part.data(), GuestAddr(at), n);
    const void* end = std::memchr(part.data(), 0, got);
    if (end != nullptr) return text.append(part.data(), static_cast<const char*>(end) - part.data());
    if (got != n) return err(EFAULT);
    text.append(part.data(), got);
  }
  return err(ENAMETOOLONG);
}

bool AddressSpaceImpl::touch(u64 address, bool write) {
  // Reading a byte through the kernel's mapping gives a hole its storage.
  auto read = [&](std::byte* p, std::size_t, std::size_t) {
    std::byte byte;
    return p == nullptr || manager_.memory().checked_copy(&byte, p, 1);
  };
  return transfer(address, 1, write, false, read, Via::frames) == 1;
}

Result<> AddressSpaceImpl::force_copy_in(void* to, GuestAddr from, std::size_t n) {
  const std::size_t done =
      transfer(from.value(), n, false, true, [&](std::byte* p, std::size_t at, std::size_t bytes) {
        if (p != nullptr) return manager_.memory().checked_copy(static_cast<std::byte*>(to) + at, p, bytes);
        std::memset(static_cast<std::byte*>(to) + at, 0, bytes);
        return true;
      });
  if (done != n) return err(EFAULT);
  return {};
}

Result<> AddressSpaceImpl::force_copy_out(GuestAddr to, const void* from, std::size_t n) {
  const std::size_t done =
      transfer(to.value(), n, true, true, [&](std::byte* p, std::size_t at, std::size_t bytes) {
        return manager_.memory().checked_copy(p, static_cast<const std::byte*>(from) + at, bytes);
      });
  if (done != n) return err(EFAULT);
  return {};
}

/// Pages pinned for writing are exclusively owned, and stay so because forks and unmaps wait for the
/// pin. Pages pinned for reading carry a count, so that a write to them meanwhile copies.
class PinImpl final : public Pin {
 public:
  explicit PinImpl(Ref<AddressSpaceImpl> space) : space_(std::move(space)) {}
  ~PinImpl() override {
    for (const auto& [frame, n] : counted_) space_->manager_.pool().release_frames(frame, n);
    if (pinned_) space_->unpin();
  }
  std::span<const std::span<std::byte>> pieces() const override { return pieces_; }

 private:
  friend class AddressSpaceImpl;
  Ref<AddressSpaceImpl> space_;
  std::vector<std::span<std::byte>> pieces_;
  std::vector<std::pair<FrameNumber, u32>> counted_;
  bool pinned_ = false;
};

void AddressSpaceImpl::unpin() {
  LockGuard guard(pins_lock_);
  if (--pins_ == 0) unpinned_.notify_all();
}

Result<std::unique_ptr<Pin>> AddressSpaceImpl::pin(GuestAddr address, std::size_t length, Access access) {
  const u64 begin = address.value();
  if (length > largest_piece) return err(EINVAL);
  if (begin >= limit() || length > limit() - begin) return err(EFAULT);
  const bool write = allows(access, Access::write);
  for (;;) {
    auto pin = std::make_unique<PinImpl>(Ref<AddressSpaceImpl>(this));
    std::size_t done = 0;
    {
      SharedLockGuard guard(lock_);
      while (done < length) {
        const i64 n = piece_locked(begin + done, length - done, write, false, Via::frames,
                                   [&](std::byte* p, std::size_t bytes, const FrameNumber* frame) {
                                     pin->pieces_.emplace_back(p != nullptr ? p : zero_bytes.data(), bytes);
                                     if (write || frame == nullptr) return true;
                                     u64 pages =
                                         ((begin + done) % page_size + bytes + page_size - 1) >> page_shift;
                                     for (FrameNumber f = *frame; pages != 0;) {
                                       const u64 part = std::min(pages, pages_per_huge - index_in_block(f));
                                       manager_.pool().retain_frames(f, static_cast<u32>(part));
                                       pin->counted_.emplace_back(f, static_cast<u32>(part));
                                       f += part;
                                       pages -= part;
                                     }
                                     return true;
                                   });
        if (n <= 0) break;
        done += static_cast<std::size_t>(n);
      }
      if (done == length) {
        LockGuard pins(pins_lock_);
        ++pins_;
        pin->pinned_ = true;
      }
    }
    if (done == length) return pin;
    if (fault_page(begin + done, write ? Access::write : Access::read, By::kernel).signo != 0)
      return err(EFAULT);
  }
}

Result<FutexKey> AddressSpaceImpl::futex_key(GuestAddr address, bool private_flag) {
  if (address.value() >= limit()) return err(EFAULT);
  if (private_flag) return FutexKey{this, address.value()};
  SharedLockGuard guard(lock_);
  const Vma* v = vmas_.find(address.value());
  if (v == nullptr) return err(EFAULT);
  if (!v->shared) return FutexKey{this, address.value()};
  return FutexKey{v->object.get(), v->object_offset(address.value())};
}

template <typename F>
Result<u32> AddressSpaceImpl::atomic_u32(GuestAddr address, bool write, F&& operate) {
  if (address.value() % sizeof(u32) != 0) return err(EINVAL);
  u32 old = 0;
  const std::size_t done = transfer(
      address.value(), sizeof(u32), write, false,
      [&](std::byte* p, std::size_t, std::size_t) {
        if (p == nullptr) return true;  // untouched: zero
        // The copy gives the page storage where a fault could not be survived by the operation itself.
        if (!manager_.memory().checked_copy(&old, p, sizeof old)) return false;
        old = operate(reinterpret_cast<u32*>(p));
        return true;
      },
      Via::frames);
  if (done != sizeof(u32)) return err(EFAULT);
  return old;
}

Result<u32> AddressSpaceImpl::load_u32(GuestAddr address) {
  return atomic_u32(address, false, [](u32* p) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); });
}

Result<u32> AddressSpaceImpl::compare_exchange_u32(GuestAddr address, u32 expected, u32 desired) {
  return atomic_u32(address, true, [=](u32* p) {
    u32 seen = expected;
    __atomic_compare_exchange_n(p, &seen, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return seen;
  });
}

Result<u32> AddressSpaceImpl::fetch_op_u32(GuestAddr address, int op, u32 operand) {
  if (op < 0 || op > 4) return err(ENOSYS);
  return atomic_u32(address, true, [=](u32* p) {
    switch (op) {
      case 0:
        return __atomic_exchange_n(p, operand, __ATOMIC_SEQ_CST);
      case 1:
        return __atomic_fetch_add(p, operand, __ATOMIC_SEQ_CST);
      case 2:
        return __atomic_fetch_or(p, operand, __ATOMIC_SEQ_CST);
      case 3:
        return __atomic_fetch_and(p, ~operand, __ATOMIC_SEQ_CST);
      default:
        return __atomic_fetch_xor(p, operand, __ATOMIC_SEQ_CST);
    }
  });
}

}  // namespace quire::mm
