#include <vector>

#include "kernel/vfs/path.h"

namespace quire::vfs {
namespace {

/// Cached names, everywhere together, before pruning starts; raised when most are in use.
constexpr i64 prune_threshold = 65536;
std::atomic<i64> cached{0};
std::atomic<i64> prune_at{prune_threshold};

/// Trees to prune. Roots live as long as their mounts.
struct Roots {
  Mutex<locks::dentry_roots> lock;
  std::vector<Dentry*> all GUARDED_BY(lock);
};
Roots& roots() {
  static Roots* r = new Roots;
  return *r;
}

}  // namespace

Mutex<locks::rename>& Dentry::rename_lock() {
  static Mutex<locks::rename>* lock = new Mutex<locks::rename>;
  return *lock;
}

Dentry::Dentry(Ref<Inode> inode, Ref<Dentry> parent, std::string name, bool root)
    : inode_(std::move(inode)), root_(root), parent_(std::move(parent)), name_(std::move(name)) {
  cached.fetch_add(1, std::memory_order_relaxed);
}

Dentry::~Dentry() NO_THREAD_SAFETY_ANALYSIS {
  cached.fetch_sub(1, std::memory_order_relaxed);
  if (root_) {
    LockGuard g(roots().lock);
    std::erase(roots().all, this);
  }
  // The parents, without recursion: a removed working directory may hold a very long chain of them.
  Dentry* p = parent_.release();
  while (p != nullptr && p->unref()) {
    Dentry* next = p->parent_.release();
    delete p;
    p = next;
  }
}

Ref<Dentry> Dentry::make_root(Ref<Inode> inode) {
  auto d = Ref<Dentry>::adopt(new Dentry(std::move(inode), nullptr, "/", true));
  LockGuard g(roots().lock);
  roots().all.push_back(d.get());
  return d;
}

Ref<Dentry> Dentry::make_unattached(Ref<Inode> inode, std::string name) {
  return Ref<Dentry>::adopt(new Dentry(std::move(inode), nullptr, std::move(name), false));
}

std::string Dentry::name() const {
  SharedLockGuard g(lock_);
  return name_;
}

Ref<Dentry> Dentry::parent() const {
  SharedLockGuard g(lock_);
  return parent_;
}

Result<Ref<Dentry>> Dentry::lookup(std::string_view name, bool last) {
  FileSystem& fs = inode_->file_system();
  if (!fs.caches_names()) {
    auto found = inode_->lookup(name);
    if (!found && found.error().value() != ENOENT) return err(found.error());
    return Ref<Dentry>::adopt(
        new Dentry(found ? *std::move(found) : nullptr, Ref<Dentry>(this), std::string(name), false));
  }
  // Nothing is in a removed directory.
  if (deleted()) return Ref<Dentry>::adopt(new Dentry(nullptr, Ref<Dentry>(this), std::string(name), false));
  Ref<Dentry> child;
  {
    SharedLockGuard g(lock_);
    auto it = children_.find(name);
    if (it != children_.end()) child = it->second;
  }
  if (child) {
    if (!child->used_.load(std::memory_order_relaxed)) child->used_.store(true, std::memory_order_relaxed);
    if (!fs.revalidates() || inode_->still_valid(name, child->inode(), last)) return child;
    if (!child->negative()) child->deleted_.store(true, std::memory_order_release);
    {
      LockGuard g(lock_);
      auto it = children_.find(name);
      if (it != children_.end() && it->second == child) children_.erase(it);
    }
    child->prune(true);
  }
  // The directory lock keeps a removal from slipping between the answer and its place in the cache:
  //   look-up: finds x          |
  //                             |  unlink: removes x, detaches (nothing cached)
  //   look-up: caches x: stale  |
  LockGuard serial(inode_->directory_lock);
  {
    SharedLockGuard g(lock_);
    auto it = children_.find(name);
    if (it != children_.end()) return it->second;
  }
  auto found = inode_->lookup(name);
  if (!found && found.error().value() != ENOENT) return err(found.error());
  child = Ref<Dentry>::adopt(
      new Dentry(found ? *std::move(found) : nullptr, Ref<Dentry>(this), std::string(name), false));
  if (deleted()) return child;  // a removed directory caches nothing
  LockGuard g(lock_);
  children_.insert_or_assign(std::string(name), child);
  return child;
}

Ref<Dentry> Dentry::attach(std::string_view name, Ref<Inode> inode) {
  auto child = Ref<Dentry>::adopt(new Dentry(std::move(inode), Ref<Dentry>(this), std::string(name), false));
  if (!inode_->file_system().caches_names()) return child;
  LockGuard g(lock_);
  children_.insert_or_assign(std::string(name), child);
  return child;
}

void Dentry::detach(std::string_view name) {
  Ref<Dentry> gone;
  {
    LockGuard g(lock_);
    auto it = children_.find(name);
    if (it == children_.end()) return;
    gone = it->second;
    gone->deleted_.store(true, std::memory_order_release);
    children_.erase(it);
  }
  // Names known not to exist in it would keep it, as it keeps them.
  gone->prune(true);
}

void Dentry::move(std::string_view from, Dentry& new_parent, std::string_view to) {
  Ref<Dentry> child, replaced;
  {
    LockGuard g(lock_);
    auto it = children_.find(from);
    if (it == children_.end()) return;
    child = it->second;
    children_.erase(it);
  }
  {
    LockGuard g(child->lock_);
    child->parent_ = Ref<Dentry>(&new_parent);
    child->name_ = to;
  }
  {
    LockGuard g(new_parent.lock_);
    auto& slot = new_parent.children_[std::string(to)];
    replaced = std::move(slot);
    slot = child;
  }
  if (!replaced || replaced->negative()) return;
  replaced->deleted_.store(true, std::memory_order_release);
  replaced->prune(true);
}

void Dentry::exchange(std::string_view name, Dentry& other_parent, std::string_view other) {
  auto take = [](Dentry& parent, std::string_view n) -> Ref<Dentry> {
    LockGuard g(parent.lock_);
    auto it = parent.children_.find(n);
    if (it == parent.children_.end()) return nullptr;
    Ref<Dentry> d = it->second;
    parent.children_.erase(it);
    return d;
  };
  auto place = [](Dentry& parent, std::string_view n, const Ref<Dentry>& d) {
    if (!d) return;
    {
      LockGuard g(d->lock_);
      d->parent_ = Ref<Dentry>(&parent);
      d->name_ = n;
    }
    LockGuard g(parent.lock_);
    parent.children_.insert_or_assign(std::string(n), d);
  };
  Ref<Dentry> a = take(*this, name), b = take(other_parent, other);
  place(other_parent, other, a);
  place(*this, name, b);
}

bool Dentry::is_below(const Dentry& ancestor) const {
  Ref<const Dentry> d(this);
  while (d) {
    if (d.get() == &ancestor) return true;
    d = d->parent();
  }
  return false;
}

void Dentry::prune(bool all) {
  // A list and no recursion: guests can nest directories deeper than our stack.
  std::vector<Ref<Dentry>> found{Ref<Dentry>(this)};
  for (std::size_t i = 0; i < found.size(); ++i) {
    Ref<Dentry> d = found[i];
    SharedLockGuard g(d->lock_);
    for (auto& [name, child] : d->children_)
      if (!child->negative()) found.push_back(child);
  }
  while (!found.empty()) {  // the deepest first
    Ref<Dentry> d = std::move(found.back());
    found.pop_back();
    std::vector<Ref<Dentry>> gone;  // dropped after the lock
    LockGuard g(d->lock_);
    for (auto it = d->children_.begin(); it != d->children_.end();) {
      Dentry& child = *it->second;
      // One reference is the tree's own, and a further one can only be had through it, under lock_.
      bool unused = child.ref_count() == 1 && !child.has_mounts();
      if (unused && !all) unused = !child.used_.exchange(false, std::memory_order_relaxed);
      if (unused)
        it = d->children_.erase(it);
      else
        ++it;
    }
  }
}

void Dentry::limit_cache() {
  if (cached.load(std::memory_order_relaxed) < prune_at.load(std::memory_order_relaxed)) return;
  std::vector<Ref<Dentry>> trees;
  {
    LockGuard g(roots().lock);
    for (Dentry* root : roots().all)
      if (root->try_ref()) trees.push_back(Ref<Dentry>::adopt(root));
  }
  for (bool all : {false, true}) {
    for (auto& root : trees) root->prune(all);
    if (cached.load() < prune_threshold / 2) break;
  }
  prune_at.store(std::max(prune_threshold, 2 * cached.load()));
}

}  // namespace quire::vfs
