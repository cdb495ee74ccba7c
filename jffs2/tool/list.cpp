// jffs2 list
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jffs2/tool/commands.h"
#include "jffs2/tool/json.h"
#include "jffs2/tool/printable.h"
#include "jffs2/tool/terminal.h"

namespace quire::jffs2 {

namespace {

const char* type_name(u32 mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return "directory";
    case S_IFLNK:
      return "symlink";
    case S_IFCHR:
      return "character";
    case S_IFBLK:
      return "block";
    case S_IFIFO:
      return "fifo";
    case S_IFSOCK:
      return "socket";
    case S_IFREG:
      return "file";
    default:
      return "unknown";
  }
}

std::string mode_text(u32 mode) {
  constexpr char letters[] = "rwxrwxrwx";
  std::string text = "?";
  switch (mode & S_IFMT) {
    case S_IFDIR:
      text = "d";
      break;
    case S_IFLNK:
      text = "l";
      break;
    case S_IFCHR:
      text = "c";
      break;
    case S_IFBLK:
      text = "b";
      break;
    case S_IFIFO:
      text = "p";
      break;
    case S_IFSOCK:
      text = "s";
      break;
    case S_IFREG:
      text = "-";
      break;
    default:
      break;
  }
  for (int i = 0; i < 9; i++) text += (mode & (0400u >> i)) != 0 ? letters[i] : '-';
  if ((mode & S_ISUID) != 0) text[3] = text[3] == 'x' ? 's' : 'S';
  if ((mode & S_ISGID) != 0) text[6] = text[6] == 'x' ? 's' : 'S';
  if ((mode & S_ISVTX) != 0) text[9] = text[9] == 'x' ? 't' : 'T';
  return text;
}

Json entry_json(const Tree& tree, const std::string& path, Ino ino, const TreeInode* inode, bool checksums) {
  Json entry;
  set_bytes(entry, "path", path.empty() ? "." : path);
  entry["ino"] = ino.value();
  if (inode == nullptr) {
    entry["type"] = "missing";
    return entry;
  }
  const InodeNode& m = inode->meta;
  entry["type"] = type_name(m.mode);
  entry["mode"] = fmt::format("{:04o}", m.mode & 07777);
  entry["uid"] = m.uid;
  entry["gid"] = m.gid;
  entry["size"] = inode->is_file() || inode->is_symlink() ? m.isize : 0;
  entry["atime"] = m.atime;
  entry["mtime"] = m.mtime;
  entry["ctime"] = m.ctime;
  entry["links"] = inode->is_directory() ? 1 : inode->links;
  if (inode->is_device()) {
    if (auto d = tree.device(*inode)) entry["device"] = fmt::format("{}:{}", d->major, d->minor);
  }
  if (inode->is_symlink()) {
    if (auto t = tree.target(*inode))
      set_bytes(entry, "target", *t);
    else
      entry["damaged"] = true;
  }
  if (checksums && inode->is_file()) {
    if (auto crc = tree.checksum(*inode))
      entry["crc32"] = fmt::format("{:08x}", *crc);
    else
      entry["damaged"] = true;
  }
  if (!inode->damaged.empty()) entry["damaged"] = true;
  auto attributes = tree.xattrs(ino);
  if (!attributes.empty()) {
    Json all = Json::object();
    for (const auto& [name, value] : attributes)
      all[printable(name)] = hex({reinterpret_cast<const char*>(value.data()), value.size()});
    entry["xattrs_hex"] = std::move(all);
  }
  return entry;
}

void print_entry(const Tree& tree, const std::string& path, const TreeInode* inode, bool checksums) {
  std::string shown = path.empty() ? "." : printable(path);
  if (inode == nullptr) {
    fmt::print("?????????? {:>27}  {}  (no inode)\n", "", colour(Colour::red, shown));
    return;
  }
  const InodeNode& m = inode->meta;
  std::string size = fmt::format("{}", inode->is_file() || inode->is_symlink() ? m.isize : 0);
  if (inode->is_device()) {
    auto d = tree.device(*inode);
    size = d ? fmt::format("{},{}", d->major, d->minor) : "?";
  }
  std::string line = fmt::format("{} {:>3} {:>5} {:>5} {:>10} {:%Y-%m-%d %H:%M} ", mode_text(m.mode),
                                 inode->is_directory() ? 1 : inode->links, m.uid, m.gid, size,
                                 fmt::gmtime(static_cast<std::time_t>(m.mtime)));
  if (checksums) {
    auto crc = inode->is_file() ? tree.checksum(*inode) : err(EINVAL);
    line += crc ? fmt::format("{:08x} ", *crc) : inode->is_file() ? "damaged  " : "-        ";
  }
  Colour c = inode->is_directory()                      ? Colour::blue
             : inode->is_symlink()                      ? Colour::cyan
             : inode->is_device()                       ? Colour::yellow
             : inode->is_file() && (m.mode & 0111) != 0 ? Colour::green
                                                        : Colour::plain;
  line += colour(c, shown);
  if (inode->is_symlink()) {
    auto t = tree.target(*inode);
    line += " -> " + (t ? printable(*t) : colour(Colour::red, "(damaged)"));
  }
  if (!inode->damaged.empty()) line += colour(Colour::red, "  (damaged)");
  fmt::print("{}\n", line);
}

}  // namespace

int run_list(const ListCommand& command) {
  auto opened = Opened::open(command.input);
  if (!opened) return complain(opened.error());
  auto system = (*opened)->only_system();
  if (!system) return complain(system.error());
  Tree tree((*opened)->bytes(), (*system)->nodes, (*system)->order);
  bool damage = false;
  {
    JsonLines lines(command.json);
    walk_tree(tree, [&](const std::string& path, Ino ino, const TreeInode* inode, const TreeName*) {
      damage |= inode == nullptr || !inode->damaged.empty();
      if (command.json)
        lines.add(entry_json(tree, path, ino, inode, command.checksums));
      else if (command.names_only)
        fmt::print("{}\n", path.empty() ? "." : printable(path));
      else
        print_entry(tree, path, inode, command.checksums);
    });
  }
  return damage ? kProblems : kSuccess;
}

}  // namespace quire::jffs2
