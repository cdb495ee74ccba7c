#include "jffs2/tool/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

namespace quire::jffs2 {

OutputFile::OutputFile(OutputFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})) {}

OutputFile::~OutputFile() {
  if (fd_ >= 0 && fd_ != STDOUT_FILENO) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Outcome<OutputFile> OutputFile::create(const std::string& path) {
  OutputFile file;
  file.path_ = path;
  struct stat st{};
  if (path == "-") {
    file.fd_ = STDOUT_FILENO;
  } else if (::stat(path.c_str(), &st) == 0 && !S_ISREG(st.st_mode)) {
    file.fd_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  } else {
    file.temporary_ = path + ".XXXXXX";
    file.fd_ = ::mkostemp(file.temporary_.data(), O_CLOEXEC);
    if (file.fd_ < 0) file.temporary_.clear();
    // mkostemp makes it private; give it what open() would have.
    mode_t mask = ::umask(0);
    ::umask(mask);
    if (file.fd_ >= 0 && ::fchmod(file.fd_, 0666 & ~mask) != 0) return fail(path, Errno::last());
  }
  if (file.fd_ < 0) return fail(path, Errno::last());
  return file;
}

Status OutputFile::write(std::span<const u8> bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(path_, Errno::last());
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

Status OutputFile::commit() {
  if (temporary_.empty()) return {};
  int fd = std::exchange(fd_, -1);
  if (::close(fd) != 0) return fail(path_, Errno::last());
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return fail(path_, Errno::last());
  temporary_.clear();
  return {};
}

}  // namespace quire::jffs2
