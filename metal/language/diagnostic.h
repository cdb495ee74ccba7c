// Complaints about a rule file, printed as Clang prints its own: file:line:column, the line, a caret.
#pragma once

#include <string>
#include <vector>

#include "metal/language/source.h"

namespace quire::metal::rule {

enum class Severity { kError, kWarning };

/// One complaint. `hint` says what was expected or what to write instead; it may be empty.
struct Diagnostic {
  Severity severity = Severity::kError;
  Span span;
  std::string message;
  std::string hint;
};

/// Collects the complaints about one rule file. After kMaxErrors further errors are only counted.
class Diagnostics {
 public:
  static constexpr u32 kMaxErrors = 20;

  void error(Span span, std::string message, std::string hint = {});
  void warning(Span span, std::string message, std::string hint = {});

  bool has_errors() const { return errors_ != 0; }
  const std::vector<Diagnostic>& all() const { return list_; }
  /// All complaints as text; `colour` adds terminal escapes.
  std::string render(const RuleSource& source, bool colour) const;

 private:
  std::vector<Diagnostic> list_;
  u32 errors_ = 0;
};

/// The nearest of `candidates` to a misspelt `word` (edit distance at most a third of its length, at
/// least one), or an empty string.
std::string nearest_name(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace quire::metal::rule
