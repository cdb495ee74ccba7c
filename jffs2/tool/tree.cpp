#include "jffs2/tool/tree.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <set>
#include <tuple>

#include "base/byte_order.h"
#include "jffs2/codec/acl.h"
#include "jffs2/codec/compress.h"

namespace quire::jffs2 {

namespace {

// More than any writer puts into a node; a damaged one must not make us allocate gigabytes.
constexpr u32 kMaxNodeData = 1 << 20;

// Paths longer than this are not followed: every name below would be of that length again.
constexpr std::size_t kMaxPath = 16384;

// As Linux does: a later node of equal version wins.
bool newer(Version a, Version b) { return a >= b; }

// CRC-32 of `count` zero bytes, put together from powers of two: a hole of gigabytes costs nothing.
uLong crc_of_zeros(u64 count) {
  const u8 zero = 0;
  uLong power = ::crc32(0, &zero, 1), result = 0;
  for (z_off_t length = 1; count != 0; count >>= 1, length *= 2) {
    if ((count & 1) != 0) result = ::crc32_combine(result, power, length);
    power = ::crc32_combine(power, power, length);
  }
  return result;
}

}  // namespace

bool is_plain_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

Tree::Tree(std::span<const u8> bytes, std::span<const FoundNode> nodes, ByteOrder order)
    : bytes_(bytes), nodes_(nodes), order_(order) {
  gather();
  resolve_names();
  connect();
  gather_xattrs();
}

void Tree::gather() {
  struct Versioned {
    Version version;
    u32 node;
  };
  std::unordered_map<Ino, std::vector<Versioned>> found;
  struct Changed {
    Version version;
    u32 time = 0;
  };
  std::unordered_map<Ino, Changed> changed;  // directories, by their newest name
  for (u32 i = 0; i < nodes_.size(); i++) {
    const FoundNode& node = nodes_[i];
    bool sound = node.health == Health::good;
    if (!sound && node.health != Health::bad_data) continue;
    if (node.type == static_cast<u16>(NodeType::inode)) {
      auto inode = decode_inode(bytes_of(bytes_, node), order_);
      if (!inode || inode->ino == kNoIno) continue;
      if (sound)
        found[inode->ino].push_back({inode->version, i});
      else
        inodes_[inode->ino].damaged.push_back(i);
    } else if (node.type == static_cast<u16>(NodeType::dirent)) {
      auto dirent = decode_dirent(bytes_of(bytes_, node), order_);
      if (!dirent || dirent->name.empty()) continue;
      auto [at, fresh] = names_[dirent->pino].try_emplace(dirent->name, Name{i, dirent->version});
      if (!fresh && newer(dirent->version, at->second.version)) at->second = {i, dirent->version};
      if (dirent->mctime != 0) {
        Changed& change = changed[dirent->pino];
        if (dirent->version > change.version) change = {dirent->version, dirent->mctime};
      }
    }
  }
  for (auto& [ino, versions] : found) {
    std::sort(versions.begin(), versions.end(), [](const Versioned& a, const Versioned& b) {
      return std::pair(a.version, a.node) < std::pair(b.version, b.node);
    });
    TreeInode& inode = inodes_[ino];
    for (const Versioned& v : versions) inode.nodes.push_back(v.node);
    inode.meta = *decode_inode(bytes_of(bytes_, nodes_[inode.nodes.back()]), order_);
    inode.known = true;
    // A new or removed name changes its directory without another node for that.
    if (auto change = changed.find(ino);
        change != changed.end() && change->second.version > inode.meta.version)
      inode.meta.mtime = inode.meta.ctime = change->second.time;
  }
  TreeInode& root = inodes_[kRootIno];
  if (!root.known || !root.is_directory()) {
    // mkfs.jffs2 writes no node for the root; Linux then shows these.
    root.known = true;
    root.meta = {.ino = kRootIno, .version = Version(0), .mode = 0040755};
  }
}

void Tree::resolve_names() {
  for (auto& [pino, names] : names_) {
    auto parent = inodes_.find(pino);
    // Names of a directory whose inode is lost would be lost with it; give it back as a directory.
    if (parent == inodes_.end() || !parent->second.known) {
      bool alive = std::any_of(names.begin(), names.end(), [&](const auto& n) {
        auto d = decode_dirent(bytes_of(bytes_, nodes_[n.second.node]), order_);
        return d && d->ino != kNoIno;
      });
      if (!alive) continue;
      TreeInode& made = inodes_[pino];
      made.known = true;
      made.meta = {.ino = pino, .version = Version(0), .mode = 0040755};
    }
    TreeInode& directory = inodes_[pino];
    if (!directory.is_directory()) continue;
    for (const auto& [name, at] : names) {
      auto d = decode_dirent(bytes_of(bytes_, nodes_[at.node]), order_);
      if (!d || d->ino == kNoIno) continue;
      directory.children.push_back(
          {.name = std::string(name), .ino = d->ino, .type = d->type, .node = at.node});
    }
  }
  names_.clear();
}

// Counts the links that are reachable from the root, and lets each directory be entered once: a
// cycle or a diamond in a damaged image would otherwise have no end.
void Tree::connect() {
  std::set<Ino> entered{kRootIno};
  std::vector<Ino> stack{kRootIno};
  while (!stack.empty()) {
    TreeInode& directory = inodes_[stack.back()];
    stack.pop_back();
    for (TreeName& name : directory.children) {
      auto child = inodes_.find(name.ino);
      if (child == inodes_.end() || !child->second.known) continue;
      child->second.links++;
      if (!child->second.is_directory()) continue;
      if (entered.insert(name.ino).second)
        stack.push_back(name.ino);
      else
        name.again = true;
    }
  }
}

void Tree::gather_xattrs() {
  struct Reference {
    u32 seqno = 0;
    u32 node = 0;
  };
  std::map<std::pair<Ino, Xid>, Reference> references;  // the highest sequence number of each
  std::unordered_map<Xid, Version> versions;
  for (u32 i = 0; i < nodes_.size(); i++) {
    const FoundNode& node = nodes_[i];
    if (node.health != Health::good) continue;
    if (node.type == static_cast<u16>(NodeType::xattr)) {
      auto x = decode_xattr(bytes_of(bytes_, node), order_);
      if (!x) continue;
      auto [at, fresh] = versions.try_emplace(x->xid, x->version);
      if (!fresh && !newer(x->version, at->second)) continue;
      at->second = x->version;
      data_[x->xid] = i;
    } else if (node.type == static_cast<u16>(NodeType::xref)) {
      auto x = decode_xref(bytes_of(bytes_, node), order_);
      if (!x) continue;
      auto [at, fresh] = references.try_emplace({x->ino, x->xid}, Reference{x->seqno, i});
      if (!fresh && x->seqno >= at->second.seqno) at->second = {x->seqno, i};
    }
  }
  // An odd number removes. Of several attributes of one name the one referred to last counts.
  struct Live {
    u32 seqno;
    Ino ino;
    Xid xid;
  };
  std::vector<Live> live;
  std::set<u32> data;
  for (const auto& [key, reference] : references) {
    auto [ino, xid] = key;
    if ((reference.seqno & 1) != 0 || !data_.contains(xid)) continue;
    live.push_back({reference.seqno, ino, xid});
    attribute_nodes_.push_back(reference.node);
    if (data.insert(data_[xid]).second) attribute_nodes_.push_back(data_[xid]);
  }
  std::sort(live.begin(), live.end(), [](const Live& a, const Live& b) {
    return std::tuple(a.seqno, a.ino, a.xid) < std::tuple(b.seqno, b.ino, b.xid);
  });
  for (const Live& l : live) xattrs_[l.ino].push_back(l.xid);
}

const TreeInode* Tree::find(Ino ino) const {
  auto at = inodes_.find(ino);
  return at == inodes_.end() || !at->second.known ? nullptr : &at->second;
}

const TreeInode& Tree::root() const { return inodes_.at(kRootIno); }

std::vector<Ino> Tree::orphans() const {
  std::vector<Ino> result;
  for (const auto& [ino, inode] : inodes_)
    if (inode.known && inode.links == 0 && ino != kRootIno) result.push_back(ino);
  return result;
}

void Tree::for_each(const std::function<void(Ino, const TreeInode&)>& visit) const {
  for (const auto& [ino, inode] : inodes_) visit(ino, inode);
}

std::vector<Extent> Tree::extents(const TreeInode& inode) const {
  // Painted in order of version: what a later node covers hides what was there.
  std::map<u64, Extent> pieces;
  auto cut = [&](u64 at) {
    auto after = pieces.upper_bound(at);
    if (after == pieces.begin()) return;
    auto piece = std::prev(after);
    if (piece->first == at || piece->second.end <= at) return;
    Extent right = piece->second;
    piece->second.end = at;
    right.begin = at;
    pieces.emplace(at, right);
  };
  for (u32 index : inode.nodes) {
    auto node = decode_inode(bytes_of(bytes_, nodes_[index]), order_);
    if (!node || node->dsize == 0) continue;
    u64 begin = node->offset, end = u64{node->offset} + node->dsize;
    cut(begin);
    cut(end);
    pieces.erase(pieces.lower_bound(begin), pieces.lower_bound(end));
    pieces.emplace(begin, Extent{.begin = begin, .end = end, .node = index, .node_begin = node->offset});
  }
  std::vector<Extent> result;
  for (const auto& [begin, piece] : pieces) {
    if (begin >= inode.meta.isize) break;
    Extent e = piece;
    e.end = std::min<u64>(e.end, inode.meta.isize);
    auto node = decode_inode(bytes_of(bytes_, nodes_[e.node]), order_);
    if (node->compression != Compression::zero) result.push_back(e);
  }
  return result;
}

Result<std::vector<u8>> Tree::node_data(u32 index) const {
  std::span<const u8> raw = bytes_of(bytes_, nodes_[index]);
  auto node = decode_inode(raw, order_);
  if (!node || node->dsize > kMaxNodeData || raw.size() < node->size()) return err(EIO);
  std::vector<u8> data(node->dsize);
  if (node->compression == Compression::zero) return data;
  TRY_VOID(decompress(node->compression, raw.subspan(kInodeSize, node->csize), data));
  return data;
}

Result<std::string> Tree::target(const TreeInode& inode) const {
  if (!inode.is_symlink() || inode.nodes.empty()) return err(EINVAL);
  // The newest node that holds data: a change of owner writes the target anew, but be forgiving.
  for (auto at = inode.nodes.rbegin(); at != inode.nodes.rend(); ++at) {
    auto node = decode_inode(bytes_of(bytes_, nodes_[*at]), order_);
    if (!node || node->dsize == 0) continue;
    std::vector<u8> data = TRY(node_data(*at));
    std::string text(data.begin(), data.end());
    if (std::size_t nul = text.find('\0'); nul != std::string::npos) text.resize(nul);
    return text;
  }
  return err(EIO);
}

Result<DeviceNumber> Tree::device(const TreeInode& inode) const {
  if (!inode.is_device()) return err(EINVAL);
  for (auto at = inode.nodes.rbegin(); at != inode.nodes.rend(); ++at) {
    auto data = node_data(*at);
    if (!data) continue;
    if (data->size() == 2) {
      u16 v = load<u16>(data->data(), order_);
      return DeviceNumber{static_cast<u32>(v >> 8), static_cast<u32>(v & 0xFF)};
    }
    if (data->size() == 4) {
      u32 v = load<u32>(data->data(), order_);
      return DeviceNumber{(v >> 8) & 0xFFF, (v & 0xFF) | ((v >> 12) & 0xFFF00)};
    }
  }
  return err(EIO);
}

std::map<std::string, std::vector<u8>> Tree::xattrs(Ino ino) const {
  std::map<std::string, std::vector<u8>> result;
  auto at = xattrs_.find(ino);
  if (at == xattrs_.end()) return result;
  for (Xid xid : at->second) {
    auto x = decode_xattr(bytes_of(bytes_, nodes_[data_.at(xid)]), order_);
    if (!x) continue;
    std::vector<u8> value(x->value.begin(), x->value.end());
    std::string name;
    switch (x->prefix) {
      case XattrPrefix::user:
        name = "user.";
        break;
      case XattrPrefix::security:
        name = "security.";
        break;
      case XattrPrefix::trusted:
        name = "trusted.";
        break;
      case XattrPrefix::acl_access:
        name = "system.posix_acl_access";
        break;
      case XattrPrefix::acl_default:
        name = "system.posix_acl_default";
        break;
      default:
        continue;
    }
    if (x->prefix == XattrPrefix::acl_access || x->prefix == XattrPrefix::acl_default) {
      auto acl = acl_to_xattr(x->value, order_);
      if (!acl) continue;
      value = std::move(*acl);
    } else {
      name += x->name;
    }
    result[std::move(name)] = std::move(value);
  }
  return result;
}

Result<u32> Tree::checksum(const TreeInode& inode) const {
  uLong crc = 0;  // of nothing
  u64 at = 0;
  auto skip_zeros = [&crc](u64 count) {
    crc = ::crc32_combine(crc, crc_of_zeros(count), static_cast<z_off_t>(count));
  };
  std::vector<u8> data;
  u32 loaded = std::numeric_limits<u32>::max();
  for (const Extent& e : extents(inode)) {
    skip_zeros(e.begin - at);
    if (loaded != e.node) {
      data = TRY(node_data(e.node));
      loaded = e.node;
    }
    crc = ::crc32(crc, data.data() + (e.begin - e.node_begin), static_cast<uInt>(e.end - e.begin));
    at = e.end;
  }
  skip_zeros(inode.meta.isize - at);
  return static_cast<u32>(crc);
}

void walk_tree(const Tree& tree, const TreeVisitor& visit) {
  struct Step {
    std::string path;
    Ino ino;
    const TreeName* name;
  };
  std::vector<Step> stack{{"", kRootIno, nullptr}};
  while (!stack.empty()) {
    Step step = std::move(stack.back());
    stack.pop_back();
    const TreeInode* inode = tree.find(step.ino);
    visit(step.path, step.ino, inode, step.name);
    if (inode == nullptr || !inode->is_directory() ||
        (step.name != nullptr && (step.name->again || !is_plain_name(step.name->name))))
      continue;
    for (auto child = inode->children.rbegin(); child != inode->children.rend(); ++child)
      if (step.path.size() + child->name.size() < kMaxPath)
        stack.push_back(
            {step.path.empty() ? child->name : step.path + "/" + child->name, child->ino, &*child});
  }
}

}  // namespace quire::jffs2
