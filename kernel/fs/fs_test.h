// What the tests of file systems share: a machine without processors, a root, and short forms of the
// operations.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "kernel/fs/host/host_fs.h"
#include "kernel/fs/overlay/overlay.h"
#include "kernel/fs/tmpfs/tmpfs.h"
#include "kernel/platform/fake/fake.h"
#include "kernel/vfs/operations.h"

namespace quire::fs::test {

/// Memory on the software platform; shared by all tests of a program.
inline mm::MemoryManager& memory() {
  struct Machine {
    std::unique_ptr<platform::fake::FakePlatform> platform = *platform::fake::FakePlatform::create({});
    std::unique_ptr<mm::MemoryManager> manager = *mm::MemoryManager::create(*platform, {});
  };
  static Machine* machine = new Machine;
  return *machine->manager;
}

/// A directory of the host that goes with the test.
class HostDirectory {
 public:
  HostDirectory() {
    char name[] = "/tmp/quire-fs-test-XXXXXX";
    EXPECT_NE(::mkdtemp(name), nullptr);
    path_ = name;
    EXPECT_EQ(::chmod(name, 0755), 0);  // others may look in
  }
  ~HostDirectory() { std::filesystem::remove_all(path_); }
  std::string path(const std::string& name = "") const { return name.empty() ? path_ : path_ + "/" + name; }
  int descriptor() const { return ::open(path_.c_str(), O_PATH | O_CLOEXEC); }
  void write(const std::string& name, const std::string& text) const {
    int fd = ::open(path(name).c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644);
    EXPECT_EQ(::write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    ::close(fd);
  }
  std::string read(const std::string& name) const {
    int fd = ::open(path(name).c_str(), O_RDONLY);
    if (fd < 0) return "(none)";
    std::string s(1 << 16, '\0');
    s.resize(static_cast<std::size_t>(std::max<ssize_t>(0, ::read(fd, s.data(), s.size()))));
    ::close(fd);
    return s;
  }

 private:
  std::string path_;
};

inline Ref<vfs::FileSystem> new_tmpfs(u64 max_bytes = 0) {
  tmpfs::Options o;
  o.mode = 0755;
  o.max_bytes = max_bytes;
  return *tmpfs::Tmpfs::create(&memory(), o);
}

/// The error of a result, 0 for success.
template <typename T>
int error(const Result<T>& r) {
  return r ? 0 : r.error().value();
}

/// A root and someone who acts in it.
class World {
 public:
  explicit World(Ref<vfs::FileSystem> fs) : mount_(*vfs::MountTable::make_root(std::move(fs), 0, "test")) {
    who_ = make_ref<vfs::Credentials>();
    who_->cap_effective = ~u64{0};
  }
  /// From now on an ordinary user.
  void become(u32 uid, u32 gid) {
    who_ = make_ref<vfs::Credentials>();
    who_->uid = who_->euid = who_->suid = who_->fsuid = uid;
    who_->gid = who_->egid = who_->sgid = who_->fsgid = gid;
  }
  vfs::Path root() const { return {mount_, mount_->root()}; }
  vfs::Lookup at() const { return {root(), root(), *who_, 022}; }
  const vfs::Credentials& who() const { return *who_; }

  Result<Ref<vfs::File>> open(const std::string& name, int flags, u32 mode = 0644) const {
    return vfs::open(at(), name, {.flags = flags, .mode = mode, .walk = 0});
  }
  int mkdir(const std::string& name, u32 mode = 0755) const {
    return error(vfs::make_directory(at(), name, mode));
  }
  int rmdir(const std::string& name) const { return error(vfs::remove_directory(at(), name)); }
  int unlink(const std::string& name) const { return error(vfs::unlink(at(), name)); }
  int symlink(const std::string& target, const std::string& name) const {
    return error(vfs::make_symlink(at(), name, target));
  }
  int link(const std::string& from, const std::string& to) const {
    return error(vfs::make_link(at(), from, at(), to, 0));
  }
  int rename(const std::string& from, const std::string& to, u32 flags = 0) const {
    return error(vfs::rename(at(), from, at(), to, flags));
  }
  Result<vfs::Path> walk(const std::string& name, u32 flags = vfs::walk_follow) const {
    return vfs::walk(at(), name, flags);
  }
  Result<vfs::Attributes> stat(const std::string& name) const {
    auto p = walk(name);
    if (!p) return err(p.error());
    return p->inode()->attributes();
  }
  int write(const std::string& name, const std::string& text, int flags = O_CREAT | O_TRUNC) const {
    auto file = open(name, flags | O_WRONLY);
    if (!file) return file.error().value();
    vfs::IoBuffer from{std::as_bytes(std::span(text))};
    auto n = (*file)->write(from);
    if (!n) return n.error().value();
    return *n == text.size() ? 0 : -1;
  }
  static std::string read_all(vfs::File& file) {
    std::string all;
    for (;;) {
      std::string part(3000, '\0');
      vfs::IoBuffer to{std::as_writable_bytes(std::span(part))};
      auto n = file.read(to);
      if (!n) return "(error " + std::string(n.error().name()) + ")";
      if (*n == 0) return all;
      all += part.substr(0, *n);
    }
  }
  std::string read(const std::string& name) const {
    auto file = open(name, O_RDONLY);
    return file ? read_all(**file) : "(" + std::string(file.error().name()) + ")";
  }
  /// Names of a directory, sorted, without "." and "..".
  std::vector<std::string> list(const std::string& name) const {
    class Sink final : public vfs::DirSink {
     public:
      bool add(const std::string& n, u64, u8, u64) override {
        if (n != "." && n != "..") names.push_back(n);
        return true;
      }
      std::vector<std::string> names;
    } sink;
    auto dir = open(name, O_RDONLY | O_DIRECTORY);
    if (!dir) return {"(" + std::string(dir.error().name()) + ")"};
    EXPECT_EQ(error((*dir)->read_directory(sink)), 0);
    std::sort(sink.names.begin(), sink.names.end());
    return sink.names;
  }

 private:
  Ref<vfs::Mount> mount_;
  Ref<vfs::Credentials> who_;
};

}  // namespace quire::fs::test
