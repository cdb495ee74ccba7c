// Findings as text, SARIF 2.1.0, JSON and HTML.
#pragma once

#include <string>
#include <vector>

#include "metal/engine/finding.h"
#include "metal/report/source_text.h"

namespace quire::metal {

/// What a report says about a rule besides its findings.
struct RuleInfo {
  std::string id, name, text, category, fix;
  Level level = Level::kError;
};

struct ReportInput {
  std::vector<Finding> findings;  ///< in the order in which they are to be read
  std::vector<RuleInfo> rules;
  std::string base;                   ///< paths below it are shown relative to it
  u32 suppressed = 0;                 ///< by comments
  u32 baselined = 0;                  ///< known from the baseline
  std::vector<std::string> problems;  ///< files that could not be analysed
};

/// Names a finding across edits that only move lines: rule, file, function, the line's text, and a count
/// among equals. One for each finding, in order.
std::vector<std::string> fingerprints(const std::vector<Finding>& findings, SourceText& sources,
                                      const std::string& base);

/// As a compiler would say it: the finding, its line with a caret, then the path as notes.
std::string text_report(const ReportInput& input, SourceText& sources, bool colour);
/// SARIF 2.1.0 with code flows and partial fingerprints.
std::string sarif_report(const ReportInput& input, SourceText& sources);
std::string json_report(const ReportInput& input, SourceText& sources);
/// One self-contained page: each finding with its path drawn through the source.
std::string html_report(const ReportInput& input, SourceText& sources);

const char* level_name(Level level);

}  // namespace quire::metal
