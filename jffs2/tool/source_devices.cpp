// Applies a device table to a SourceTree.
#include <fmt/format.h>
#include <sys/stat.h>

#include <fstream>
#include <optional>
#include <sstream>

#include "jffs2/tool/source.h"

namespace quire::jffs2 {

namespace {

// A table may ask for "count" devices in one line; a million is beyond any real one.
constexpr u32 max_count = 1'000'000;

std::optional<mode_t> type_of(char letter) {
  switch (letter) {
    case 'f':
      return S_IFREG;
    case 'd':
      return S_IFDIR;
    case 'l':
      return S_IFLNK;
    case 'p':
      return S_IFIFO;
    case 'c':
      return S_IFCHR;
    case 'b':
      return S_IFBLK;
    case 's':
      return S_IFSOCK;
    default:
      return std::nullopt;
  }
}

struct Row {
  std::string name;
  char type = 0;
  mode_t mode = 0;
  u32 uid = 0, gid = 0, major = 0, minor = 0, start = 0, increment = 0, count = 0;
};

// Missing numbers at the end count as 0, and "-" stands for 0, as in the tables people have.
std::optional<Row> parse(const std::string& line) {
  std::istringstream in(line);
  Row row;
  std::string type, mode;
  if (!(in >> row.name >> type >> mode) || type.size() != 1) return std::nullopt;
  row.type = type[0];
  std::size_t used = 0;
  for (char c : mode) {
    if (c < '0' || c > '7') return std::nullopt;
    row.mode = row.mode * 8 + static_cast<mode_t>(c - '0');
    if (++used > 5) return std::nullopt;
  }
  for (u32* field : {&row.uid, &row.gid, &row.major, &row.minor, &row.start, &row.increment, &row.count}) {
    std::string word;
    if (!(in >> word)) break;
    if (word == "-") continue;
    if (word.size() > 9 || word.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
    *field = static_cast<u32>(std::stoul(word));
  }
  return row;
}

Status put_one(SourceTree& tree, const std::string& name, const Row& row, mode_t type, u32 device_minor) {
  if (auto at = tree.find(name);
      at && (type == S_IFREG || type == S_IFDIR || tree.inodes[*at].mode == type)) {
    SourceInode& old = tree.inodes[*at];
    if ((old.mode & S_IFMT) != type)
      return fail(fmt::format("{}: the table's type is not that of the file", name));
    old.mode = type | (row.mode & 07777);
    old.uid = row.uid;
    old.gid = row.gid;
    return {};
  }
  if (type == S_IFREG) return fail(fmt::format("{}: no such file to set the mode of", name));
  if (type == S_IFLNK) return fail(fmt::format("{}: a table cannot make symbolic links", name));
  SourceInode made;
  made.mode = type | (row.mode & 07777);
  made.uid = row.uid;
  made.gid = row.gid;
  made.device_major = row.major;
  made.device_minor = device_minor;
  return tree.put(name, std::move(made));
}

}  // namespace

Status add_device_table(SourceTree& tree, const std::string& path) {
  std::ifstream file(path);
  if (!file) return fail(path, Errno::last());
  std::string line;
  for (int number = 1; std::getline(file, line); number++) {
    if (std::size_t hash = line.find('#'); hash != std::string::npos) line.erase(hash);
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    auto row = parse(line);
    auto type = row ? type_of(row->type) : std::nullopt;
    if (!type || row->count > max_count)
      return fail(fmt::format("{}:{}: not a line of a device table", path, number));
    bool device = *type == S_IFCHR || *type == S_IFBLK;
    Status done;
    if (!device || row->count == 0) {
      done = put_one(tree, row->name, *row, *type, row->minor);
    } else {
      // NAME0, NAME1, ...: START numbers the first name, INCREMENT steps the minor.
      for (u32 i = 0; i < row->count && done; i++)
        done = put_one(tree, fmt::format("{}{}", row->name, row->start + i), *row, *type,
                       row->minor + i * row->increment);
    }
    if (!done) return fail(fmt::format("{}:{}: {}", path, number, done.error().message));
  }
  return {};
}

}  // namespace quire::jffs2
