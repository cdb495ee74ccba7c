#include "metal/engine/statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace quire::metal {
namespace {

/// How surely a key holds that has `examples` and `counterexamples`; nothing when it is not to be believed.
std::optional<double> confidence(const CompiledMachine& m, std::size_t examples,
                                 std::size_t counterexamples) {
  auto setting = [&](const char* name, i64 otherwise) {
    auto it = m.settings.find(name);
    return it == m.settings.end() ? otherwise : it->second;
  };
  double p0 = static_cast<double>(setting("expected_percent", 90)) / 100;
  double least = static_cast<double>(setting("z_hundredths", 0)) / 100;
  auto least_examples = static_cast<std::size_t>(setting("min_examples", 4));
  if (counterexamples == 0 || examples < least_examples) return std::nullopt;
  auto n = static_cast<double>(examples + counterexamples);
  double z = (static_cast<double>(examples) / n - p0) / std::sqrt(p0 * (1 - p0) / n);
  if (z < least) return std::nullopt;
  return z;
}

}  // namespace

void Tally::add(const std::string& key, const SourcePoint& site, bool good) {
  Sites& s = keys_[key];
  (good ? s.good : s.bad).insert(site);
}

bool Tally::holds(const CompiledMachine& machine, const std::string& key) const {
  auto it = keys_.find(key);
  if (it == keys_.end()) return false;
  const Sites& s = it->second;
  auto failed = static_cast<std::size_t>(
      std::count_if(s.good.begin(), s.good.end(), [&](const SourcePoint& p) { return s.bad.contains(p); }));
  return confidence(machine, s.good.size() - failed, s.bad.size()).has_value();
}

void add_statistics(const CompiledMachine& machine, const std::vector<Observation>& observations,
                    std::vector<Finding>& findings) {
  struct Key {
    std::set<SourcePoint> good;
    std::map<SourcePoint, const Observation*> bad;
  };
  std::map<std::string, Key> keys;
  for (const Observation& o : observations) {
    Key& k = keys[o.key];
    if (o.good) {
      k.good.insert(o.site);
    } else {
      auto [it, fresh] = k.bad.try_emplace(o.site, &o);
      if (!fresh && read_before(o.finding, it->second->finding)) it->second = &o;
    }
  }
  for (auto& [name, k] : keys) {
    for (const auto& [site, o] : k.bad) k.good.erase(site);
    std::optional<double> z = confidence(machine, k.good.size(), k.bad.size());
    if (!z) continue;
    for (const auto& [site, o] : k.bad) {
      Finding f = o->finding;
      f.z = *z;
      f.examples = static_cast<u32>(k.good.size());
      f.counterexamples = static_cast<u32>(k.bad.size());
      u32 shown = 0;
      for (const SourcePoint& p : k.good) {
        if (++shown > 3) break;
        f.path.push_back({p, "", fmt::format("an example of the rule: '{}' holds here", name)});
      }
      shown = 0;
      for (const auto& [other, also] : k.bad) {
        if (other == site) continue;
        if (++shown > 3) break;
        f.path.push_back({other, "", fmt::format("another counter-example of '{}'", name)});
      }
      findings.push_back(std::move(f));
    }
  }
}

}  // namespace quire::metal
