#include "kernel/fs/pipe/pipe.h"

#include <poll.h>

#include <algorithm>
#include <bit>

namespace quire::fs::pipe {

Result<> Pipe::wait(std::optional<vfs::WaitEntry>& entry, u32 events) {
  if (!entry) {
    entry.emplace(queue_, vfs::Waiter::current(), events);
    return {};
  }
  return vfs::Waiter::current().sleep();
}

Result<std::size_t> Pipe::take(vfs::IoBuffer& to) {
  std::size_t done = 0;
  while (size_ != 0 && to.remaining() != 0) {
    std::size_t n = std::min({size_, capacity_ - first_, to.remaining()});
    auto r = to.put({ring_.get() + first_, n});
    if (!r) return done != 0 ? Result<std::size_t>(done) : r;
    first_ = (first_ + *r) % capacity_;
    size_ -= *r;
    done += *r;
    if (*r < n) break;
  }
  return done;
}

Result<std::size_t> Pipe::put(vfs::IoBuffer& from, std::size_t max) {
  if (!ring_) ring_ = std::make_unique_for_overwrite<std::byte[]>(capacity_);
  std::size_t done = 0;
  while (done < max && size_ < capacity_) {
    std::size_t at = (first_ + size_) % capacity_;
    std::size_t n = std::min({max - done, capacity_ - size_, capacity_ - at});
    auto r = from.get({ring_.get() + at, n});
    if (!r) return done != 0 ? Result<std::size_t>(done) : r;
    size_ += *r;
    done += *r;
    if (*r < n) break;
  }
  return done;
}

Result<std::size_t> Pipe::read(vfs::IoBuffer& to, bool nonblocking) {
  if (to.remaining() == 0) return 0;
  std::optional<vfs::WaitEntry> entry;
  for (;;) {
    {
      LockGuard g(lock_);
      if (size_ != 0) {
        std::size_t n = TRY(take(to));
        if (size_ == 0) first_ = 0;
        queue_.notify(POLLOUT | POLLWRNORM);
        return n;
      }
      if (writers_ == 0) return 0;
    }
    if (nonblocking) return err(EAGAIN);
    TRY_VOID(wait(entry, POLLIN | POLLHUP));
  }
}

Result<std::size_t> Pipe::write(vfs::IoBuffer& from, bool nonblocking) {
  std::size_t done = 0;
  std::optional<vfs::WaitEntry> entry;
  for (;;) {
    {
      LockGuard g(lock_);
      if (readers_ == 0) return err(EPIPE);
      std::size_t want = from.remaining();
      if (want == 0) return done;
      std::size_t room = capacity_ - size_;
      if (room >= (done == 0 && want <= atomic_write ? want : 1)) {
        auto r = put(from, std::min(room, want));
        if (!r) return done != 0 ? Result<std::size_t>(done) : r;
        done += *r;
        queue_.notify(POLLIN | POLLRDNORM);
        if (from.remaining() == 0 || *r < std::min(room, want)) return done;
      }
    }
    if (nonblocking) return done != 0 ? Result<std::size_t>(done) : err(EAGAIN);
    auto slept = wait(entry, POLLOUT | POLLERR);
    if (!slept) return done != 0 ? Result<std::size_t>(done) : err(slept.error());
  }
}

Result<std::size_t> Pipe::peek(vfs::IoBuffer& to, bool nonblocking) {
  std::optional<vfs::WaitEntry> entry;
  for (;;) {
    {
      LockGuard g(lock_);
      if (size_ != 0) {
        std::size_t first = first_, size = size_;
        auto n = take(to);
        first_ = first;
        size_ = size;
        return n;
      }
      if (writers_ == 0) return 0;
    }
    if (nonblocking) return err(EAGAIN);
    TRY_VOID(wait(entry, POLLIN | POLLHUP));
  }
}

std::size_t Pipe::available() {
  LockGuard g(lock_);
  return size_;
}

void Pipe::open_end(bool reads, bool writes) {
  LockGuard g(lock_);
  if (reads) ++readers_, ++reader_opens_;
  if (writes) ++writers_, ++writer_opens_;
  queue_.notify(POLLIN | POLLOUT | POLLHUP | POLLERR);
}

void Pipe::close_end(bool reads, bool writes) {
  LockGuard g(lock_);
  if (reads) --readers_;
  if (writes) --writers_;
  if (readers_ == 0 && writers_ == 0) {
    ring_.reset();  // a FIFO forgets what nobody read
    first_ = size_ = 0;
  }
  queue_.notify(POLLIN | POLLOUT | POLLHUP | POLLERR);
}

bool Pipe::has_readers() {
  LockGuard g(lock_);
  return readers_ != 0;
}
bool Pipe::has_writers() {
  LockGuard g(lock_);
  return writers_ != 0;
}

Result<> Pipe::wait_for_other_end(bool i_read) {
  u64 before = 0;
  {
    LockGuard g(lock_);
    if ((i_read ? writers_ : readers_) != 0) return {};
    before = i_read ? writer_opens_ : reader_opens_;
  }
  std::optional<vfs::WaitEntry> entry;
  for (;;) {
    {
      LockGuard g(lock_);
      if ((i_read ? writer_opens_ : reader_opens_) != before) return {};
    }
    TRY_VOID(wait(entry, POLLIN | POLLOUT));
  }
}

u32 Pipe::poll(bool reads, bool writes) {
  LockGuard g(lock_);
  u32 e = 0;
  if (reads && size_ != 0) e |= POLLIN | POLLRDNORM;
  if (reads && writers_ == 0 && writer_opens_ != 0) e |= POLLHUP;
  if (writes && capacity_ - size_ >= atomic_write) e |= POLLOUT | POLLWRNORM;
  if (writes && readers_ == 0) e |= POLLERR;
  return e;
}

Result<std::size_t> Pipe::set_capacity(std::size_t bytes) {
  if (bytes > max_capacity) return err(EPERM);
  bytes = std::bit_ceil(std::max<std::size_t>(bytes, page_size));
  LockGuard g(lock_);
  if (bytes < size_) return err(EBUSY);
  auto ring = std::make_unique_for_overwrite<std::byte[]>(bytes);
  for (std::size_t i = 0; i < size_; ++i) ring[i] = ring_[(first_ + i) % capacity_];
  ring_ = std::move(ring);
  first_ = 0;
  capacity_ = bytes;
  queue_.notify(POLLOUT);
  return bytes;
}

std::size_t Pipe::capacity() {
  LockGuard g(lock_);
  return capacity_;
}

}  // namespace quire::fs::pipe
