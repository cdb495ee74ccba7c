#include "jffs2/tool/extractor.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <unordered_map>

#include "jffs2/tool/printable.h"

namespace quire::jffs2 {

namespace {

// Each level of directories keeps a descriptor open.
constexpr unsigned kMaxDepth = 500;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::array<timespec, 2> times_of(const InodeNode& meta) {
  return {timespec{.tv_sec = meta.atime, .tv_nsec = 0}, timespec{.tv_sec = meta.mtime, .tv_nsec = 0}};
}

class Extractor {
 public:
  Extractor(const Tree& tree, const ExtractOptions& options)
      : tree_(tree), options_(options), root_(::geteuid() == 0) {}

  Outcome<ExtractReport> run(const std::string& directory) {
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return fail(directory, Errno::last());
    // The directory named by the user may be a link; those below may not.
    Descriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.ok()) return fail(directory, Errno::last());
    if (!options_.force && !is_empty(directory))
      return fail(directory + ": not empty (--force to extract all the same)");
    base_ = fd.get();
    fill(fd.get(), tree_.root(), "", 0);
    if (options_.orphans) write_orphans(fd.get());
    finish_directory(fd.get(), kRootIno, tree_.root(), ".");
    return report_;
  }

 private:
  static bool is_empty(const std::string& directory) {
    DIR* dir = ::opendir(directory.c_str());
    if (dir == nullptr) return false;
    bool empty = true;
    while (const dirent* e = ::readdir(dir)) {
      std::string_view name = e->d_name;
      empty &= name == "." || name == "..";
    }
    ::closedir(dir);
    return empty;
  }

  void problem(const std::string& path, const std::string& what) {
    report_.problems++;
    options_.on_problem(printable(path) + ": " + what);
  }

  void fill(int dir, const TreeInode& inode, const std::string& path, unsigned depth) {
    for (const TreeName& name : inode.children) {
      std::string below = path.empty() ? name.name : path + "/" + name.name;
      if (!is_plain_name(name.name)) {
        problem(below, "not a file name; left out");
        continue;
      }
      make(dir, name, below, depth);
    }
  }

  void make(int dir, const TreeName& name, const std::string& path, unsigned depth) {
    const TreeInode* inode = tree_.find(name.ino);
    if (inode == nullptr) {
      problem(path, "the file's nodes are lost; only its name is left");
      return;
    }
    if (inode->is_directory()) {
      make_directory(dir, name, *inode, path, depth);
    } else {
      if (options_.force) ::unlinkat(dir, name.name.c_str(), 0);
      if (inode->links > 1 && link_again(dir, name, path)) return;
      if (!make_file(dir, name.name, name.ino, *inode, path)) return;
      if (inode->links > 1) first_path_.try_emplace(name.ino, path);
    }
    report_.entries++;
    if (options_.on_file) options_.on_file(path);
  }

