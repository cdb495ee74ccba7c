#include "kernel/fs/proc/proc.h"

#include <fmt/format.h>

#include <charconv>

#include "kernel/fs/proc/nodes.h"

namespace quire::fs::proc {
namespace {

std::optional<int> as_number(std::string_view name) {
  int v = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), v);
  if (error != std::errc() || end != name.data() + name.size() || v <= 0 || name[0] == '0')
    return std::nullopt;
  return v;
}

class Root final : public vfs::StaticDirectory {
 public:
  explicit Root(PseudoFileSystem& fs) : StaticDirectory(fs, 0555, 1) {}
  Result<Ref<vfs::Inode>> lookup(std::string_view name) override {
    if (auto pid = as_number(name)) return process_directory(pseudo_fs(), *pid);
    return StaticDirectory::lookup(name);
  }
  std::vector<vfs::PseudoEntry> list() override {
    auto out = StaticDirectory::list();
    if (auto* p = vfs::processes())
      for (int pid : p->pids()) out.push_back({std::to_string(pid), S_IFDIR, 0});
    return out;
  }

 protected:
  u32 links() override {
    auto* p = vfs::processes();
    return StaticDirectory::links() + (p != nullptr ? static_cast<u32>(p->pids().size()) : 0);
  }
};

}  // namespace

Result<Ref<vfs::ProcessView>> view_of(int pid) {
  auto* p = vfs::processes();
  Ref<vfs::ProcessView> v = p != nullptr ? p->find(pid) : nullptr;
  if (!v) return err(ESRCH);
  return v;
}

Result<> check_inspect(vfs::ProcessView& process) {
  Ref<vfs::ProcessView> me = vfs::processes()->current();
  if (!me) return {};
  if (me->status().pid == process.status().pid) return {};
  Ref<const vfs::Credentials> mine = me->credentials(), its = process.credentials();
  constexpr int cap_sys_ptrace = 19;
  if (!mine || !its) return err(EACCES);
  if (mine->capable(cap_sys_ptrace)) return {};
  bool same = mine->fsuid == its->euid && mine->fsuid == its->uid && mine->fsuid == its->suid;
  return same && process.status().dumpable ? Result<>{} : err(EACCES);
}

Result<vfs::ThreadInfo> thread_of(vfs::ProcessView& process, int tid) {
  auto t = TRY(process.thread(tid));
  if (tid == vfs::processes()->current_tid()) t.state = 'R';
  return t;
}

std::string shown(const vfs::Path& path) {
  vfs::Path root;
  if (auto* p = vfs::processes())
    if (Ref<vfs::ProcessView> me = p->current())
      if (auto fs = me->fs()) root = fs->root();
  return vfs::path_name(path, root);
}

Ref<vfs::FileSystem> instance(const Settings& settings) {
  static PseudoFileSystem* made = [&] {
    auto* fs = new PseudoFileSystem("proc", 0x9fa0, false);
    auto root = make_ref<Root>(*fs);
    add_system_files(*fs, *root, settings);
    root->add("sys", sysctl_directory(*fs, settings));
    auto self = [](const char* form) {
      return [form]() -> Result<std::string> {
        auto* p = vfs::processes();
        int pid = p != nullptr ? p->current_pid() : 0;
        if (pid == 0) return err(ENOENT);
        return fmt::format(fmt::runtime(form), pid, p->current_tid());
      };
    };
    root->add("self", make_ref<vfs::PseudoLink>(*fs, self("{0}")));
    root->add("thread-self", make_ref<vfs::PseudoLink>(*fs, self("{0}/task/{1}")));
    root->add("mounts", make_ref<vfs::PseudoLink>(*fs, [] { return Result<std::string>("self/mounts"); }));
    root->add("net", make_ref<vfs::PseudoLink>(*fs, [] { return Result<std::string>("self/net"); }));
    fs->set_root(root);
    return fs;
  }();
  return Ref<vfs::FileSystem>(made);
}

}  // namespace quire::fs::proc
