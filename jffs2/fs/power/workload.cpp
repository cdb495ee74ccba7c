#include "jffs2/fs/power/workload.h"

#include <algorithm>

namespace quire::jffs2::power {
namespace {

Result<Ino> resolve(FileSystem& fs, std::string_view path) {
  Ino at = kRootIno;
  while (!path.empty()) {
    path.remove_prefix(1);
    std::size_t n = std::min(path.find('/'), path.size());
    at = TRY(fs.lookup(at, path.substr(0, n)));
    path.remove_prefix(n);
  }
  return at;
}

struct Place {
  Ino dir;
  std::string name;
};
Result<Place> place_of(FileSystem& fs, const std::string& path) {
  std::size_t slash = path.rfind('/');
  return Place{TRY(resolve(fs, std::string_view(path).substr(0, slash))), path.substr(slash + 1)};
}

u64 total(const Model& m) {
  u64 n = 0;
  for (const auto& [id, f] : m.files) n += f.data->size();
  return n;
}

}  // namespace

std::string Workload::some(const Model& m, File::Kind kind) {
  std::vector<const std::string*> fit;
  for (const auto& [path, id] : m.names)
    if (m.files.at(id).kind == kind) fit.push_back(&path);
  return fit.empty() ? "" : *fit[pick(static_cast<u32>(fit.size()))];
}

std::string Workload::new_name(const Model& m) {
  std::string dir = pick(3) == 0 ? "" : some(m, File::Kind::directory);
  std::string name = dir + "/n" + std::to_string(counter_++ % 40);
  if (pick(8) == 0) name += std::string(60, 'x');
  return name;
}

std::vector<u8> Workload::bytes() {
  static constexpr u32 kSizes[] = {1, 40, 300, 1000, 2000, 4096, 5000};
  std::vector<u8> out(kSizes[pick(7)]);
  u32 kind = pick(4);
  u32 base = pick(256);
  for (std::size_t i = 0; i < out.size(); i++)
    out[i] = kind == 0   ? static_cast<u8>(base)
             : kind == 1 ? static_cast<u8>(base + i / 16)
                         : static_cast<u8>(rng_() >> 8);
  return out;
}

Action Workload::next(const Model& m) {
  std::string file = some(m, File::Kind::regular);
  bool full = total(m) > budget_;
  u32 roll = pick(100);
  if (mix_ == Mix::rewriting && !file.empty()) roll = full ? (roll < 70 ? 20 : roll < 75 ? 60 : roll) : roll;
  if (mix_ == Mix::renaming) roll = roll < 60 ? 70 : roll;
  if (roll < 10 || file.empty()) {
    std::string name = new_name(m);
    if (!m.names.contains(name) && !full) return {Action::Kind::create, name, {}, 0644 + pick(4)};
  }
  if (file.empty()) return {};
  if (roll < 50) {
    u32 size = static_cast<u32>(m.files.at(m.names.at(file)).data->size());
    u32 at = pick(4) == 0 ? size : pick(4) == 0 ? size + pick(3000) : pick(size + 1);
    if (full) at = size == 0 ? 0 : pick(size);
    auto data = bytes();
    if (full && at + data.size() > size) data.resize(std::max<std::size_t>(1, size - std::min(at, size)));
    return {Action::Kind::write, file, {}, at, data};
  }
  if (roll < 55) {
    u32 size = static_cast<u32>(m.files.at(m.names.at(file)).data->size());
    return {Action::Kind::truncate, file, {}, pick(full ? size + 1 : size + 2000)};
  }
  if (roll < 64) return {Action::Kind::unlink, file};
  if (roll < 67 || mix_ == Mix::rewriting) {
    std::string name = new_name(m);
    if (std::ranges::count(name, '/') < 4 && !m.names.contains(name))
      return {Action::Kind::mkdir, name, {}, 0755};
    return {};
  }
  if (roll < 78) {
    bool directory = pick(3) == 0;
    std::string from = directory ? some(m, File::Kind::directory) : file;
    if (from.empty()) return {};
    std::string to =
        pick(2) == 0 ? new_name(m) : some(m, directory ? File::Kind::directory : File::Kind::regular);
    if (to.empty() || to == from || to.starts_with(from + "/") || std::ranges::count(to, '/') > 4) return {};
    auto it = m.names.find(to);
    if (it != m.names.end()) {
      bool is_directory = m.files.at(it->second).kind == File::Kind::directory;
      if (it->second == m.names.at(from) || is_directory != directory || (is_directory && m.has_children(to)))
        return {};
    }
    return {Action::Kind::rename, from, to};
  }
  if (roll < 81) {
    std::string dir = some(m, File::Kind::directory);
    if (!dir.empty() && !m.has_children(dir)) return {Action::Kind::rmdir, dir};
    return {};
  }
  if (roll < 84) {
    std::string name = new_name(m);
    return m.names.contains(name) ? Action{} : Action{Action::Kind::link, file, name};
  }
  if (roll < 86) {
    std::string name = new_name(m);
    return m.names.contains(name) ? Action{}
                                  : Action{Action::Kind::symlink, name, "to" + std::to_string(pick(1000))};
  }
  if (roll < 89) return {Action::Kind::chmod, file, {}, 0600 + pick(64)};
  if (roll < 92) return {Action::Kind::setxattr, file, "user.x" + std::to_string(pick(3)), 0, bytes()};
  if (roll < 94) {
    const auto& x = m.files.at(m.names.at(file)).xattrs;
    if (!x.empty()) return {Action::Kind::removexattr, file, x.begin()->first};
  }
  return {};
}

Model after(const Model& model, const Action& a, u32 done) {
  Model m = model;
  auto file = [&]() -> File& { return m.files.at(m.names.at(a.path)); };
  auto add = [&](File f) {
    m.names[a.path] = m.next;
    m.files[m.next++] = std::move(f);
  };
  switch (a.kind) {
    case Action::Kind::create:
      add({.mode = a.number});
      break;
    case Action::Kind::mkdir:
      add({.kind = File::Kind::directory, .mode = a.number});
      break;
    case Action::Kind::symlink:
      add({.kind = File::Kind::symlink, .mode = 0777, .target = a.other});
      break;
    case Action::Kind::write: {
      auto data = std::make_shared<std::vector<u8>>(*file().data);
      std::size_t n = std::min<std::size_t>(done, a.data.size());
      if (data->size() < a.number + n) data->resize(a.number + n);
      std::copy_n(a.data.begin(), n, data->begin() + a.number);
      file().data = data;
      break;
    }
    case Action::Kind::truncate: {
      auto data = std::make_shared<std::vector<u8>>(*file().data);
      data->resize(a.number);
      file().data = data;
      break;
    }
    case Action::Kind::unlink:
    case Action::Kind::rmdir:
      m.remove(a.path);
      break;
    case Action::Kind::rename:
      m.move(a.path, a.other);
      break;
    case Action::Kind::link:
      m.names[a.other] = m.names.at(a.path);
      break;
    case Action::Kind::chmod:
      file().mode = a.number;
      break;
    case Action::Kind::setxattr:
      file().xattrs[a.other] = std::string(a.data.begin(), a.data.end());
      break;
    case Action::Kind::removexattr:
      file().xattrs.erase(a.other);
      break;
    case Action::Kind::sync:
      break;
  }
  return m;
}

Result<u32> perform(FileSystem& fs, const Action& a) {
  if (a.kind == Action::Kind::sync) {
    TRY_VOID(fs.sync());
    return 0;
  }
  Place place = TRY(place_of(fs, a.path));
  NewInode how{.mode = a.number};
  switch (a.kind) {
    case Action::Kind::create:
      (void)TRY(fs.create(place.dir, place.name, how));
      return 0;
    case Action::Kind::mkdir:
      (void)TRY(fs.mkdir(place.dir, place.name, how));
      return 0;
    case Action::Kind::symlink:
      (void)TRY(fs.symlink(place.dir, place.name, a.other, how));
      return 0;
    case Action::Kind::unlink:
      TRY_VOID(fs.unlink(place.dir, place.name));
      return 0;
    case Action::Kind::rmdir:
      TRY_VOID(fs.rmdir(place.dir, place.name));
      return 0;
    case Action::Kind::rename: {
      Place to = TRY(place_of(fs, a.other));
      TRY_VOID(fs.rename(place.dir, place.name, to.dir, to.name));
      return 0;
    }
    default:
      break;
  }
  Ino ino = TRY(fs.lookup(place.dir, place.name));
  switch (a.kind) {
    case Action::Kind::write:
      return fs.write(ino, a.number, a.data);
    case Action::Kind::truncate:
      (void)TRY(fs.setattr(ino, {.size = a.number}));
      return 0;
    case Action::Kind::chmod:
      (void)TRY(fs.setattr(ino, {.mode = a.number}));
      return 0;
    case Action::Kind::setxattr:
      TRY_VOID(fs.setxattr(ino, a.other, a.data));
      return 0;
    case Action::Kind::removexattr:
      TRY_VOID(fs.removexattr(ino, a.other));
      return 0;
    case Action::Kind::link: {
      Place to = TRY(place_of(fs, a.other));
      TRY_VOID(fs.link(ino, to.dir, to.name));
      return 0;
    }
    default:
      return 0;
  }
}

}  // namespace quire::jffs2::power