  void make_directory(int dir, const TreeName& name, const TreeInode& inode, const std::string& path,
                      unsigned depth) {
    if (::mkdirat(dir, name.name.c_str(), 0700) != 0 && !(options_.force && errno == EEXIST)) {
      problem(path, Errno::last().message());
      return;
    }
    Descriptor fd(::openat(dir, name.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.ok()) {
      problem(path, Errno::last().message());
      return;
    }
    if (name.again)
      problem(path, "this directory has another name too; its files are under the other");
    else if (depth >= kMaxDepth)
      problem(path, "nested too deeply; what is below is left out");
    else
      fill(fd.get(), inode, path, depth + 1);
    finish_directory(fd.get(), name.ino, inode, path);
  }

  // Owners first (a change of owner clears set-id bits), then attributes while writing is allowed,
  // then the mode, and times last.
  void finish_directory(int fd, Ino ino, const TreeInode& inode, const std::string& path) {
    if (root_ && ::fchown(fd, inode.meta.uid, inode.meta.gid) != 0) problem(path, Errno::last().message());
    set_xattrs(fd, ino, path);
    if (::fchmod(fd, inode.meta.mode & 07777) != 0) problem(path, Errno::last().message());
    auto times = times_of(inode.meta);
    ::futimens(fd, times.data());
  }

  bool link_again(int dir, const TreeName& name, const std::string& path) {
    auto first = first_path_.find(name.ino);
    if (first == first_path_.end()) return false;
    if (::linkat(base_, first->second.c_str(), dir, name.name.c_str(), 0) != 0)
      problem(path, fmt::format("link to {}: {}", printable(first->second), Errno::last().message()));
    else if (options_.on_file)
      options_.on_file(path);
    report_.entries++;
    return true;
  }

  bool make_file(int dir, const std::string& name, Ino ino, const TreeInode& inode, const std::string& path) {
    switch (inode.meta.mode & S_IFMT) {
      case S_IFREG:
        return make_regular(dir, name, ino, inode, path);
      case S_IFLNK:
        return make_symlink(dir, name, inode, path);
      case S_IFCHR:
      case S_IFBLK:
      case S_IFIFO:
      case S_IFSOCK:
        return make_special(dir, name, inode, path);
      default:
        problem(path, "a file of no known type; left out");
        return false;
    }
  }

  bool make_regular(int dir, const std::string& name, Ino ino, const TreeInode& inode,
                    const std::string& path) {
    Descriptor fd(::openat(dir, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd.ok()) {
      problem(path, Errno::last().message());
      return false;
    }
    write_content(fd.get(), inode, path);
    if (root_ && ::fchown(fd.get(), inode.meta.uid, inode.meta.gid) != 0)
      problem(path, Errno::last().message());
    set_xattrs(fd.get(), ino, path);
    if (::fchmod(fd.get(), inode.meta.mode & 07777) != 0) problem(path, Errno::last().message());
    auto times = times_of(inode.meta);
    ::futimens(fd.get(), times.data());
    return true;
  }

  void write_content(int fd, const TreeInode& inode, const std::string& path) {
    u64 lost = 0;
    std::vector<u8> data;
    std::optional<u32> loaded;
    // Neighbouring pieces go out in one write; holes stay holes.
    std::vector<u8> pending;
    u64 pending_at = 0;
    auto flush = [&] {
      std::size_t done = 0;
      while (done < pending.size()) {
        ssize_t n =
            ::pwrite(fd, pending.data() + done, pending.size() - done, static_cast<off_t>(pending_at + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
          problem(path, Errno::last().message());
          break;
        }
        done += static_cast<std::size_t>(n);
      }
      pending.clear();
    };
    for (const Extent& e : tree_.extents(inode)) {
      if (loaded != e.node) {
        auto expanded = tree_.node_data(e.node);
        if (!expanded) {
          lost += e.end - e.begin;
          continue;
        }
        data = std::move(*expanded);
        loaded = e.node;
      }
      if (pending_at + pending.size() != e.begin || pending.size() >= kWriteSize) {
        flush();
        pending_at = e.begin;
      }
      auto from = data.begin() + static_cast<std::ptrdiff_t>(e.begin - e.node_begin);
      pending.insert(pending.end(), from, from + static_cast<std::ptrdiff_t>(e.end - e.begin));
      report_.bytes += e.end - e.begin;
      if (options_.on_bytes) options_.on_bytes(e.end - e.begin);
    }
    u64 written = pending_at + pending.size();
    flush();
    if (inode.meta.isize > written && ::ftruncate(fd, inode.meta.isize) != 0)
      problem(path, Errno::last().message());
    if (lost != 0) problem(path, fmt::format("{} bytes cannot be expanded; zeros stand for them", lost));
    if (!inode.damaged.empty())
      problem(path,
              fmt::format("{} nodes are damaged; older data or zeros stand for them", inode.damaged.size()));
  }

  bool make_symlink(int dir, const std::string& name, const TreeInode& inode, const std::string& path) {
    auto target = tree_.target(inode);
    if (!target || target->empty()) {
      problem(path, "the link's target is damaged; left out");
      return false;
    }
    if (::symlinkat(target->c_str(), dir, name.c_str()) != 0) {
      problem(path, Errno::last().message());
      return false;
    }
    if (root_ && ::fchownat(dir, name.c_str(), inode.meta.uid, inode.meta.gid, AT_SYMLINK_NOFOLLOW) != 0)
      problem(path, Errno::last().message());
    auto times = times_of(inode.meta);
    ::utimensat(dir, name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW);
    return true;
  }

  bool make_special(int dir, const std::string& name, const TreeInode& inode, const std::string& path) {
    dev_t device = 0;
    if (inode.is_device()) {
      auto number = tree_.device(inode);
      if (!number) {
        problem(path, "the device number is damaged; left out");
        return false;
      }
      device = makedev(number->major, number->minor);
    }
    if (::mknodat(dir, name.c_str(), (inode.meta.mode & S_IFMT) | 0600, device) != 0) {
      if (errno == EPERM && !root_)
        report_.left_to_root++;
      else
        problem(path, Errno::last().message());
      return false;
    }
    // The node is ours and new; nothing can have put a link in its place but a rival in this directory.
    if (root_ && ::fchownat(dir, name.c_str(), inode.meta.uid, inode.meta.gid, AT_SYMLINK_NOFOLLOW) != 0)
      problem(path, Errno::last().message());
    if (::fchmodat(dir, name.c_str(), inode.meta.mode & 07777, 0) != 0)
      problem(path, Errno::last().message());
    auto times = times_of(inode.meta);
    ::utimensat(dir, name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW);
    return true;
  }

  void set_xattrs(int fd, Ino ino, const std::string& path) {
    for (const auto& [name, value] : tree_.xattrs(ino)) {
      if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) == 0) continue;
      if (errno == EPERM && !root_)
        report_.left_to_root++;
      else
        problem(path, fmt::format("attribute {}: {}", printable(name), Errno::last().message()));
    }
  }

  void write_orphans(int root) {
    std::vector<Ino> orphans = tree_.orphans();
    if (orphans.empty()) return;
    if (::mkdirat(root, "lost+found", 0700) != 0 && errno != EEXIST) {
      problem("lost+found", Errno::last().message());
      return;
    }
    Descriptor fd(::openat(root, "lost+found", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.ok()) {
      problem("lost+found", Errno::last().message());
      return;
    }
    for (Ino ino : orphans) {
      const TreeInode* inode = tree_.find(ino);
      // A directory without a name holds names whose files are orphans of their own.
      if (inode == nullptr || !(inode->is_file() || inode->is_symlink())) continue;
      std::string name = fmt::format("{}", ino.value());
      std::string path = "lost+found/" + name;
      if (options_.force) ::unlinkat(fd.get(), name.c_str(), 0);
      if (!make_file(fd.get(), name, ino, *inode, path)) continue;
      report_.entries++;
      if (options_.on_file) options_.on_file(path);
    }
  }

  static constexpr std::size_t kWriteSize = 256 * 1024;

  const Tree& tree_;
  const ExtractOptions& options_;
  const bool root_;
  int base_ = -1;
  std::unordered_map<Ino, std::string> first_path_;  ///< of files with several names
  ExtractReport report_;
};

}  // namespace

Outcome<ExtractReport> extract_tree(const Tree& tree, const std::string& directory,
                                    const ExtractOptions& options) {
  return Extractor(tree, options).run(directory);
}

}  // namespace quire::jffs2
