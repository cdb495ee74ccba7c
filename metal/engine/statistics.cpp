#include "metal/engine/statistics.h"

#include <fmt/format.h>

#include <cmath>

namespace quire::metal {
namespace {

constexpr char kBeside = '\n';

i64 setting(const CompiledMachine& m, const char* name, i64 otherwise) {
  auto it = m.settings.find(name);
  return it == m.settings.end() ? otherwise : it->second;
}

/// How surely a key holds of which so many of all places are examples; nothing when it is not to be believed.
std::optional<double> confidence(const CompiledMachine& m, std::size_t examples, std::size_t all) {
  double p0 = static_cast<double>(setting(m, "expected_percent", 90)) / 100;
  double least = static_cast<double>(setting(m, "z_hundredths", 0)) / 100;
  auto least_examples = static_cast<std::size_t>(setting(m, "min_examples", 4));
  if (examples < least_examples) return std::nullopt;
  auto n = static_cast<double>(all);
  double z = (static_cast<double>(examples) / n - p0) / std::sqrt(p0 * (1 - p0) / n);
  if (z < least) return std::nullopt;
  return z;
}

}  // namespace

std::string key_beside(std::string key, const std::string& companion) {
  return std::move(key) + kBeside + companion;
}

void Tally::add(std::string_view key, const SourcePoint& site, bool good) {
  std::size_t end = key.find(kBeside);
  std::string_view name = key.substr(0, end);
  auto it = keys_.find(name);
  if (it == keys_.end()) it = keys_.try_emplace(std::string(name)).first;
  if (!good) {
    it->second.bad.insert(site);
    return;
  }
  std::set<std::string>& beside = it->second.good[site];
  if (end != std::string_view::npos) beside.emplace(key.substr(end + 1));
}

bool Tally::holds(const CompiledMachine& machine, const std::string& key) const {
  auto it = keys_.find(std::string_view(key).substr(0, key.find(kBeside)));
  return it != keys_.end() && belief(machine, it->second).has_value();
}

std::optional<Tally::Belief> Tally::belief(const CompiledMachine& machine, const Sites& sites) {
  if (sites.bad.empty()) return std::nullopt;
  std::map<std::string, std::size_t> companions;
  for (const auto& [site, beside] : sites.good)
    if (!sites.bad.contains(site))
      for (const std::string& c : beside) ++companions[c];
  Belief out;
  std::size_t most = 0;
  for (const auto& [c, count] : companions)
    if (!c.empty() && count > most) {
      most = count;
      out.companion = c;
    }
  std::size_t all = sites.bad.size();
  for (const auto& [site, beside] : sites.good) {
    if (sites.bad.contains(site)) continue;
    ++all;
    if (beside.empty() || (most != 0 && beside.contains(out.companion))) out.examples.push_back(site);
  }
  std::optional<double> z = confidence(machine, out.examples.size(), all);
  if (!z) return std::nullopt;
  out.z = *z;
  return out;
}

void add_statistics(const CompiledMachine& machine, const std::vector<Observation>& observations,
                    std::vector<Finding>& findings) {
  Tally tally;
  std::map<std::string, std::map<SourcePoint, const Observation*>> bad;
  for (const Observation& o : observations) {
    tally.add(o.key, o.site, o.good);
    if (o.good || o.finding.message.empty()) continue;
    auto [it, fresh] = bad[o.key].try_emplace(o.site, &o);
    if (!fresh && read_before(o.finding, it->second->finding)) it->second = &o;
  }
  for (const auto& [key, places] : bad) {
    std::optional<Tally::Belief> belief = Tally::belief(machine, tally.keys_.find(key)->second);
    if (!belief) continue;
    const std::size_t broken = tally.keys_.find(key)->second.bad.size();
    // One place may be wrong whatever the others do; a key that is broken again and again is no rule.
    auto doubted = machine.settings.find("doubted_z_hundredths");
    const bool doubtful = doubted != machine.settings.end() && broken > 1 &&
                          belief->z < static_cast<double>(doubted->second) / 100;
    for (const auto& [site, o] : places) {
      Finding f = o->finding;
      f.doubtful = doubtful;
      f.z = belief->z;
      f.examples = static_cast<u32>(belief->examples.size());
      f.counterexamples = static_cast<u32>(broken);
      if (!belief->companion.empty()) f.message += fmt::format(" ({})", belief->companion);
      constexpr u32 kShown = 3;
      u32 shown = 0;
      for (const SourcePoint& p : belief->examples) {
        if (++shown > kShown) break;
        f.path.push_back({p, "", fmt::format("an example of the rule: '{}' holds here", key)});
      }
      shown = 0;
      for (const auto& [other, also] : places) {
        if (other == site) continue;
        if (++shown > kShown) break;
        f.path.push_back({other, "", fmt::format("another counter-example of '{}'", key)});
      }
      findings.push_back(std::move(f));
    }
  }
}

}  // namespace quire::metal
