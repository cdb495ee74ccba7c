#include "kernel/fs/tty/devpts.h"

#include <sys/mount.h>
#include <sys/sysmacros.h>

#include <charconv>
#include <map>

#include "kernel/fs/tty/pty.h"
#include "kernel/vfs/operations.h"
#include "kernel/vfs/process_info.h"
#include "kernel/vfs/pseudo.h"

namespace quire::fs::tty {
namespace {

constexpr unsigned max_ptys = 4096;
constexpr u32 ptmx_major = 5, tty_minor = 0, ptmx_minor = 2, pts_major = 136;

struct Table {
  Mutex<locks::pty_table> lock;
  std::map<unsigned, Ref<Pty>> ptys GUARDED_BY(lock);
};
Table& table() {
  static Table* t = new Table;
  return *t;
}

Ref<Pty> find(unsigned number) {
  LockGuard g(table().lock);
  auto it = table().ptys.find(number);
  return it == table().ptys.end() ? nullptr : it->second;
}

Result<Ref<Pty>> make_pty() {
  u32 uid = 0, gid = 0;
  if (auto* p = vfs::processes())
    if (auto me = p->current())
      if (auto c = me->credentials()) uid = c->fsuid, gid = c->fsgid;
  LockGuard g(table().lock);
  for (unsigned n = 0; n < max_ptys; ++n) {
    if (table().ptys.contains(n)) continue;
    auto pty = make_ref<Pty>(n, uid, gid);
    table().ptys[n] = pty;
    return pty;
  }
  return err(ENOSPC);
}

/// A character device of the directory: its numbers show in stat.
class DeviceNode final : public vfs::PseudoInode {
 public:
  DeviceNode(vfs::PseudoFileSystem& fs, u32 permissions, u64 rdev, u64 inode)
      : PseudoInode(fs, S_IFCHR | permissions, inode), rdev_(rdev) {}
  Result<vfs::Attributes> attributes() override {
    auto a = TRY(PseudoInode::attributes());
    a.rdev = rdev_;
    return a;
  }
  Result<> set_attributes(const vfs::AttributeChange&) override { return {}; }  // grantpt's chown and chmod
  Result<Ref<vfs::File>> open(int flags) override { return open_device(*this, rdev_, flags); }

 private:
  const u64 rdev_;
};

class Directory final : public vfs::PseudoDirectory {
 public:
  explicit Directory(vfs::PseudoFileSystem& fs) : PseudoDirectory(fs, 0755, 1) {}
  Result<Ref<vfs::Inode>> lookup(std::string_view name) override {
    if (name == "ptmx")
      return Ref<vfs::Inode>(make_ref<DeviceNode>(pseudo_fs(), 0666, makedev(ptmx_major, ptmx_minor), 2));
    unsigned n = 0;
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), n);
    if (error != std::errc() || end != name.data() + name.size()) return err(ENOENT);
    Ref<Pty> pty = find(n);
    if (!pty) return err(ENOENT);
    auto node = make_ref<DeviceNode>(pseudo_fs(), 0620, makedev(pts_major, n), 3 + n);
    node->set_owner(pty->uid(), pty->gid());
    return Ref<vfs::Inode>(node);
  }
  std::vector<vfs::PseudoEntry> list() override {
    std::vector<vfs::PseudoEntry> out{{"ptmx", S_IFCHR, 2}};
    LockGuard g(table().lock);
    for (auto& [n, pty] : table().ptys) out.push_back({std::to_string(n), S_IFCHR, 3 + n});
    return out;
  }
};

}  // namespace

Ref<vfs::FileSystem> devpts() {
  static vfs::PseudoFileSystem* fs = [] {
    auto* made = new vfs::PseudoFileSystem("devpts", 0x1cd1, false);
    made->set_root(make_ref<Directory>(*made));
    return made;
  }();
  return Ref<vfs::FileSystem>(fs);
}

void forget_pty(unsigned number) {
  Ref<Pty> gone;  // dropped after the lock
  LockGuard g(table().lock);
  auto it = table().ptys.find(number);
  if (it == table().ptys.end()) return;
  gone = std::move(it->second);
  table().ptys.erase(it);
}

vfs::Path slave_path(unsigned number) {
  // Where the composition mounted the directory.
  auto* p = vfs::processes();
  auto me = p != nullptr ? p->current() : nullptr;
  auto context = me ? me->fs() : nullptr;
  auto credentials = me ? me->credentials() : nullptr;
  if (!context || !credentials) return {};
  vfs::Lookup at{context->root(), context->root(), *credentials, 0};
  auto path = vfs::walk(at, "/dev/pts/" + std::to_string(number), 0);
  return path ? *path : vfs::Path{};
}

Result<Ref<vfs::File>> open_device(vfs::Inode& node, u64 rdev, int flags) {
  if (major(rdev) == pts_major) {
    Ref<Pty> pty = find(minor(rdev));
    return pty ? pty->open_slave(flags) : err(EIO);
  }
  if (minor(rdev) == tty_minor) return vfs::open_controlling_terminal(flags);
  if (minor(rdev) != ptmx_minor) return err(ENXIO);
  auto pty = TRY(make_pty());
  return Ref<vfs::File>(make_ref<PtyMaster>(std::move(pty), Ref<vfs::Inode>(&node), flags));
}

Result<Pair> open_pair() {
  Ref<vfs::Inode> root = TRY(devpts()->root());
  Ref<vfs::Inode> ptmx = TRY(root->lookup("ptmx"));
  auto pty = TRY(make_pty());
  pty->unlock();
  Pair pair;
  pair.number = pty->number();
  pair.slave = TRY(pty->open_slave(O_RDWR | O_NOCTTY));
  pair.terminal = pty;
  pair.master = make_ref<PtyMaster>(std::move(pty), std::move(ptmx), O_RDWR);
  return pair;
}

void set_window_size(RefCounted& terminal, const winsize& size) {
  static_cast<Pty&>(terminal).set_window_size(size);
}

}  // namespace quire::fs::tty
