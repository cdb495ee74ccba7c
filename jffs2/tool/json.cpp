#include "jffs2/tool/json.h"

#include <fmt/format.h>

#include <cstdio>

namespace quire::jffs2 {

std::string json_text(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string hex(std::string_view raw) {
  std::string out;
  for (unsigned char c : raw) out += fmt::format("{:02x}", c);
  return out;
}

void set_bytes(Json& object, const std::string& key, std::string_view raw) {
  object[key] = raw;
  // What dump() had to replace does not come back the same.
  Json alone = raw;
  if (json_text(alone) != alone.dump(-1, ' ', false, Json::error_handler_t::ignore) ||
      json_text(alone).find("\xEF\xBF\xBD") != std::string::npos)
    object[key + "_hex"] = hex(raw);
}

JsonLines::JsonLines(bool enabled) : enabled_(enabled) {
  if (enabled_) std::fputs("[", stdout);
}
JsonLines::~JsonLines() {
  if (enabled_) std::fputs("\n]\n", stdout);
}
void JsonLines::add(const Json& element) {
  std::fputs(first_ ? "\n" : ",\n", stdout);
  first_ = false;
  std::fputs(json_text(element).c_str(), stdout);
}

}  // namespace quire::jffs2
