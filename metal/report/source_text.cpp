#include "metal/report/source_text.h"

#include <fstream>

namespace quire::metal {
namespace {
constexpr std::size_t kMaxLines = 2'000'000;
}

const std::vector<std::string>& SourceText::lines(const std::string& file) {
  auto [it, fresh] = files_.try_emplace(file);
  if (fresh) {
    std::ifstream in(file, std::ios::binary);
    std::string line;
    while (it->second.size() < kMaxLines && std::getline(in, line)) it->second.push_back(line);
  }
  return it->second;
}

std::string_view SourceText::line(const std::string& file, u32 number) {
  const auto& all = lines(file);
  return number >= 1 && number <= all.size() ? std::string_view(all[number - 1]) : std::string_view();
}

std::string shown_path(const std::string& path, const std::string& base) {
  if (base.empty() || !path.starts_with(base)) return path;
  std::string_view rest = std::string_view(path).substr(base.size());
  if (base.back() != '/') {
    if (!rest.starts_with("/")) return path;
    rest.remove_prefix(1);
  }
  return std::string(rest);
}

}  // namespace quire::metal
