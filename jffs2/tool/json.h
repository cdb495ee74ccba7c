// JSON for scripts. Names on flash are bytes, JSON's strings are Unicode: a name that is not UTF-8 is
// given with replacement characters and, exactly, as hex beside it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/types.h"

namespace quire::jffs2 {

using Json = nlohmann::ordered_json;

/// One line of text.
std::string json_text(const Json& value);

/// Sets object[key] = raw, and object[key + "_hex"] when raw is not UTF-8.
void set_bytes(Json& object, const std::string& key, std::string_view raw);

std::string hex(std::string_view raw);

/// Prints a JSON array an element a line, so that a long one is never in memory whole.
class JsonLines {
 public:
  explicit JsonLines(bool enabled);
  ~JsonLines();
  JsonLines(const JsonLines&) = delete;
  JsonLines& operator=(const JsonLines&) = delete;
  void add(const Json& element);

 private:
  bool enabled_;
  bool first_ = true;
};

}  // namespace quire::jffs2
