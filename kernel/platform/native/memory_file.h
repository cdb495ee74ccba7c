// The memory file on the host: tmpfs huge=advise where a namespace for it can be had, else a memfd.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "kernel/platform/memory.h"
#include "kernel/platform/native/fd.h"

namespace quire::platform::native {

class MemoryFile final : public Memory {
 public:
  /// `preference`: auto, tmpfs (fail without), memfd. The file of a tmpfs is made by a short-lived child
  /// in namespaces of its own, so this process stays in its user namespace.
  static Result<Fd> open_file(const std::string& preference);
  static Result<std::unique_ptr<MemoryFile>> create(Fd fd);
  ~MemoryFile() override;

  /// Tried out when first asked for: that takes a millisecond, which most runs never need to know.
  const MemoryKind& kind() const override;
  PageCount size() const override { return PageCount((bytes_ >> page_shift) - reserved_); }
  /// Takes the last frames away from those that may be named; the first of them.
  FrameNumber reserve(u64 frames) {
    reserved_ += frames;
    return FrameNumber(size().value());
  }
  std::byte* at(FrameNumber f) const override { return base_ + file_offset(f); }
  bool checked_copy(void* to, const void* from, std::size_t n) const override;
  Result<> punch(FrameNumber first, PageCount n) override;
  FrameNumber next_data(FrameNumber from, FrameNumber limit) const override;
  FrameNumber next_hole(FrameNumber from, FrameNumber limit) const override;
  Result<> copy_to_holes(FrameNumber from, FrameNumber to, PageCount n) const override;
  u64 stored(FrameNumber first, PageCount n) const override;
  void advise_huge(FrameNumber first, PageCount n, bool on) override;
  Result<> collapse(FrameNumber first) override;
  u64 bytes_used() const override;

  int fd() const { return fd_.get(); }
  /// The frame shown at an address of this process, if it is one of the file's.
  bool frame_of(const void* p, FrameNumber* f) const;

 private:
  MemoryFile(Fd fd, std::byte* base, u64 bytes) : fd_(std::move(fd)), base_(base), bytes_(bytes) {}
  MemoryKind probe() const;

  Fd fd_;
  std::byte* base_;
  u64 bytes_;
  u64 reserved_ = 0;
  mutable std::once_flag probed_;
  mutable MemoryKind kind_{};
  mutable std::atomic<bool> no_cachestat_{false};
};

}  // namespace quire::platform::native
