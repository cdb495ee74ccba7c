// What inodes hold: file bytes, symlink targets, device numbers, attributes.

#include <algorithm>
#include <cstring>

#include "base/byte_order.h"
#include "base/range.h"
#include "jffs2/codec/crc.h"
#include "jffs2/fs/volume.h"

namespace quire::jffs2 {
namespace {

constexpr u32 kPage = 4096;
/// Most bytes that writers put into a node.
constexpr u32 kLargestNode = 65536;
constexpr u64 kMaxFile = ~u32{0};
constexpr u32 kNodeCost = kInodeSize + 18;
/// Longest data of a symlink or device that is worth looking at.
constexpr u32 kMaxSpecial = 65536;

}  // namespace

Result<> Volume::open(Ino ino) {
  LockGuard guard(lock_);
  TRY_VOID(usable());
  trim_cache();
  Inode* inode = TRY(load(ino));
  inode->opens++;
  return {};
}

void Volume::close(Ino ino) {
  LockGuard guard(lock_);
  auto it = loaded_.find(ino);
  if (it == loaded_.end() || it->second->opens == 0 || --it->second->opens != 0) return;
  if (!it->second->nameless) return;
  Slot slot = it->second->slot;
  drop_xattrs(ino);
  forget_loaded(ino);
  index_.drop_inode(slot);
}

Result<> Volume::read_range(Inode& inode, u32 start, std::span<u8> out) {
  std::vector<u8> node_data;
  u64 at = start;
  u64 end = at + out.size();
  for (std::size_t i = inode.fragments.find(start); at < end; i++) {
    // What no node covers reads as zeros.
    u64 covered = i < inode.fragments.size() ? std::min<u64>(inode.fragments[i].start, end) : end;
    if (covered > at) {
      std::memset(out.data() + (at - start), 0, covered - at);
      at = covered;
      if (at == end) break;
    }
    const Fragment& f = inode.fragments[i];
    u32 n = static_cast<u32>(std::min(f.end(), end) - at);
    std::span<u8> piece = out.subspan(at - start, n);
    InodeNode header = TRY(read_header(f.ref));
    if (header.offset != f.node_start || header.dsize != f.node_length) return err(EIO);
    u32 in_node = static_cast<u32>(at - f.node_start);
    if (header.compression == Compression::zero) {
      std::memset(piece.data(), 0, n);
    } else if (in_node == 0 && n == header.dsize) {
      TRY_VOID(read_data(f.ref, header, piece));
    } else {
      // No method expands by more; a lie in the header must not cost memory.
      if (header.dsize > std::max<u64>(kLargestNode, u64{header.csize} * 2048)) return err(EIO);
      node_data.resize(header.dsize);
      TRY_VOID(read_data(f.ref, header, node_data));
      std::memcpy(piece.data(), node_data.data() + in_node, n);
    }
    at += n;
  }
  return {};
}

Result<u32> Volume::read(Ino ino, u64 offset, std::span<u8> out) {
  LockGuard guard(lock_);
  TRY_VOID(usable());
  trim_cache();
  Inode* inode = TRY(load(ino));
  if (inode->is_dir()) return err(EISDIR);
  if (!inode->is_reg()) return err(EINVAL);
  if (offset >= inode->size) return 0;
  u32 n = static_cast<u32>(std::min<u64>(out.size(), inode->size - offset));
  TRY_VOID(read_range(*inode, static_cast<u32>(offset), out.first(n)));
  return n;
}

Result<u32> Volume::write(Ino ino, u64 offset, std::span<const u8> data) {
  LockGuard guard(lock_);
  TRY_VOID(usable());
  trim_cache();
  Inode* inode = TRY(load(ino));
  if (inode->is_dir()) return err(EISDIR);
  if (!inode->is_reg()) return err(EINVAL);
  if (offset > kMaxFile || data.size() > kMaxFile - offset) return err(EFBIG);
  if (data.empty()) return 0;
  u32 at = static_cast<u32>(offset);
  if (at > inode->size) TRY_VOID(resize(*inode, at));

  u32 written = 0;
  std::vector<u8> page;
  while (written < data.size()) {
    u32 length = static_cast<u32>(
        std::min<std::size_t>(options_.max_node_data - at % options_.max_node_data, data.size() - written));
    std::span<const u8> bytes = data.subspan(written, length);
    // Room for the data, and for the node to be split at a block's end.
    if (auto room = make_room(kPage + length + 2 * kNodeCost, Purpose::data); !room)
      return written != 0 ? Result<u32>(written) : err(room.error());
    u32 start = at;
    // Whoever ends a page that came in small pieces writes the page again as one.
    u32 page_start = static_cast<u32>(round_down(at, kPage));
    if (start != page_start && (at + length) % kPage == 0 && length < kPage &&
        inode->fragments.find(page_start) != inode->fragments.find(at - 1)) {
      page.resize(at - page_start);
      if (read_range(*inode, page_start, page)) {
        page.insert(page.end(), bytes.begin(), bytes.end());
        bytes = page;
        start = page_start;
      }
    }
    inode->mtime = inode->ctime = now();
    if (auto r = put_range(*inode, start, bytes, Purpose::data); !r) {
      count_memory(*inode);
      return written != 0 ? Result<u32>(written) : err(r.error());
    }
    at += length;
    written += length;
  }
  count_memory(*inode);
  return written;
}

Result<> Volume::resize(Inode& inode, u32 size) {
  if (size == inode.size) return {};
  u32 stamp = now();
  if (size > inode.size) {
    // What is gained reads as zeros, and must even if older data lies there on flash: a hole says so.
    TRY_VOID(make_room(kNodeCost, Purpose::data));
    inode.mtime = inode.ctime = stamp;
    return put_hole(inode, inode.size, size - inode.size, Purpose::data);
  }
  TRY_VOID(make_room(kNodeCost, Purpose::removal));
  u32 before = std::exchange(inode.size, size);
  inode.mtime = inode.ctime = stamp;
  if (auto r = put_metadata(inode, Purpose::removal); !r) {
    inode.size = before;
    return r;
  }
  std::vector<RefId> dropped;
  inode.fragments.truncate(size, dropped);
  drop_refs(dropped);
  return {};
}

Result<std::vector<u8>> Volume::special_data(Inode& inode) {
  std::vector<u8> data;
  if (inode.metadata == kNoRef) return data;
  InodeNode n = TRY(read_header(inode.metadata));
  if (n.dsize > kMaxSpecial) return err(EIO);
  data.resize(n.dsize);
  TRY_VOID(read_data(inode.metadata, n, data));
  return data;
}

Result<std::string> Volume::readlink(Ino ino) {
  LockGuard guard(lock_);
  TRY_VOID(usable());
  trim_cache();
  Inode* inode = TRY(load(ino));
  if (!S_ISLNK(inode->mode)) return err(EINVAL);
  auto data = TRY(special_data(*inode));
  std::string target(data.begin(), data.end());
  // Some writers store the terminating NUL.
  while (!target.empty() && target.back() == '\0') target.pop_back();
  return target;
}

Result<Attr> Volume::attributes(Inode& inode) {
  const InodeSlot& slot = index_.slot(inode.slot);
  Attr a{.ino = inode.ino,
         .mode = inode.mode,
         .nlink = inode.is_dir() ? 2 + slot.links : slot.links,
         .uid = inode.uid,
         .gid = inode.gid,
         .atime = inode.atime,
         .mtime = inode.mtime,
         .ctime = inode.ctime};
  if (inode.nameless) a.nlink = 0;
  if (inode.is_reg()) a.size = inode.size;
  for (RefId id = slot.head; id != kNoRef; id = index_.ref(id).next())
    if (!index_.ref(id).obsolete() && index_.ref(id).kind() == RefKind::inode)
      a.stored += index_.ref(id).room();
  if (S_ISLNK(inode.mode) && inode.metadata != kNoRef) a.size = TRY(read_header(inode.metadata)).dsize;
  if (S_ISCHR(inode.mode) || S_ISBLK(inode.mode)) {
    auto data = TRY(special_data(inode));
    if (data.size() == 2) {
      u16 v = quire::load<u16>(data.data(), order_);
      a.rdev_major = v >> 8;
      a.rdev_minor = v & 0xFF;
    } else if (data.size() >= 4) {
      u32 v = quire::load<u32>(data.data(), order_);
      a.rdev_major = (v >> 8) & 0xFFF;
      a.rdev_minor = (v & 0xFF) | ((v >> 12) & ~0xFFu);
    }
  }
  return a;
}

Result<Attr> Volume::getattr(Ino ino) {
  LockGuard guard(lock_);
  TRY_VOID(usable());
  trim_cache();
  return attributes(*TRY(load(ino)));
}

Result<Attr> Volume::setattr(Ino ino, const SetAttr& what) {
  LockGuard guard(lock_);
  TRY_VOID(usable());
  trim_cache();
  Inode* inode = TRY(load(ino));
  if (read_only_) return err(EROFS);
  if (what.uid.value_or(0) > 0xFFFF || what.gid.value_or(0) > 0xFFFF) return err(EINVAL);
  if (what.size) {
    if (inode->is_dir()) return err(EISDIR);
    if (!inode->is_reg()) return err(EINVAL);
    if (*what.size > kMaxFile) return err(EFBIG);
    TRY_VOID(resize(*inode, static_cast<u32>(*what.size)));
    count_memory(*inode);
  }
  if (what.mode || what.uid || what.gid || what.atime || what.mtime || what.ctime) {
    TRY_VOID(make_room(kNodeCost + kMaxSymlink, Purpose::data));
    struct Fields {
      u32 mode;
      u16 uid, gid;
      u32 atime, mtime, ctime;
    };
    Fields before{inode->mode, inode->uid, inode->gid, inode->atime, inode->mtime, inode->ctime};
    if (what.mode) inode->mode = (inode->mode & S_IFMT) | (*what.mode & 07777);
    if (what.uid) inode->uid = static_cast<u16>(*what.uid);
    if (what.gid) inode->gid = static_cast<u16>(*what.gid);
    if (what.atime) inode->atime = *what.atime;
    if (what.mtime) inode->mtime = *what.mtime;
    inode->ctime = what.ctime.value_or(now());
    if (auto r = put_metadata(*inode, Purpose::data); !r) {
      inode->mode = before.mode;
      inode->uid = before.uid;
      inode->gid = before.gid;
      inode->atime = before.atime;
      inode->mtime = before.mtime;
      inode->ctime = before.ctime;
      return err(r.error());
    }
  }
  return attributes(*inode);
}

Result<> Volume::flush() {
  TRY_VOID(usable());
  if (read_only_) return {};
  TRY_VOID(log_.flush());
  return device_.sync();
}

Result<> Volume::fsync(Ino ino) {
  LockGuard guard(lock_);
  if (index_.find(ino) == kNoSlot) return err(ENOENT);
  return flush();
}

Result<> Volume::sync() {
  LockGuard guard(lock_);
  return flush();
}

}  // namespace quire::jffs2
