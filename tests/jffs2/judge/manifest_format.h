// The form of a manifest, shared by the program that walks a mounted tree and those that walk a
// FileSystem. Links nothing but libc, for the guest's sake.
#pragma once

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace manifest {

inline std::string escaped(std::string_view raw) {
  std::string out;
  for (unsigned char c : raw) {
    if (c > 0x20 && c < 0x7f && c != '%' && c != ',' && c != '=') {
      out += static_cast<char>(c);
    } else {
      std::array<char, 4> hex{};
      std::snprintf(hex.data(), hex.size(), "%%%02X", c);
      out += hex.data();
    }
  }
  return out;
}

inline char type_letter(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return 'd';
    case S_IFLNK:
      return 'l';
    case S_IFCHR:
      return 'c';
    case S_IFBLK:
      return 'b';
    case S_IFIFO:
      return 'p';
    case S_IFSOCK:
      return 's';
    default:
      return 'f';
  }
}

// zlib's CRC-32, by table.
inline std::uint32_t crc32(std::uint32_t crc, const unsigned char* p, std::size_t n) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> t{};
    for (std::uint32_t i = 0; i < 256; i++) {
      std::uint32_t c = i;
      for (int k = 0; k < 8; k++) c = (c & 1) != 0 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
      t[i] = c;
    }
    return t;
  }();
  crc = ~crc;
  for (std::size_t i = 0; i < n; i++) crc = table[(crc ^ p[i]) & 0xff] ^ (crc >> 8);
  return ~crc;
}

/// One line; texts are escaped already but for the path.
struct Entry {
  std::string path;
  char type = '?';
  unsigned mode = 0;
  unsigned uid = 0;
  unsigned gid = 0;
  std::uint64_t size = 0;
  long long mtime = 0;
  unsigned long links = 0;
  std::string device = "-";
  std::string crc = "-";
  std::string target = "-";
  std::string xattrs = "-";
};

inline void print(const Entry& e, std::FILE* to = stdout) {
  // A directory's size and link count are the file system's own business.
  std::uint64_t size = e.type == 'f' || e.type == 'l' ? e.size : 0;
  unsigned long links = e.type == 'd' ? 0 : e.links;
  std::fprintf(to, "%s\t%c\t%04o\t%u\t%u\t%llu\t%lld\t%lu\t%s\t%s\t%s\t%s\n", escaped(e.path).c_str(), e.type,
               e.mode, e.uid, e.gid, static_cast<unsigned long long>(size), e.mtime, links, e.device.c_str(),
               e.crc.c_str(), e.target.c_str(), e.xattrs.c_str());
}

/// "name=value" pairs, sorted and joined.
inline std::string joined(std::vector<std::string> pairs) {
  std::sort(pairs.begin(), pairs.end());
  std::string all;
  for (const std::string& x : pairs) all += (all.empty() ? "" : ",") + x;
  return all.empty() ? "-" : all;
}

}  // namespace manifest
