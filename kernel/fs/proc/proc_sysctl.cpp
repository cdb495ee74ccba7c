// /proc/sys: values that programs ask for. Fixed, but for the names of the host.
#include <fmt/format.h>
#include <sys/random.h>

#include "kernel/fs/proc/nodes.h"
#include "kernel/vfs/huge_page_files.h"

namespace quire::fs::proc {
namespace {

struct Value {
  const char *path, *text;
};
constexpr Value values[] = {
    {"kernel/ostype", "Linux"},
    {"kernel/pid_max", "4194304"},
    {"kernel/threads-max", "65536"},
    {"kernel/core_pattern", "core"},
    {"kernel/core_uses_pid", "0"},
    {"kernel/cap_last_cap", "40"},
    {"kernel/ngroups_max", "65536"},
    {"kernel/overflowuid", "65534"},
    {"kernel/overflowgid", "65534"},
    {"kernel/randomize_va_space", "2"},
    {"kernel/perf_event_paranoid", "4"},
    {"kernel/kptr_restrict", "2"},
    {"kernel/dmesg_restrict", "1"},
    {"kernel/panic", "0"},
    {"kernel/printk", "4\t4\t1\t7"},
    {"kernel/tainted", "0"},
    {"kernel/sysrq", "0"},
    {"kernel/sem", "32000\t1024000000\t500\t32000"},
    {"kernel/shmmax", "18446744073692774399"},
    {"kernel/shmall", "18446744073692774399"},
    {"kernel/shmmni", "4096"},
    {"kernel/msgmax", "8192"},
    {"kernel/msgmnb", "16384"},
    {"kernel/msgmni", "32000"},
    {"kernel/sched_rt_period_us", "1000000"},
    {"kernel/sched_rt_runtime_us", "950000"},
    {"kernel/seccomp/actions_avail", ""},
    {"kernel/yama/ptrace_scope", "1"},
    {"kernel/random/entropy_avail", "256"},
    {"kernel/random/poolsize", "256"},
    {"kernel/unprivileged_bpf_disabled", "2"},
    {"kernel/io_uring_disabled", "2"},
    {"vm/overcommit_memory", "0"},
    {"vm/overcommit_ratio", "50"},
    {"vm/overcommit_kbytes", "0"},
    {"vm/max_map_count", "65530"},
    {"vm/mmap_min_addr", "65536"},
    {"vm/swappiness", "60"},
    {"vm/hugetlb_shm_group", "0"},
    {"vm/min_free_kbytes", "67584"},
    {"vm/page-cluster", "3"},
    {"vm/dirty_ratio", "20"},
    {"vm/dirty_background_ratio", "10"},
    {"vm/legacy_va_layout", "0"},
    {"vm/zone_reclaim_mode", "0"},
    {"fs/file-max", "9223372036854775807"},
    {"fs/file-nr", "0\t0\t9223372036854775807"},
    {"fs/nr_open", "1048576"},
    {"fs/pipe-max-size", "1048576"},
    {"fs/pipe-user-pages-soft", "16384"},
    {"fs/pipe-user-pages-hard", "0"},
    {"fs/aio-max-nr", "65536"},
    {"fs/aio-nr", "0"},
    {"fs/lease-break-time", "45"},
    {"fs/mount-max", "100000"},
    {"fs/suid_dumpable", "0"},
    {"fs/protected_hardlinks", "0"},
    {"fs/protected_symlinks", "0"},
    {"fs/protected_fifos", "0"},
    {"fs/protected_regular", "0"},
    {"fs/inotify/max_queued_events", "16384"},
    {"fs/inotify/max_user_instances", "128"},
    {"fs/inotify/max_user_watches", "65536"},
    {"fs/epoll/max_user_watches", "3000000"},
    {"fs/mqueue/queues_max", "256"},
    {"net/core/somaxconn", "4096"},
    {"net/core/rmem_max", "212992"},
    {"net/core/wmem_max", "212992"},
    {"net/core/rmem_default", "212992"},
    {"net/core/wmem_default", "212992"},
    {"net/ipv4/ip_local_port_range", "32768\t60999"},
    {"net/ipv4/tcp_rmem", "4096\t131072\t6291456"},
    {"net/ipv4/tcp_wmem", "4096\t16384\t4194304"},
    {"net/ipv4/tcp_fin_timeout", "60"},
    {"net/ipv4/tcp_max_syn_backlog", "512"},
    {"net/ipv4/ip_unprivileged_port_start", "1024"},
    {"net/ipv4/tcp_congestion_control", "cubic"},
    {"net/unix/max_dgram_qlen", "512"},
};

class Builder {
 public:
  explicit Builder(PseudoFileSystem& fs) : fs_(fs), root_(make_ref<vfs::StaticDirectory>(fs)) {
    dirs_[""] = root_;
  }

