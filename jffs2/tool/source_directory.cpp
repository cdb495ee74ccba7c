// Gathers a SourceTree from a directory of the host.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>

#include "jffs2/tool/source.h"

namespace quire::jffs2 {

namespace {

// Opened at each read: a tree may hold more files than a process may have descriptors.
class HostFile final : public SourceContent {
 public:
  HostFile(std::string path, u64 size, bool sparse) : path_(std::move(path)), size_(size), sparse_(sparse) {}
  u64 size() const override { return size_; }

  Result<> read(u64 offset, char* out, std::size_t n) const override {
    int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return err(Errno::last());
    Result<> result;
    while (n > 0 && result) {
      ssize_t got = ::pread(fd, out, n, static_cast<off_t>(offset));
      if (got < 0) {
        if (errno != EINTR) result = err(Errno::last());
      } else if (got == 0) {
        result = err(EIO);
      } else {
        out += got;
        offset += static_cast<u64>(got);
        n -= static_cast<std::size_t>(got);
      }
    }
    ::close(fd);
    return result;
  }

  u64 next_data(u64 offset) const override {
    if (!sparse_) return offset;
    int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return offset;
    off_t at = ::lseek(fd, static_cast<off_t>(offset), SEEK_DATA);
    bool at_end = at < 0 && errno == ENXIO;
    ::close(fd);
    if (at_end) return size_;
    return at < 0 ? offset : std::min(static_cast<u64>(at), size_);
  }

 private:
  std::string path_;
  u64 size_;
  bool sparse_;
};

Status read_xattrs(SourceInode& inode, const std::string& path) {
  ssize_t size = ::llistxattr(path.c_str(), nullptr, 0);
  if (size <= 0) return {};  // none, or a file system that has none
  std::vector<char> names(static_cast<std::size_t>(size) + 4096);
  size = ::llistxattr(path.c_str(), names.data(), names.size());
  for (ssize_t at = 0; at < size;) {
    std::string name = names.data() + at;
    at += static_cast<ssize_t>(name.size()) + 1;
    std::vector<char> value(65536);
    ssize_t n = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    if (n < 0) return fail(fmt::format("{}: attribute {}", path, name), Errno::last());
    inode.xattrs[name] = std::string(value.data(), static_cast<std::size_t>(n));
  }
  return {};
}

class DirectoryWalk {
 public:
  DirectoryWalk(SourceTree& tree, bool xattrs) : tree_(tree), xattrs_(xattrs) {}

  Status add(const std::string& path, const std::string& inside) {
    struct stat st{};
    if (::lstat(path.c_str(), &st) != 0) return fail(path, Errno::last());
    if (!S_ISDIR(st.st_mode) && st.st_nlink > 1) {
      auto [seen, fresh] = seen_.try_emplace({st.st_dev, st.st_ino}, inside);
      if (!fresh) return tree_.link(seen->second, inside);
    }
    SourceInode inode;
    inode.mode = st.st_mode;
    inode.uid = st.st_uid;
    inode.gid = st.st_gid;
    inode.atime = st.st_atime;
    inode.mtime = st.st_mtime;
    inode.ctime = st.st_ctime;
    if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
      inode.device_major = major(st.st_rdev);
      inode.device_minor = minor(st.st_rdev);
    }
    if (S_ISREG(st.st_mode)) {
      bool sparse = st.st_blocks * 512 < st.st_size;
      inode.content = std::make_shared<HostFile>(path, static_cast<u64>(st.st_size), sparse);
    }
    if (S_ISLNK(st.st_mode)) {
      std::string target(65536, '\0');
      ssize_t n = ::readlink(path.c_str(), target.data(), target.size());
      if (n < 0) return fail(path, Errno::last());
      target.resize(static_cast<std::size_t>(n));
      inode.target = std::move(target);
    }
    if (xattrs_) CHECK_VOID(read_xattrs(inode, path));
    CHECK_VOID(tree_.put(inside, std::move(inode)));
    return S_ISDIR(st.st_mode) ? add_children(path, inside) : Status{};
  }

 private:
  Status add_children(const std::string& path, const std::string& inside) {
    DIR* dir = ::opendir(path.c_str());
    if (dir == nullptr) return fail(path, Errno::last());
    std::vector<std::string> names;
    while (const dirent* e = ::readdir(dir)) {
      std::string name = e->d_name;
      if (name != "." && name != "..") names.push_back(std::move(name));
    }
    ::closedir(dir);
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) CHECK_VOID(add(path + "/" + name, inside + "/" + name));
    return {};
  }

  SourceTree& tree_;
  bool xattrs_;
  std::map<std::pair<dev_t, ino_t>, std::string> seen_;
};

}  // namespace

Status add_directory(SourceTree& tree, const std::string& directory, bool xattrs) {
  struct stat st{};
  if (::stat(directory.c_str(), &st) != 0) return fail(directory, Errno::last());
  if (!S_ISDIR(st.st_mode)) return fail(directory, Errno(ENOTDIR));
  // A final slash has lstat follow a directory that was named by a symbolic link.
  return DirectoryWalk(tree, xattrs).add(directory + "/", "");
}

}  // namespace quire::jffs2
