#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "metal/report/report.h"

namespace quire::metal {

const char* level_name(Level level) {
  switch (level) {
    case Level::kError:
      return "error";
    case Level::kWarning:
      return "warning";
    default:
      return "note";
  }
}

std::vector<std::string> fingerprints(const std::vector<Finding>& findings, SourceText& sources,
                                      const std::string& base) {
  std::map<std::string, u32> seen;
  std::vector<std::string> out;
  for (const Finding& f : findings) {
    std::string text;  // without blanks, so that indentation may change too
    for (char c : sources.line(f.at.file, f.at.line))
      if (c != ' ' && c != '\t' && c != '\r') text += c;
    std::string key = fmt::format("{}|{}|{}|{}", f.rule, shown_path(f.at.file, base), f.function, text);
    u64 h = 0xcbf29ce484222325ull;
    for (char c : key) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
    out.push_back(fmt::format("{:016x}:{}", h, ++seen[key]));
  }
  return out;
}

namespace {

void snippet(std::string& out, SourceText& sources, const SourcePoint& at, const char* green,
             const char* off) {
  std::string line(sources.line(at.file, at.line));
  if (line.empty()) return;
  if (line.size() > 200) line.resize(200);
  for (char& c : line)
    if (static_cast<unsigned char>(c) < 0x20 && c != '\t') c = ' ';
  out += line + "\n";
  if (at.column == 0 || at.column > line.size() + 1) return;
  for (u32 i = 0; i + 1 < at.column; ++i) out += line[i] == '\t' ? '\t' : ' ';
  out += fmt::format("{}^{}\n", green, off);
}

}  // namespace

std::string text_report(const ReportInput& input, SourceText& sources, bool colour) {
  const char* bold = colour ? "\033[1m" : "";
  const char* off = colour ? "\033[0m" : "";
  const char* green = colour ? "\033[1;32m" : "";
  const char* cyan = colour ? "\033[1;36m" : "";
  std::string out;
  for (const Finding& f : input.findings) {
    const char* tint = !colour                      ? ""
                       : f.level == Level::kError   ? "\033[1;31m"
                       : f.level == Level::kWarning ? "\033[1;35m"
                                                    : cyan;
    out +=
        fmt::format("{}{}:{}:{}:{} {}{}:{} {}{}{} [{}]\n", bold, shown_path(f.at.file, input.base), f.at.line,
                    f.at.column, off, tint, level_name(f.level), off, bold, f.message, off, f.rule);
    snippet(out, sources, f.at, green, off);
    for (const PathNote& n : f.path)
      out += fmt::format("{}{}:{}:{}:{} {}note:{} {}\n", bold, shown_path(n.at.file, input.base), n.at.line,
                         n.at.column, off, cyan, off, n.text);
    if (f.examples != 0)
      out += fmt::format("  {}note:{} {} places follow this rule and {} do{} not (z = {:.2f})\n", cyan, off,
                         f.examples, f.counterexamples, f.counterexamples == 1 ? "es" : "", f.z);
    if (f.also != 0)
      out += fmt::format("  {}note:{} {} further place{} with the same cause\n", cyan, off, f.also,
                         f.also == 1 ? "" : "s");
  }
  return out;
}

}  // namespace quire::metal
