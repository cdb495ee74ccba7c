#include "jffs2/fs/power/model.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <set>

namespace quire::jffs2::power {
namespace {

bool is_below(const std::string& path, const std::string& dir) {
  return path.size() > dir.size() && path.starts_with(dir) && path[dir.size()] == '/';
}

/// "" when `found` is `before`, `after` or a state between.
std::string compare_file(const File& found, const File* before, const File* after) {
  if (before == nullptr) before = after;
  if (after == nullptr) after = before;
  if (found.kind != before->kind && found.kind != after->kind) return "kind differs";
  if (found.kind == File::Kind::symlink)
    return found.target == before->target || found.target == after->target ? "" : "target";
  if (found.mode != before->mode && found.mode != after->mode)
    return fmt::format("mode {:o}, not {:o} or {:o}", found.mode, before->mode, after->mode);
  for (const auto& [name, value] : found.xattrs) {
    auto b = before->xattrs.find(name), a = after->xattrs.find(name);
    bool ok =
        (b != before->xattrs.end() && b->second == value) || (a != after->xattrs.end() && a->second == value);
    if (!ok) return "xattr " + name + " has a foreign value";
  }
  for (const auto& [name, value] : before->xattrs)
    if (after->xattrs.contains(name) && !found.xattrs.contains(name)) return "xattr " + name + " is lost";
  if (found.kind == File::Kind::directory) return "";
  const auto &f = *found.data, &b = *before->data, &a = *after->data;
  if (f == b || f == a) return "";
  if (f.size() < std::min(b.size(), a.size()) || f.size() > std::max(b.size(), a.size()))
    return fmt::format("size {}, not from {} to {}", f.size(), b.size(), a.size());
  for (std::size_t i = 0; i < f.size(); i++) {
    bool ok =
        (i < b.size() && f[i] == b[i]) || (i < a.size() && f[i] == a[i]) || (i >= b.size() && f[i] == 0);
    if (!ok) return fmt::format("byte {} of {} is {:#x}: neither old nor new", i, f.size(), f[i]);
  }
  return "";
}

void walk(FileSystem& fs, Ino dir, const std::string& path, Tree& out, std::string& problem, int depth) {
  if (depth > 64) {
    problem = "tree too deep: a cycle?";
    return;
  }
  auto fail = [&](const std::string& where, Errno e) {
    if (problem.empty()) problem = where + ": " + e.name();
  };
  auto entries = fs.readdir(dir, 0, 1000000);
  if (!entries) return fail(path, entries.error());
  for (const auto& e : *entries) {
    std::string name = path + "/" + e.name;
    auto a = fs.getattr(e.ino);
    if (!a) {
      fail(name, a.error());
      continue;
    }
    Found found{.file = {.mode = a->mode & 07777}, .ino = e.ino.value(), .nlink = a->nlink};
    auto xattrs = fs.listxattr(e.ino);
    if (!xattrs)
      fail(name, xattrs.error());
    else
      for (const auto& x : *xattrs)
        if (auto v = fs.getxattr(e.ino, x))
          found.file.xattrs[x] = std::string(v->begin(), v->end());
        else
          fail(name, v.error());
    if (e.type == FileType::dir) {
      found.file.kind = File::Kind::directory;
      out[name] = found;
      walk(fs, e.ino, name, out, problem, depth + 1);
      continue;
    }
    if (e.type == FileType::lnk) {
      found.file.kind = File::Kind::symlink;
      auto target = fs.readlink(e.ino);
      if (target)
        found.file.target = *target;
      else
        fail(name, target.error());
    } else {
      auto data = std::make_shared<std::vector<u8>>(a->size);
      auto n = fs.read(e.ino, 0, *data);
      if (!n || *n != a->size) fail(name, n ? Errno(EIO) : n.error());
      found.file.data = data;
    }
    out[name] = found;
  }
}

}  // namespace

bool Model::has_children(const std::string& dir) const {
  auto it = names.upper_bound(dir + "/");
  return it != names.end() && is_below(it->first, dir);
}

void Model::remove(const std::string& path) {
  int id = names.at(path);
  names.erase(path);
  if (std::ranges::none_of(names, [&](const auto& n) { return n.second == id; })) files.erase(id);
}

void Model::move(const std::string& from, const std::string& to) {
  if (names.contains(to)) remove(to);
  std::map<std::string, int> moved;
  for (auto it = names.begin(); it != names.end();) {
    if (it->first == from || is_below(it->first, from)) {
      moved[to + it->first.substr(from.size())] = it->second;
      it = names.erase(it);
    } else {
      ++it;
    }
  }
  names.merge(moved);
}

Tree read_tree(FileSystem& fs, std::string& problem) {
  Tree out;
  walk(fs, kRootIno, "", out, problem, 0);
  return out;
}

std::string compare(const Tree& tree, const Model& before, const Model& after) {
  std::set<int> seen;
  std::map<u32, u32> links;
  for (const auto& [path, found] : tree) {
    auto b = before.names.find(path), a = after.names.find(path);
    const bool in_b = b != before.names.end(), in_a = a != after.names.end();
    if (!in_b && !in_a) return path + ": a name that was never made, or was removed";
    std::string why;
    if (in_b && in_a && b->second != a->second) {
      // A replaced name: the one file or the other, each as far as the operation left it.
      why = compare_file(found.file, &before.files.at(b->second), nullptr);
      if (!why.empty()) why = compare_file(found.file, &after.files.at(a->second), nullptr);
      seen.insert(b->second);
      seen.insert(a->second);
    } else {
      int id = in_b ? b->second : a->second;
      seen.insert(id);
      auto fb = before.files.find(id), fa = after.files.find(id);
      why = compare_file(found.file, fb == before.files.end() ? nullptr : &fb->second,
                         fa == after.files.end() ? nullptr : &fa->second);
    }
    if (!why.empty()) return path + ": " + why;
    links[found.ino]++;
  }
  for (const auto& [path, id] : before.names)
    if (after.names.contains(path) && !tree.contains(path)) return path + ": lost";
  for (const auto& [id, file] : before.files)
    if (after.files.contains(id) && !seen.contains(id))
      return fmt::format("file {} has lost all its names", id);
  for (const auto& [path, found] : tree)
    if (found.file.kind != File::Kind::directory && found.nlink != links[found.ino])
      return fmt::format("{}: {} links, {} names", path, found.nlink, links[found.ino]);
  return "";
}

std::string compare(const Tree& a, const Tree& b) {
  for (const auto& [path, found] : a) {
    auto it = b.find(path);
    if (it == b.end()) return path + ": gone";
    if (it->second.ino != found.ino || it->second.nlink != found.nlink) return path + ": another inode";
    std::string why = compare_file(it->second.file, &found.file, nullptr);
    if (!why.empty()) return path + ": " + why;
  }
  for (const auto& [path, found] : b)
    if (!a.contains(path)) return path + ": new";
  return "";
}

Model model_of(const Tree& tree) {
  Model m;
  std::map<u32, int> ids;
  for (const auto& [path, found] : tree) {
    auto [it, fresh] = ids.emplace(found.ino, m.next);
    if (fresh) m.files[m.next++] = found.file;
    m.names[path] = it->second;
  }
  return m;
}

std::string manifest(const Tree& tree) {
  std::string out;
  for (const auto& [path, f] : tree) {
    const char* kind = f.file.kind == File::Kind::directory ? "dir"
                       : f.file.kind == File::Kind::symlink ? "link"
                                                            : "file";
    const auto& d = *f.file.data;
    std::string_view bytes = f.file.kind == File::Kind::symlink
                                 ? std::string_view(f.file.target)
                                 : std::string_view(reinterpret_cast<const char*>(d.data()), d.size());
    auto crc = ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size()));
    out += fmt::format("{} {:o} {} {} {:08x} {}\n", kind, f.file.mode, f.nlink, bytes.size(),
                       bytes.empty() ? 0 : crc, path);
  }
  return out;
}

}  // namespace quire::jffs2::power