  void add(
      std::string_view path, vfs::TextFile::Generate make, u32 mode = 0644,
      vfs::TextFile::Store accept = [](std::string_view) { return Result<>{}; }) {
    std::size_t slash = path.rfind('/');
    directory(path.substr(0, slash))
        .add(std::string(path.substr(slash + 1)),
             make_ref<vfs::TextFile>(fs_, std::move(make), mode, accept));
  }
  Ref<vfs::StaticDirectory> root() { return root_; }

 private:
  vfs::StaticDirectory& directory(std::string_view path) {
    auto it = dirs_.find(path);
    if (it != dirs_.end()) return *it->second;
    auto dir = make_ref<vfs::StaticDirectory>(fs_);
    std::size_t slash = path.rfind('/');
    bool top = slash == std::string_view::npos;
    vfs::StaticDirectory& up = top ? *root_ : directory(path.substr(0, slash));
    up.add(std::string(top ? path : path.substr(slash + 1)), dir);
    return *(dirs_[std::string(path)] = dir);
  }

  PseudoFileSystem& fs_;
  Ref<vfs::StaticDirectory> root_;
  std::map<std::string, Ref<vfs::StaticDirectory>, std::less<>> dirs_;
};

std::string uuid() {
  u8 b[16];
  if (::getrandom(b, sizeof b, 0) != sizeof b) return {};
  b[6] = static_cast<u8>((b[6] & 0x0f) | 0x40);
  b[8] = static_cast<u8>((b[8] & 0x3f) | 0x80);
  std::string s;
  for (unsigned i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) s += '-';
    s += fmt::format("{:02x}", b[i]);
  }
  return s + "\n";
}

}  // namespace

Ref<vfs::Inode> sysctl_directory(PseudoFileSystem& fs, const Settings& settings) {
  Builder b(fs);
  for (const Value& v : values)
    b.add(v.path, [t = v.text] { return Result<std::string>(std::string(t) + "\n"); });
  b.add("kernel/osrelease", [r = settings.release] { return Result<std::string>(r + "\n"); }, 0444);
  b.add("kernel/version", [v = settings.version] { return Result<std::string>(v + "\n"); }, 0444);
  auto name = [](std::function<std::string()> f) {
    return [f]() { return Result<std::string>((f ? f() : std::string("(none)")) + "\n"); };
  };
  b.add("kernel/hostname", name(settings.host_name));
  b.add("kernel/domainname", name(settings.domain_name));
  b.add("kernel/random/uuid", [] { return Result<std::string>(uuid()); }, 0444);
  b.add("kernel/random/boot_id", [id = uuid()] { return Result<std::string>(id); }, 0444);
  for (const char* path : {"vm/nr_hugepages", "vm/nr_hugepages_mempolicy"})
    b.add(path, vfs::huge_pages_text(&mm::HugePageCounts::total), 0644, vfs::store_huge_pages(false));
  b.add("vm/nr_overcommit_hugepages", vfs::huge_pages_text(&mm::HugePageCounts::overcommit), 0644,
        vfs::store_huge_pages(true));
  return b.root();
}

}  // namespace quire::fs::proc
