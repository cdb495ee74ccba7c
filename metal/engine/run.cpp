#include "metal/engine/run.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "metal/engine/results.h"

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

/// How near two findings of equal severity are to being read first: the certain before what rests on a
/// pointer or on code that did not parse; then the local before the far-fetched, where a standard deviation
/// of statistical weight makes up for a call crossed, half a round of a loop or four branches. A cause that
/// shows at very many places is more likely to be misjudged than to be an error that nobody met.
std::tuple<int, int, double, u32> weight(const Finding& f) {
  Path p = path_of(f);
  return {static_cast<int>(f.level), (f.uncertain ? 2 : 0) + (p.indirect ? 1 : 0),
          p.calls + 2.0 * p.rounds + std::min<u32>(f.branches, 50) / 4.0 - f.z + std::log2(1.0 + f.also),
          p.calls};
}

bool before(const Finding& a, const Finding& b) {
  auto wa = weight(a), wb = weight(b);
  if (wa != wb) return wa < wb;
  return std::tie(a.at, a.rule, a.message, a.function, a.cause, a.path) <
         std::tie(b.at, b.rule, b.message, b.function, b.cause, b.path);
}

/// Examples and counter-examples of one machine, united: a site that fails on any path is a
/// counter-example. Keys that hold nearly always give their counter-examples as findings.
void statistics(const CompiledMachine& m, std::vector<Observation> observations,
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
      if (!fresh && before(o.finding, it->second->finding)) it->second = &o;
    }
  }
  auto setting = [&](const char* name, i64 otherwise) {
    auto it = m.settings.find(name);
    return it == m.settings.end() ? otherwise : it->second;
  };
  double p0 = static_cast<double>(setting("expected_percent", 90)) / 100;
  double least = static_cast<double>(setting("z_hundredths", 0)) / 100;
  auto least_examples = static_cast<std::size_t>(setting("min_examples", 4));
  for (auto& [name, k] : keys) {
    for (const auto& [site, o] : k.bad) k.good.erase(site);
    std::size_t e = k.good.size(), c = k.bad.size(), n = e + c;
    if (c == 0 || e < least_examples) continue;
    double z = (static_cast<double>(e) / static_cast<double>(n) - p0) /
               std::sqrt(p0 * (1 - p0) / static_cast<double>(n));
    if (z < least) continue;
    for (const auto& [site, o] : k.bad) {
      Finding f = o->finding;
      f.z = z;
      f.examples = static_cast<u32>(e);
      f.counterexamples = static_cast<u32>(c);
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

/// Threads whose stacks suit deep call chains in the checked program.
void on_large_stacks(u32 threads, const std::function<void()>& work) {
  struct Start {
    static void* run(void* p) {
      (*static_cast<const std::function<void()>*>(p))();
      return nullptr;
    }
  };
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, std::size_t{256} << 20);
  std::vector<pthread_t> running;
  for (u32 i = 0; i < threads; ++i) {
    pthread_t t;
    if (pthread_create(&t, &attributes, Start::run, const_cast<std::function<void()>*>(&work)) == 0)
      running.push_back(t);
  }
  pthread_attr_destroy(&attributes);
  if (running.empty()) work();
  for (pthread_t t : running) pthread_join(t, nullptr);
}

}  // namespace

std::vector<Finding> group_and_rank(std::vector<Finding> findings) {
  std::sort(findings.begin(), findings.end(), before);
  using Cause = std::tuple<std::string, SourcePoint, u32>;
  std::map<Cause, std::size_t> causes;
  std::map<std::tuple<std::string, SourcePoint>, std::size_t> places;
  std::vector<Finding> out;
  for (Finding& f : findings) {
    Cause cause{f.rule, f.cause, f.transition};
    auto place = std::make_tuple(f.rule, f.at);
    auto by_cause = causes.find(cause);
    auto by_place = places.find(place);
    if (by_cause != causes.end() || by_place != places.end()) {
      Finding& kept = out[by_cause != causes.end() ? by_cause->second : by_place->second];
      if (kept.at != f.at) ++kept.also;
      continue;
    }
    causes.emplace(std::move(cause), out.size());
    places.emplace(std::move(place), out.size());
    out.push_back(std::move(f));
  }
  std::sort(out.begin(), out.end(), before);
  return out;
}

RunResult run_machines(const Program& program,
                       const std::vector<std::shared_ptr<const CompiledMachine>>& machines,
                       const RunOptions& options) {
  InfoCache infos(program);
  Results results(options.trace.empty() ? options.results : std::string(), program, options.models,
                  options.limits);
  std::vector<MachineResult> made(machines.size());
  std::atomic<std::size_t> next{0};
  std::function<void()> work = [&] {
    for (std::size_t i; (i = next.fetch_add(1)) < machines.size();) {
      if (!machines[i]->reports) {  // its marks are made when some other machine asks
        if (options.ticked) options.ticked();
        continue;
      }
      std::vector<std::shared_ptr<const CompiledMachine>> annotators;
      for (const auto& other : machines) {
        bool wanted = std::any_of(other->writes.begin(), other->writes.end(), [&](const std::string& tag) {
          return std::any_of(machines.begin(), machines.end(), [&](const auto& reader) {
            return std::find(reader->reads.begin(), reader->reads.end(), tag) != reader->reads.end();
          });
        });
        if (wanted) annotators.push_back(other);
      }
      if (auto known = results.find(*machines[i], annotators)) {
        made[i] = std::move(*known);
        if (options.ticked) options.ticked();
        continue;
      }
      Solver solver(program, infos, machines[i], annotators, options.models, options.limits);
      if (!options.trace.empty()) solver.set_trace(options.trace, options.trace_sink);
      solver.run();
      made[i].findings = solver.take_findings();
      statistics(*machines[i], solver.take_observations(), made[i].findings);
      made[i].stats = solver.stats();
      results.keep(*machines[i], annotators, made[i]);
      if (options.ticked) options.ticked();
    }
  };
  u32 threads = options.trace.empty()
                    ? std::max<u32>(1, std::min<u32>(options.threads, static_cast<u32>(machines.size())))
                    : 1;
  on_large_stacks(threads, work);

  RunResult result;
  for (std::size_t i = 0; i < machines.size(); ++i) {
    for (Finding& f : made[i].findings) result.findings.push_back(std::move(f));
    result.stats.summaries += made[i].stats.summaries;
    result.stats.reused += made[i].stats.reused;
    result.stats.steps += made[i].stats.steps;
    result.stats.functions += made[i].stats.functions;
    result.stats.functions_cut += made[i].stats.functions_cut;
    result.stats.joins += made[i].stats.joins;
  }
  result.findings = group_and_rank(std::move(result.findings));
  return result;
}

}  // namespace quire::metal
