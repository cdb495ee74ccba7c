// What is wrong with an image: damage, contradictions, waste.
#pragma once

#include <string>
#include <vector>

#include "jffs2/tool/survey.h"
#include "jffs2/tool/tree.h"

namespace quire::jffs2 {

enum class Severity : u8 {
  note,   ///< normal after a power cut or for an old image; the next mount or collection cleans it
  fault,  ///< data was lost, or Linux will complain
};

struct Problem {
  Severity severity;
  std::string kind;  ///< a fixed word for scripts: "bad-data", "dangling-name", ...
  u64 offset = 0;    ///< in the tree's bytes; 0 where it has no place
  u32 ino = 0;
  std::string text;
};

/// Looks at every node, block and file. Reads and expands all live data.
std::vector<Problem> find_problems(const Tree& tree, const FoundSystem& system);

}  // namespace quire::jffs2
