// `metal check`: rules over a code base.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>

#include "metal/front/commands.h"
#include "metal/main/analysis.h"
#include "metal/main/commands.h"
#include "metal/main/project.h"
#include "metal/report/filter.h"
#include "metal/report/report.h"

namespace quire::metal {

namespace fs = std::filesystem;

namespace {

int complain(const std::string& text) {
  std::cerr << "metal check: " << text << "\n";
  return kWrongUse;
}

std::vector<RuleInfo> rule_infos(const RuleSet& rules) {
  std::vector<RuleInfo> out;
  for (const auto& m : rules.machines) {
    const rule::Metadata& meta = m->ast->meta;
    if (std::any_of(out.begin(), out.end(), [&](const RuleInfo& r) { return r.id == meta.id; })) continue;
    Level level = meta.severity == "error"     ? Level::kError
                  : meta.severity == "warning" ? Level::kWarning
                                               : Level::kNote;
    out.push_back({meta.id, m->ast->name, meta.text, meta.category, meta.fix, level});
  }
  return out;
}

void print_stats(const Analysis& a, const RuleSet& rules) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const EngineStats& e = a.result.stats;
  double share =
      e.functions == 0 ? 0 : 100.0 * static_cast<double>(e.functions_cut) / static_cast<double>(e.functions);
  std::cerr << fmt::format(
      "files        {} parsed, {} from the cache, {} failed\n"
      "functions    {} ({} duplicates in headers), {} with parse errors\n"
      "calls        {}, {} indirect, {} with unknown target, {} with too many\n"
      "rules        {} machines\n"
      "solved       {} items ({} in earlier runs), {} blocks walked, {} joins of facts\n"
      "cut          {} of {} functions looked into ({:.2f} %): by blocks {}, forks {}, exits {}, depth {}, "
      "entries {}, objects {}\n"
      "bounds       {} functions in which all objects of callers are followed: too many to tell apart\n"
      "time         reading {:.2f} s, link {:.2f} s, checking {:.2f} s\n"
      "peak memory  {} MiB\n",
      a.parsed, a.cached, a.failed, a.link.functions, a.link.duplicates, a.functions_with_errors,
      a.link.calls, a.link.indirect_calls, a.link.unresolved_calls, a.link.wide_calls, rules.machines.size(),
      e.summaries, e.reused, e.steps, e.joins, e.functions_cut, e.functions, share, e.cut_by[0], e.cut_by[1],
      e.cut_by[2], e.cut_by[3], e.cut_by[4], e.cut_by[5], e.cut_by[6], a.extract_seconds, a.link_seconds,
      a.solve_seconds, usage.ru_maxrss / 1024);
}

}  // namespace

