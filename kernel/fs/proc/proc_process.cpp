// /proc/PID and /proc/PID/task/TID.
#include <fcntl.h>
#include <fmt/format.h>

#include <charconv>

#include "kernel/fs/proc/nodes.h"
#include "kernel/vfs/epoll.h"
#include "kernel/vfs/eventfd.h"

namespace quire::fs::proc {
namespace {

using Text = std::function<Result<std::string>()>;

/// Numbers that stay the same from look-up to look-up.
u64 number_of(int tid, u32 index) { return u64{0x100000} + (static_cast<u64>(tid) << 20) + index; }

std::optional<int> as_fd(std::string_view name) {
  int v = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), v);
  if (error != std::errc() || end != name.data() + name.size() || v < 0) return std::nullopt;
  return v;
}

Result<Ref<vfs::File>> file_of(int pid, int fd) {
  auto process = TRY(view_of(pid));
  TRY_VOID(check_inspect(*process));
  auto fds = process->fds();
  if (!fds) return err(ENOENT);
  auto file = fds->get(fd);
  if (!file) return err(ENOENT);
  return *std::move(file);
}

std::string name_of(vfs::File& file) { return file.path().mount ? shown(file.path()) : file.describe(); }

/// fd and fdinfo: a name for each descriptor.
class DescriptorDirectory final : public vfs::PseudoDirectory {
 public:
  DescriptorDirectory(PseudoFileSystem& fs, int pid, bool links)
      : PseudoDirectory(fs, links ? 0500 : 0555, number_of(pid, links ? 2 : 3)),
        pid_(pid),
        links_only_(links) {}

  std::vector<vfs::PseudoEntry> list() override {
    std::vector<vfs::PseudoEntry> out;
    auto process = view_of(pid_);
    if (!process || !check_inspect(**process)) return out;
    if (auto fds = (*process)->fds())
      for (auto& e : fds->list())
        out.push_back({std::to_string(e.fd), links_only_ ? u32{S_IFLNK} : u32{S_IFREG}, number(e.fd)});
    return out;
  }
  Result<Ref<vfs::Inode>> lookup(std::string_view name) override {
    auto fd = as_fd(name);
    if (!fd) return err(ENOENT);
    auto file = TRY(file_of(pid_, *fd));
    int pid = pid_;
    Ref<vfs::PseudoInode> node;
    if (links_only_) {
      u32 mode = 0100u | (file->readable() ? 0400u : 0) | (file->writable() ? 0200u : 0);
      node = make_ref<vfs::PseudoLink>(
          pseudo_fs(), [pid, n = *fd]() -> Result<std::string> { return name_of(*TRY(file_of(pid, n))); },
          [pid, n = *fd]() -> Result<vfs::MagicTarget> {
            auto f = TRY(file_of(pid, n));
            return vfs::MagicTarget{f->path(), f};
          },
          mode, number(*fd));
    } else {
      node = make_ref<vfs::TextFile>(
          pseudo_fs(), [pid, n = *fd] { return info(pid, n); }, 0444, vfs::TextFile::Store{}, number(*fd));
    }
    node->set_owner(uid_, gid_);
    return Ref<vfs::Inode>(node);
  }

 private:
  u64 number(int fd) const {
    return number_of(pid_, 0x1000) + static_cast<u64>(fd) * 2 + (links_only_ ? 0 : 1);
  }

  static Result<std::string> info(int pid, int fd) {
    auto process = TRY(view_of(pid));
    auto file = TRY(file_of(pid, fd));
    bool cloexec = false;
    if (auto fds = process->fds()) cloexec = fds->cloexec(fd).value_or(false);
    int mount = file->path().mount ? file->path().mount->id() : 15;
    u64 inode = 0;
    if (auto a = file->attributes()) inode = a->inode;
    std::string s =
        fmt::format("pos:\t{}\nflags:\t0{:o}\nmnt_id:\t{}\nino:\t{}\n", file->position(),
                    static_cast<unsigned>(file->flags() | (cloexec ? O_CLOEXEC : 0)), mount, inode);
    if (auto* e = dynamic_cast<vfs::EventFd*>(file.get()))
      s += fmt::format("eventfd-count: {:16x}\n", e->count());
    if (auto* e = dynamic_cast<vfs::Epoll*>(file.get()))
      for (auto& w : e->watches())
        s += fmt::format("tfd: {:8} events: {:8x} data: {:16x}\n", w.fd, w.events, w.data);
    return s;
  }

  const int pid_;
  const bool links_only_;
};

