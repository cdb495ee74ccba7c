#include <nlohmann/json.hpp>

#include "metal/report/report.h"

namespace quire::metal {
namespace {

using nlohmann::ordered_json;

/// JSON must be UTF-8; old sources are often Latin-1.
std::string dump(const ordered_json& j) {
  return j.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::string percent_encoded(const std::string& path) {
  std::string out;
  for (char c : path) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
                 c == '.' || c == '-' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      constexpr char kHex[] = "0123456789ABCDEF";
      out += '%';
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[static_cast<unsigned char>(c) & 15];
    }
  }
  return out;
}

ordered_json location(const SourcePoint& at, const std::string& base) {
  std::string shown = shown_path(at.file, base);
  ordered_json artifact;
  if (shown.starts_with("/")) {
    artifact["uri"] = "file://" + percent_encoded(shown);
  } else {
    artifact["uri"] = percent_encoded(shown);
    artifact["uriBaseId"] = "SRCROOT";
  }
  ordered_json region;
  region["startLine"] = at.line == 0 ? 1 : at.line;
  if (at.column != 0) region["startColumn"] = at.column;
  return {{"artifactLocation", artifact}, {"region", region}};
}

ordered_json note_location(const SourcePoint& at, const std::string& text, const std::string& base) {
  return {{"physicalLocation", location(at, base)}, {"message", {{"text", text}}}};
}

}  // namespace

std::string sarif_report(const ReportInput& input, SourceText& sources) {
  ordered_json rules = ordered_json::array();
  for (const RuleInfo& r : input.rules) {
    ordered_json j;
    j["id"] = r.id;
    j["name"] = r.name;
    j["shortDescription"]["text"] = r.text.empty() ? r.name : r.text;
    if (!r.fix.empty()) j["help"]["text"] = r.fix;
    j["defaultConfiguration"]["level"] = level_name(r.level);
    if (!r.category.empty()) j["properties"]["tags"] = {r.category};
    rules.push_back(j);
  }
  ordered_json results = ordered_json::array();
  std::vector<std::string> prints = fingerprints(input.findings, sources, input.base);
  for (std::size_t i = 0; i < input.findings.size(); ++i) {
    const Finding& f = input.findings[i];
    ordered_json j;
    j["ruleId"] = f.rule;
    for (std::size_t r = 0; r < input.rules.size(); ++r)
      if (input.rules[r].id == f.rule) {
        j["ruleIndex"] = r;
        break;
      }
    j["level"] = level_name(f.level);
    j["message"]["text"] = f.message;
    ordered_json where;
    where["physicalLocation"] = location(f.at, input.base);
    if (!f.function.empty())
      where["logicalLocations"] = {{{"fullyQualifiedName", f.function}, {"kind", "function"}}};
    j["locations"] = ordered_json::array({where});
    ordered_json steps = ordered_json::array();
    for (const PathNote& n : f.path) steps.push_back({{"location", note_location(n.at, n.text, input.base)}});
    steps.push_back({{"location", note_location(f.at, f.message, input.base)}});
    j["codeFlows"] = ordered_json::array({{{"threadFlows", ordered_json::array({{{"locations", steps}}})}}});
    j["partialFingerprints"]["metalFinding/v1"] = prints[i];
    j["rank"] = 100.0 - 100.0 * static_cast<double>(i) / static_cast<double>(input.findings.size());
    results.push_back(j);
  }
  ordered_json invocation;
  invocation["executionSuccessful"] = true;
  for (const std::string& p : input.problems)
    invocation["toolExecutionNotifications"].push_back({{"level", "warning"}, {"message", {{"text", p}}}});
  ordered_json run;
  run["tool"]["driver"] = {{"name", "metal"}, {"version", "0.1.0"}, {"rules", rules}};
  if (!input.base.empty())
    run["originalUriBaseIds"]["SRCROOT"]["uri"] =
        "file://" + percent_encoded(input.base) + (input.base.ends_with("/") ? "" : "/");
  run["invocations"] = ordered_json::array({invocation});
  run["columnKind"] = "utf16CodeUnits";
  run["results"] = results;
  ordered_json log;
  log["$schema"] =
      "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
  log["version"] = "2.1.0";
  log["runs"] = ordered_json::array({run});
  return dump(log);
}

std::string json_report(const ReportInput& input, SourceText& sources) {
  ordered_json list = ordered_json::array();
  std::vector<std::string> prints = fingerprints(input.findings, sources, input.base);
  for (std::size_t i = 0; i < input.findings.size(); ++i) {
    const Finding& f = input.findings[i];
    ordered_json j;
    j["rule"] = f.rule;
    j["level"] = level_name(f.level);
    j["message"] = f.message;
    j["file"] = shown_path(f.at.file, input.base);
    j["line"] = f.at.line;
    j["column"] = f.at.column;
    j["function"] = f.function;
    j["fingerprint"] = prints[i];
    j["calls"] = f.calls;
    j["branches"] = f.branches;
    j["also"] = f.also;
    if (f.indirect) j["indirect"] = true;
    if (f.uncertain) j["uncertain"] = true;
    if (f.examples + f.counterexamples != 0)
      j["statistics"] = {{"examples", f.examples}, {"counterexamples", f.counterexamples}, {"z", f.z}};
    j["path"] = ordered_json::array();
    for (const PathNote& n : f.path)
      j["path"].push_back({{"file", shown_path(n.at.file, input.base)},
                           {"line", n.at.line},
                           {"column", n.at.column},
                           {"function", n.function},
                           {"text", n.text}});
    list.push_back(j);
  }
  ordered_json out;
  out["version"] = 1;
  out["findings"] = list;
  out["suppressed"] = input.suppressed;
  out["baselined"] = input.baselined;
  out["problems"] = input.problems;
  return dump(out);
}

}  // namespace quire::metal
