// `metal explain ID`: what a rule says.
#include <fmt/format.h>

#include <filesystem>
#include <iostream>

#include "metal/language/check.h"
#include "metal/language/parser.h"
#include "metal/main/commands.h"
#include "metal/main/rule_set.h"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace quire::metal {

namespace fs = std::filesystem;

namespace {

struct Known {
  rule::Metadata meta;
  std::string file, pack;
};

/// Every rule of every pack (or of the files named). Clang is not needed to read what a rule says.
std::vector<Known> all_rules(const std::vector<std::string>& extra) {
  std::vector<std::pair<std::string, std::string>> files;
  for (const std::string& pack : pack_names())
    for (const auto& e : fs::directory_iterator(packs_directory() + "/" + pack))
      if (e.path().extension() == ".metal") files.emplace_back(e.path().string(), pack);
  for (const std::string& f : extra) files.emplace_back(f, "");
  std::sort(files.begin(), files.end());
  std::vector<Known> out;
  for (const auto& [file, pack] : files) {
    std::ifstream in(file);
    std::stringstream text;
    text << in.rdbuf();
    rule::RuleSource source(file, text.str());
    rule::Diagnostics d;
    rule::RuleFile parsed = rule::parse_rules(source, d);
    for (const rule::Machine& m : parsed.machines)
      if (std::none_of(out.begin(), out.end(),
                       [&](const Known& k) { return k.meta.id == m.meta.id && k.file == file; }))
        out.push_back({m.meta, file, pack});
  }
  return out;
}

}  // namespace

int explain_command(const std::vector<std::string>& arguments) {
  std::string id;
  std::vector<std::string> files;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if ((arguments[i] == "--rules" || arguments[i] == "-r") && i + 1 < arguments.size())
      files.push_back(arguments[++i]);
    else if (id.empty() && !arguments[i].starts_with("-"))
      id = arguments[i];
    else
      id = "-";
  }
  if (id == "-" || (id.empty() && !arguments.empty() && files.empty())) {
    std::cerr << "usage: metal explain [ID] [--rules FILE]\n";
    return kWrongUse;
  }
  std::vector<Known> rules = all_rules(files);
  if (id.empty()) {
    for (const Known& k : rules)
      std::cout << fmt::format("{:32} {}\n", k.meta.id, k.meta.text.substr(0, k.meta.text.find('.') + 1));
    return kClean;
  }
  std::vector<std::string> ids;
  for (const Known& k : rules) {
    ids.push_back(k.meta.id);
    if (k.meta.id != id) continue;
    std::cout << k.meta.id << " (" << k.meta.severity
              << (k.meta.category.empty() ? "" : ", " + k.meta.category) << ")\n\n"
              << k.meta.text << "\n";
    if (!k.meta.example.empty()) std::cout << "\nExample:\n" << k.meta.example << "\n";
    if (!k.meta.fix.empty()) std::cout << "\nFix: " << k.meta.fix << "\n";
    if (!k.meta.false_positives.empty())
      std::cout << "\nKnown false positives: " << k.meta.false_positives << "\n";
    std::cout << "\nRule file: " << k.file << "\nTo allow one place: // metal-ok: " << id << " REASON\n";
    return kClean;
  }
  std::string near = rule::nearest_name(id, ids);
  std::cerr << fmt::format("metal explain: no rule '{}'{}\n", id,
                           near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
  return kWrongUse;
}

namespace {

std::string page(const Known& k) {
  std::string file = fs::path(k.file).filename().string();
  std::string out = fmt::format("# {}\n\n{}\n\n", k.meta.id, k.meta.text);
  out += fmt::format("Severity: {}.{}\n", k.meta.severity,
                     k.meta.category.empty() ? "" : " " + k.meta.category + ".");
  if (!k.meta.example.empty()) out += fmt::format("\nWhat it finds:\n\n```c\n{}\n```\n", k.meta.example);
  if (!k.meta.fix.empty()) out += fmt::format("\nThe fix: {}\n", k.meta.fix);
  if (!k.meta.false_positives.empty())
    out += fmt::format("\nKnown false positives: {}\n", k.meta.false_positives);
  out += fmt::format(
      "\nTo allow one place, on its line or the line above: `// metal-ok: {} REASON`.\n\nThe rule: "
      "`metal/rules/{}/{}`; firing and silent "
      "cases: `tests/metal/packs/{}`.\n",
      k.meta.id, k.pack, file, k.pack);
  return out;
}

}  // namespace

int index_command(const std::vector<std::string>& arguments) {
  if (!arguments.empty() && arguments.size() != 1) {
    std::cerr << "usage: metal index [DIR]   (with DIR: write README.md and a page for each rule there)\n";
    return kWrongUse;
  }
  std::string index = "# Rules\n\nMade from the rule files by `metal index docs/rules`; do not edit.\n", pack;
  for (const Known& k : all_rules({})) {
    if (k.meta.text.empty()) continue;  // a machine that only marks functions for another
    if (k.pack != pack) {
      pack = k.pack;
      index += "\n## " + pack + "\n\n";
    }
    index += fmt::format("- [{}]({}.md): {}\n", k.meta.id, k.meta.id, k.meta.text);
    if (!arguments.empty()) {
      std::ofstream out(arguments[0] + "/" + k.meta.id + ".md");
      out << page(k);
      if (!out.flush()) {
        std::cerr << fmt::format("metal index: cannot write to '{}'\n", arguments[0]);
        return kWrongUse;
      }
    }
  }
  if (arguments.empty()) {
    std::cout << index;
  } else {
    std::ofstream(arguments[0] + "/README.md") << index;
  }
  return kClean;
}

}  // namespace quire::metal
