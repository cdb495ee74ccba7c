// The text of one rule file, with offsets turned into lines and columns.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"

namespace quire::metal::rule {

/// Half-open byte range in a rule file.
struct Span {
  u32 begin = 0;
  u32 end = 0;
};

/// A place in a rule file, both counted from 1; columns are bytes.
struct LineColumn {
  u32 line = 1;
  u32 column = 1;
};

/// A rule file held in memory. Immutable once made.
class RuleSource {
 public:
  /// `name` is what diagnostics print; `text` the file's content.
  RuleSource(std::string name, std::string text);

  const std::string& name() const { return name_; }
  std::string_view text() const { return text_; }
  /// Line and column of an offset; an offset past the end counts as the end.
  LineColumn position(u32 offset) const;
  /// A line without its newline; empty when there is no such line.
  std::string_view line(u32 number) const;

 private:
  std::string name_;
  std::string text_;
  std::vector<u32> line_starts_;
};

}  // namespace quire::metal::rule