/// /proc/PID/task.
class TaskDirectory final : public vfs::PseudoDirectory {
 public:
  TaskDirectory(PseudoFileSystem& fs, int pid) : PseudoDirectory(fs, 0555, number_of(pid, 4)), pid_(pid) {}
  std::vector<vfs::PseudoEntry> list() override {
    std::vector<vfs::PseudoEntry> out;
    if (auto process = view_of(pid_))
      for (int tid : (*process)->threads()) out.push_back({std::to_string(tid), S_IFDIR, number_of(tid, 1)});
    return out;
  }
  Result<Ref<vfs::Inode>> lookup(std::string_view name) override {
    auto tid = as_fd(name);
    if (!tid) return err(ENOENT);
    auto process = TRY(view_of(pid_));
    for (int t : process->threads())
      if (t == *tid) return thread_directory(pseudo_fs(), pid_, t);
    return err(ENOENT);
  }

 protected:
  u32 links() override {
    auto process = view_of(pid_);
    return 2 + (process ? static_cast<u32>((*process)->threads().size()) : 0);
  }

 private:
  const int pid_;
};

/// Fills a directory for a process (tid == pid, whole) or one of its threads.
class Filler {
 public:
  Filler(PseudoFileSystem& fs, int pid, int tid, bool whole, u32 uid, u32 gid)
      : fs_(fs), pid_(pid), tid_(tid), whole_(whole), uid_(uid), gid_(gid) {}

  Ref<vfs::Inode> fill();

 private:
  u64 next() { return number_of(tid_, (whole_ ? 0x100u : 0x200u) + index_++); }
  void add(const char* name, Ref<vfs::PseudoInode> node) {
    node->set_owner(uid_, gid_);
    dir_->add(name, std::move(node));
  }
  void text(const char* name, Text make, u32 mode = 0444, vfs::TextFile::Store store = {}) {
    add(name, make_ref<vfs::TextFile>(fs_, std::move(make), mode, std::move(store), next()));
  }
  void fixed(const char* name, std::string s) {
    text(name, [s] { return Result<std::string>(s); });
  }
  void magic(const char* name, std::function<Result<vfs::Path>()> path) {
    add(name, make_ref<vfs::PseudoLink>(
                  fs_, [path]() -> Result<std::string> { return shown(TRY(path())); },
                  [path]() -> Result<vfs::MagicTarget> { return vfs::MagicTarget{TRY(path()), nullptr}; },
                  0777, next()));
  }
  void places();
  void memory();
  void network();

  PseudoFileSystem& fs_;
  const int pid_, tid_;
  const bool whole_;
  const u32 uid_, gid_;
  u32 index_ = 0;
  Ref<vfs::StaticDirectory> dir_;
};

void Filler::places() {
  int pid = pid_;
  auto inspected = [pid]() -> Result<Ref<vfs::ProcessView>> {
    auto process = TRY(view_of(pid));
    TRY_VOID(check_inspect(*process));
    return process;
  };
  magic("exe", [inspected]() -> Result<vfs::Path> {
    auto path = TRY(inspected())->executable();
    return path ? Result<vfs::Path>(path) : err(ENOENT);
  });
  magic("cwd", [inspected]() -> Result<vfs::Path> {
    auto fs = TRY(inspected())->fs();
    return fs ? Result<vfs::Path>(fs->cwd()) : err(ENOENT);
  });
  magic("root", [inspected]() -> Result<vfs::Path> {
    auto fs = TRY(inspected())->fs();
    return fs ? Result<vfs::Path>(fs->root()) : err(ENOENT);
  });
}

void Filler::memory() {
  int pid = pid_;
  text("maps", [pid] { return maps_text(pid); });
  text("smaps", [pid] { return smaps_text(pid); });
  text("smaps_rollup", [pid] { return smaps_rollup_text(pid); });
  text("frames", [pid] { return frames_text(pid); }, 0400);
  text("cmdline", [pid] { return program_bytes(pid, false); });
  text("environ", [pid] { return program_bytes(pid, true); }, 0400);
  text(
      "auxv",
      [pid]() -> Result<std::string> {
        auto process = TRY(view_of(pid));
        TRY_VOID(check_inspect(*process));
        auto v = process->auxiliary_vector();
        return std::string(reinterpret_cast<const char*>(v.data()), v.size() * sizeof(u64));
      },
      0400);
  // The description keeps the node: opened by number, checked when it is opened.
  auto custom = [this](const char* name, u32 mode, auto open) {
    u64 number = next();
    auto node = make_ref<vfs::CustomFile>(fs_, S_IFREG | mode, open, number);
    add(name, node);
  };
  PseudoFileSystem* fs = &fs_;
  custom("mem", 0600, [pid, fs](int flags) { return open_memory(pid, flags, *fs->root().value()); });
  custom("pagemap", 0400, [pid, fs](int flags) { return open_pagemap(pid, flags, *fs->root().value()); });
}

