#include "jffs2/tool/tree_source.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>

namespace quire::jffs2 {

namespace {

class TreeContent final : public SourceContent {
 public:
  TreeContent(const Tree& tree, const TreeInode& inode)
      : tree_(tree), size_(inode.meta.isize), extents_(tree.extents(inode)) {}

  u64 size() const override { return size_; }

  Result<> read(u64 offset, char* out, std::size_t n) const override {
    std::memset(out, 0, n);
    const u64 end = offset + n;
    auto at = std::partition_point(extents_.begin(), extents_.end(),
                                   [&](const Extent& e) { return e.end <= offset; });
    for (; at != extents_.end() && at->begin < end; ++at) {
      auto data = tree_.node_data(at->node);
      if (!data) continue;  // zeros stand for what cannot be expanded
      u64 from = std::max(at->begin, offset), to = std::min(at->end, end);
      std::memcpy(out + (from - offset), data->data() + (from - at->node_begin), to - from);
    }
    return {};
  }

  u64 next_data(u64 offset) const override {
    auto at = std::partition_point(extents_.begin(), extents_.end(),
                                   [&](const Extent& e) { return e.end <= offset; });
    return at == extents_.end() ? size_ : std::max(offset, at->begin);
  }

 private:
  const Tree& tree_;
  u64 size_;
  std::vector<Extent> extents_;
};

class Copier {
 public:
  explicit Copier(const Tree& tree) : tree_(tree) {}

  SourceTree copy() {
    result_.inodes[0] = *convert(kRootIno, tree_.root());  // a directory always converts
    walk_tree(tree_, [&](const std::string& path, Ino ino, const TreeInode* inode, const TreeName* name) {
      if (name != nullptr && inode != nullptr && !name->again && is_plain_name(name->name))
        add(path, ino, *inode);
    });
    for (Ino ino : tree_.orphans()) {
      const TreeInode* inode = tree_.find(ino);
      if (inode != nullptr && !inode->is_directory())
        add(fmt::format("lost+found/{}", ino.value()), ino, *inode);
    }
    return std::move(result_);
  }

 private:
  void add(const std::string& path, Ino ino, const TreeInode& inode) {
    auto first = first_.find(ino);
    if (first != first_.end()) {
      (void)result_.link(first->second, path).has_value();
      return;
    }
    auto made = convert(ino, inode);
    if (!made) return;
    if (result_.put(path, std::move(*made)) && !inode.is_directory()) first_[ino] = path;
  }

  std::optional<SourceInode> convert(Ino ino, const TreeInode& inode) {
    SourceInode out;
    out.mode = inode.meta.mode & (S_IFMT | 07777);
    out.uid = inode.meta.uid;
    out.gid = inode.meta.gid;
    out.mtime = out.atime = out.ctime = inode.meta.mtime;
    for (const auto& [name, value] : tree_.xattrs(ino))
      out.xattrs[name] = std::string(value.begin(), value.end());
    if (inode.is_file()) {
      out.content = std::make_shared<TreeContent>(tree_, inode);
    } else if (inode.is_symlink()) {
      auto target = tree_.target(inode);
      if (!target || target->empty()) return std::nullopt;
      out.target = std::move(*target);
    } else if (inode.is_device()) {
      auto device = tree_.device(inode);
      if (!device) return std::nullopt;
      out.device_major = device->major;
      out.device_minor = device->minor;
    } else if (!inode.is_directory() && !S_ISFIFO(out.mode) && !S_ISSOCK(out.mode)) {
      return std::nullopt;
    }
    return out;
  }

  const Tree& tree_;
  SourceTree result_;
  std::unordered_map<Ino, std::string> first_;
};

}  // namespace

SourceTree source_of(const Tree& tree) { return Copier(tree).copy(); }

}  // namespace quire::jffs2
