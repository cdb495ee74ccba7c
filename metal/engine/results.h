// What each machine found, kept from run to run: a rule whose text, and a program whose functions, are what
// they were give what they gave.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "metal/engine/finding.h"
#include "metal/engine/machine.h"
#include "metal/engine/program.h"
#include "metal/engine/solver.h"

namespace quire::metal {

/// The findings of one machine and what finding them took.
struct MachineResult {
  std::vector<Finding> findings;
  EngineStats stats;
};

/// A directory of results: one entry for each machine and list of main files, holding the latest. An entry is
/// believed only when everything that its result depends on is the same: the program as linked, the machine
/// and those whose marks it reads, limits, models, and this very build of metal. A damaged entry is one that
/// is not there. Used by several threads.
class Results {
 public:
  /// An empty `directory` keeps nothing.
  Results(std::string directory, const Program& program, const Models& models, const Limits& limits);

  std::optional<MachineResult> find(
      const CompiledMachine& machine,
      const std::vector<std::shared_ptr<const CompiledMachine>>& annotators) const;
  /// Not being able to write costs time later, and is no error.
  void keep(const CompiledMachine& machine,
            const std::vector<std::shared_ptr<const CompiledMachine>>& annotators,
            const MachineResult& result) const;

 private:
  std::string path(const CompiledMachine& machine) const;
  ContentHash key(const CompiledMachine& machine,
                  const std::vector<std::shared_ptr<const CompiledMachine>>& annotators) const;

  std::string directory_;
  ContentHash program_{}, project_{};
};

}  // namespace quire::metal
