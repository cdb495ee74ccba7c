#include "jffs2/tool/printable.h"

#include <fmt/format.h>

namespace quire::jffs2 {

std::string printable(std::string_view raw) {
  std::string out;
  for (std::size_t i = 0; i < raw.size();) {
    unsigned char c = static_cast<unsigned char>(raw[i]);
    // Well-formed UTF-8 goes through; a terminal's control bytes, C1 ones too, do not.
    std::size_t length = c < 0x80                ? 1
                         : c >= 0xC2 && c < 0xE0 ? 2
                         : c >= 0xE0 && c < 0xF0 ? 3
                         : c >= 0xF0 && c < 0xF5 ? 4
                                                 : 0;
    bool sound = length != 0 && i + length <= raw.size();
    for (std::size_t k = 1; sound && k < length; k++)
      sound = (static_cast<unsigned char>(raw[i + k]) & 0xC0) == 0x80;
    if (sound && length == 1) sound = c >= 0x20 && c != 0x7F && c != '\\';
    if (sound && length == 2) sound = c != 0xC2 || static_cast<unsigned char>(raw[i + 1]) >= 0xA0;
    if (sound) {
      out += raw.substr(i, length);
      i += length;
    } else {
      out += c == '\\' ? "\\\\" : fmt::format("\\x{:02x}", c);
      i++;
    }
  }
  return out;
}

}  // namespace quire::jffs2
