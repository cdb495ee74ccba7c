#include "jffs2/tool/source.h"

#include <fmt/format.h>
#include <sys/stat.h>

namespace quire::jffs2 {

namespace {

// "/a//b/./c/" as {"a", "b", "c"}; ".." is refused, for an archive must not reach above its root.
Outcome<std::vector<std::string>> components(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    std::size_t slash = path.find('/');
    std::string_view part = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
    if (part.empty() || part == ".") continue;
    if (part == "..") return fail("a name contains '..'");
    if (part.size() > 254) return fail(fmt::format("name longer than 254 bytes: {}", part));
    if (part.find('\0') != std::string_view::npos) return fail("a name contains a zero byte");
    parts.emplace_back(part);
  }
  return parts;
}

}  // namespace

bool SourceInode::is_directory() const { return S_ISDIR(mode); }

SourceTree::SourceTree() {
  SourceInode root;
  root.mode = S_IFDIR | 0755;
  inodes.push_back(std::move(root));
}

Result<std::size_t> SourceTree::find(std::string_view path) const {
  auto parts = components(path);
  if (!parts) return err(EINVAL);
  std::size_t at = 0;
  for (const std::string& part : *parts) {
    if (!inodes[at].is_directory()) return err(ENOTDIR);
    auto child = inodes[at].children.find(part);
    if (child == inodes[at].children.end()) return err(ENOENT);
    at = child->second;
  }
  return at;
}

Outcome<std::pair<std::size_t, std::string>> SourceTree::parent_of(std::string_view path) {
  std::vector<std::string> parts = CHECK(components(path));
  if (parts.empty()) return fail(fmt::format("{}: names the root", path));
  std::string last = std::move(parts.back());
  parts.pop_back();
  std::size_t at = 0;
  for (const std::string& part : parts) {
    auto child = inodes[at].children.find(part);
    if (child != inodes[at].children.end()) {
      at = child->second;
      if (!inodes[at].is_directory()) return fail(fmt::format("{}: '{}' is not a directory", path, part));
      continue;
    }
    SourceInode made;
    made.mode = S_IFDIR | 0755;
    inodes.push_back(std::move(made));
    inodes[at].children[part] = inodes.size() - 1;
    at = inodes.size() - 1;
  }
  return std::pair{at, std::move(last)};
}

Status SourceTree::put(std::string_view path, SourceInode inode) {
  auto parts = CHECK(components(path));
  if (parts.empty()) {
    if (!inode.is_directory()) return fail("the root is not a directory");
    inode.children = std::move(inodes[0].children);
    inodes[0] = std::move(inode);
    return {};
  }
  auto [parent, name] = CHECK(parent_of(path));
  auto& children = inodes[parent].children;
  if (auto old = children.find(name);
      old != children.end() && inode.is_directory() && inodes[old->second].is_directory()) {
    inode.children = std::move(inodes[old->second].children);
    inodes[old->second] = std::move(inode);
    return {};
  }
  inodes.push_back(std::move(inode));
  inodes[parent].children[name] = inodes.size() - 1;
  return {};
}

Status SourceTree::link(std::string_view existing, std::string_view path) {
  auto index = find(existing);
  if (!index) return fail(fmt::format("{}: link to {}", path, existing), index.error());
  if (inodes[*index].is_directory()) return fail(fmt::format("{}: hard link to a directory", path));
  auto [parent, name] = CHECK(parent_of(path));
  inodes[parent].children[name] = *index;
  return {};
}

}  // namespace quire::jffs2
