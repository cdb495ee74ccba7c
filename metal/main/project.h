// The project file, .metal.json: what a code base says about itself.
#pragma once

#include <expected>
#include <map>
#include <string>
#include <vector>

#include "base/types.h"
#include "metal/engine/limits.h"

namespace quire::metal {

struct Project {
  std::string directory;             ///< where the file lies; empty: there is none
  std::vector<std::string> rules;    ///< rule files or packs
  std::vector<std::string> exclude;  ///< files whose path holds one of these are left out
  std::vector<std::string> include_paths;
  std::vector<std::string> noreturn;
  std::map<std::string, std::string> like;  ///< a function of the project and the known one that it is like
  std::map<std::string, i64> settings;      ///< "RULE.setting" or "setting"
  Limits limits;
  std::string baseline;
};

/// Reads DIRECTORY/.metal.json, or that of the nearest directory above. No such file is an empty project;
/// a broken one is an error.
std::expected<Project, std::string> find_project(const std::string& directory);
std::expected<Project, std::string> read_project(const std::string& path);

}  // namespace quire::metal
