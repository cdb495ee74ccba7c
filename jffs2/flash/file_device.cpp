#include "jffs2/flash/file_device.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/range.h"
#include "jffs2/flash/erased.h"

namespace quire::jffs2 {
namespace {

constexpr u32 kUnknownPage = ~0u;

/// A file descriptor that closes itself.
class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(File&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  File& operator=(File&&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

/// Where pages and their OOB lie in the file, and how long it must be.
struct Layout {
  Geometry geometry;
  u64 file_offset = 0;
  u32 stride = 0;  ///< bytes a page takes in the file; 0: pages are contiguous

  u64 file_size() const {
    u64 data = geometry.size();
    return file_offset + (stride == 0 ? data : data / geometry.page_size * stride);
  }
  u64 at(u64 offset) const {
    if (stride == 0) return file_offset + offset;
    return file_offset + offset / geometry.page_size * stride + offset % geometry.page_size;
  }
};

class FileDevice final : public FlashDevice {
 public:
  FileDevice(File file, const Layout& layout, u8* base, u64 mapped, u64 file_size, bool read_only,
             bool durable)
      : file_(std::move(file)),
        layout_(layout),
        base_(base),
        mapped_(mapped),
        file_size_(file_size),
        read_only_(read_only),
        durable_(durable) {
    if (layout_.geometry.is_nand()) next_page_.assign(layout_.geometry.block_count, kUnknownPage);
  }
  ~FileDevice() override {
    if (base_ != nullptr) munmap(base_, mapped_);
  }

  const Geometry& geometry() const override { return layout_.geometry; }
  bool read_only() const override { return read_only_; }

  Result<> read(u64 offset, std::span<u8> out) override {
    if (!inside(offset, out.size())) return err(EINVAL);
    while (!out.empty()) {
      std::size_t n = out.size();
      if (layout_.stride != 0) n = std::min<std::size_t>(n, page() - offset % page());
      read_file(layout_.at(offset), out.first(n));
      offset += n;
      out = out.subspan(n);
    }
    return {};
  }

  std::span<const u8> view(u64 offset, u32 length) override {
    if (layout_.stride != 0 || !inside(offset, length) || layout_.at(offset) + length > file_size_) return {};
    return {base_ + layout_.at(offset), length};
  }

  Result<> program(u64 offset, std::span<const u8> data) override {
    if (read_only_) return err(EROFS);
    if (!inside(offset, data.size())) return err(EINVAL);
    if (!geo().is_nand()) return clear_bits(base_ + layout_.at(offset), data);
    if (offset % page() != 0 || data.size() % page() != 0) return err(EINVAL);
    for (std::size_t done = 0; done < data.size(); done += page())
      TRY_VOID(program_page(offset + done, data.subspan(done, page())));
    return {};
  }

  Result<> erase(BlockIndex block) override {
    if (read_only_) return err(EROFS);
    if (block.value() >= geo().block_count) return err(EINVAL);
    if (is_bad(block)) return err(EIO);
    u64 start = layout_.at(geo().block_start(block));
    u64 length = layout_.stride == 0 ? geo().erase_size : u64{geo().erase_size} / page() * layout_.stride;
    std::memset(base_ + start, 0xFF, length);
    if (geo().is_nand()) next_page_[block.value()] = 0;
    return {};
  }

  Result<> read_oob(u64 page_offset, u32 oob_offset, std::span<u8> out) override {
    u64 at = TRY(oob_at(page_offset, oob_offset, out.size()));
    read_file(at, out);
    return {};
  }

  Result<> program_oob(u64 page_offset, u32 oob_offset, std::span<const u8> data) override {
    if (read_only_) return err(EROFS);
    u64 at = TRY(oob_at(page_offset, oob_offset, data.size()));
    return clear_bits(base_ + at, data);
  }

  bool is_bad(BlockIndex block) override {
    if (geo().oob_size == 0 || block.value() >= geo().block_count) return false;
    // The mark is in the first or, with some makers, the second page.
    for (u32 p = 0; p < 2 && p * page() < geo().erase_size; p++) {
      u8 mark = 0xFF;
      if (!read_oob(geo().block_start(block) + u64{p} * page(), 0, {&mark, 1}) || mark != 0xFF) return true;
    }
    return false;
  }

  Result<> mark_bad(BlockIndex block) override {
    if (geo().oob_size == 0) return err(ENOTSUP);
    const u8 mark = 0;
    return program_oob(geo().block_start(block), 0, {&mark, 1});
  }

  Result<> sync() override {
    if (read_only_ || !durable_) return {};
    if (msync(base_, mapped_, MS_SYNC) != 0 || fdatasync(file_.get()) != 0) return err(Errno::last());
    return {};
  }

 private:
  const Geometry& geo() const { return layout_.geometry; }
  u32 page() const { return layout_.geometry.page_size; }
  bool inside(u64 offset, u64 length) const {
    return offset <= geo().size() && length <= geo().size() - offset;
  }

  /// Bytes of the file; past its end it reads as erased.
  void read_file(u64 at, std::span<u8> out) const {
    std::size_t have = at >= file_size_ ? 0 : std::min<u64>(out.size(), file_size_ - at);
    if (have != 0) std::memcpy(out.data(), base_ + at, have);
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(have), out.end(), u8{0xFF});
  }

  static Result<> clear_bits(u8* to, std::span<const u8> data) {
    for (std::size_t i = 0; i < data.size(); i++)
      if ((to[i] & data[i]) != data[i]) return err(EINVAL);
    if (!data.empty()) std::memcpy(to, data.data(), data.size());
    return {};
  }

  Result<u64> oob_at(u64 page_offset, u32 oob_offset, std::size_t length) const {
    if (geo().oob_size == 0) return err(ENOTSUP);
    if (page_offset % page() != 0 || !inside(page_offset, page()) || oob_offset > geo().oob_size ||
        length > geo().oob_size - oob_offset)
      return err(EINVAL);
    return layout_.at(page_offset) + page() + oob_offset;
  }

  /// Pages are programmed once each and in order.
  Result<> program_page(u64 offset, std::span<const u8> data) {
    BlockIndex block = geo().block_of(offset);
    u32& next = next_page_[block.value()];
    if (next == kUnknownPage) next = first_free_page(block);
    u32 index = static_cast<u32>(offset % geo().erase_size / page());
    if (index < next) return err(EINVAL);
    next = index + 1;
    return clear_bits(base_ + layout_.at(offset), data);
  }
  u32 first_free_page(BlockIndex block) const {
    u32 pages = geo().erase_size / page();
    while (pages != 0) {
      u64 at = layout_.at(geo().block_start(block) + u64{pages - 1} * page());
      if (!is_erased({base_ + at, page()})) break;
      pages--;
    }
    return pages;
  }

  File file_;
  Layout layout_;
  u8* base_;
  u64 mapped_;
  u64 file_size_;
  bool read_only_;
  bool durable_;
  std::vector<u32> next_page_;  ///< NAND: first page of each block that may be programmed
};

Result<Layout> layout_for(const FileDeviceOptions& o, u64 file_size) {
  bool nand = o.page_size > 1;
  if (o.erase_size == 0 || o.erase_size % 4 != 0 || o.page_size == 0 || o.erase_size % o.page_size != 0)
    return err(EINVAL);
  if (o.oob_in_file && (!nand || o.oob_size == 0)) return err(EINVAL);
  Layout l;
  l.file_offset = o.file_offset;
  l.stride = o.oob_in_file ? o.page_size + o.oob_size : 0;
  u64 size = o.size;
  if (size == 0) {
    u64 in_file = file_size > o.file_offset ? file_size - o.file_offset : 0;
    size = l.stride == 0 ? in_file : (in_file + l.stride - 1) / l.stride * o.page_size;
  }
  u64 blocks = (size + o.erase_size - 1) / o.erase_size;
  if (blocks == 0) return err(EINVAL);
  if (blocks * o.erase_size > (u64{1} << 32) - o.erase_size) return err(EFBIG);
  l.geometry.erase_size = o.erase_size;
  l.geometry.block_count = static_cast<u32>(blocks);
  l.geometry.page_size = o.page_size;
  if (o.oob_in_file) {
    l.geometry.oob_size = o.oob_size;
    l.geometry.oob_free_offset = std::min(2u, o.oob_size);
    l.geometry.oob_free_size = l.geometry.oob_size - l.geometry.oob_free_offset;
  }
  return l;
}

/// Lengthens the file to `size`, erased.
Result<> extend(int fd, u64 from, u64 size) {
  std::vector<u8> ones(65536, 0xFF);
  while (from < size) {
    ssize_t n = pwrite(fd, ones.data(), std::min<u64>(ones.size(), size - from), static_cast<off_t>(from));
    if (n < 0) return err(Errno::last());
    from += static_cast<u64>(n);
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<FlashDevice>> open_file_device(const std::string& path,
                                                      const FileDeviceOptions& options) {
  bool writing = !options.read_only || options.create;
  int flags = (writing ? O_RDWR : O_RDONLY) | O_CLOEXEC | (options.create ? O_CREAT : 0);
  File file(::open(path.c_str(), flags, 0666));
  if (file.get() < 0) return err(Errno::last());
  if (writing && flock(file.get(), LOCK_EX | LOCK_NB) != 0) return err(EBUSY);
  struct stat st;
  if (fstat(file.get(), &st) != 0) return err(Errno::last());
  if (!S_ISREG(st.st_mode)) return err(EINVAL);
  u64 size = static_cast<u64>(st.st_size);
  if (options.create) {
    if (options.size == 0) return err(EINVAL);
    if (ftruncate(file.get(), 0) != 0) return err(Errno::last());
    size = 0;
  }
  Layout layout = TRY(layout_for(options, size));
  if (writing && size < layout.file_size()) {
    TRY_VOID(extend(file.get(), size, layout.file_size()));
    size = layout.file_size();
  }
  u8* base = nullptr;
  u64 mapped = std::min(size, layout.file_size());
  if (mapped != 0) {
    void* p = mmap(nullptr, mapped, PROT_READ | (writing ? PROT_WRITE : 0), MAP_SHARED, file.get(), 0);
    if (p == MAP_FAILED) return err(Errno::last());
    base = static_cast<u8*>(p);
  }
  return std::make_unique<FileDevice>(std::move(file), layout, base, mapped, mapped, !writing,
                                      options.durable);
}

}  // namespace quire::jffs2
