#include "kernel/fs/dev/dev.h"

#include <sys/random.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>

namespace quire::fs::dev {
namespace {

enum Minor : u32 { null = 3, zero = 5, full = 7, random = 8, urandom = 9, kmsg = 11 };

class MemoryDevice final : public vfs::File {
 public:
  MemoryDevice(vfs::Inode& node, u32 minor, int flags) : File(flags), node_(&node), minor_(minor) {}

  Result<std::size_t> read(vfs::IoBuffer& to, i64) override {
    switch (minor_) {
      case null:
      case kmsg:
        return 0;
      case zero:
      case full:
        return to.put_zeros(to.remaining());
      default:
        return read_random(to);
    }
  }
  Result<std::size_t> write(vfs::IoBuffer& from, i64) override {
    std::size_t n = from.remaining();
    if (minor_ == full) return n == 0 ? Result<std::size_t>(0) : err(ENOSPC);
    from.advance(n);
    return n;
  }
  Result<u64> seek(i64, int) override { return 0; }
  /// Zeros: anonymous memory, which has no object.
  Result<vfs::Mappable> map(u64, u64, Access, bool) override {
    if (minor_ != zero) return err(ENODEV);
    constexpr Access all = Access::read | Access::write | Access::exec;
    return vfs::Mappable{nullptr, 0, writable() ? all : Access::read | Access::exec, all};
  }
  Result<> truncate(u64) override { return err(EINVAL); }
  Result<> sync(bool) override { return err(EINVAL); }
  vfs::Inode* inode() override { return node_.get(); }
  std::string describe() override { return path_description(); }

 private:
  static Result<std::size_t> read_random(vfs::IoBuffer& to) {
    std::array<std::byte, 4096> bytes;
    std::size_t done = 0;
    while (to.remaining() != 0) {
      std::size_t want = std::min(bytes.size(), to.remaining());
      ssize_t got = ::getrandom(bytes.data(), want, 0);
      if (got < 0) return done != 0 ? Result<std::size_t>(done) : err(Errno::last());
      auto n = to.put(std::span(bytes).first(static_cast<std::size_t>(got)));
      if (!n) return done != 0 ? Result<std::size_t>(done) : n;
      done += *n;
      if (vfs::Waiter::current().interrupted()) break;
    }
    return done;
  }

  const Ref<vfs::Inode> node_;
  const u32 minor_;
};

struct Node {
  const char* name;
  u32 mode;
  u32 major, minor;
};
constexpr Node nodes[] = {
    {"null", 0666, 1, null},     {"zero", 0666, 1, zero},       {"full", 0666, 1, full},
    {"random", 0666, 1, random}, {"urandom", 0666, 1, urandom}, {"tty", 0666, 5, 0},
};
struct Link {
  const char *name, *target;
};
constexpr Link links[] = {{"fd", "/proc/self/fd"},
                          {"stdin", "/proc/self/fd/0"},
                          {"stdout", "/proc/self/fd/1"},
                          {"stderr", "/proc/self/fd/2"},
                          {"ptmx", "pts/ptmx"}};

}  // namespace

Result<Ref<vfs::File>> open_memory_device(vfs::Inode& node, u64 rdev, int flags) {
  u32 m = minor(rdev);
  if (m != null && m != zero && m != full && m != random && m != urandom && m != kmsg) return err(ENXIO);
  return Ref<vfs::File>(make_ref<MemoryDevice>(node, m, flags));
}

Result<> populate(const vfs::Lookup& at) {
  vfs::Lookup open_handed{at.root, at.start, at.credentials, 0};
  for (const Node& n : nodes)
    TRY_VOID(vfs::make_node(open_handed, n.name, S_IFCHR | n.mode, makedev(n.major, n.minor)));
  for (const Link& l : links) TRY_VOID(vfs::make_symlink(open_handed, l.name, l.target));
  for (const char* d : {"pts", "shm", "mqueue"}) TRY_VOID(vfs::make_directory(open_handed, d, 0755));
  return {};
}

}  // namespace quire::fs::dev
