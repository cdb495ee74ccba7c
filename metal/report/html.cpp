#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "metal/report/report.h"

namespace quire::metal {
namespace {

std::string escaped(std::string_view s) {
  std::string out;
  for (char c : s) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        // Bytes that are not ASCII may be in any encoding: shown as their number.
        if (static_cast<unsigned char>(c) >= 0x80)
          out += fmt::format("&#{};", static_cast<unsigned char>(c));
        else if (c == '\t' || static_cast<unsigned char>(c) >= 0x20)
          out += c;
    }
  }
  return out;
}

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --line: #8884; --error: #c33; --warning: #a60; --note: #06a; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; } table { border-collapse: collapse; } td, th { padding: .15rem .8rem .15rem 0; text-align: left; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; }
summary { cursor: pointer; padding: .5rem .8rem; } summary code { opacity: .75; }
.error > summary b { color: var(--error); } .warning > summary b { color: var(--warning); } .note > summary b { color: var(--note); }
pre { margin: 0; padding: .4rem .8rem; overflow-x: auto; font: 13px/1.4 ui-monospace, monospace; }
.n { display: inline-block; width: 3.5rem; text-align: right; padding-right: 1rem; opacity: .5; user-select: none; }
.step { display: block; margin: .1rem 0 .1rem 4.5rem; padding: .05rem .6rem; border-left: 3px solid var(--note); background: #8882; font-family: system-ui, sans-serif; }
.final { border-color: var(--error); font-weight: 600; } .file { padding: .4rem .8rem 0; opacity: .75; } .gap { opacity: .4; }
)";

}  // namespace

std::string html_report(const ReportInput& input, SourceText& sources) {
  std::string out =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>metal report</title><style>";
  out += kStyle;
  out += "</style></head><body>\n";
  out += fmt::format("<h1>{} finding{}</h1>\n", input.findings.size(), input.findings.size() == 1 ? "" : "s");
  std::map<std::string, u32> counts;
  for (const Finding& f : input.findings) ++counts[f.rule];
  out += "<table><tr><th>Rule</th><th>Findings</th><th>What it says</th></tr>\n";
  for (const RuleInfo& r : input.rules)
    out += fmt::format("<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>\n", escaped(r.id),
                       counts[r.id], escaped(r.text));
  out += "</table>\n";
  for (const Finding& f : input.findings) {
    out += fmt::format("<details class=\"{}\"><summary><b>{}</b> <code>{}:{} in {} [{}]</code></summary>\n",
                       level_name(f.level), escaped(f.message), escaped(shown_path(f.at.file, input.base)),
                       f.at.line, escaped(f.function), escaped(f.rule));
    struct Step {
      u32 number;
      std::string text;
      bool last;
    };
    // Files in the order in which the path first enters them.
    std::vector<std::string> files;
    std::map<std::string, std::map<u32, std::vector<Step>>> steps;
    u32 number = 0;
    auto add = [&](const SourcePoint& at, const std::string& text, bool last) {
      if (std::find(files.begin(), files.end(), at.file) == files.end()) files.push_back(at.file);
      steps[at.file][at.line].push_back({++number, text, last});
    };
    for (const PathNote& n : f.path) add(n.at, n.text, false);
    add(f.at, f.message, true);
    for (const std::string& file : files) {
      out += fmt::format("<div class=\"file\"><code>{}</code></div><pre>",
                         escaped(shown_path(file, input.base)));
      std::set<u32> shown;
      for (const auto& [line, list] : steps[file])
        for (u32 l = line > 3 ? line - 3 : 1; l <= line + 2; ++l) shown.insert(l);
      u32 previous = 0;
      for (u32 l : shown) {
        if (l > sources.lines(file).size() && !steps[file].contains(l)) continue;
        if (previous != 0 && l != previous + 1) out += "<span class=\"gap\">     ...\n</span>";
        previous = l;
        out += fmt::format("<span class=\"n\">{}</span>{}\n", l, escaped(sources.line(file, l)));
        if (auto it = steps[file].find(l); it != steps[file].end())
          for (const Step& s : it->second)
            out += fmt::format("<span class=\"step{}\">{}. {}</span>", s.last ? " final" : "", s.number,
                               escaped(s.text));
      }
      out += "</pre>\n";
    }
    out += "</details>\n";
  }
  for (const std::string& p : input.problems) out += fmt::format("<p>Not analysed: {}</p>\n", escaped(p));
  out += "</body></html>\n";
  return out;
}

}  // namespace quire::metal
