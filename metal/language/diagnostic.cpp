#include "metal/language/diagnostic.h"

#include <fmt/format.h>

#include <algorithm>

namespace quire::metal::rule {

void Diagnostics::error(Span span, std::string message, std::string hint) {
  if (++errors_ > kMaxErrors) return;
  // One mistake often trips several checks at one place: the first says it best.
  for (const Diagnostic& d : list_)
    if (d.severity == Severity::kError && d.span.begin == span.begin) return;
  list_.push_back({Severity::kError, span, std::move(message), std::move(hint)});
}

void Diagnostics::warning(Span span, std::string message, std::string hint) {
  if (list_.size() > 10 * kMaxErrors) return;
  list_.push_back({Severity::kWarning, span, std::move(message), std::move(hint)});
}

std::string Diagnostics::render(const RuleSource& source, bool colour) const {
  const char* bold = colour ? "\033[1m" : "";
  const char* red = colour ? "\033[1;31m" : "";
  const char* magenta = colour ? "\033[1;35m" : "";
  const char* green = colour ? "\033[1;32m" : "";
  const char* off = colour ? "\033[0m" : "";
  std::string out;
  for (const Diagnostic& d : list_) {
    LineColumn at = source.position(d.span.begin);
    bool is_error = d.severity == Severity::kError;
    out += fmt::format("{}{}:{}:{}: {}{}: {}{}{}\n", bold, source.name(), at.line, at.column,
                       is_error ? red : magenta, is_error ? "error" : "warning", off, bold, d.message);
    out += off;
    std::string_view text = source.line(at.line);
    // Long lines (generated or hostile files) are shown around the caret only.
    u32 first = at.column > 100 ? at.column - 60 : 1;
    std::string shown(text.substr(std::min<std::size_t>(first - 1, text.size()), 140));
    std::string pad;
    for (u32 i = 0; i + first < at.column && i < shown.size(); ++i) pad += shown[i] == '\t' ? '\t' : ' ';
    for (char& c : shown)
      if (static_cast<unsigned char>(c) < 0x20 && c != '\t') c = '?';
    u32 width = d.span.end > d.span.begin ? d.span.end - d.span.begin : 1;
    u32 room = static_cast<u32>(shown.size() > pad.size() ? shown.size() - pad.size() : 1);
    out +=
        fmt::format("{}\n{}{}^{}{}\n", shown, pad, green, std::string(std::min(width, room) - 1, '~'), off);
    if (!d.hint.empty()) out += fmt::format("{}{}hint: {}{}\n", pad, green, off, d.hint);
  }
  if (errors_ > kMaxErrors)
    out += fmt::format("{}: {} further errors not shown\n", source.name(), errors_ - kMaxErrors);
  return out;
}

std::string nearest_name(const std::string& word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  if (word.size() > 64) return best;
  for (const std::string& c : candidates) {
    if (c.size() > 64) continue;
    std::vector<std::size_t> row(c.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= word.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j <= c.size(); ++j) {
        std::size_t above = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (word[i - 1] == c[j - 1] ? 0 : 1)});
        diagonal = above;
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = c;
    }
  }
  return best;
}

}  // namespace quire::metal::rule
