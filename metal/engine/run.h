// Runs a set of machines over a linked program: the engine's front door.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "metal/engine/finding.h"
#include "metal/engine/machine.h"
#include "metal/engine/program.h"
#include "metal/engine/solver.h"

namespace quire::metal {

struct RunOptions {
  Limits limits;
  Models models;
  u32 threads = 1;
  std::string results;           ///< directory in which results are kept; empty: none
  std::string trace;             ///< name of a function to trace; empty: none
  TraceSink trace_sink;          ///< where to; machines then run one after another
  std::function<void()> ticked;  ///< called after each machine, from any thread
};

struct RunResult {
  std::vector<Finding> findings;  ///< grouped by cause, ranked, most serious first
  EngineStats stats;
};

/// Applies every machine to the program. Equal programs, machines and limits give equal results whatever
/// the number of threads.
RunResult run_machines(const Program& program,
                       const std::vector<std::shared_ptr<const CompiledMachine>>& machines,
                       const RunOptions& options);

/// One finding for each cause, then most serious first. Exposed for tests.
std::vector<Finding> group_and_rank(std::vector<Finding> findings);

}  // namespace quire::metal
