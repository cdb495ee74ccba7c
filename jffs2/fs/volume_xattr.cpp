// Extended attributes. A datum (name and value) is a node of its own, tied to inodes by xref nodes;
// a new value is a new datum. The new xref is written before the old one is removed: of two with one
// name the later counts.

#include <sys/xattr.h>

#include <algorithm>
#include <array>

#include "jffs2/codec/acl.h"
#include "jffs2/fs/volume.h"

namespace quire::jffs2 {
namespace {

struct Namespace {
  XattrPrefix prefix;
  std::string_view text;
  bool whole;  ///< the text is the whole name
};
constexpr std::array<Namespace, 5> kNamespaces{
    {{XattrPrefix::user, "user.", false},
     {XattrPrefix::security, "security.", false},
     {XattrPrefix::trusted, "trusted.", false},
     {XattrPrefix::acl_access, "system.posix_acl_access", true},
     {XattrPrefix::acl_default, "system.posix_acl_default", true}}};
constexpr u32 kXattrEntry = 18;
constexpr u32 kXrefCost = kXrefSize + 6;

const Namespace* namespace_of(std::string_view name) {
  for (const Namespace& n : kNamespaces)
    if (n.whole ? name == n.text : name.starts_with(n.text) && name.size() > n.text.size()) return &n;
  return nullptr;
}
const Namespace* namespace_of(XattrPrefix prefix) {
  for (const Namespace& n : kNamespaces)
    if (n.prefix == prefix) return &n;
  return nullptr;
}

}  // namespace

Result<std::vector<std::pair<std::string, Volume::FoundXattr>>> Volume::xattrs_of(Ino ino) {
  std::vector<std::pair<std::string, FoundXattr>> out;
  std::vector<u32> seqnos;
  for (auto it = xrefs_.lower_bound({ino.value(), 0}); it != xrefs_.end() && it->first.first == ino.value();
       ++it) {
    if ((it->second.seqno & 1) != 0) continue;
    auto datum = data_.find(it->first.second);
    if (datum == data_.end()) continue;
    const NodeRef& r = index_.ref(datum->second.ref);
    auto bytes = TRY(medium_.look(r.offset(), r.length(), scratch_));
    auto n = decode_xattr(bytes, order_);
    const Namespace* ns = n ? namespace_of(n->prefix) : nullptr;
    if (!n) damaged(datum->second.ref, "damaged extended attribute");
    if (ns == nullptr) continue;
    index_.mark_checked(datum->second.ref);
    std::string name(ns->text);
    if (!ns->whole) name += n->name;
    FoundXattr found{it->first, {n->value.begin(), n->value.end()}};
    auto same = std::ranges::find(out, name, [](const auto& p) { return p.first; });
    if (same == out.end()) {
      out.emplace_back(std::move(name), std::move(found));
      seqnos.push_back(it->second.seqno);
    } else if (u32& seqno = seqnos[static_cast<std::size_t>(same - out.begin())]; it->second.seqno > seqno) {
      seqno = it->second.seqno;
      found.stale = std::move(same->second.stale);
      found.stale.push_back(same->second.key);
      same->second = std::move(found);
    } else {
      same->second.stale.push_back(it->first);
    }
  }
  return out;
}

Result<std::vector<u8>> Volume::getxattr(Ino ino, std::string_view name) {
  LockGuard guard(lock_);
  TRY_VOID(usable());
  if (index_.find(ino) == kNoSlot) return err(ENOENT);
  const Namespace* ns = namespace_of(name);
  if (ns == nullptr) return err(ENOTSUP);
  for (auto& [found_name, found] : TRY(xattrs_of(ino)))
    if (found_name == name) return ns->whole ? acl_to_xattr(found.value, order_) : std::move(found.value);
  return err(ENODATA);
}

Result<std::vector<std::string>> Volume::listxattr(Ino ino) {
  LockGuard guard(lock_);
  TRY_VOID(usable());
  if (index_.find(ino) == kNoSlot) return err(ENOENT);
  std::vector<std::string> out;
  for (auto& [name, found] : TRY(xattrs_of(ino))) out.push_back(std::move(name));
  return out;
}

Result<> Volume::put_xref(const XrefKey& key, u32 seqno, Purpose purpose) {
  std::vector<u8> bytes;
  encode_xref(bytes, {.ino = Ino(key.first), .xid = Xid(key.second), .seqno = seqno}, order_);
  (void)TRY(log_.prepare(kXrefSize, summary_entry_size(NodeType::xref), purpose));
  RefId id = TRY(log_.append(bytes, RefKind::xref, kNoSlot, {.type = NodeType::xref}, purpose));
  Xref& x = xrefs_[key];
  if (x.ref != kNoRef) {
    index_.mark_obsolete(x.ref);
    x.ghosts++;
  }
  x.ref = id;
  x.seqno = seqno;
  return {};
}

Result<> Volume::remove_xrefs(const FoundXattr& found) {
  std::vector<XrefKey> keys = found.stale;
  std::ranges::sort(keys, {}, [&](const XrefKey& k) NO_THREAD_SAFETY_ANALYSIS { return xrefs_[k].seqno; });
  keys.push_back(found.key);
  for (const XrefKey& key : keys) {
    TRY_VOID(put_xref(key, xrefs_[key].seqno | 1, Purpose::removal));
    drop_datum_user(key.second);
  }
  return {};
}

void Volume::drop_datum_user(u32 xid) {
  auto it = data_.find(xid);
  if (it == data_.end() || --it->second.users != 0) return;
  index_.mark_obsolete(it->second.ref);
  data_.erase(it);
}

void Volume::drop_xattrs(Ino ino) {
  auto it = xrefs_.lower_bound({ino.value(), 0});
  while (it != xrefs_.end() && it->first.first == ino.value()) {
    index_.mark_obsolete(it->second.ref);
    if ((it->second.seqno & 1) == 0) drop_datum_user(it->first.second);
    it = xrefs_.erase(it);
  }
}

Result<> Volume::setxattr(Ino ino, std::string_view name, std::span<const u8> value, int flags) {
  LockGuard guard(lock_);
  TRY_VOID(usable());
  trim_cache();
  Inode* inode = TRY(load(ino));
  const Namespace* ns = namespace_of(name);
  if (ns == nullptr) return err(ENOTSUP);
  std::string_view rest = ns->whole ? std::string_view() : name.substr(ns->text.size());
  std::vector<u8> stored(value.begin(), value.end());
  if (ns->whole) stored = TRY(acl_from_xattr(value, order_));
  if (rest.size() > 255 || stored.size() > 65535) return err(ERANGE);

  std::optional<FoundXattr> old;
  for (auto& [found_name, found] : TRY(xattrs_of(ino)))
    if (found_name == name) old = std::move(found);
  if (old && (flags & XATTR_CREATE) != 0) return err(EEXIST);
  if (!old && (flags & XATTR_REPLACE) != 0) return err(ENODATA);

  if (highest_xid_ == ~u32{0} || highest_xseqno_ >= ~u32{0} - 4) return err(ENOSPC);
  XattrNode node{.xid = Xid(highest_xid_ + 1),
                 .version = Version(1),
                 .prefix = ns->prefix,
                 .name = rest,
                 .value = stored};
  u32 size = pad4(node.size());
  if (size + log_.overhead() + kXattrEntry > device_.geometry().erase_size) return err(ERANGE);
  TRY_VOID(make_room(size + kXattrEntry + 2 * kXrefCost, Purpose::data));
  std::vector<u8> bytes;
  encode_xattr(bytes, node, order_);
  SummaryEntry entry{.type = NodeType::xattr, .totlen = size, .version = node.version, .xid = node.xid};
  (void)TRY(log_.prepare(size, kXattrEntry, Purpose::data));
  RefId id = TRY(log_.append(bytes, RefKind::xattr, kNoSlot, entry, Purpose::data));
  highest_xid_++;
  data_[node.xid.value()] = {.ref = id, .users = 1};
  highest_xseqno_ = (highest_xseqno_ | 1) + 1;
  if (auto r = put_xref({ino.value(), node.xid.value()}, highest_xseqno_, Purpose::data); !r) {
    drop_datum_user(node.xid.value());
    return r;
  }
  if (old) TRY_VOID(remove_xrefs(*old));
  inode->ctime = now();
  return {};
}

Result<> Volume::removexattr(Ino ino, std::string_view name) {
  LockGuard guard(lock_);
  TRY_VOID(usable());
  trim_cache();
  Inode* inode = TRY(load(ino));
  if (namespace_of(name) == nullptr) return err(ENOTSUP);
  for (auto& [found_name, found] : TRY(xattrs_of(ino))) {
    if (found_name != name) continue;
    TRY_VOID(make_room(kXrefCost, Purpose::removal));
    TRY_VOID(remove_xrefs(found));
    inode->ctime = now();
    return {};
  }
  return err(ENODATA);
}

}  // namespace quire::jffs2
