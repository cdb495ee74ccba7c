#include "metal/main/analysis.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>

#include "base/progress.h"

namespace quire::metal {

namespace fs = std::filesystem;

std::string default_cache_directory() {
  if (const char* e = std::getenv("METAL_CACHE")) return e;
  auto usable = [](const std::string& base) {
    std::error_code ec;
    fs::create_directories(base + "/metal", ec);
    return !ec && access((base + "/metal").c_str(), W_OK) == 0;
  };
  if (const char* e = std::getenv("XDG_CACHE_HOME"); e != nullptr && e[0] == '/' && usable(e))
    return std::string(e) + "/metal";
  if (const char* e = std::getenv("HOME"); e != nullptr && e[0] == '/' && usable(std::string(e) + "/.cache"))
    return std::string(e) + "/.cache/metal";
  return fmt::format("/tmp/metal-cache-{}", geteuid());
}

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string absolute_file(const CompileCommand& c) {
  return c.file.starts_with("/") ? c.file : (fs::path(c.directory) / c.file).lexically_normal().string();
}

}  // namespace

Analysis analyse(const AnalysisOptions& options, const RuleSet& rules, Symbols& symbols) {
  Analysis out;
  auto start = std::chrono::steady_clock::now();
  std::vector<CompileCommand> commands = options.commands;
  std::sort(commands.begin(), commands.end(), [](const CompileCommand& a, const CompileCommand& b) {
    return std::pair(absolute_file(a), a.arguments) < std::pair(absolute_file(b), b.arguments);
  });
  std::size_t total = commands.size() + options.function_files.size();
  std::vector<std::shared_ptr<UnitReader>> units(total);
  std::vector<std::string> errors(total);
  std::atomic<u32> next{0}, parsed{0}, cached{0};
  Cache cache(options.cache);
  {
    std::optional<Progress> bar;
    if (options.progress) bar.emplace("reading", total);
    auto work = [&] {
      for (u32 i; (i = next.fetch_add(1)) < total;) {
        if (i < commands.size()) {
          auto r = cache.get(commands[i], symbols);
          if (r) {
            (r->parsed ? parsed : cached).fetch_add(1);
            units[i] = std::move(r->unit);
          } else {
            errors[i] = absolute_file(commands[i]) + ": " + r.error().what;
          }
        } else {
          const std::string& file = options.function_files[i - commands.size()];
          std::ifstream in(file, std::ios::binary);
          std::stringstream bytes;
          bytes << in.rdbuf();
          auto r = in ? UnitReader::open(std::move(bytes).str(), symbols)
                      : std::unexpected(CodecError{"cannot be read"});
          if (r)
            units[i] = std::move(*r);
          else
            errors[i] = file + ": " + r.error().what;
        }
        if (bar) bar->advance();
      }
    };
    std::vector<std::thread> helpers;
    for (u32 t = 1; t < std::max<u32>(1, options.threads); ++t) helpers.emplace_back(work);
    work();
    for (std::thread& t : helpers) t.join();
  }
  out.parsed = parsed;
  out.cached = cached;
  std::vector<std::shared_ptr<UnitReader>> good;
  for (std::size_t i = 0; i < total; ++i) {
    if (!units[i]) {
      out.problems.push_back(errors[i]);
      ++out.failed;
      continue;
    }
    const Unit& u = units[i]->unit();
    out.functions_with_errors += u.functions_with_errors;
    if (u.incomplete || u.errors != 0) {
      std::string what = u.incomplete
                             ? "a file that it includes is missing"
                             : fmt::format("{} error{} while parsing", u.errors, u.errors == 1 ? "" : "s");
      for (const UnitDiagnostic& d : u.diagnostics)
        if (d.is_error) {
          what += fmt::format("; first: {}:{}:{}: {}", d.file, d.line, d.column, d.text);
          break;
        }
      out.problems.push_back(u.main_file + ": " + what);
    }
    good.push_back(std::move(units[i]));
  }
  std::stable_sort(good.begin(), good.end(),
                   [](const auto& a, const auto& b) { return a->unit().main_file < b->unit().main_file; });
  out.extract_seconds = seconds_since(start);

  start = std::chrono::steady_clock::now();
  Program program = Program::link(good, options.threads);
  out.link = program.stats();
  if (out.link.broken_functions != 0)
    out.problems.push_back(
        fmt::format("{} functions in function files are damaged", out.link.broken_functions));
  out.link_seconds = seconds_since(start);

  start = std::chrono::steady_clock::now();
  {
    std::optional<Progress> bar;
    if (options.progress) bar.emplace("checking", rules.machines.size());
    RunOptions run = options.run;
    run.threads = options.threads;
    run.results = options.cache;
    if (bar) run.ticked = [&bar] { bar->advance(); };
    out.result = run_machines(program, rules.machines, run);
  }
  out.solve_seconds = seconds_since(start);
  return out;
}

}  // namespace quire::metal
