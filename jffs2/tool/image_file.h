// The bytes of an image or dump, in memory.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/types.h"
#include "jffs2/tool/failure.h"

namespace quire::jffs2 {

/// Mapped where the file can be mapped, read otherwise ("-" and pipes). A file that another process
/// cuts short while it is mapped ends this one with SIGBUS; hand over files that hold still.
class ImageFile {
 public:
  static Outcome<ImageFile> open(const std::string& path);
  ~ImageFile();
  ImageFile(ImageFile&& other) noexcept;
  ImageFile& operator=(ImageFile&&) = delete;

  std::span<const u8> bytes() const { return bytes_; }

 private:
  ImageFile() = default;

  std::span<const u8> bytes_;
  bool mapped_ = false;
  std::vector<u8> read_;
};

}  // namespace quire::jffs2