void Filler::network() {
  auto net = make_ref<vfs::StaticDirectory>(fs_, 0555, next());
  auto file = [&](const char* name, std::string s) {
    net->add(name, make_ref<vfs::TextFile>(
                       fs_, [s] { return Result<std::string>(s); }, 0444, vfs::TextFile::Store{}, next()));
  };
  const std::string tcp =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
  file("tcp", tcp);
  file("tcp6", tcp);
  file("udp", tcp);
  file("udp6", tcp);
  file("raw", tcp);
  file("unix", "Num       RefCount Protocol Flags    Type St Inode Path\n");
  file("dev",
       "Inter-|   Receive                                                |  Transmit\n"
       " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo "
       "colls carrier "
       "compressed\n"
       "    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0    "
       " 0       0 "
       "         0\n");
  file("route", "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n");
  file("if_inet6", "");
  dir_->add("net", net);
}

Ref<vfs::Inode> Filler::fill() {
  int pid = pid_, tid = tid_;
  bool whole = whole_;
  dir_ = make_ref<vfs::StaticDirectory>(fs_, 0555, number_of(tid, whole ? 0 : 1));
  dir_->set_owner(uid_, gid_);
  text("stat", [=] { return stat_text(pid, tid, whole); });
  text("status", [=] { return status_text(pid, tid); });
  text("statm", [=] { return statm_text(pid); });
  text("limits", [=] { return limits_text(pid); });
  text(
      "comm", [=]() -> Result<std::string> { return TRY(TRY(view_of(pid))->thread(tid)).comm + "\n"; }, 0644,
      [=](std::string_view s) -> Result<> {
        auto process = TRY(view_of(pid));
        if (process->status().pid != vfs::processes()->current_pid()) return err(EINVAL);
        while (!s.empty() && s.back() == '\n') s.remove_suffix(1);
        return process->set_comm(tid, std::string(s.substr(0, 15)));
      });
  text("mounts", [] { return mounts_text(); });
  text("mountinfo", [] { return mountinfo_text(); });
  text(
      "oom_score_adj",
      [=]() -> Result<std::string> { return fmt::format("{}\n", TRY(view_of(pid))->status().oom_score_adj); },
      0644,
      [=](std::string_view s) -> Result<> {
        int v = 0;
        auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), v);
        if (error != std::errc() || v < -1000 || v > 1000) return err(EINVAL);
        return TRY(view_of(pid))->set_oom_score_adj(v);
      });
  fixed("oom_score", "0\n");
  fixed("oom_adj", "0\n");
  fixed("cgroup", "0::/\n");
  fixed("wchan", "0");
  fixed("sessionid", "4294967295");
  fixed("loginuid", "4294967295");
  fixed("personality", "00000000\n");
  fixed("setgroups", "allow\n");
  fixed("uid_map", "         0          0 4294967295\n");
  fixed("gid_map", "         0          0 4294967295\n");
  fixed("schedstat", "0 0 0\n");
  fixed("io",
        "rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n");
  text(
      "coredump_filter", [] { return Result<std::string>("00000033\n"); }, 0644,
      [](std::string_view) { return Result<>{}; });
  memory();
  places();
  network();
  auto fd = make_ref<DescriptorDirectory>(fs_, pid_, true);
  auto info = make_ref<DescriptorDirectory>(fs_, pid_, false);
  add("fd", fd);
  add("fdinfo", info);
  auto attr = make_ref<vfs::StaticDirectory>(fs_, 0555, next());
  dir_->add("attr", attr);
  auto ns = make_ref<vfs::StaticDirectory>(fs_, 0511, next());
  u64 namespace_number = 4026531835;
  for (const char* n : {"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"})
    ns->add(n, make_ref<vfs::PseudoLink>(fs_, [s = fmt::format("{}:[{}]", n, namespace_number++)] {
              return Result<std::string>(s);
            }));
  dir_->add("ns", ns);
  if (whole_) add("task", make_ref<TaskDirectory>(fs_, pid_));
  return dir_;
}

Result<Ref<vfs::Inode>> make_directory(PseudoFileSystem& fs, int pid, int tid, bool whole) {
  auto process = view_of(pid);
  if (!process) return err(ENOENT);
  u32 uid = 0, gid = 0;
  if ((*process)->status().dumpable)
    if (auto c = (*process)->credentials()) uid = c->euid, gid = c->egid;
  return Filler(fs, pid, tid, whole, uid, gid).fill();
}

}  // namespace

Result<Ref<vfs::Inode>> process_directory(PseudoFileSystem& fs, int pid) {
  return make_directory(fs, pid, pid, true);
}

Result<Ref<vfs::Inode>> thread_directory(PseudoFileSystem& fs, int pid, int tid) {
  return make_directory(fs, pid, tid, false);
}

}  // namespace quire::fs::proc
