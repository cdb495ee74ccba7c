// Prints what a tree holds, one line an entry, in an order that does not depend on the directory:
//
//   path  type  mode  uid  gid  size  mtime  nlink  major:minor  crc32  target  name=value,...
//
// Fields are separated by tabs; bytes outside printable ASCII, '%', ',' and '=' are written %XX. The
// same program runs inside the judge's kernel (linked statically) and on the host, so that a tree
// seen through Linux's JFFS2 and one that we extracted can be compared as text.
//
//   usage: manifest DIR
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "tests/jffs2/judge/manifest_format.h"

namespace {

using namespace manifest;

// The contents' CRC, or the error met while reading them.
std::string contents(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return std::string("!") + strerrorname_np(errno);
  static std::array<unsigned char, 1 << 16> buffer;
  std::uint32_t crc = 0;
  std::string result;
  while (true) {
    ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n == 0) break;
    if (n < 0) {
      result = std::string("!") + strerrorname_np(errno);
      break;
    }
    crc = crc32(crc, buffer.data(), static_cast<std::size_t>(n));
  }
  ::close(fd);
  if (!result.empty()) return result;
  std::array<char, 9> hex{};
  std::snprintf(hex.data(), hex.size(), "%08x", crc);
  return hex.data();
}

std::string xattrs(const std::string& path) {
  std::vector<char> names(65536);
  ssize_t n = ::llistxattr(path.c_str(), names.data(), names.size());
  if (n <= 0) return "-";
  std::vector<std::string> found;
  for (ssize_t at = 0; at < n;) {
    std::string name = names.data() + at;
    at += static_cast<ssize_t>(name.size()) + 1;
    std::vector<char> value(65536);
    ssize_t size = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    if (size < 0) continue;
    found.push_back(escaped(name) + "=" +
                    escaped(std::string_view(value.data(), static_cast<std::size_t>(size))));
  }
  return joined(std::move(found));
}

void print_entry(const std::string& path, const std::string& shown) {
  struct stat st{};
  if (::lstat(path.c_str(), &st) != 0) {
    std::printf("%s\t!%s\n", escaped(shown).c_str(), strerrorname_np(errno));
    return;
  }
  std::string device = "-", crc = "-", target = "-";
  if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
    device = std::to_string(major(st.st_rdev)) + ":" + std::to_string(minor(st.st_rdev));
  if (S_ISREG(st.st_mode)) crc = contents(path);
  if (S_ISLNK(st.st_mode)) {
    std::array<char, 8192> buffer{};
    ssize_t n = ::readlink(path.c_str(), buffer.data(), buffer.size());
    target = n < 0 ? std::string("!") + strerrorname_np(errno)
                   : escaped(std::string_view(buffer.data(), static_cast<std::size_t>(n)));
  }
  print({.path = shown,
         .type = type_letter(st.st_mode),
         .mode = st.st_mode & 07777,
         .uid = st.st_uid,
         .gid = st.st_gid,
         .size = static_cast<std::uint64_t>(st.st_size),
         .mtime = st.st_mtime,
         .links = st.st_nlink,
         .device = device,
         .crc = crc,
         .target = target,
         .xattrs = xattrs(path)});
}

void walk(const std::string& path, const std::string& shown) {
  print_entry(path, shown.empty() ? "." : shown);
  struct stat st{};
  if (::lstat(path.c_str(), &st) != 0 || !S_ISDIR(st.st_mode)) return;
  DIR* dir = ::opendir(path.c_str());
  if (dir == nullptr) {
    std::printf("%s\t!%s\n", escaped(shown).c_str(), strerrorname_np(errno));
    return;
  }
  std::vector<std::string> names;
  while (const dirent* e = ::readdir(dir)) {
    std::string name = e->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  ::closedir(dir);
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) walk(path + "/" + name, shown.empty() ? name : shown + "/" + name);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: manifest DIR\n", stderr);
    return 2;
  }
  walk(argv[1], "");
  return 0;
}
