#include "metal/engine/finding.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <tuple>

namespace quire::metal {
namespace {

/// What makes a path far-fetched.
struct Path {
  u32 calls = 0;          ///< those that it came back from among them
  u32 rounds = 0;         ///< how often it goes back in a function: round a loop, or into itself
  bool indirect = false;  ///< some call goes through a pointer
};

Path path_of(const Finding& f) {
  constexpr std::string_view kCalling = "calling '";
  Path p;
  p.indirect = f.indirect;
  std::map<std::string_view, u32> last;  // line last seen, by function
  for (const PathNote& n : f.path) {
    if (n.function.empty()) continue;  // an example, not a step
    u32& line = last[n.function];
    p.rounds += n.at.line < line;
    line = n.at.line;
    if (!n.text.starts_with(kCalling)) continue;
    ++p.calls;
    p.indirect = p.indirect || n.text.find_first_of(">.[*(", kCalling.size()) != std::string::npos;
  }
  p.calls = std::max(p.calls, f.calls);
  return p;
}

/// What is doubtful comes last. How near two findings of equal severity are to being read first: the certain
/// before what rests on a pointer or on code that did not parse; then the local before the far-fetched, where
/// a standard deviation of statistical weight makes up for a call crossed, half a round of a loop or four
/// branches. A cause that shows at very many places is more likely to be misjudged than to be an error that
/// nobody met.
using Weight = std::tuple<bool, int, int, double, u32>;

Weight weight(const Finding& f) {
  Path p = path_of(f);
  return {f.doubtful, static_cast<int>(f.level), (f.uncertain ? 2 : 0) + (p.indirect ? 1 : 0),
          p.calls + 2.0 * p.rounds + std::min<u32>(f.branches, 50) / 4.0 - f.z + std::log2(1.0 + f.also),
          p.calls};
}

bool read_before(const Finding& a, const Weight& wa, const Finding& b, const Weight& wb) {
  if (wa != wb) return wa < wb;
  return std::tie(a.at, a.rule, a.message, a.function, a.cause, a.path) <
         std::tie(b.at, b.rule, b.message, b.function, b.cause, b.path);
}

}  // namespace

u32 length_of_path(const Finding& f) {
  constexpr u32 kIntoItself = 10;  // what ends a recursion is seldom seen
  const Path p = path_of(f);
  const bool recursion = std::any_of(f.path.begin(), f.path.end(), [&](const PathNote& n) {
    return n.function == f.function && n.text == "calling '" + f.function + "'";
  });
  const bool again = std::any_of(f.path.begin(), f.path.end(), [&](const PathNote& n) {
    return n.function != f.function && !n.function.empty() && n.text == "calling '" + f.function + "'" &&
           f.path.front().function == f.function;
  });
  return 3 * p.calls + f.branches + (recursion || again ? kIntoItself : 0);
}

bool read_before(const Finding& a, const Finding& b) { return read_before(a, weight(a), b, weight(b)); }

void sort_for_reading(std::vector<Finding>& findings) {
  std::vector<std::pair<Weight, std::size_t>> order;
  order.reserve(findings.size());
  for (std::size_t i = 0; i < findings.size(); ++i) order.emplace_back(weight(findings[i]), i);
  std::sort(order.begin(), order.end(), [&](const auto& a, const auto& b) {
    return read_before(findings[a.second], a.first, findings[b.second], b.first);
  });
  std::vector<Finding> sorted;
  sorted.reserve(findings.size());
  for (const auto& [w, i] : order) sorted.push_back(std::move(findings[i]));
  findings = std::move(sorted);
}

}  // namespace quire::metal
