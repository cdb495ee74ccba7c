#include "metal/language/source.h"

#include <algorithm>

namespace quire::metal::rule {

RuleSource::RuleSource(std::string name, std::string text) : name_(std::move(name)), text_(std::move(text)) {
  line_starts_.push_back(0);
  for (u32 i = 0; i < text_.size(); ++i)
    if (text_[i] == '\n') line_starts_.push_back(i + 1);
}

LineColumn RuleSource::position(u32 offset) const {
  offset = std::min<u32>(offset, static_cast<u32>(text_.size()));
  auto it = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset) - 1;
  return {static_cast<u32>(it - line_starts_.begin()) + 1, offset - *it + 1};
}

std::string_view RuleSource::line(u32 number) const {
  if (number == 0 || number > line_starts_.size()) return {};
  u32 begin = line_starts_[number - 1];
  std::string_view rest = std::string_view(text_).substr(begin);
  return rest.substr(0, rest.find('\n'));
}

}  // namespace quire::metal::rule
