// From compile commands to findings: extract (or take from the cache), link, solve.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "metal/engine/run.h"
#include "metal/front/cache.h"
#include "metal/main/rule_set.h"

namespace quire::metal {

struct AnalysisOptions {
  std::vector<CompileCommand> commands;
  std::vector<std::string> function_files;  ///< made by `metal extract`
  std::string cache;                        ///< directory; empty: none
  u32 threads = 1;
  bool progress = false;
  RunOptions run;
};

struct Analysis {
  RunResult result;
  LinkStats link;
  std::vector<std::string> problems;  ///< files or parts of files that were not analysed
  u32 parsed = 0, cached = 0, failed = 0;
  u32 functions_with_errors = 0;
  double extract_seconds = 0, link_seconds = 0, solve_seconds = 0;
};

/// Runs the whole pipeline. Problems with single files do not stop it.
Analysis analyse(const AnalysisOptions& options, const RuleSet& rules, Symbols& symbols);

/// Where function files are kept by default: METAL_CACHE, else the user's cache directory, else /tmp.
std::string default_cache_directory();

}  // namespace quire::metal
