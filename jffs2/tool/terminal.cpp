#include "jffs2/tool/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

namespace quire::jffs2 {

bool colours_wanted() {
  static const bool wanted = ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  return wanted;
}

std::string colour(Colour c, const std::string& text) {
  if (c == Colour::plain || !colours_wanted()) return text;
  return fmt::format("\033[{}m{}\033[0m", static_cast<int>(c), text);
}

std::string human_size(u64 bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  constexpr const char* units[] = {"KiB", "MiB", "GiB", "TiB"};
  double v = static_cast<double>(bytes) / 1024;
  int unit = 0;
  while (v >= 1024 && unit < 3) {
    v /= 1024;
    unit++;
  }
  return fmt::format("{:.1f} {}", v, units[unit]);
}

}  // namespace quire::jffs2
