// `metal test DIR`: rules against sources that say what is to be found in them.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>

#include "metal/main/analysis.h"
#include "metal/main/commands.h"

namespace quire::metal {

namespace fs = std::filesystem;

namespace {

struct Case {
  std::string name;
  std::vector<std::string> files;
  std::vector<std::string> rules;
};

bool is_source(const fs::path& p) {
  std::string e = p.extension().string();
  return e == ".c" || e == ".cc" || e == ".cpp" || e == ".cxx";
}

/// Words after `key:` in the comments of a file's first lines.
std::vector<std::string> header_words(const std::string& file, const std::string& key) {
  std::vector<std::string> out;
  std::ifstream in(file);
  std::string line;
  for (int i = 0; i < 10 && std::getline(in, line); ++i) {
    std::size_t at = line.find("// " + key + ":");
    if (at == std::string::npos) continue;
    std::istringstream words(line.substr(at + key.size() + 4));
    std::string w;
    while (words >> w) out.push_back(w);
  }
  return out;
}

void collect(const fs::path& dir, std::vector<std::string> rules, std::vector<Case>& cases) {
  if (fs::exists(dir / "rules")) {
    rules.clear();
    for (const std::string& w : read_words((dir / "rules").string()))
      rules.push_back(w.ends_with(".metal") ? (dir / w).lexically_normal().string() : w);
  }
  std::vector<fs::path> entries;
  for (const auto& e : fs::directory_iterator(dir)) entries.push_back(e.path());
  std::sort(entries.begin(), entries.end());
  for (const fs::path& p : entries) {
    if (fs::is_directory(p) && p.extension() == ".case") {
      Case c;
      c.name = p.string();
      c.rules = rules;
      for (const auto& e : fs::directory_iterator(p))
        if (is_source(e.path())) c.files.push_back(fs::absolute(e.path()).lexically_normal().string());
      std::sort(c.files.begin(), c.files.end());
      cases.push_back(std::move(c));
    } else if (fs::is_directory(p)) {
      collect(p, rules, cases);
    } else if (is_source(p)) {
      cases.push_back({p.string(), {fs::absolute(p).lexically_normal().string()}, rules});
    }
  }
}

using Where = std::tuple<std::string, u32, std::string>;  // file, line, rule

std::map<Where, u32> expectations(const std::vector<std::string>& files) {
  std::map<Where, u32> out;
  for (const std::string& file : files) {
    std::ifstream in(file);
    std::string line;
    for (u32 n = 1; std::getline(in, line); ++n) {
      std::size_t at = line.find("expect:");
      if (at == std::string::npos) continue;
      std::istringstream words(line.substr(at + 7));
      std::string w;
      while (words >> w && w != "*/") ++out[{file, n, w}];
    }
  }
  return out;
}

struct Verdict {
  std::string text;  ///< empty: as expected
  u32 expected = 0;
};

Verdict judge(const Case& c, const RuleSet& rules, Symbols& symbols, const RunOptions& run) {
  AnalysisOptions options;
  options.run = run;
  for (const std::string& w : header_words(c.files.front(), "noreturn"))
    options.run.models.noreturn.insert(w);
  for (const std::string& w : header_words(c.files.front(), "mode"))
    if (w == "intra") options.run.limits.intra = true;
  for (const std::string& f : c.files) {
    std::vector<std::string> flags = header_words(f, "flags");
    if (flags.empty()) flags = {f.ends_with(".c") ? "-std=gnu11" : "-std=c++20"};
    flags.emplace_back("-w");
    options.commands.push_back({fs::path(f).parent_path().string(), f, flags});
  }
  Analysis a = analyse(options, rules, symbols);
  Verdict v;
  for (const std::string& p : a.problems) v.text += "  problem: " + p + "\n";
  std::map<Where, u32> wanted = expectations(c.files);
  for (const auto& [w, n] : wanted) v.expected += n;
  for (const Finding& f : a.result.findings) {
    auto it = wanted.find({f.at.file, f.at.line, f.rule});
    if (it != wanted.end() && it->second > 0) {
      --it->second;
      continue;
    }
    v.text += fmt::format("  not expected: {}:{}: {} [{}]\n", f.at.file, f.at.line, f.message, f.rule);
  }
  for (const auto& [w, n] : wanted)
    if (n > 0)
      v.text += fmt::format("  not found: {}:{}: [{}]\n", std::get<0>(w), std::get<1>(w), std::get<2>(w));
  return v;
}

}  // namespace

int test_command(const std::vector<std::string>& arguments) {
  std::vector<std::string> dirs, rule_names;
  bool verbose = false;
  u32 jobs = std::max(1u, std::thread::hardware_concurrency());
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& a = arguments[i];
    if ((a == "--rules" || a == "-r") && i + 1 < arguments.size()) {
      rule_names.push_back(arguments[++i]);
    } else if (a == "-v") {
      verbose = true;
    } else if (a == "-j" && i + 1 < arguments.size()) {
      jobs = static_cast<u32>(std::clamp(std::atoi(arguments[++i].c_str()), 1, 1024));
    } else if (a.starts_with("-")) {
      std::cerr << "usage: metal test DIR... [--rules FILE|PACK] [-j N] [-v]\n";
      return kWrongUse;
    } else {
      dirs.push_back(a);
    }
  }
  if (dirs.empty()) {
    std::cerr << "usage: metal test DIR... [--rules FILE|PACK] [-j N] [-v]\n";
    return kWrongUse;
  }
  std::vector<Case> cases;
  for (const std::string& d : dirs) {
    if (!fs::is_directory(d)) {
      std::cerr << fmt::format("metal test: '{}' is not a directory\n", d);
      return kWrongUse;
    }
    collect(d, rule_names, cases);
  }
  Symbols symbols;
  std::map<std::vector<std::string>, RuleSet> sets;
  for (const Case& c : cases) {
    auto [it, fresh] = sets.try_emplace(c.rules);
    if (!fresh) continue;
    if (c.rules.empty()) {
      std::cerr << fmt::format(
          "metal test: no rules for {} (a file named 'rules' beside the cases lists them)\n", c.name);
      return kWrongUse;
    }
    RuleOptions options;
    it->second = load_rule_set(c.rules, options, symbols, false);
    std::cerr << it->second.diagnostics;
    if (it->second.broken) return kWrongUse;
  }
  RunOptions run;
  run.models = shipped_models();
  std::vector<Verdict> verdicts(cases.size());
  std::atomic<std::size_t> next{0};
  auto work = [&] {
    for (std::size_t i; (i = next.fetch_add(1)) < cases.size();)
      if (!cases[i].files.empty()) verdicts[i] = judge(cases[i], sets[cases[i].rules], symbols, run);
  };
  {
    std::vector<std::thread> helpers;
    for (u32 t = 1; t < jobs; ++t) helpers.emplace_back(work);
    work();
    for (std::thread& t : helpers) t.join();
  }
  u32 failed = 0, expected = 0;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    expected += verdicts[i].expected;
    if (verdicts[i].text.empty()) {
      if (verbose) std::cout << "ok    " << cases[i].name << "\n";
      continue;
    }
    ++failed;
    std::cout << "FAIL  " << cases[i].name << "\n" << verdicts[i].text;
  }
  std::cout << fmt::format("{} cases, {} expected findings, {} failed\n", cases.size(), expected, failed);
  return failed == 0 && !cases.empty() ? kClean : kFindings;
}

}  // namespace quire::metal
