#include "kernel/vfs/eventfd.h"

#include <poll.h>

#include <cstring>

namespace quire::vfs {

Result<std::size_t> EventFd::read(IoBuffer& to, i64) {
  if (to.remaining() < sizeof(u64)) return err(EINVAL);
  std::optional<WaitEntry> entry;
  for (;;) {
    u64 value = 0;
    {
      LockGuard g(lock_);
      if (count_ != 0) {
        value = semaphore_ ? 1 : count_;
        count_ -= value;
        queue_.notify(POLLOUT | POLLWRNORM);
      }
    }
    if (value != 0) return to.put(std::as_bytes(std::span(&value, 1)));
    if (nonblocking()) return err(EAGAIN);
    if (entry)
      TRY_VOID(Waiter::current().sleep());
    else
      entry.emplace(queue_, Waiter::current(), POLLIN);
  }
}

Result<std::size_t> EventFd::write(IoBuffer& from, i64) {
  if (from.remaining() < sizeof(u64)) return err(EINVAL);
  u64 value = 0;
  std::size_t got = TRY(from.get(std::as_writable_bytes(std::span(&value, 1))));
  if (got != sizeof value) return err(EFAULT);
  if (value == ~u64{0}) return err(EINVAL);
  std::optional<WaitEntry> entry;
  for (;;) {
    {
      LockGuard g(lock_);
      if (max_count - count_ >= value) {
        count_ += value;
        queue_.notify(POLLIN | POLLRDNORM);
        return sizeof value;
      }
    }
    if (nonblocking()) return err(EAGAIN);
    if (entry)
      TRY_VOID(Waiter::current().sleep());
    else
      entry.emplace(queue_, Waiter::current(), POLLOUT);
  }
}

u32 EventFd::poll() {
  LockGuard g(lock_);
  return (count_ != 0 ? POLLIN | POLLRDNORM : 0) | (count_ < max_count ? POLLOUT | POLLWRNORM : 0);
}

u64 EventFd::count() const {
  LockGuard g(lock_);
  return count_;
}

}  // namespace quire::vfs
