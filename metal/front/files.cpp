#include "metal/front/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace quire::metal {

namespace {

/// A descriptor that closes itself.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

Result<> write_all(int fd, const std::string& bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const ssize_t n = write(fd, bytes.data() + at, bytes.size() - at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return err(errno);
    at += static_cast<std::size_t>(n);
  }
  return {};
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return err(errno);
  struct stat st{};
  if (fstat(fd.get(), &st) != 0) return err(errno);
  if (!S_ISREG(st.st_mode)) return err(EINVAL);
  if (static_cast<u64>(st.st_size) > limit) return err(EFBIG);
  std::string bytes(static_cast<std::size_t>(st.st_size), '\0');
  std::size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t n = read(fd.get(), bytes.data() + at, bytes.size() - at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return err(errno);
    if (n == 0) break;
    at += static_cast<std::size_t>(n);
  }
  bytes.resize(at);
  return bytes;
}

Result<> write_file_atomically(const std::string& path, const std::string& bytes) {
  std::string aside = path + ".XXXXXX";
  const Fd fd(mkostemp(aside.data(), O_CLOEXEC));
  if (fd.get() < 0) return err(errno);
  auto written = write_all(fd.get(), bytes);
  // mkostemp makes files that only the owner can read: others may share the directory.
  if (written && fchmod(fd.get(), 0644) != 0) written = err(errno);
  if (written && rename(aside.c_str(), path.c_str()) != 0) written = err(errno);
  if (!written) unlink(aside.c_str());
  return written;
}

}  // namespace quire::metal
