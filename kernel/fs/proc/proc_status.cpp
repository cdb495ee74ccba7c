// Texts about processes: stat, status, statm, limits; and about mounts.
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>

#include "kernel/fs/proc/nodes.h"

namespace quire::fs::proc {
namespace {

u64 ticks(u64 ns) { return ns / 10'000'000; }  // USER_HZ is 100
u64 kib(u64 bytes) { return bytes / 1024; }

const char* state_name(char s) {
  switch (s) {
    case 'R':
      return "running";
    case 'D':
      return "disk sleep";
    case 'T':
      return "stopped";
    case 't':
      return "tracing stop";
    case 'Z':
      return "zombie";
    case 'X':
      return "dead";
    default:
      return "sleeping";
  }
}

std::string mount_flags(u64 flags) {
  std::string s = (flags & MS_RDONLY) != 0 ? "ro" : "rw";
  if ((flags & MS_NOSUID) != 0) s += ",nosuid";
  if ((flags & MS_NODEV) != 0) s += ",nodev";
  if ((flags & MS_NOEXEC) != 0) s += ",noexec";
  s += (flags & MS_NOATIME) != 0 ? ",noatime" : ",relatime";
  return s;
}

/// Blanks and backslashes as Linux writes them in these tables.
std::string escaped(const std::string& s) {
  std::string out;
  for (char c : s) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\\')
      out += fmt::format("\\{:03o}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out;
}

std::vector<vfs::MountInfo> visible_mounts() {
  vfs::Path root;
  if (auto* p = vfs::processes())
    if (auto me = p->current())
      if (auto fs = me->fs()) root = fs->root();
  return vfs::MountTable::instance().list(root);
}

}  // namespace

Result<std::string> stat_text(int pid, int tid, bool whole) {
  auto process = TRY(view_of(pid));
  auto s = process->status();
  auto threads = process->threads();
  auto t = TRY(thread_of(*process, tid));
  u64 user = t.user_ns, system = t.system_ns;
  if (whole) {
    user = system = 0;
    for (int id : threads)
      if (auto each = process->thread(id)) user += each->user_ns, system += each->system_ns;
  }
  u64 size = 0, resident = 0;
  mm::ProgramLayout l;
  if (auto mm = process->mm()) {
    size = mm->virtual_bytes();
    resident = mm->residency().resident;
    if (check_inspect(*process)) l = mm->program_layout();
  }
  u64 rss_limit = process->limits()[RLIMIT_RSS].soft;
  return fmt::format(
      "{} ({}) {} {} {} {} {} {} {} {} 0 {} 0 {} {} 0 0 {} {} {} 0 {} {} {} {} {} {} {} 0 0 {} {} {} {} 0 0 "
      "0 {} {} {} {} "
      "0 0 0 {} {} {} {} {} {} {} 0\n",
      tid, t.comm, t.state, s.parent, s.group, s.session, s.terminal, s.terminal_group, 0x400000,
      s.minor_faults, s.major_faults, ticks(user), ticks(system), 20 + t.nice, t.nice, threads.size(),
      ticks(t.start_ns), size, resident, rss_limit, l.code_begin.value(), l.code_end.value(),
      l.stack_begin.value(), t.pending & 0x7fffffff, t.blocked & 0x7fffffff, s.ignored & 0x7fffffff,
      s.caught & 0x7fffffff, s.exit_signal, 0, t.priority, t.policy, l.data_begin.value(), l.data_end.value(),
      l.brk_begin.value(), l.arg_begin.value(), l.arg_end.value(), l.env_begin.value(), l.env_end.value());
}

Result<std::string> statm_text(int pid) {
  auto process = TRY(view_of(pid));
  auto mm = process->mm();
  if (!mm) return "0 0 0 0 0 0 0\n";
  auto r = mm->residency();
  u64 text = 0, data = 0;
  mm->for_each_vma([&](const mm::VmaInfo& v) {
    u64 pages = v.range.size() / page_size;
    if (allows(v.access, Access::exec))
      text += pages;
    else if (allows(v.access, Access::write) && !v.shared)
      data += pages;
    return true;
  });
  return fmt::format("{} {} {} {} 0 {} 0\n", mm->virtual_bytes() / page_size, r.resident, r.file + r.shmem,
                     text, data);
}

Result<std::string> status_text(int pid, int tid) {
  auto process = TRY(view_of(pid));
  auto s = process->status();
  auto t = TRY(thread_of(*process, tid));
  auto c = process->credentials();
  auto fs = process->fs();
  auto fds = process->fds();
  std::string out = fmt::format(
      "Name:\t{}\nUmask:\t{:04o}\nState:\t{} ({})\nTgid:\t{}\nNgid:\t0\nPid:\t{}\nPPid:\t{}\n"
      "TracerPid:\t0\n",
      t.comm, fs ? fs->umask() : 022, t.state, state_name(t.state), s.pid, tid, s.parent);
  if (c) {
    out += fmt::format("Uid:\t{}\t{}\t{}\t{}\nGid:\t{}\t{}\t{}\t{}\n", c->uid, c->euid, c->suid, c->fsuid,
                       c->gid, c->egid, c->sgid, c->fsgid);
  }
  out += fmt::format("FDSize:\t{}\nGroups:\t", fds ? fds->capacity() : 0);
  if (c)
    for (u32 g : c->groups) out += fmt::format("{} ", g);
  out += fmt::format("\nNStgid:\t{}\nNSpid:\t{}\nNSpgid:\t{}\nNSsid:\t{}\n", s.pid, tid, s.group, s.session);
  if (auto mm = process->mm()) {
    auto r = mm->residency();
    u64 size = mm->virtual_bytes(), text = 0, data = 0, stack = 0;
    mm->for_each_vma([&](const mm::VmaInfo& v) {
      if (allows(v.access, Access::exec))
        text += v.range.size();
      else if (v.name == "[stack]")
        stack += v.range.size();
      else if (allows(v.access, Access::write) && !v.shared)
        data += v.range.size();
      return true;
    });
    u64 rss = r.resident * page_size;
    out += fmt::format(
        "VmPeak:\t{:8} kB\nVmSize:\t{:8} kB\nVmLck:\t{:8} kB\nVmPin:\t{:8} kB\nVmHWM:\t{:8} kB\nVmRSS:\t{:8} "
        "kB\n"
        "RssAnon:\t{:8} kB\nRssFile:\t{:8} kB\nRssShmem:\t{:8} kB\nVmData:\t{:8} kB\nVmStk:\t{:8} "
        "kB\nVmExe:\t{:8} kB\n"
        "VmLib:\t{:8} kB\nVmPTE:\t{:8} kB\nVmSwap:\t{:8} kB\nHugetlbPages:\t{:8} kB\n",
        kib(size), kib(size), kib(mm->locked_bytes()), 0, kib(std::max(rss, mm->peak_resident_bytes())),
        kib(rss), kib(r.anonymous * page_size), kib(r.file * page_size), kib(r.shmem * page_size), kib(data),
        kib(stack), kib(text), 0, kib(mm->page_table_bytes()), 0,
        kib((r.hugetlb_private + r.hugetlb_shared) * page_size));
  }
  u64 queue = process->limits()[RLIMIT_SIGPENDING].soft;
  out += fmt::format(
      "CoreDumping:\t0\nTHP_enabled:\t1\nThreads:\t{}\nSigQ:\t0/{}\nSigPnd:\t{:016x}\nShdPnd:\t{:016x}\n"
      "SigBlk:\t{:016x}\nSigIgn:\t{:016x}\nSigCgt:\t{:016x}\n",
      process->threads().size(), queue, t.pending, s.shared_pending, t.blocked, s.ignored, s.caught);
  if (c) {
    out += fmt::format(
        "CapInh:\t{:016x}\nCapPrm:\t{:016x}\nCapEff:\t{:016x}\nCapBnd:\t{:016x}\nCapAmb:\t{:016x}\n",
        c->cap_inheritable, c->cap_permitted, c->cap_effective, c->cap_bounding & 0x1ffffffffff,
        c->cap_ambient);
  }
  unsigned cpus = vfs::processes()->cpus();
  u64 mask = cpus >= 64 ? ~u64{0} : (u64{1} << cpus) - 1;
  std::string list = cpus == 1 ? "0" : fmt::format("0-{}", cpus - 1);
  out += fmt::format(
      "NoNewPrivs:\t{}\nSeccomp:\t0\nSeccomp_filters:\t0\nSpeculation_Store_Bypass:\tthread vulnerable\n"
      "Cpus_allowed:\t{:x}\nCpus_allowed_list:\t{}\nMems_allowed:\t1\nMems_allowed_list:\t0\n"
      "voluntary_ctxt_switches:\t{}\nnonvoluntary_ctxt_switches:\t{}\n",
      s.no_new_privs ? 1 : 0, mask, list, t.voluntary_switches, t.involuntary_switches);
  return out;
}

Result<std::string> limits_text(int pid) {
  auto limits = TRY(view_of(pid))->limits();
  struct Row {
    const char *name, *unit;
    unsigned index;
  };
  static constexpr Row rows[] = {
      {"Max cpu time", "seconds", RLIMIT_CPU},         {"Max file size", "bytes", RLIMIT_FSIZE},
      {"Max data size", "bytes", RLIMIT_DATA},         {"Max stack size", "bytes", RLIMIT_STACK},
      {"Max core file size", "bytes", RLIMIT_CORE},    {"Max resident set", "bytes", RLIMIT_RSS},
      {"Max processes", "processes", RLIMIT_NPROC},    {"Max open files", "files", RLIMIT_NOFILE},
      {"Max locked memory", "bytes", RLIMIT_MEMLOCK},  {"Max address space", "bytes", RLIMIT_AS},
      {"Max file locks", "locks", RLIMIT_LOCKS},       {"Max pending signals", "signals", RLIMIT_SIGPENDING},
      {"Max msgqueue size", "bytes", RLIMIT_MSGQUEUE}, {"Max nice priority", "", RLIMIT_NICE},
      {"Max realtime priority", "", RLIMIT_RTPRIO},    {"Max realtime timeout", "us", RLIMIT_RTTIME}};
  auto show = [](u64 v) { return v == ~u64{0} ? std::string("unlimited") : std::to_string(v); };
  std::string out =
      fmt::format("{:<25} {:<20} {:<20} {:<10}\n", "Limit", "Soft Limit", "Hard Limit", "Units");
  for (const Row& r : rows)
    out += fmt::format("{:<25} {:<20} {:<20} {:<10}\n", r.name, show(limits[r.index].soft),
                       show(limits[r.index].hard), r.unit);
  return out;
}

Result<std::string> mounts_text() {
  std::string out;
  for (auto& m : visible_mounts()) {
    out += fmt::format("{} {} {} {}{}{} 0 0\n", escaped(m.source), escaped(m.point), m.type,
                       mount_flags(m.flags), m.options.empty() ? "" : ",", m.options);
  }
  return out;
}

Result<std::string> mountinfo_text() {
  std::string out;
  for (auto& m : visible_mounts()) {
    out +=
        fmt::format("{} {} {}:{} {} {} {} - {} {} {}{}{}\n", m.id, m.parent, major(m.device), minor(m.device),
                    escaped(m.root), escaped(m.point), mount_flags(m.flags), m.type, escaped(m.source),
                    (m.flags & MS_RDONLY) != 0 ? "ro" : "rw", m.options.empty() ? "" : ",", m.options);
  }
  return out;
}

}  // namespace quire::fs::proc
