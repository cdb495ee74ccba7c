// Applies one machine to a whole program: depth-first over the paths of each function, with summaries
// across calls. metal/engine/README (metal/README.md) follows one example through this.
//
// The unit of work is an *item*: one machine, one function, and either no object (the global state alone)
// or one object with its state, as entered from a caller or from the start. Items are solved apart from
// each other, so that cost is linear in the number of objects. A solver is used by one thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "metal/engine/finding.h"
#include "metal/engine/function_info.h"
#include "metal/engine/limits.h"
#include "metal/engine/machine.h"
#include "metal/engine/match.h"
#include "metal/engine/place.h"
#include "metal/engine/program.h"

namespace quire::metal {

/// What the project knows about functions.
struct Models {
  std::unordered_set<std::string> noreturn;  ///< functions and macros that end the path
  std::unordered_set<std::string> nonnull;   ///< functions that never give null
};

/// What is to be known of functions whatever the machine, made on demand. Thread-safe.
class InfoCache {
 public:
  InfoCache(const Program& program, const Models& models)
      : program_(program), models_(models), slots_(program.functions().size()) {}
  const FunctionInfo& get(FunctionId id);
  /// Functions that do not come back, as never_returning() says.
  const std::vector<bool>& never();
  const Effects& effects();

 private:
  struct Slot {
    std::once_flag once;
    std::unique_ptr<FunctionInfo> info;
  };
  const Program& program_;
  const Models& models_;
  std::deque<Slot> slots_;
  std::once_flag effects_once_;
  std::unique_ptr<Effects> effects_;
  std::once_flag never_once_;
  std::vector<bool> never_;
};

class Results;

/// For --trace: called for every event the item walks over.
using TraceSink = std::function<void(const std::string& line)>;

class Solver {
 public:
  /// `annotators` are the machines that write the tags that this one reads (possibly itself among them).
  Solver(const Program& program, InfoCache& infos, std::shared_ptr<const CompiledMachine> machine,
         std::vector<std::shared_ptr<const CompiledMachine>> annotators, const Models& models,
         const Limits& limits);
  ~Solver();

  /// Solves the whole program. Items that an earlier run kept in `results` are taken over where neither their
  /// function nor anything that they rest on has changed: first those that nothing changed can reach; the
  /// others when all that they ask for turns out as it was. Null: nothing is taken over or kept.
  void run(const Results* results);

  std::vector<Finding> take_findings();
  std::vector<Observation> take_observations();
  const EngineStats& stats() const { return stats_; }
  void set_trace(std::string function, TraceSink sink) {
    traced_ = std::move(function);
    trace_ = std::move(sink);
  }

  /// True when the machine, entered at `id` with these constants, annotates it with `tag`; `why` gets the
  /// reason. For readers of annotations.
  bool annotated(FunctionId id, const std::vector<std::pair<u16, ValueRange>>& parameters,
                 const std::string& tag, std::string* why);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  EngineStats stats_;
  std::string traced_;
  TraceSink trace_;
};

}  // namespace quire::metal
