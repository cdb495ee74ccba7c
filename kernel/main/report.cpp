#include "kernel/main/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace quire::cli {

void print_report(bool json, const task::Kernel& kernel, const mm::MemoryManager& memory,
                  platform::Platform& platform, Times times) {
  task::KernelStatistics k = kernel.statistics();
  mm::Statistics m = memory.statistics();
  platform::Counters p = platform.counters();
  const platform::Calibration& c = platform.calibration();
  u64 used = platform.memory().bytes_used();
  u64 peak = std::max(used, m.frames_used * page_size);
  std::sort(k.by_call.begin(), k.by_call.end(),
            [](const auto& a, const auto& b) { return a.calls > b.calls; });

  if (json) {
    nlohmann::json calls = nlohmann::json::object(), missing = nlohmann::json::object();
    for (const task::CallCount& call : k.by_call)
      (call.implemented ? calls : missing)[call.name] = call.calls;
    nlohmann::json j = {
        {"start_ms", times.start_ms},
        {"total_ms", times.total_ms},
        {"system_calls",
         {{"trapped", k.calls_trapped},
          {"patched", k.calls_patched},
          {"in_stub", k.calls_in_stub},
          {"by_name", calls},
          {"not_supported", missing}}},
        {"faults", k.faults},
        {"faults_by_kind",
         {{"minor", m.faults_minor},
          {"major", m.faults_major},
          {"copy_on_write", m.faults_cow},
          {"refill", m.faults_refill}}},
        {"copy_on_write",
         {{"page", m.cow_page},
          {"host_private", m.cow_private},
          {"block", m.cow_block},
          {"warm", m.cow_warm},
          {"settled", m.settled},
          {"snapshot_pieces", m.snapshot_pages}}},
        {"page_tables",
         {{"live", m.tables_live}, {"shared", m.tables_shared}, {"unshared", m.tables_unshared}}},
        {"windows_collapsed", m.collapsed},
        {"lock_wait_ms", static_cast<double>(m.lock_wait_ns) / 1e6},
        {"forks", m.forks},
        {"execs", k.execs},
        {"tasks", k.tasks_created},
        {"signals", k.signals_delivered},
        {"revocations", p.revocations},
        {"revocations_waited", p.revocations_waited},
        {"stubs",
         {{"made", p.stubs_made},
          {"live", p.stubs_live},
          {"reused", p.stubs_reused},
          {"stolen", p.stubs_stolen},
          {"killed", p.stubs_killed}}},
        {"sites_patched", p.sites_patched},
        {"retraps", p.retraps},
        {"peak_memory_bytes", peak},
        {"memory_file",
         {{"tmpfs_huge", platform.memory().kind().tmpfs_huge_advise},
          {"collapse", platform.memory().kind().collapse}}},
        {"host", {{"cpus", c.cpus}, {"futex_round_us", c.futex_round_us}, {"spin_us", c.spin_us}}}};
    std::fprintf(stderr, "%s\n", j.dump().c_str());
    return;
  }

  std::string out;
  auto row = [&](const char* name, std::string value) { out += fmt::format("  {:22} {}\n", name, value); };
  out += "quire: statistics\n";
  row("time", fmt::format("{:.1f} ms to start, {:.1f} ms in all", times.start_ms, times.total_ms));
  row("system calls", fmt::format("{} trapped, {} patched, {} answered in the stub", k.calls_trapped,
                                  k.calls_patched, k.calls_in_stub));
  row("faults", fmt::format("{} in all: {} minor, {} major, {} copy-on-write, {} refills", k.faults,
                            m.faults_minor, m.faults_major, m.faults_cow, m.faults_refill));
  row("copy-on-write",
      fmt::format(
          "{} by pages, {} by blocks, {} left to the host ({} settled, {} pieces copied for children)",
          m.cow_page, m.cow_block, m.cow_private, m.settled, m.snapshot_pages));
  row("page tables", fmt::format("{} live, {} shared at fork, {} unshared", m.tables_live, m.tables_shared,
                                 m.tables_unshared));
  row("huge pages", fmt::format("{} windows of small pages made huge", m.collapsed));
  row("address-space locks", fmt::format("{:.3f} ms waited", static_cast<double>(m.lock_wait_ns) / 1e6));
  row("processes", fmt::format("{} forks, {} execs, {} tasks, {} signals", m.forks, k.execs, k.tasks_created,
                               k.signals_delivered));
  row("stubs",
      fmt::format("{} made, {} used again, {} stolen, {} killed; {} revocations, {} waited for", p.stubs_made,
                  p.stubs_reused, p.stubs_stolen, p.stubs_killed, p.revocations, p.revocations_waited));
  row("patched sites", fmt::format("{}; {} retraps", p.sites_patched, p.retraps));
  row("memory", fmt::format("{:.1f} MB in use at the end, {}{}", static_cast<double>(used) / 1e6,
                            platform.memory().kind().tmpfs_huge_advise ? "tmpfs with huge pages" : "memfd",
                            platform.memory().kind().collapse ? ", collapse" : ""));
  row("host", fmt::format("{} CPUs, futex hand-off and back {:.1f} us, spins {:.1f} us", c.cpus,
                          c.futex_round_us, c.spin_us));
  std::string most, missing;
  unsigned shown = 0;
  for (const task::CallCount& call : k.by_call) {
    if (!call.implemented)
      missing += fmt::format(" {} ({}) x {}", call.name, call.number, call.calls);
    else if (call.calls > 0 && ++shown <= 12)
      most += fmt::format(" {} {}", call.name, call.calls);
  }
  if (!most.empty()) row("most called", most.substr(1));
  if (!missing.empty()) row("not supported", missing.substr(1));
  std::fputs(out.c_str(), stderr);
}

}  // namespace quire::cli
