#include "metal/engine/run.h"

#include <fmt/format.h>
#include <malloc.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <tuple>

#include "metal/engine/results.h"
#include "metal/engine/statistics.h"

namespace quire::metal {
namespace {

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

/// The last change of state was made by a function that had come back by then, or the path does not show it.
bool begun_in_returned(const Finding& f) {
  constexpr std::string_view kNow = "now ";
  std::size_t begun = f.path.size();
  for (std::size_t i = 0; i < f.path.size(); ++i)
    if (f.path[i].text.starts_with(kNow) || f.path[i].text.find(" is now ") != std::string::npos) begun = i;
  if (begun == f.path.size()) return true;
  const std::string& in = f.path[begun].function;
  return in != f.function && std::none_of(f.path.begin() + static_cast<std::ptrdiff_t>(begun) + 1,
                                          f.path.end(), [&](const PathNote& n) { return n.function == in; });
}

/// `set longest_path = N`: what takes more is doubtful. `set returned_doubtful = 1`: so is what rests on a
/// state in which a callee left things.
void doubt_far_fetched(const CompiledMachine& m, std::vector<Finding>& findings) {
  auto longest = m.settings.find("longest_path");
  const bool returned = m.settings.contains("returned_doubtful");
  for (Finding& f : findings)
    f.doubtful = f.doubtful || (longest != m.settings.end() && length_of_path(f) > longest->second) ||
                 (returned && begun_in_returned(f));
}

}  // namespace

std::vector<Finding> group_and_rank(std::vector<Finding> findings) {
  sort_for_reading(findings);
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
  sort_for_reading(out);
  return out;
}

RunResult run_machines(const Program& program,
                       const std::vector<std::shared_ptr<const CompiledMachine>>& machines,
                       const RunOptions& options) {
  InfoCache infos(program, options.models);
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
      auto owned =
          std::make_unique<Solver>(program, infos, machines[i], annotators, options.models, options.limits);
      Solver& solver = *owned;
      if (!options.trace.empty()) solver.set_trace(options.trace, options.trace_sink);
      solver.run(&results);
      made[i].findings = solver.take_findings();
      add_statistics(*machines[i], solver.take_observations(), made[i].findings);
      doubt_far_fetched(*machines[i], made[i].findings);
      made[i].stats = solver.stats();
      results.keep(*machines[i], annotators, made[i]);
      owned.reset();
      malloc_trim(
          0);  // what one machine needed lies about in small pieces, and the next runs in another thread
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
    for (std::size_t b = 0; b < result.stats.cut_by.size(); ++b)
      result.stats.cut_by[b] += made[i].stats.cut_by[b];
    result.stats.joins += made[i].stats.joins;
  }
  result.findings = group_and_rank(std::move(result.findings));
  return result;
}

}  // namespace quire::metal
