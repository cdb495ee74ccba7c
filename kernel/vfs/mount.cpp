#include "kernel/vfs/mount.h"

#include <sys/mount.h>

#include <algorithm>

namespace quire::vfs {
namespace {
std::atomic<int> next_id{20};
}

Mount::Mount(Ref<FileSystem> fs, Ref<Dentry> root, u64 flags, std::string source)
    : fs_(std::move(fs)),
      root_(std::move(root)),
      flags_(flags),
      source_(std::move(source)),
      id_(next_id.fetch_add(1)) {}
Mount::~Mount() = default;

bool Mount::read_only() const { return (flags() & MS_RDONLY) != 0; }

MountTable& MountTable::instance() {
  static MountTable* table = new MountTable;
  return *table;
}

Result<Ref<Mount>> MountTable::make_root(Ref<FileSystem> fs, u64 flags, std::string source) {
  auto root = Dentry::make_root(TRY(fs->root()));
  auto mount = make_ref<Mount>(std::move(fs), std::move(root), flags, std::move(source));
  MountTable& t = instance();
  LockGuard g(t.lock_);
  t.all_.push_back(mount);
  return mount;
}

Path MountTable::cross_down(Path at) const {
  while (at.dentry->has_mounts()) {
    SharedLockGuard g(lock_);
    auto it = by_point_.find({at.mount.get(), at.dentry.get()});
    if (it == by_point_.end()) break;
    Ref<Mount> m = it->second;
    at = Path{m, m->root()};
  }
  return at;
}

Path MountTable::covered_by(const Mount& mount) const {
  SharedLockGuard g(lock_);
  return mount.at_;
}

Ref<Mount> MountTable::add(const Path& at, Ref<FileSystem> fs, Ref<Dentry> root, u64 flags,
                           std::string source) {
  auto mount = make_ref<Mount>(std::move(fs), std::move(root), flags, std::move(source));
  mount->at_ = at;
  at.dentry->count_mount(1);
  by_point_[{at.mount.get(), at.dentry.get()}] = mount;
  all_.push_back(mount);
  return mount;
}

Result<Ref<Mount>> MountTable::mount(const Path& at, Ref<FileSystem> fs, u64 flags, std::string source) {
  Ref<Inode> inode = TRY(fs->root());
  if (inode->is_directory() != at.inode()->is_directory()) return err(ENOTDIR);
  auto root = Dentry::make_root(std::move(inode));
  Path top = cross_down(at);
  LockGuard g(lock_);
  if (by_point_.contains({top.mount.get(), top.dentry.get()})) return err(EBUSY);
  return add(top, std::move(fs), std::move(root), flags, std::move(source));
}

Result<> MountTable::bind(const Path& what, const Path& at, bool recursive, u64 flags) {
  if (what.inode() == nullptr || at.inode() == nullptr) return err(ENOENT);
  if (what.inode()->is_directory() != at.inode()->is_directory()) return err(ENOTDIR);
  Path top = cross_down(at);
  LockGuard g(lock_);
  if (by_point_.contains({top.mount.get(), top.dentry.get()})) return err(EBUSY);
  constexpr u64 inherited = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME;
  auto copy = [&](const Path& from, const Path& to) REQUIRES(lock_) {
    return add(to, from.mount->file_system_ref(), from.dentry, (from.mount->flags() & inherited) | flags,
               from.mount->source());
  };
  std::map<const Mount*, Ref<Mount>> copies;
  std::vector<Ref<Mount>> before = all_;
  copies[what.mount.get()] = copy(what, top);
  if (!recursive) return {};
  for (const Ref<Mount>& m : before) {  // in the order made: parents first
    auto parent = copies.find(m->at_.mount.get());
    if (parent == copies.end() || !m->at_.dentry->is_below(*what.dentry)) continue;
    if (m->at_ == top) continue;
    copies[m.get()] = copy(Path{m, m->root()}, Path{parent->second, m->at_.dentry});
  }
  return {};
}

Result<> MountTable::move(const Path& what, const Path& at) {
  if (!(what.dentry == what.mount->root())) return err(EINVAL);
  Path top = cross_down(at);
  if (what.inode()->is_directory() != top.inode()->is_directory()) return err(ENOTDIR);
  LockGuard g(lock_);
  if (!what.mount->at_) return err(EINVAL);
  for (Path p = top; p; p = p.mount->at_)
    if (p.mount == what.mount) return err(ELOOP);
  Mount& m = *what.mount;
  auto it = by_point_.find({m.at_.mount.get(), m.at_.dentry.get()});
  if (it == by_point_.end()) return err(EINVAL);
  Ref<Mount> held = it->second;
  by_point_.erase(it);
  m.at_.dentry->count_mount(-1);
  m.at_ = top;
  top.dentry->count_mount(1);
  by_point_[{top.mount.get(), top.dentry.get()}] = held;
  return {};
}

Result<> MountTable::unmount(const Path& mounted, bool detach) {
  if (!(mounted.dentry == mounted.mount->root())) return err(EINVAL);
  std::vector<Ref<Mount>> gone;  // dropped after the lock
  {
    LockGuard g(lock_);
    if (!mounted.mount->at_) return err(EINVAL);  // the root of all, or no longer mounted
    gone.push_back(mounted.mount);
    for (std::size_t i = 0; i < gone.size(); ++i)
      for (const Ref<Mount>& m : all_)
        if (m->at_.mount == gone[i]) gone.push_back(m);
    if (gone.size() > 1 && !detach) return err(EBUSY);
    // Used by open files or as a working directory: the table, `gone` and the caller hold three.
    if (!detach && mounted.mount->ref_count() > 4) return err(EBUSY);
    for (const Ref<Mount>& m : gone) {
      by_point_.erase({m->at_.mount.get(), m->at_.dentry.get()});
      m->at_.dentry->count_mount(-1);
      m->at_ = Path{};
      std::erase(all_, m);
    }
  }
  for (const Ref<Mount>& m : gone)
    if (m->root()->is_root()) m->root()->prune(true);
  return {};
}

std::vector<MountInfo> MountTable::list(const Path& root) const {
  std::vector<std::pair<Ref<Mount>, Path>> mounts;
  {
    SharedLockGuard g(lock_);
    for (const Ref<Mount>& m : all_) mounts.emplace_back(m, m->at_);
  }
  std::vector<MountInfo> out;
  for (auto& [m, at] : mounts) {
    MountInfo i;
    i.id = m->id();
    i.parent = at ? at.mount->id() : 1;
    i.device = m->file_system().device();
    i.flags = m->flags();
    i.point = path_name(Path{m, m->root()}, root);
    if (i.point.starts_with("(unreachable)")) continue;
    std::string within;
    for (Ref<Dentry> d = m->root(); d && !d->is_root(); d = d->parent()) within = "/" + d->name() + within;
    i.root = within.empty() ? "/" : within;
    i.type = m->file_system().type_name();
    i.source = m->source();
    i.options = m->file_system().options();
    out.push_back(std::move(i));
  }
  return out;
}

std::vector<Ref<FileSystem>> MountTable::file_systems() const {
  std::vector<Ref<FileSystem>> out;
  SharedLockGuard g(lock_);
  for (const Ref<Mount>& m : all_)
    if (std::ranges::find(out, m->fs_) == out.end()) out.push_back(m->fs_);
  return out;
}

std::string path_name(const Path& path, const Path& root) {
  if (!path) return {};
  if (!path.mount) return path.dentry->name();  // pipe:[17], anon_inode:...
  // Components from the end; the rename lock keeps the tree still meanwhile.
  std::string name;
  bool unreachable = false;
  {
    LockGuard g(Dentry::rename_lock());
    Path at = path;
    bool first = true;
    while (!(at == root)) {
      if (at.dentry == at.mount->root()) {
        Path up = MountTable::instance().covered_by(*at.mount);
        if (!up) {
          unreachable = root.dentry != nullptr && !(at == root);
          break;
        }
        at = up;
        continue;
      }
      Ref<Dentry> parent = at.dentry->parent();
      if (!parent) {
        unreachable = true;
        break;
      }
      name.insert(0, "/" + at.dentry->name());
      if (first && at.dentry->deleted()) name += " (deleted)";
      first = false;
      at.dentry = parent;
    }
  }
  if (name.empty()) name = "/";
  return unreachable ? "(unreachable)" + name : name;
}

}  // namespace quire::vfs
