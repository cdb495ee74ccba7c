#include "metal/main/rule_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace quire::metal {

namespace fs = std::filesystem;

std::string packs_directory() {
  if (const char* e = std::getenv("METAL_RULES")) return e;
  std::error_code ec;
  if (fs::is_directory(METAL_PACKS, ec)) return METAL_PACKS;
  fs::path self = fs::read_symlink("/proc/self/exe", ec);
  return (self.parent_path() / ".." / "share" / "metal" / "rules").lexically_normal().string();
}

std::vector<std::string> pack_names() {
  std::vector<std::string> out;
  std::error_code ec;
  for (const auto& e : fs::directory_iterator(packs_directory(), ec))
    if (e.is_directory()) out.push_back(e.path().filename().string());
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::string> read_words(const std::string& path) {
  std::vector<std::string> out;
  std::ifstream in(path);
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string w;
    while (words >> w) out.push_back(w);
  }
  return out;
}

Models shipped_models() {
  Models models;
  for (const std::string& w : read_words(packs_directory() + "/noreturn.txt")) models.noreturn.insert(w);
  for (const std::string& w : read_words(packs_directory() + "/nonnull.txt")) models.nonnull.insert(w);
  return models;
}

RuleSet load_rule_set(const std::vector<std::string>& names, const RuleOptions& options, Symbols& symbols,
                      bool colour) {
  RuleSet out;
  std::error_code ec;
  for (const std::string& name : names) {
    std::string path = name;
    if (!fs::exists(path, ec)) path = packs_directory() + "/" + name;
    if (fs::is_directory(path, ec)) {
      std::vector<std::string> files;
      for (const auto& e : fs::directory_iterator(path, ec))
        if (e.path().extension() == ".metal") files.push_back(e.path().string());
      std::sort(files.begin(), files.end());
      if (files.empty()) {
        out.diagnostics += fmt::format("metal: '{}' holds no rule files\n", path);
        out.broken = true;
      }
      out.files.insert(out.files.end(), files.begin(), files.end());
    } else if (fs::exists(path, ec)) {
      out.files.push_back(path);
    } else {
      std::string packs;
      for (const std::string& p : pack_names()) packs += (packs.empty() ? "" : ", ") + p;
      out.diagnostics += fmt::format("metal: no rule file or pack '{}' (packs: {})\n", name, packs);
      out.broken = true;
    }
  }
  std::set<std::string> ids;
  for (const std::string& file : out.files) {
    LoadedRules r = load_rules(file, options, symbols, colour);
    out.diagnostics += r.diagnostics;
    out.broken = out.broken || r.broken;
    for (auto& m : r.machines) {
      // Machines of one file may share an id: they are one rule seen from two sides.
      if (ids.contains(m->ast->meta.id)) {
        out.diagnostics +=
            fmt::format("{}: error: the rule id '{}' is used in another file\n", file, m->ast->meta.id);
        out.broken = true;
      }
      out.machines.push_back(std::move(m));
    }
    for (auto& m : out.machines) ids.insert(m->ast->meta.id);
  }
  return out;
}

}  // namespace quire::metal
