// Rules that the code itself teaches: what holds at most places is taken for a rule, and the other places for
// its counter-examples.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "metal/engine/finding.h"
#include "metal/engine/machine.h"

namespace quire::metal {

/// Examples and counter-examples of one key, each a place in the source. A place that fails on any path is a
/// counter-example.
class Tally {
 public:
  void add(const std::string& key, const SourcePoint& site, bool good);
  /// The key holds at so many places that those at which it does not are to be reported.
  bool holds(const CompiledMachine& machine, const std::string& key) const;

 private:
  struct Sites {
    std::set<SourcePoint> good, bad;
  };
  std::map<std::string, Sites> keys_;
};

/// Counter-examples of keys that hold, as findings, with some examples in their paths.
void add_statistics(const CompiledMachine& machine, const std::vector<Observation>& observations,
                    std::vector<Finding>& findings);

}  // namespace quire::metal
