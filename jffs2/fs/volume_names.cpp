// Names: lookup, making, removing, renaming.

#include <fcntl.h>
#include <linux/fs.h>

#include "base/byte_order.h"
#include "jffs2/fs/volume.h"

namespace quire::jffs2 {
namespace {

Result<> check_name(std::string_view name) {
  if (name.size() > kMaxName) return err(ENAMETOOLONG);
  if (name.empty() || name == "." || name == ".." || name.find('/') != name.npos ||
      name.find('\0') != name.npos)
    return err(EINVAL);
  return {};
}

/// Bytes that a dirent and its summary entry take, at most.
u32 dirent_cost(std::string_view name) {
  u32 n = static_cast<u32>(name.size());
  return pad4(kDirentSize + n) + summary_entry_size(NodeType::dirent, n);
}

constexpr u32 kInodeCost = kInodeSize + 18;

}  // namespace

Result<Ino> Volume::lookup(Ino dir, std::string_view name) {
  LockGuard guard(lock_);
  TRY_VOID(usable());
  trim_cache();
  Inode* d = TRY(load_dir(dir));
  if (name.size() > kMaxName) return err(ENAMETOOLONG);
  u32 i = d->directory->find_live(name);
  if (i == Directory::kNone) return err(ENOENT);
  return d->directory->entry(i).ino;
}

Result<Ino> Volume::parent(Ino dir) {
  LockGuard guard(lock_);
  TRY_VOID(usable());
  Inode* d = TRY(load_dir(dir));
  Ino p = index_.slot(d->slot).parent;
  if (p == kNoIno) return err(ENOENT);
  return p;
}

Result<std::vector<DirEntry>> Volume::readdir(Ino dir, u64 cookie, u32 limit) {
  LockGuard guard(lock_);
  TRY_VOID(usable());
  trim_cache();
  Inode* d = TRY(load_dir(dir));
  std::vector<DirEntry> out;
  for (u64 i = cookie; i < d->directory->size() && out.size() < limit; i++) {
    const auto& e = d->directory->entry(static_cast<u32>(i));
    if (e.ino != kNoIno)
      out.push_back({std::string(d->directory->name(static_cast<u32>(i))), e.ino, e.type, i + 1});
  }
  return out;
}

Result<> Volume::set_name(Inode& dir, std::string_view name, Ino ino, FileType type, Purpose purpose) {
  RefId id = TRY(put_dirent(dir, name, ino, type, purpose));
  u32 before = dir.directory->find(name);
  bool was_live = before != Directory::kNone && dir.directory->entry(before).ino != kNoIno;
  RefId old = dir.directory->set(name, ino, type, id);
  if (old != kNoRef) index_.mark_obsolete(old);
  if (was_live) dir.directory->add_ghost(name_hash(name));
  count_memory(dir);
  return {};
}

Result<Ino> Volume::make(Ino dir_ino, std::string_view name, const NewInode& how, std::span<const u8> data) {
  TRY_VOID(usable());
  trim_cache();
  TRY_VOID(check_name(name));
  Inode* dir = TRY(load_dir(dir_ino));
  if (dir->nameless) return err(ENOENT);
  if (dir->directory->find_live(name) != Directory::kNone) return err(EEXIST);
  if (how.uid > 0xFFFF || how.gid > 0xFFFF) return err(EINVAL);
  TRY_VOID(make_room(kInodeCost + static_cast<u32>(data.size()) + dirent_cost(name), Purpose::data));

  // Numbers are never used again while anything on flash may still name them.
  if (highest_ino_.value() == ~u32{0}) return err(ENOSPC);
  auto inode = std::make_unique<Inode>();
  inode->ino = ++highest_ino_;
  inode->slot = index_.find_or_add(inode->ino);
  inode->mode = how.mode;
  inode->uid = static_cast<u16>(how.uid);
  inode->gid = static_cast<u16>(how.gid);
  inode->size = static_cast<u32>(data.size());
  inode->atime = inode->mtime = inode->ctime = now();
  inode->last_use = ++use_clock_;
  if (inode->is_dir()) inode->directory = std::make_unique<Directory>();

  // First the inode, then its name: cut in between, the next mount drops an inode without a name.
  auto id = put_node(*inode, {.dsize = inode->size}, data, Purpose::data);
  if (!id) {
    index_.drop_inode(inode->slot);
    return err(id.error());
  }
  inode->metadata = *id;
  FileType type = file_type_of_mode(inode->mode);
  Ino ino = inode->ino;
  if (auto r = set_name(*dir, name, ino, type, Purpose::data); !r) {
    index_.drop_inode(inode->slot);
    return err(r.error());
  }
  InodeSlot& slot = index_.slot(inode->slot);
  if (inode->is_dir()) {
    slot.parent = dir_ino;
    index_.slot(dir->slot).links++;
  } else {
    slot.links = 1;
  }
  Inode& kept = *loaded_.emplace(ino, std::move(inode)).first->second;
  count_memory(kept);
  return ino;
}

Result<Ino> Volume::create(Ino dir, std::string_view name, const NewInode& how) {
  LockGuard guard(lock_);
  return make(dir, name, {.mode = S_IFREG | (how.mode & 07777), .uid = how.uid, .gid = how.gid}, {});
}

Result<Ino> Volume::mkdir(Ino dir, std::string_view name, const NewInode& how) {
  LockGuard guard(lock_);
  return make(dir, name, {.mode = S_IFDIR | (how.mode & 07777), .uid = how.uid, .gid = how.gid}, {});
}

Result<Ino> Volume::mknod(Ino dir, std::string_view name, const NewInode& how, u32 major, u32 minor) {
  LockGuard guard(lock_);
  if (S_ISFIFO(how.mode) || S_ISSOCK(how.mode)) return make(dir, name, how, {});
  if (!S_ISCHR(how.mode) && !S_ISBLK(how.mode)) return err(EINVAL);
  if (major > 0xFFF || minor > 0xFFFFF) return err(EINVAL);
  // Two bytes where they do, as Linux writes; else its newer encoding in four.
  std::vector<u8> data;
  if (major < 256 && minor < 256) {
    data.resize(2);
    store(data.data(), static_cast<u16>(major << 8 | minor), order_);
  } else {
    data.resize(4);
    store(data.data(), (minor & 0xFF) | major << 8 | (minor & ~0xFFu) << 12, order_);
  }
  return make(dir, name, how, data);
}

Result<Ino> Volume::symlink(Ino dir, std::string_view name, std::string_view target, const NewInode& how) {
  LockGuard guard(lock_);
  if (target.size() > kMaxSymlink) return err(ENAMETOOLONG);
  if (target.empty()) return err(ENOENT);
  return make(dir, name, {.mode = S_IFLNK | 0777, .uid = how.uid, .gid = how.gid},
              {reinterpret_cast<const u8*>(target.data()), target.size()});
}

Result<> Volume::link(Ino ino, Ino dir_ino, std::string_view name) {
  LockGuard guard(lock_);
  TRY_VOID(usable());
  trim_cache();
  TRY_VOID(check_name(name));
  Inode* inode = TRY(load(ino));
  Inode* dir = TRY(load_dir(dir_ino));
  if (inode->is_dir()) return err(EPERM);
  if (inode->nameless || dir->nameless) return err(ENOENT);
  if (dir->directory->find_live(name) != Directory::kNone) return err(EEXIST);
  TRY_VOID(make_room(dirent_cost(name), Purpose::data));
  TRY_VOID(set_name(*dir, name, ino, file_type_of_mode(inode->mode), Purpose::data));
  index_.slot(inode->slot).links++;
  inode->ctime = dir->ctime;
  return {};
}

void Volume::lose_link(Ino ino, FileType type) {
  Slot slot = index_.find(ino);
  if (slot == kNoSlot) return;
  InodeSlot& s = index_.slot(slot);
  if (type == FileType::dir) {
    Slot above = index_.find(s.parent);
    if (above != kNoSlot && index_.slot(above).links != 0) index_.slot(above).links--;
    s.parent = kNoIno;
  } else if (s.links != 0) {
    s.links--;
  }
  auto it = loaded_.find(ino);
  if (it != loaded_.end()) it->second->ctime = now();
  if (type != FileType::dir && s.links != 0) return;
  if (it != loaded_.end() && it->second->opens != 0) {
    it->second->nameless = true;
    return;
  }
  drop_xattrs(ino);
  forget_loaded(ino);
  index_.drop_inode(slot);
}

Result<> Volume::remove(Ino dir_ino, std::string_view name, bool directory) {
  TRY_VOID(usable());
  trim_cache();
  Inode* dir = TRY(load_dir(dir_ino));
  u32 i = dir->directory->find_live(name);
  if (i == Directory::kNone) return err(ENOENT);
  auto [ino, type] = std::pair(dir->directory->entry(i).ino, dir->directory->entry(i).type);
  if (directory) {
    if (type != FileType::dir) return err(ENOTDIR);
    // A directory that cannot be read can still be got rid of.
    auto victim = load_dir(ino);
    if (victim && (*victim)->directory->live() != 0) return err(ENOTEMPTY);
  } else if (type == FileType::dir) {
    return err(EPERM);
  }
  TRY_VOID(make_room(dirent_cost(name), Purpose::removal));
  TRY_VOID(set_name(*dir, name, kNoIno, FileType::unknown, Purpose::removal));
  lose_link(ino, type);
  return {};
}

Result<> Volume::unlink(Ino dir, std::string_view name) {
  LockGuard guard(lock_);
  return remove(dir, name, false);
}

Result<> Volume::rmdir(Ino dir, std::string_view name) {
  LockGuard guard(lock_);
  return remove(dir, name, true);
}

Result<bool> Volume::is_below(Ino dir, Ino ancestor) {
  // Bounded by the number of directories, so that no fault of ours can turn it into a loop.
  for (u32 steps = 0; steps <= index_.inode_count(); steps++) {
    if (dir == ancestor) return true;
    if (dir == kRootIno || dir == kNoIno) return false;
    Slot s = index_.find(dir);
    if (s == kNoSlot) return false;
    dir = index_.slot(s).parent;
  }
  return err(EIO);
}

Result<> Volume::rename(Ino old_dir, std::string_view old_name, Ino new_dir, std::string_view new_name,
                        u32 flags) {
  LockGuard guard(lock_);
  TRY_VOID(usable());
  trim_cache();
  if ((flags & ~u32{RENAME_NOREPLACE}) != 0) return err(EINVAL);
  TRY_VOID(check_name(new_name));
  Inode* from = TRY(load_dir(old_dir));
  Inode* to = TRY(load_dir(new_dir));
  u32 source = from->directory->find_live(old_name);
  if (source == Directory::kNone || to->nameless) return err(ENOENT);
  auto [ino, type] = std::pair(from->directory->entry(source).ino, from->directory->entry(source).type);
  if (index_.find(ino) == kNoSlot) return err(EIO);
  if (type == FileType::dir && TRY(is_below(new_dir, ino))) return err(EINVAL);

  Ino replaced = kNoIno;
  FileType replaced_type = FileType::unknown;
  if (u32 i = to->directory->find_live(new_name); i != Directory::kNone) {
    if ((flags & RENAME_NOREPLACE) != 0) return err(EEXIST);
    replaced = to->directory->entry(i).ino;
    replaced_type = to->directory->entry(i).type;
    if (replaced == ino) return {};  // two names of one file: nothing is done
    if (replaced_type == FileType::dir) {
      if (type != FileType::dir) return err(EISDIR);
      Inode* victim = TRY(load_dir(replaced));
      if (victim->directory->live() != 0) return err(ENOTEMPTY);
    } else if (type == FileType::dir) {
      return err(ENOTDIR);
    }
  }

  // New name first: a cut in between leaves both, which the next mount settles for directories.
  TRY_VOID(make_room(dirent_cost(new_name) + dirent_cost(old_name), Purpose::data));
  TRY_VOID(set_name(*to, new_name, ino, type, Purpose::data));
  if (replaced != kNoIno) lose_link(replaced, replaced_type);
  if (type == FileType::dir) {
    index_.slot(index_.find(ino)).parent = new_dir;
    index_.slot(from->slot).links--;
    index_.slot(to->slot).links++;
  } else {
    index_.slot(index_.find(ino)).links++;
  }
  // The removal may draw on the deeper reserve: half a rename is the worse outcome.
  TRY_VOID(set_name(*from, old_name, kNoIno, FileType::unknown, Purpose::collection));
  if (type != FileType::dir) index_.slot(index_.find(ino)).links--;
  return {};
}

}  // namespace quire::jffs2
