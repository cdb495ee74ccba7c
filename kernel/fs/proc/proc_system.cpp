// What lies directly in /proc.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "kernel/fs/proc/nodes.h"
#include "kernel/mm/huge_pool.h"

namespace quire::fs::proc {
namespace {

/// The host's, which CLOCK_BOOTTIME tells guests anyway.
timespec uptime() {
  timespec t{};
  clock_gettime(CLOCK_BOOTTIME, &t);
  return t;
}

/// The sandbox's CPU time so far, in USER_HZ ticks: user, system.
std::pair<u64, u64> cpu_ticks() {
  u64 user = 0, system = 0;
  auto* p = vfs::processes();
  if (p == nullptr) return {0, 0};
  for (int pid : p->pids())
    if (auto v = p->find(pid))
      for (int tid : v->threads())
        if (auto t = v->thread(tid)) user += t->user_ns, system += t->system_ns;
  return {user / 10'000'000, system / 10'000'000};
}

std::string meminfo(u64 limit) {
  auto* p = vfs::processes();
  u64 total = 0, free = 0;
  if (p != nullptr) total = p->memory().total_bytes(), free = p->memory().free_bytes();
  if (limit != 0) total = std::min(total, limit);
  free = std::min(free, total);
  auto row = [](const char* name, u64 bytes) {
    return fmt::format("{:<15} {:8} kB\n", fmt::format("{}:", name), bytes / 1024);
  };
  const u64 tables = p != nullptr ? p->memory().statistics().tables_live * page_size : 0;
  u64 used = total - free;
  std::string s = row("MemTotal", total) + row("MemFree", free) + row("MemAvailable", free) +
                  row("Buffers", 0) + row("Cached", 0) + row("SwapCached", 0) + row("Active", used) +
                  row("Inactive", 0) + row("Active(anon)", used) + row("Inactive(anon)", 0) +
                  row("Active(file)", 0) + row("Inactive(file)", 0) + row("Unevictable", 0) +
                  row("Mlocked", 0) + row("SwapTotal", 0) + row("SwapFree", 0) + row("Dirty", 0) +
                  row("Writeback", 0) + row("AnonPages", used) + row("Mapped", 0) + row("Shmem", 0) +
                  row("KReclaimable", 0) + row("Slab", 0) + row("SReclaimable", 0) + row("SUnreclaim", 0) +
                  row("KernelStack", 0) + row("PageTables", tables) + row("CommitLimit", total) +
                  row("Committed_AS", used) + row("VmallocTotal", u64{1} << 45) + row("VmallocUsed", 0) +
                  row("AnonHugePages", 0) + row("ShmemHugePages", 0);
  mm::HugePageCounts huge;
  if (p != nullptr) huge = p->memory().huge_pages().counts();
  auto pages = [](const char* name, u64 n) {
    return fmt::format("{:<15}{:8}\n", fmt::format("HugePages_{}:", name), n);
  };
  return s + pages("Total", huge.total) + pages("Free", huge.free) + pages("Rsvd", huge.reserved) +
         pages("Surp", huge.surplus) + row("Hugepagesize", huge_size) +
         row("Hugetlb", huge.total * huge_size);
}

/// Opened at start: later the kernel may no longer do that. Reading it waits until somebody wants it.
int host_cpuinfo() {
  static const int fd = ::open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
  return fd;
}

/// The host's own text for as many CPUs as guests see: what the instruction set offers is no secret.
std::string cpuinfo() {
  static const std::string all = [] {
    std::string s;
    char part[4096];
    for (ssize_t n; (n = ::pread(host_cpuinfo(), part, sizeof part, static_cast<off_t>(s.size()))) > 0;)
      s.append(part, static_cast<std::size_t>(n));
    return s;
  }();
  unsigned cpus = vfs::processes() != nullptr ? vfs::processes()->cpus() : 1;
  std::string out;
  std::size_t at = 0;
  for (unsigned i = 0; i < cpus; ++i) {
    std::size_t end = all.find("\n\n", at);
    if (end == std::string::npos) {
      if (at >= all.size())
        out += fmt::format("processor\t: {}\n\n", i);
      else
        out += all.substr(at);
      at = all.size();
      continue;
    }
    out += all.substr(at, end + 2 - at);
    at = end + 2;
  }
  return out;
}

std::string system_stat() {
  unsigned cpus = vfs::processes() != nullptr ? vfs::processes()->cpus() : 1;
  auto [user, system] = cpu_ticks();
  timespec up = uptime();
  u64 total = static_cast<u64>(up.tv_sec) * 100 * cpus;
  u64 idle = total > user + system ? total - user - system : 0;
  std::string s = fmt::format("cpu  {} 0 {} {} 0 0 0 0 0 0\n", user, system, idle);
  for (unsigned i = 0; i < cpus; ++i)
    s += fmt::format("cpu{} {} 0 {} {} 0 0 0 0 0 0\n", i, user / cpus, system / cpus, idle / cpus);
  u64 forks = vfs::processes() != nullptr ? vfs::processes()->total_forks() : 0;
  s += fmt::format("intr 0\nctxt 0\nbtime {}\nprocesses {}\nprocs_running 1\nprocs_blocked 0\nsoftirq 0\n",
                   vfs::now().tv_sec - up.tv_sec, forks);
  return s;
}

std::string loadavg() {
  auto* p = vfs::processes();
  unsigned running = 0, total = 0;
  int last = 0;
  if (p != nullptr)
    for (int pid : p->pids())
      if (auto v = p->find(pid)) {
        last = std::max(last, pid);
        for (int tid : v->threads()) {
          ++total;
          if (auto t = v->thread(tid)) running += t->state == 'R' ? 1 : 0;
        }
      }
  return fmt::format("0.00 0.00 0.00 {}/{} {}\n", std::max(1u, running), total, last);
}

}  // namespace

void add_system_files(PseudoFileSystem& fs, vfs::StaticDirectory& root, const Settings& settings) {
  auto text = [&](const char* name, std::function<std::string()> make) {
    root.add(name, make_ref<vfs::TextFile>(fs, [make]() -> Result<std::string> { return make(); }));
  };
  (void)host_cpuinfo();
  root.add("mm", make_ref<vfs::CustomFile>(fs, S_IFREG | 0222, [](int flags) -> Result<Ref<vfs::File>> {
             auto* p = vfs::processes();
             if (p == nullptr) return err(ENXIO);
             return p->open_new_mm(flags);
           }));
  text("meminfo", [limit = settings.memory_limit] { return meminfo(limit); });
  text("cpuinfo", cpuinfo);
  text("stat", system_stat);
  text("loadavg", loadavg);
  text("uptime", [] {
    timespec up = uptime();
    auto [user, system] = cpu_ticks();
    double idle = static_cast<double>(up.tv_sec) - static_cast<double>(user + system) / 100;
    return fmt::format("{}.{:02} {:.2f}\n", up.tv_sec, up.tv_nsec / 10'000'000, std::max(idle, 0.0));
  });
  text("version", [r = settings.release, v = settings.version] {
    return fmt::format("Linux version {} (quire) (gcc) {}\n", r, v);
  });
  text("filesystems", [] {
    return std::string(
        "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tpipefs\nnodev\tdevpts\nnodev\thugetlbfs\nnodev\tover"
        "lay\n\tjffs2\n");
  });
  text("cmdline", [] { return std::string("quire\n"); });
  text("devices", [] {
    return std::string(
        "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/ptmx\n136 pts\n\nBlock devices:\n");
  });
  text("modules", [] { return std::string(); });
  text("partitions", [] { return std::string("major minor  #blocks  name\n\n"); });
  text("swaps", [] { return std::string("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"); });
  text("diskstats", [] { return std::string(); });
  text("interrupts", [] { return std::string("           CPU0       \n"); });
  text("vmstat", [] {
    auto* p = vfs::processes();
    u64 free = p != nullptr ? p->memory().free_bytes() / page_size : 0;
    return fmt::format("nr_free_pages {}\npgfault 0\npgmajfault 0\n", free);
  });
  text("cgroups", [] { return std::string("#subsys_name\thierarchy\tnum_cgroups\tenabled\n"); });
}

}  // namespace quire::fs::proc
