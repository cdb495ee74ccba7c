#include "metal/report/filter.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "metal/report/report.h"

extern char** environ;

namespace quire::metal {
namespace {

bool allows(std::string_view line, const std::string& rule) {
  constexpr std::string_view kMark = "metal-ok:";
  std::size_t at = line.find(kMark);
  if (at == std::string_view::npos) return false;
  std::string_view rest = line.substr(at + kMark.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
  if (!rest.starts_with(rule)) return false;
  rest.remove_prefix(rule.size());
  if (rest.empty() || (rest[0] != ' ' && rest[0] != '\t')) return false;
  // Some word of a reason, not just the end of the comment.
  return std::any_of(rest.begin(), rest.end(),
                     [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; });
}

std::expected<std::string, std::string> run_git(const std::string& directory,
                                                const std::vector<std::string>& arguments) {
  std::vector<std::string> words{"git", "-C", directory};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& w : words) argv.push_back(w.data());
  argv.push_back(nullptr);
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC) != 0) return std::unexpected("cannot make a pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  int failed = posix_spawnp(&pid, "git", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(pipe_fds[1]);
  std::string out;
  if (failed == 0) {
    char buffer[8192];
    for (ssize_t n; (n = read(pipe_fds[0], buffer, sizeof buffer)) > 0;)
      out.append(buffer, static_cast<std::size_t>(n));
  }
  close(pipe_fds[0]);
  if (failed != 0) return std::unexpected("git is not installed");
  int status = 0;
  if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return std::unexpected(fmt::format("'git {}' failed in {}", arguments.front(), directory));
  return out;
}

}  // namespace

u32 remove_suppressed(std::vector<Finding>& findings, SourceText& sources) {
  return static_cast<u32>(std::erase_if(findings, [&](const Finding& f) {
    return allows(sources.line(f.at.file, f.at.line), f.rule) ||
           (f.at.line > 1 && allows(sources.line(f.at.file, f.at.line - 1), f.rule));
  }));
}

std::expected<Baseline, std::string> Baseline::read(const std::string& path) {
  std::ifstream in(path);
  if (!in) return std::unexpected(fmt::format("cannot read the baseline '{}'", path));
  nlohmann::json j = nlohmann::json::parse(in, nullptr, false);
  if (!j.is_object() || !j.contains("metal-baseline") || !j["metal-baseline"].is_array())
    return std::unexpected(fmt::format("'{}' is not a baseline", path));
  Baseline b;
  for (const auto& entry : j["metal-baseline"]) {
    if (!entry.is_object() || !entry.contains("fingerprint") || !entry["fingerprint"].is_string())
      return std::unexpected(fmt::format("'{}' is not a baseline: an entry has no fingerprint", path));
    b.known.insert(entry["fingerprint"].get<std::string>());
  }
  return b;
}

std::string Baseline::write(const std::vector<Finding>& findings, SourceText& sources,
                            const std::string& base) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  std::vector<std::string> prints = fingerprints(findings, sources, base);
  std::vector<std::size_t> order(findings.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return prints[a] < prints[b]; });
  for (std::size_t i : order)
    list.push_back({{"fingerprint", prints[i]},
                    {"rule", findings[i].rule},
                    {"file", shown_path(findings[i].at.file, base)},
                    {"function", findings[i].function},
                    {"message", findings[i].message}});
  nlohmann::ordered_json j;
  j["metal-baseline"] = list;
  return j.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

u32 remove_known(std::vector<Finding>& findings, const Baseline& baseline, SourceText& sources,
                 const std::string& base) {
  std::vector<std::string> prints = fingerprints(findings, sources, base);
  std::vector<Finding> left;
  for (std::size_t i = 0; i < findings.size(); ++i)
    if (!baseline.known.contains(prints[i])) left.push_back(std::move(findings[i]));
  u32 gone = static_cast<u32>(findings.size() - left.size());
  findings = std::move(left);
  return gone;
}

ChangedLines parse_diff(const std::string& diff, const std::string& top) {
  ChangedLines out;
  std::istringstream in(diff);
  std::string line, file;
  while (std::getline(in, line)) {
    if (line.starts_with("+++ ")) {
      file = line.substr(4);
      if (file.starts_with("b/")) file = top + "/" + file.substr(2);
    } else if (line.starts_with("@@ ")) {
      std::size_t plus = line.find('+');
      if (plus == std::string::npos) continue;
      u32 start = 0, count = 1;
      std::size_t i = plus + 1;
      auto number = [&] {
        u32 n = 0;
        while (i < line.size() && line[i] >= '0' && line[i] <= '9' && n < 100'000'000)
          n = n * 10 + static_cast<u32>(line[i++] - '0');
        return n;
      };
      start = number();
      if (i < line.size() && line[i] == ',') {
        ++i;
        count = number();
      }
      // A pure deletion touches the lines on both sides of it.
      out[file].emplace_back(start, count == 0 ? start + 1 : start + count - 1);
    }
  }
  return out;
}

std::expected<ChangedLines, std::string> changed_since(const std::string& directory,
                                                       const std::string& revision) {
  if (revision.starts_with("-")) return std::unexpected("a revision does not begin with '-'");
  auto top = run_git(directory, {"rev-parse", "--show-toplevel"});
  if (!top) return std::unexpected(top.error());
  while (!top->empty() && top->back() == '\n') top->pop_back();
  auto diff = run_git(directory, {"diff", "--unified=0", "--no-color", "--no-ext-diff", revision, "--"});
  if (!diff) return std::unexpected(diff.error());
  return parse_diff(*diff, *top);
}

u32 keep_new(std::vector<Finding>& findings, const ChangedLines& changed) {
  auto touched = [&](const SourcePoint& p) {
    auto it = changed.find(p.file);
    return it != changed.end() && std::any_of(it->second.begin(), it->second.end(), [&](const auto& r) {
             return p.line >= r.first && p.line <= r.second;
           });
  };
  return static_cast<u32>(std::erase_if(findings, [&](const Finding& f) {
    return !touched(f.at) && !touched(f.cause) &&
           std::none_of(f.path.begin(), f.path.end(), [&](const PathNote& n) { return touched(n.at); });
  }));
}

}  // namespace quire::metal
