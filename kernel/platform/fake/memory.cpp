#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "kernel/platform/fake/fake.h"
#include "kernel/platform/holes.h"

namespace quire::platform::fake {

Result<std::unique_ptr<FakeMemory>> FakeMemory::create(PageCount frames) {
  const u64 size = frames.value() << page_shift;
  const int fd = memfd_create("quire-fake", MFD_CLOEXEC);
  if (fd < 0) return err(Errno::last());
  void* base = MAP_FAILED;
  if (ftruncate(fd, static_cast<off_t>(size)) == 0)
    base = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
  if (base == MAP_FAILED) {
    const Errno e = Errno::last();
    close(fd);
    return err(e);
  }
  return std::unique_ptr<FakeMemory>(new FakeMemory(fd, static_cast<std::byte*>(base), frames));
}

FakeMemory::~FakeMemory() {
  munmap(base_, frames_.value() << page_shift);
  close(fd_);
}

// Guests race with the kernel's copies by nature, as on the real platform: both sides use relaxed
// atomic accesses, so that ThreadSanitizer reports only races of the kernel with itself.
bool FakeMemory::checked_copy(void* to, const void* from, std::size_t n) const {
  if (u64 left = copies_left_.load(std::memory_order_relaxed); left != 0) {
    if (left == 1) return false;
    copies_left_.store(left - 1, std::memory_order_relaxed);
  }
  auto* d = static_cast<unsigned char*>(to);
  const auto* s = static_cast<const unsigned char*>(from);
  auto aligned = [&] {
    return ((reinterpret_cast<std::uintptr_t>(d) | reinterpret_cast<std::uintptr_t>(s)) & 7) == 0;
  };
  while (n >= 8 && aligned()) {
    u64 v = __atomic_load_n(reinterpret_cast<const u64*>(s), __ATOMIC_RELAXED);
    __atomic_store_n(reinterpret_cast<u64*>(d), v, __ATOMIC_RELAXED);
    d += 8, s += 8, n -= 8;
  }
  for (; n != 0; --n, ++d, ++s) __atomic_store_n(d, __atomic_load_n(s, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
  return true;
}

Result<> FakeMemory::punch(FrameNumber first, PageCount n) {
  if (n.value() == 0) return {};
  if (fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(file_offset(first)),
                static_cast<off_t>(n.value() << page_shift)) != 0)
    return err(Errno::last());
  return {};
}

FrameNumber FakeMemory::next_data(FrameNumber from, FrameNumber limit) const {
  if (!(from < limit)) return limit;
  if (in_memory(*this, from)) return from;
  const off_t at = lseek(fd_, static_cast<off_t>(file_offset(from)), SEEK_DATA);
  return at < 0 ? limit : std::min(limit, FrameNumber(static_cast<u64>(at) >> page_shift));
}

FrameNumber FakeMemory::next_hole(FrameNumber from, FrameNumber limit) const {
  return end_of_data(*this, from, limit);
}

Result<> FakeMemory::collapse(FrameNumber) {
  if (const int e = collapse_error_.load(); e != 0) return err(e);
  return {};
}

u64 FakeMemory::bytes_used() const {
  struct stat st;
  return fstat(fd_, &st) == 0 ? static_cast<u64>(st.st_blocks) * 512 : 0;
}

}  // namespace quire::platform::fake
