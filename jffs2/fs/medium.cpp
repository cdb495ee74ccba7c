#include "jffs2/fs/medium.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace quire::jffs2 {

Result<> Medium::read(u64 offset, std::span<u8> out) {
  // An uncorrectable page is not the end: CRCs tell which nodes suffered.
  if (auto r = device_.read(offset, out); !r && r.error() != Errno(EIO)) return r;
  if (fill_ == 0 || offset >= at_ + fill_ || offset + out.size() <= at_) return {};
  u64 begin = std::max(offset, at_), end = std::min<u64>(offset + out.size(), at_ + fill_);
  std::memcpy(out.data() + (begin - offset), buffer_.data() + (begin - at_), end - begin);
  return {};
}

Result<std::span<const u8>> Medium::look(u64 offset, u32 length, std::vector<u8>& scratch) {
  bool buffered = fill_ != 0 && offset < at_ + fill_ && offset + length > at_;
  if (!buffered)
    if (auto lent = device_.view(offset, length); lent.size() == length && length != 0) return lent;
  scratch.resize(length);
  TRY_VOID(read(offset, scratch));
  return std::span<const u8>(scratch);
}

Result<> Medium::append(u64 offset, std::span<const u8> data) {
  if (page_ == 1) {
    programmed_ += data.size();
    return device_.program(offset, data);
  }
  while (!data.empty()) {
    if (fill_ == 0) at_ = offset;
    assert(at_ + fill_ == offset && at_ % page_ == 0);
    std::size_t n = std::min<std::size_t>(data.size(), page_ - fill_);
    std::memcpy(buffer_.data() + fill_, data.data(), n);
    fill_ += static_cast<u32>(n);
    offset += n;
    data = data.subspan(n);
    if (fill_ == page_) {
      programmed_ += page_;
      TRY_VOID(device_.program(at_, buffer_));
      fill_ = 0;
    }
  }
  return {};
}

}  // namespace quire::jffs2