int check_command(const std::vector<std::string>& arguments) {
  // What follows `--` are compiler flags for the files named before it.
  std::vector<std::string> own = arguments, flags;
  if (auto it = std::find(own.begin(), own.end(), "--"); it != own.end()) {
    flags.assign(it + 1, own.end());
    own.erase(it, own.end());
  }
  CLI::App app("Checks C and C++ sources against rules.", "metal check");
  std::vector<std::string> rule_names, files, includes, kbuild_arguments;
  std::string build, kbuild, format = "text", output, baseline, write_baseline, since, cache = "auto", trace,
                             colour = "auto", project_file;
  u32 jobs = std::max(1u, std::thread::hardware_concurrency());
  bool doubtful = false, intra = false, stats = false, allow_incomplete = false, quiet = false;
  u32 limit = 0;
  app.add_option("files", files, "Source files, compiled with the flags after --; or function files (.qmf)");
  app.add_option("--rules,-r", rule_names, "Rule file, directory or pack; may be repeated")
      ->allow_extra_args(false);
  app.add_option("-p", build, "Directory of compile_commands.json, or the file itself");
  app.add_option("--kbuild", kbuild, "A configured Linux tree: its commands are read, nothing is built");
  app.add_option("--kbuild-arg", kbuild_arguments, "Passed to make with --kbuild")->allow_extra_args(false);
  app.add_option("-I", includes, "Where rule preambles look for included files")->allow_extra_args(false);
  app.add_option("--format,-f", format, "text, sarif, html or json")
      ->check(CLI::IsMember({"text", "sarif", "html", "json"}));
  app.add_option("-o,--output", output, "Write the report to this file");
  app.add_option("-j", jobs, "Threads")->check(CLI::Range(1u, 1024u));
  app.add_option("--baseline", baseline, "Leave out findings that this file knows");
  app.add_option("--write-baseline", write_baseline, "Write a baseline that knows all findings");
  app.add_option("--new-since", since, "Only findings that touch lines changed since this git revision");
  app.add_option("--cache", cache, "Directory of function files and results; 'none' keeps nothing");
  app.add_option("--trace", trace, "Show how the rules walk through this function");
  app.add_option("--project", project_file, "Project file instead of the nearest .metal.json");
  app.add_option("--colour,--color", colour, "auto, always or never")
      ->check(CLI::IsMember({"auto", "always", "never"}));
  app.add_option("--limit", limit, "Report at most this many findings");
  app.add_flag("--doubtful", doubtful,
               "Report also what rests on a long way through many functions and assumptions, or breaks what "
               "is broken again and again");
  app.add_flag("--intra", intra, "Each function alone: the reading of 2001");
  app.add_flag("--stats", stats, "Say what was done, and what was cut");
  app.add_flag("--allow-incomplete", allow_incomplete, "Status 0 even if some files were not analysed");
  app.add_flag("-q,--quiet", quiet, "No summary, no progress");
  try {
    std::vector<std::string> reversed(own.rbegin(), own.rend());
    app.parse(reversed);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kClean : kWrongUse;
  }

  std::string here = fs::current_path().string();
  auto project = project_file.empty()
                     ? find_project(build.empty()             ? here
                                    : fs::is_directory(build) ? build
                                                              : fs::path(build).parent_path().string())
                     : read_project(fs::absolute(project_file).string());
  if (!project) return complain(project.error());
  if (rule_names.empty()) rule_names = project->rules;
  if (rule_names.empty()) return complain("no rules: give --rules FILE|PACK or name them in .metal.json");
  if (baseline.empty()) baseline = project->baseline;

  Symbols symbols;
  RuleOptions rule_options;
  rule_options.include_paths = includes;
  rule_options.include_paths.insert(rule_options.include_paths.end(), project->include_paths.begin(),
                                    project->include_paths.end());
  rule_options.settings = project->settings;
  rule_options.like = project->like;
  bool error_colour = colour == "always" || (colour == "auto" && isatty(2) != 0);
  RuleSet rules = load_rule_set(rule_names, rule_options, symbols, error_colour);
  std::cerr << rules.diagnostics;
  if (rules.broken) return kWrongUse;

  std::optional<Baseline> known;
  if (!baseline.empty()) {
    auto b = Baseline::read(baseline);
    if (!b) return complain(b.error());
    known = std::move(*b);
  }
  std::optional<ChangedLines> changed;
  if (!since.empty()) {
    auto c = changed_since(here, since);
    if (!c) return complain(c.error());
    changed = std::move(*c);
  }

  AnalysisOptions options;
  if (!build.empty()) {
    auto c = read_compile_commands(build);
    if (!c) return complain(c.error().what);
    options.commands = std::move(*c);
  }
  if (!kbuild.empty()) {
    if (!quiet && isatty(2) != 0) std::cerr << "metal: asking make for the commands of " << kbuild << "\n";
    auto c = read_kbuild(kbuild, kbuild_arguments);
    if (!c) return complain(c.error().what);
    options.commands.insert(options.commands.end(), c->begin(), c->end());
  }
  bool selects = !build.empty() || !kbuild.empty();
  if (selects && !files.empty()) {
    // Files beside -p choose among its commands: by name or by folder.
    std::vector<std::string> wanted;
    for (const std::string& f : files) wanted.push_back(fs::absolute(f).lexically_normal().string());
    std::erase_if(options.commands, [&](const CompileCommand& c) {
      std::string file = (fs::path(c.directory) / c.file).lexically_normal().string();
      return std::none_of(wanted.begin(), wanted.end(), [&](const std::string& w) {
        return file == w || file.starts_with(w.ends_with("/") ? w : w + "/");
      });
    });
    if (options.commands.empty()) return complain("none of the files has a compile command");
  } else {
    for (const std::string& f : files) {
      if (f.ends_with(".qmf"))
        options.function_files.push_back(f);
      else
        options.commands.push_back({here, fs::absolute(f).lexically_normal().string(), flags});
    }
  }
  std::erase_if(options.commands, [&](const CompileCommand& c) {
    std::string file = (fs::path(c.directory) / c.file).lexically_normal().string();
    return std::any_of(project->exclude.begin(), project->exclude.end(),
                       [&](const std::string& x) { return file.find(x) != std::string::npos; });
  });
  if (options.commands.empty() && options.function_files.empty())
    return complain("nothing to check: give files, -p BUILD_DIR or --kbuild DIR");

  options.cache = cache == "auto" ? default_cache_directory() : cache == "none" ? "" : cache;
  options.threads = jobs;
  options.progress = !quiet && isatty(2) != 0;
  options.run.limits = project->limits;
  options.run.limits.intra = intra;
  options.run.models = shipped_models();
  for (const std::string& w : project->noreturn) options.run.models.noreturn.insert(w);
  if (!trace.empty()) {
    options.run.trace = trace;
    options.run.trace_sink = [](const std::string& line) { std::cout << line << "\n"; };
  }
  Analysis analysis = analyse(options, rules, symbols);
  for (const std::string& p : analysis.problems)
    if (!quiet) std::cerr << "metal: not analysed whole: " << p << "\n";

  SourceText sources;
  ReportInput report;
  report.findings = std::move(analysis.result.findings);
  report.rules = rule_infos(rules);
  report.base = !project->directory.empty() ? project->directory : here;
  report.problems = analysis.problems;
  std::erase_if(report.findings, [&](const Finding& f) {
    return std::any_of(project->exclude.begin(), project->exclude.end(),
                       [&](const std::string& x) { return f.at.file.find(x) != std::string::npos; });
  });
  std::size_t left_out =
      doubtful ? 0 : std::erase_if(report.findings, [](const Finding& f) { return f.doubtful; });
  report.suppressed = remove_suppressed(report.findings, sources);
  if (changed) keep_new(report.findings, *changed);
  if (!write_baseline.empty()) {
    std::ofstream out(write_baseline);
    out << Baseline::write(report.findings, sources, report.base);
    if (!out.flush()) return complain(fmt::format("cannot write '{}'", write_baseline));
  }
  if (known) report.baselined = remove_known(report.findings, *known, sources, report.base);
  std::size_t all = report.findings.size();
  if (limit != 0 && report.findings.size() > limit) report.findings.resize(limit);

  std::string text;
  if (format == "sarif")
    text = sarif_report(report, sources);
  else if (format == "json")
    text = json_report(report, sources);
  else if (format == "html")
    text = html_report(report, sources);
  else
    text = text_report(report, sources,
                       colour == "always" || (colour == "auto" && output.empty() && isatty(1) != 0));
  if (output.empty()) {
    std::cout << text << std::flush;
    if (!std::cout) return complain("cannot write the report");
  } else {
    std::ofstream out(output, std::ios::binary);
    out << text;
    if (!out.flush()) return complain(fmt::format("cannot write '{}'", output));
  }
  if (stats) print_stats(analysis, rules);
  if (!quiet && format == "text" && (all != 0 || isatty(2) != 0)) {
    std::string extra;
    if (left_out != 0) extra += fmt::format(", {} doubtful ones left out (--doubtful)", left_out);
    if (report.suppressed != 0) extra += fmt::format(", {} suppressed", report.suppressed);
    if (report.baselined != 0) extra += fmt::format(", {} in the baseline", report.baselined);
    std::cerr << fmt::format("{} finding{}{}\n", all, all == 1 ? "" : "s", extra);
  }
  if (all != 0) return kFindings;
  return !analysis.problems.empty() && !allow_incomplete ? kIncomplete : kClean;
}

}  // namespace quire::metal
