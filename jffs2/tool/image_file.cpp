#include "jffs2/tool/image_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace quire::jffs2 {

namespace {

constexpr std::size_t kMaxPipe = std::size_t{8} << 30;

Status read_all(int fd, const std::string& path, std::vector<u8>& out) {
  std::size_t filled = 0;
  while (true) {
    if (out.size() - filled < 65536) out.resize(out.size() * 2 + 65536);
    ssize_t n = ::read(fd, out.data() + filled, out.size() - filled);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(path, Errno::last());
    if (n == 0) break;
    filled += static_cast<std::size_t>(n);
    if (filled > kMaxPipe) return fail(path + ": larger than 8 GiB");
  }
  out.resize(filled);
  return {};
}

}  // namespace

ImageFile::ImageFile(ImageFile&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})),
      mapped_(std::exchange(other.mapped_, false)),
      read_(std::move(other.read_)) {}

ImageFile::~ImageFile() {
  if (mapped_) ::munmap(const_cast<u8*>(bytes_.data()), bytes_.size());
}

Outcome<ImageFile> ImageFile::open(const std::string& path) {
  ImageFile file;
  int fd = path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(path, Errno::last());
  struct stat st{};
  Status status;
  if (::fstat(fd, &st) != 0) {
    status = fail(path, Errno::last());
  } else if (S_ISDIR(st.st_mode)) {
    status = fail(path, Errno(EISDIR));
  } else {
    u64 size = static_cast<u64>(st.st_size);
    if (S_ISBLK(st.st_mode)) size = static_cast<u64>(::lseek(fd, 0, SEEK_END));
    void* p = size > 0 ? ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    if (p != MAP_FAILED) {
      file.mapped_ = true;
      file.bytes_ = {static_cast<const u8*>(p), size};
    } else if (!S_ISREG(st.st_mode) || size > 0) {
      status = read_all(fd, path, file.read_);
      file.bytes_ = file.read_;
    }
  }
  if (fd != STDIN_FILENO) ::close(fd);
  if (!status) return std::unexpected(status.error());
  return file;
}

}  // namespace quire::jffs2
