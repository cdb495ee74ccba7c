// Which findings are not to be reported: said so in the source, known before, or not new.
#pragma once

#include <expected>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "metal/engine/finding.h"
#include "metal/report/source_text.h"

namespace quire::metal {

/// Removes findings that a comment `metal-ok: RULE-ID reason` allows, on the finding's line or the line
/// above it. The id must be the rule's, whole, and a reason must follow. Returns how many went.
u32 remove_suppressed(std::vector<Finding>& findings, SourceText& sources);

/// Findings that are accepted as they are, by fingerprint.
struct Baseline {
  std::set<std::string> known;
  /// Reads a baseline; a missing file is an error, as is anything but a baseline.
  static std::expected<Baseline, std::string> read(const std::string& path);
  /// The text of a baseline that knows all of `findings`.
  static std::string write(const std::vector<Finding>& findings, SourceText& sources,
                           const std::string& base);
};

/// Removes what the baseline knows. Returns how many went.
u32 remove_known(std::vector<Finding>& findings, const Baseline& baseline, SourceText& sources,
                 const std::string& base);

/// Lines changed since a revision, by absolute path.
using ChangedLines = std::map<std::string, std::vector<std::pair<u32, u32>>>;

/// Asks git, in `directory`. Fails when there is no git, no repository or no such revision.
std::expected<ChangedLines, std::string> changed_since(const std::string& directory,
                                                       const std::string& revision);
/// The changed lines in the output of `git diff --unified=0`, with paths below `top`.
ChangedLines parse_diff(const std::string& diff, const std::string& top);

/// Keeps findings that lie on, arise at, or lead through a changed line. Returns how many went.
u32 keep_new(std::vector<Finding>& findings, const ChangedLines& changed);

}  // namespace quire::metal
