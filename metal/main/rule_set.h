// Finds and loads the rules that a command line names.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "metal/engine/machine.h"
#include "metal/engine/solver.h"

namespace quire::metal {

struct RuleSet {
  std::vector<std::shared_ptr<const CompiledMachine>> machines;
  std::vector<std::string> files;
  std::string diagnostics;  ///< rendered
  bool broken = false;
};

/// Names of the packs that come with metal.
std::vector<std::string> pack_names();
/// Each of `names` is a rule file, a directory of rule files, or a pack ("linux-2.4"). Every rule id may
/// occur once.
RuleSet load_rule_set(const std::vector<std::string>& names, const RuleOptions& options, Symbols& symbols,
                      bool colour);
/// Names in a file of words, one or more a line, # begins a comment. Empty when there is no such file.
std::vector<std::string> read_words(const std::string& path);
/// The directory of the packs.
std::string packs_directory();
/// What is known of functions wherever they are: noreturn.txt and nonnull.txt beside the packs.
Models shipped_models();

}  // namespace quire::metal
