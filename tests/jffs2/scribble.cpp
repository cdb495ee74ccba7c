#include "tests/jffs2/scribble.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "tests/jffs2/judge/manifest_format.h"

namespace quire::jffs2 {

u64 Scribbler::next(u64 below) {
  random_ = random_ * 6364136223846793005u + 1442695040888963407u;
  return (random_ >> 33) % below;
}

Ino Scribbler::any_directory() {
  Ino dir = kRootIno;
  for (u64 depth = next(3); depth > 0; depth--) {
    auto child = fs_.lookup(dir, fmt::format("d{}", next(3)));
    if (!child) break;
    dir = *child;
  }
  return dir;
}

std::string Scribbler::any_name() { return fmt::format("f{}", next(12)); }

void Scribbler::write_somewhere(Ino ino) {
  std::vector<u8> data(1 + next(6000));
  u64 kind = next(3);
  for (std::size_t i = 0; i < data.size(); i++)
    data[i] = kind == 0   ? static_cast<u8>(next(256))
              : kind == 1 ? static_cast<u8>("a text "[i % 7])
                          : static_cast<u8>(0);
  (void)fs_.write(ino, next(3) == 0 ? next(20'000) : next(4000), data).has_value();
}

void Scribbler::step() {
  steps_++;
  Ino dir = any_directory();
  std::string name = any_name();
  NewInode how{.mode = 0600 + static_cast<u32>(next(0200)),
               .uid = static_cast<u32>(next(3)),
               .gid = static_cast<u32>(next(2000))};
  auto ino = fs_.lookup(dir, name);
  switch (next(16)) {
    case 0:
      (void)fs_.mkdir(dir, fmt::format("d{}", next(3)), how).has_value();
      break;
    case 1:
      (void)fs_.rmdir(dir, fmt::format("d{}", next(3))).has_value();
      break;
    case 2:
      (void)fs_.unlink(dir, name).has_value();
      break;
    case 3:
      (void)fs_.rename(dir, name, any_directory(), any_name()).has_value();
      break;
    case 4:
      (void)fs_.rename(dir, fmt::format("d{}", next(3)), any_directory(), fmt::format("d{}", next(3)))
          .has_value();
      break;
    case 5:
      if (ino) (void)fs_.link(*ino, any_directory(), any_name()).has_value();
      break;
    case 6:
      (void)fs_.symlink(dir, name, std::string(1 + next(200), 't'), how).has_value();
      break;
    case 7: {
      how.mode |= S_IFCHR;
      (void)fs_.mknod(dir, name, how, static_cast<u32>(next(300)), static_cast<u32>(next(300))).has_value();
      break;
    }
    case 8:
      if (ino) {
        SetAttr what;
        what.mode = static_cast<u32>(next(010000));
        what.mtime = static_cast<u32>(1'500'000'000 + next(1'000'000));
        (void)fs_.setattr(*ino, what).has_value();
      }
      break;
    case 9:
      if (ino) {
        SetAttr what;
        what.size = next(12'000);
        (void)fs_.setattr(*ino, what).has_value();
      }
      break;
    case 10:
      // Linux hides user attributes of anything but files and directories.
      if (auto attr = ino ? fs_.getattr(*ino) : err(ENOENT); attr && S_ISREG(attr->mode)) {
        std::vector<u8> value(next(100), static_cast<u8>('v'));
        (void)fs_.setxattr(*ino, fmt::format("user.x{}", next(3)), value).has_value();
      }
      break;
    case 11:
      if (ino) (void)fs_.removexattr(*ino, fmt::format("user.x{}", next(3))).has_value();
      break;
    case 12:
      (void)fs_.sync().has_value();
      break;
    default:
      if (!ino) ino = fs_.create(dir, name, how);
      if (ino) write_somewhere(*ino);
      break;
  }
}

namespace {

std::string contents_crc(FileSystem& fs, Ino ino) {
  std::vector<u8> buffer(65536);
  std::uint32_t crc = 0;
  for (u64 at = 0;;) {
    auto n = fs.read(ino, at, buffer);
    if (!n) return std::string("!") + n.error().name();
    if (*n == 0) break;
    crc = manifest::crc32(crc, buffer.data(), *n);
    at += *n;
  }
  return fmt::format("{:08x}", crc);
}

std::string attributes(FileSystem& fs, Ino ino) {
  std::vector<std::string> pairs;
  auto names = fs.listxattr(ino);
  if (!names) return std::string("!") + names.error().name();
  for (const std::string& name : *names) {
    auto value = fs.getxattr(ino, name);
    std::string text = value ? std::string(value->begin(), value->end()) : "!";
    pairs.push_back(manifest::escaped(name) + "=" + manifest::escaped(text));
  }
  return manifest::joined(std::move(pairs));
}

void print_below(FileSystem& fs, Ino ino, const std::string& path, std::FILE* to) {
  auto attr = fs.getattr(ino);
  if (!attr) {
    std::fprintf(to, "%s\t!%s\n", manifest::escaped(path).c_str(), attr.error().name());
    return;
  }
  manifest::Entry e{.path = path.empty() ? "." : path,
                    .type = manifest::type_letter(attr->mode),
                    .mode = attr->mode & 07777,
                    .uid = attr->uid,
                    .gid = attr->gid,
                    .size = attr->size,
                    .mtime = attr->mtime,
                    .links = attr->nlink,
                    .xattrs = attributes(fs, ino)};
  if (e.type == 'f') e.crc = contents_crc(fs, ino);
  if (e.type == 'c' || e.type == 'b') e.device = fmt::format("{}:{}", attr->rdev_major, attr->rdev_minor);
  if (e.type == 'l') {
    auto target = fs.readlink(ino);
    e.target = target ? manifest::escaped(*target) : std::string("!") + target.error().name();
  }
  manifest::print(e, to);
  if (e.type != 'd') return;
  (void)fs.open(ino).has_value();
  std::vector<DirEntry> entries;
  for (u64 cookie = 0;;) {
    auto some = fs.readdir(ino, cookie, 100);
    if (!some || some->empty()) break;
    cookie = some->back().cookie;
    entries.insert(entries.end(), some->begin(), some->end());
  }
  fs.close(ino);
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  for (const DirEntry& child : entries)
    print_below(fs, child.ino, path.empty() ? child.name : path + "/" + child.name, to);
}

}  // namespace

void print_manifest(FileSystem& fs, std::FILE* to) { print_below(fs, kRootIno, "", to); }

}  // namespace quire::jffs2
