// What goes into a new image: a tree of files gathered from a directory, a tar archive, a device
// table, or several of these one over the other.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "jffs2/tool/failure.h"

namespace quire::jffs2 {

/// Where a regular file's bytes come from. Shared by the threads of mkfs, so reading is const.
class SourceContent {
 public:
  virtual ~SourceContent() = default;
  virtual u64 size() const = 0;
  /// Fills `out` from `offset`; a file that has shrunk meanwhile is EIO, as a short image would lie.
  virtual Result<> read(u64 offset, char* out, std::size_t n) const = 0;
  /// The first byte at or after `offset` that is not in a hole; size() when there is none.
  virtual u64 next_data(u64 offset) const { return offset; }
};

/// One file of any type; hard links are several names for one.
struct SourceInode {
  mode_t mode = 0;  ///< type and permissions
  u32 uid = 0;
  u32 gid = 0;
  i64 atime = 0;
  i64 mtime = 0;
  i64 ctime = 0;
  u32 device_major = 0;
  u32 device_minor = 0;
  std::string target;                           ///< of a symbolic link
  std::shared_ptr<SourceContent> content;       ///< of a regular file; null means empty
  std::map<std::string, std::string> xattrs;    ///< full name ("user.x") to value
  std::map<std::string, std::size_t> children;  ///< of a directory: name to index, in byte order

  bool is_directory() const;
};

/// inodes[0] is the root.
struct SourceTree {
  std::vector<SourceInode> inodes;

  SourceTree();
  /// The index of the file at `path` ("/dev/console" or "dev/console"), or ENOENT, ENOTDIR.
  Result<std::size_t> find(std::string_view path) const;
  /// Adds an inode under `path`, making missing parent directories (0755, owner 0); replaces a file
  /// of that name, and keeps the children when a directory replaces a directory.
  Status put(std::string_view path, SourceInode inode);
  /// Gives the existing file at `path` a further name.
  Status link(std::string_view existing, std::string_view path);

 private:
  Outcome<std::pair<std::size_t, std::string>> parent_of(std::string_view path);
};

/// Adds everything below `directory`. Hard links within it stay hard links; other file systems
/// mounted below are entered; with `xattrs`, extended attributes are read too.
Status add_directory(SourceTree& tree, const std::string& directory, bool xattrs);

/// Adds a tar archive in any format and compression that libarchive reads; "-" is standard input.
Status add_archive(SourceTree& tree, const std::string& path);

/// Applies a device table as mkfs.jffs2's -D takes it: lines of
///   NAME TYPE MODE UID GID MAJOR MINOR START INCREMENT COUNT
/// with types f d l p c b s; existing files get the mode and owner, others are made.
Status add_device_table(SourceTree& tree, const std::string& path);

}  // namespace quire::jffs2
