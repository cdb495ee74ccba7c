// What a rule found, in terms of source files: the engine's output and the reports' input.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/types.h"

namespace quire::metal {

/// A place in a source file, both counted from 1.
struct SourcePoint {
  std::string file;
  u32 line = 0;
  u32 column = 0;
  friend auto operator<=>(const SourcePoint&, const SourcePoint&) = default;
};

/// One stop on the way to a finding.
struct PathNote {
  SourcePoint at;
  std::string function;
  std::string text;
  friend auto operator<=>(const PathNote&, const PathNote&) = default;
};

enum class Level : u8 { kError, kWarning, kNote };

struct Finding {
  std::string rule;  ///< permanent id
  Level level = Level::kWarning;
  std::string message;
  SourcePoint at;
  std::string function;
  std::vector<PathNote> path;
  /// Findings of one rule with the same cause are one defect: where the state arose, and which transition
  /// complained. The finding's own place when no state was involved.
  SourcePoint cause;
  u32 transition = 0;
  u32 also = 0;  ///< further findings with the same cause that this one stands for

  // For ranking: less is better.
  u32 calls = 0;           ///< functions crossed
  u32 branches = 0;        ///< decisions on the path
  bool indirect = false;   ///< some call on the path went through a pointer
  bool uncertain = false;  ///< some function on the path could not be parsed whole
  bool doubtful = false;   ///< reported only on request: a long way, or a key that seldom holds
  double z = 0;            ///< statistical rules: how sure
  u32 examples = 0, counterexamples = 0;
};

/// How far-fetched the path is: its decisions, and three for each call that it goes into, come back from or
/// not.
u32 length_of_path(const Finding& f);

/// The order in which findings are read: the most serious and most local first; a total order.
bool read_before(const Finding& a, const Finding& b);
void sort_for_reading(std::vector<Finding>& findings);

/// An example or counter-example of a statistical rule.
struct Observation {
  std::string key;
  SourcePoint site;
  bool good = false;
  Finding finding;  ///< counter-examples: what to report when the statistics say so
};

/// The bounds that can cut what is found in a function. kTouched cuts nothing: where too many objects of
/// callers are touched to tell them apart, all are followed there.
enum class Bound : u8 { kBlocks, kForks, kExits, kDepth, kEntries, kCandidates, kTouched, kCount };

/// What was done and what was cut, for --stats.
struct EngineStats {
  u64 summaries = 0;      ///< (function, entry state) pairs solved
  u64 reused = 0;         ///< of which taken from the cache of summaries
  u64 steps = 0;          ///< blocks walked
  u64 functions = 0;      ///< functions that some rule looked into
  u64 functions_cut = 0;  ///< of which some bound cut
  u64 joins = 0;          ///< blocks at which facts were joined
  std::array<u64, static_cast<std::size_t>(Bound::kCount)> cut_by{};  ///< functions that each bound cut
};

}  // namespace quire::metal
