#include <dirent.h>
#include <unistd.h>

#include "kernel/vfs/memory_file.h"

namespace quire::vfs {
namespace {
constexpr u64 bytes_per_entry = 20;  // what a tmpfs directory's size grows by in Linux
}

MemoryDirectory::MemoryDirectory(MemoryFileSystem& fs, const NewNode& node) : MemoryInode(fs, node) {
  LockGuard g(lock_);
  a_.size = 2 * bytes_per_entry;
}

MemoryDirectory::~MemoryDirectory() NO_THREAD_SAFETY_ANALYSIS {
  // A list and no recursion: a tree may be deeper than our stack. No locks: it is ours alone.
  std::vector<Ref<Inode>> dying;
  auto empty_into = [&](MemoryDirectory& d) NO_THREAD_SAFETY_ANALYSIS {
    for (auto& [name, slot] : d.names_) dying.push_back(std::move(slot.inode));
    d.names_.clear();
  };
  empty_into(*this);
  while (!dying.empty()) {
    Ref<Inode> last = std::move(dying.back());
    dying.pop_back();
    if (last->is_directory() && last->ref_count() == 1) empty_into(static_cast<MemoryDirectory&>(*last));
  }
}

void MemoryDirectory::put(std::string_view name, Ref<Inode> inode) {
  u64 position = next_position_++;
  order_.emplace(position, name);
  names_.insert_or_assign(std::string(name), Slot{std::move(inode), position});
  a_.size += bytes_per_entry;
  a_.mtime = a_.ctime = now();
}

Ref<Inode> MemoryDirectory::take(std::string_view name) {
  auto it = names_.find(name);
  if (it == names_.end()) return nullptr;
  Ref<Inode> inode = std::move(it->second.inode);
  order_.erase(it->second.position);
  names_.erase(it);
  a_.size -= bytes_per_entry;
  a_.mtime = a_.ctime = now();
  return inode;
}

bool MemoryDirectory::empty() const {
  SharedLockGuard g(lock_);
  return names_.empty();
}

Result<Ref<Inode>> MemoryDirectory::lookup(std::string_view name) {
  SharedLockGuard g(lock_);
  auto it = names_.find(name);
  if (it == names_.end()) return err(ENOENT);
  return it->second.inode;
}

Result<Ref<Inode>> MemoryDirectory::create(std::string_view name, const NewNode& node) {
  {
    SharedLockGuard g(lock_);
    if (names_.contains(name)) return err(EEXIST);
  }
  Ref<Inode> inode = TRY(MemoryInode::make(memory_fs(), node));
  if (!inode->is_directory()) static_cast<MemoryInode&>(*inode).change_links(1);
  LockGuard g(lock_);
  if (names_.contains(name)) return err(EEXIST);
  put(name, inode);
  if (inode->is_directory()) ++a_.nlink;
  return inode;
}

Result<> MemoryDirectory::link(std::string_view name, Inode& target) {
  auto& node = static_cast<MemoryInode&>(target);
  {
    LockGuard g(lock_);
    if (names_.contains(name)) return err(EEXIST);
    put(name, Ref<Inode>(&target));
  }
  node.change_links(1);
  return {};
}

Result<> MemoryDirectory::unlink(std::string_view name, Inode& victim) {
  Ref<Inode> gone;
  {
    LockGuard g(lock_);
    gone = take(name);
  }
  if (!gone) return err(ENOENT);
  static_cast<MemoryInode&>(victim).change_links(-1);
  return {};
}

Result<> MemoryDirectory::rmdir(std::string_view name, Inode& victim) {
  auto& dir = static_cast<MemoryDirectory&>(victim);
  if (!dir.empty()) return err(ENOTEMPTY);
  Ref<Inode> gone;
  {
    LockGuard g(lock_);
    gone = take(name);
    if (!gone) return err(ENOENT);
    --a_.nlink;
  }
  dir.change_links(-2);
  return {};
}

Result<> MemoryDirectory::rename(std::string_view name, Inode& moved, Inode& new_dir,
                                 std::string_view new_name, Inode* replaced, u32 flags) {
  auto& to = static_cast<MemoryDirectory&>(new_dir);
  constexpr u32 exchange = 2;
  if ((flags & exchange) != 0) {
    Ref<Inode> a, b;
    {
      LockGuard g(lock_);
      a = take(name);
    }
    {
      LockGuard g(to.lock_);
      b = to.take(new_name);
      to.put(new_name, a);
      to.a_.nlink += static_cast<u32>(a->is_directory()) - static_cast<u32>(b->is_directory());
    }
    LockGuard g(lock_);
    put(name, b);
    a_.nlink += static_cast<u32>(b->is_directory()) - static_cast<u32>(a->is_directory());
    return {};
  }
  if (replaced != nullptr) {
    if (replaced->is_directory())
      TRY_VOID(to.rmdir(new_name, *replaced));
    else
      TRY_VOID(to.unlink(new_name, *replaced));
  }
  if (replaced == nullptr) {
    // The name was made after the caller looked: it looks again.
    SharedLockGuard g(to.lock_);
    if (to.names_.contains(new_name)) return err(ESTALE);
  }
  Ref<Inode> held;
  {
    LockGuard g(lock_);
    held = take(name);
    if (!held) return err(ENOENT);
    if (moved.is_directory()) --a_.nlink;
  }
  {
    LockGuard g(to.lock_);
    to.put(new_name, std::move(held));
    if (moved.is_directory()) ++to.a_.nlink;
  }
  static_cast<MemoryInode&>(moved).change_links(0);  // its ctime
  return {};
}

std::vector<MemoryDirectory::Entry> MemoryDirectory::entries(u64 from, std::size_t max) const {
  std::vector<Entry> out;
  SharedLockGuard g(lock_);
  for (auto it = order_.lower_bound(from); it != order_.end() && out.size() < max; ++it)
    out.push_back({it->first, it->second, names_.find(it->second)->second.inode});
  return out;
}

Result<Ref<File>> MemoryDirectory::open(int flags) {
  return Ref<File>(make_ref<MemoryDirectoryFile>(Ref<MemoryDirectory>(this), flags));
}

Result<u64> MemoryDirectoryFile::seek(i64 offset, int whence) {
  LockGuard g(position_lock_);
  return move_position(position_, offset, whence, 0);
}

Result<> MemoryDirectoryFile::read_directory(DirSink& sink) {
  LockGuard g(position_lock_);
  u64 own = TRY(node_->attributes()).inode;
  if (position_ == 0) {
    if (!sink.add(".", own, DT_DIR, 1)) return {};
    position_ = 1;
  }
  if (position_ == 1) {
    Ref<Dentry> parent = path() ? path().dentry->parent() : nullptr;
    u64 above = parent ? TRY(parent->inode()->attributes()).inode : own;
    if (!sink.add("..", above, DT_DIR, 2)) return {};
    position_ = 2;
  }
  for (;;) {
    auto batch = node_->entries(position_, 64);
    if (batch.empty()) return {};
    for (auto& e : batch) {
      u64 inode = TRY(e.inode->attributes()).inode;
      if (!sink.add(e.name, inode, static_cast<u8>(e.inode->type() >> 12), e.position + 1)) return {};
      position_ = e.position + 1;
    }
  }
}

}  // namespace quire::vfs
