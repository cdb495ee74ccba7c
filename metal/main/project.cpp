#include "metal/main/project.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace quire::metal {

namespace {

/// What is wrong with an object of bounds; empty: nothing, and they are in `to`.
std::string read_limits(const nlohmann::json& from, Limits& to) {
  if (!from.is_object()) return "is no object of bounds";
  for (const auto& [name, value] : from.items()) {
    const auto* known = std::find_if(kLimitNames.begin(), kLimitNames.end(),
                                     [&, &wanted = name](const LimitName& l) { return l.name == wanted; });
    if (known == kLimitNames.end()) {
      std::string names;
      for (const LimitName& l : kLimitNames) names += fmt::format("{}{}", names.empty() ? "" : ", ", l.name);
      return fmt::format("has no bound '{}' ({})", name, names);
    }
    if (!value.is_number_integer() || value < 1 || value > known->most)
      return fmt::format("has {} for '{}', which takes a number from 1 to {}", value.dump(), name,
                         known->most);
    to.*known->bound = value.get<u32>();
  }
  return {};
}

}  // namespace

std::expected<Project, std::string> read_project(const std::string& path) {
  std::ifstream in(path);
  if (!in) return std::unexpected(fmt::format("cannot read '{}'", path));
  nlohmann::json j = nlohmann::json::parse(in, nullptr, false, true);
  if (!j.is_object()) return std::unexpected(fmt::format("'{}' is not a JSON object", path));
  Project p;
  p.directory = std::filesystem::path(path).parent_path().string();
  auto strings = [&](const nlohmann::json& v, std::vector<std::string>& to) {
    if (!v.is_array()) return false;
    for (const auto& s : v) {
      if (!s.is_string()) return false;
      to.push_back(s.get<std::string>());
    }
    return true;
  };
  for (const auto& [key, value] : j.items()) {
    bool good = true;
    if (key == "rules") {
      good = strings(value, p.rules);
    } else if (key == "exclude") {
      good = strings(value, p.exclude);
    } else if (key == "include") {
      good = strings(value, p.include_paths);
    } else if (key == "noreturn") {
      good = strings(value, p.noreturn);
    } else if (key == "baseline") {
      good = value.is_string();
      if (good) p.baseline = value.get<std::string>();
    } else if (key == "like") {
      good = value.is_object();
      if (good)
        for (const auto& [name, v] : value.items()) {
          good = good && v.is_string();
          if (v.is_string()) p.like[name] = v.get<std::string>();
        }
    } else if (key == "settings") {
      good = value.is_object();
      if (good)
        for (const auto& [name, v] : value.items()) {
          good = good && v.is_number_integer();
          if (v.is_number_integer()) p.settings[name] = v.get<i64>();
        }
    } else if (key == "limits") {
      if (std::string wrong = read_limits(value, p.limits); !wrong.empty())
        return std::unexpected(fmt::format("{}: 'limits' {}", path, wrong));
    } else {
      return std::unexpected(fmt::format(
          "{}: unknown key '{}' (rules, exclude, include, noreturn, like, settings, limits, baseline)", path,
          key));
    }
    if (!good) return std::unexpected(fmt::format("{}: '{}' has a value of the wrong kind", path, key));
  }
  auto absolute = [&](std::string& s) {
    if (!s.empty() && s[0] != '/') s = p.directory + "/" + s;
  };
  for (std::string& s : p.rules)
    if (s.ends_with(".metal")) absolute(s);
  for (std::string& s : p.include_paths) absolute(s);
  absolute(p.baseline);
  return p;
}

std::expected<Project, std::string> find_project(const std::string& directory) {
  std::error_code ec;
  std::filesystem::path at = std::filesystem::absolute(directory, ec);
  for (;;) {
    std::filesystem::path file = at / ".metal.json";
    if (std::filesystem::exists(file, ec)) return read_project(file.string());
    if (!at.has_parent_path() || at == at.parent_path()) return Project{};
    at = at.parent_path();
  }
}

}  // namespace quire::metal
