// Rules that the code itself teaches: what holds at most places is taken for a rule, and the other places for
// its counter-examples.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "metal/engine/finding.h"
#include "metal/engine/machine.h"

namespace quire::metal {

/// A key together with what an example has beside it (the lock that is held, say). Where examples have
/// something of the kind, the key holds only together with what most of them have.
std::string key_beside(std::string key, const std::string& companion);

/// Examples and counter-examples of keys, each a place in the source. A place that fails on any path is a
/// counter-example.
class Tally {
 public:
  void add(std::string_view key, const SourcePoint& site, bool good);
  /// The key holds at so many places that those at which it does not are to be reported.
  bool holds(const CompiledMachine& machine, const std::string& key) const;

 private:
  friend void add_statistics(const CompiledMachine& machine, const std::vector<Observation>& observations,
                             std::vector<Finding>& findings);
  struct Sites {
    std::map<SourcePoint, std::set<std::string>> good;  ///< with what they have beside the key
    std::set<SourcePoint> bad;
  };
  /// What became of a key.
  struct Belief {
    double z = 0;
    std::string companion;  ///< what most examples have
    std::vector<SourcePoint> examples;
  };
  static std::optional<Belief> belief(const CompiledMachine& machine, const Sites& sites);

  std::map<std::string, Sites, std::less<>> keys_;
};

/// Counter-examples of keys that hold, as findings, with some examples in their paths.
void add_statistics(const CompiledMachine& machine, const std::vector<Observation>& observations,
                    std::vector<Finding>& findings);

}  // namespace quire::metal
