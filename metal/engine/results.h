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

using Annotators = std::vector<std::shared_ptr<const CompiledMachine>>;

/// A directory of results. For each machine and list of main files it holds the latest findings, believed
/// when all that they depend on is the same (the program as linked, the machine and those whose marks it
/// reads, limits, models, this very build of metal), and the items that the machine solved, of which those
/// are believed whose functions are what they were (see Solver). A damaged entry is one that is not there.
/// Used by several threads.
class Results {
 public:
  /// An empty `directory` keeps nothing.
  Results(std::string directory, const Program& program, const Models& models, const Limits& limits);

  std::optional<MachineResult> find(const CompiledMachine& machine, const Annotators& annotators) const;
  /// Not being able to write costs time later, and is no error.
  void keep(const CompiledMachine& machine, const Annotators& annotators, const MachineResult& result) const;

  /// Items as write_items() made them. `reader` tells apart the solvers of a machine whose marks several
  /// others read; empty for that of its own findings.
  std::optional<std::string> find_items(const CompiledMachine& machine, const Annotators& annotators,
                                        std::string_view reader) const;
  void keep_items(const CompiledMachine& machine, const Annotators& annotators, std::string_view reader,
                  const std::string& bytes) const;
  bool keeps() const { return !directory_.empty(); }

 private:
  std::string path(const CompiledMachine& machine, std::string_view kind) const;
  ContentHash key(const ContentHash& base, const CompiledMachine& machine,
                  const Annotators& annotators) const;
  std::optional<std::string> load(const std::string& path, const ContentHash& key) const;
  void store(const std::string& path, const ContentHash& key, const std::string& bytes) const;
  static std::string items_kind(std::string_view reader);

  std::string directory_;
  /// The main files; these with limits, models and build; and all that with the functions.
  ContentHash files_{}, project_{}, program_{};
};

}  // namespace quire::metal
