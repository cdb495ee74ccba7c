// Extraction with its messages: what extract and recover have in common.
#pragma once

#include <string>

#include "jffs2/tool/json.h"
#include "jffs2/tool/open.h"

namespace quire::jffs2 {

struct ExtractRun {
  bool force = false;
  bool verbose = false;
  bool orphans = false;
  Json* report = nullptr;  ///< where to say what was done; nullptr: on standard output
};

/// Extracts one file system into `directory`, with a progress bar, and prints what was wrong (into the
/// report, if there is one). Returns the exit status.
int extract_system(const Opened& opened, const FoundSystem& system, const std::string& directory,
                   const ExtractRun& how);

}  // namespace quire::jffs2
