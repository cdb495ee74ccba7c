#include "kernel/main/stdio_file.h"

#include <asm/ioctls.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

#include <vector>

#include "kernel/fs/host/host_file.h"
#include "kernel/vfs/memory_inode.h"

namespace quire::cli {
namespace {

std::vector<iovec> vectors_of(const mm::Pin& pin) {
  std::vector<iovec> v;
  for (std::span<std::byte> piece : pin.pieces()) v.push_back({piece.data(), piece.size()});
  return v;
}

}  // namespace

Result<Ref<vfs::File>> StdioFile::open(int fd, mm::MemoryManager& memory) {
  int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) return err(Errno::last());
  int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) return err(Errno::last());
  return Ref<vfs::File>(make_ref<StdioFile>(copy, flags & ~O_CLOEXEC, HostTerminal::of(copy), &memory));
}

StdioFile::StdioFile(int fd, int flags, Ref<HostTerminal> terminal, mm::MemoryManager* memory)
    : File(flags), fd_(fd), terminal_(std::move(terminal)), memory_(memory) {
  struct stat st;
  if (::fstat(fd_, &st) == 0) type_ = st.st_mode & S_IFMT;
  waits_ = type_ != S_IFREG && type_ != S_IFBLK && type_ != S_IFDIR;
}

StdioFile::~StdioFile() {
  poll_.reset();
  ::close(fd_);
}

vfs::WaitQueue* StdioFile::wait_queue() {
  std::call_once(poll_once_, [this] { poll_.emplace(fd_); });
  return poll_->watched() ? &poll_->queue() : nullptr;
}

Result<Ref<vfs::File>> StdioFile::reopen(int flags) {
  int have = this->flags() & O_ACCMODE, want = flags & O_ACCMODE;
  if (have != O_RDWR && want != have) return err(EACCES);
  if (type_ == S_IFSOCK) return err(ENXIO);
  int copy = ::fcntl(fd_, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) return err(Errno::last());
  auto again = make_ref<StdioFile>(copy, flags, terminal_, memory_);
  again->own_position_ = type_ == S_IFREG;
  return Ref<vfs::File>(again);
}

/// Waits until `event` holds. EAGAIN if the guest does not want to wait.
Result<> StdioFile::ready_for(short event) {
  if (!waits_) return {};
  if (!nonblocking()) {
    TRY_VOID(vfs::Waiter::current().sleep_on_host(fd_, event));
    return {};
  }
  pollfd p{fd_, event, 0};
  return ::poll(&p, 1, 0) == 0 ? Result<>(err(EAGAIN)) : Result<>{};
}

u64 StdioFile::size() const {
  struct stat st;
  return ::fstat(fd_, &st) == 0 ? static_cast<u64>(st.st_size) : 0;
}

/// One host call's worth; `offset` < 0 means the description's own position.
Result<std::size_t> StdioFile::transfer(vfs::IoBuffer& buffer, i64 offset, bool writing) {
  auto call = [&](std::size_t limit, int flags) -> Result<std::size_t> {
    auto pin = TRY(buffer.pin(limit, writing ? Access::read : Access::write));
    auto v = vectors_of(*pin);
    if (writing && !waits_ && (this->flags() & O_APPEND) != 0) flags |= RWF_APPEND;
    const int count = static_cast<int>(v.size());
    ssize_t n = writing ? ::pwritev2(fd_, v.data(), count, offset, flags)
                        : ::preadv2(fd_, v.data(), count, offset, flags);
    if (n < 0) return err(Errno::last());
    return static_cast<std::size_t>(n);
  };
  if (!waits_) return call(65536, 0);
  if (!no_nowait_.load(std::memory_order_relaxed)) {
    auto done = call(65536, RWF_NOWAIT);
    if (done || done.error() != Errno(EOPNOTSUPP)) return done;
    no_nowait_ = true;
  }
  // Readiness to write promises no more than this.
  constexpr std::size_t at_once = 4096, to_terminal = 256;
  return call(!writing ? 65536 : terminal_ ? to_terminal : at_once, 0);
}

Result<std::size_t> StdioFile::read(vfs::IoBuffer& to, i64 offset) {
  if (to.remaining() == 0) return 0;
  if (terminal_) TRY_VOID(vfs::check_foreground(*terminal_, SIGTTIN));
  for (;;) {
    if (offset < 0) TRY_VOID(ready_for(POLLIN));
    Result<std::size_t> n = std::size_t{0};
    if (own_position_ && offset < 0) {
      LockGuard g(position_lock_);
      n = transfer(to, static_cast<i64>(position_), false);
      if (n) position_ += *n;
    } else {
      n = transfer(to, offset, false);
    }
    // Somebody else was quicker.
    if (!n && n.error() == Errno(EAGAIN) && waits_ && !nonblocking()) continue;
    if (n) to.advance(*n);
    return n;
  }
}

Result<std::size_t> StdioFile::write(vfs::IoBuffer& from, i64 offset) {
  std::size_t done = 0;
  if (terminal_ && terminal_->stops_writers()) TRY_VOID(vfs::check_foreground(*terminal_, SIGTTOU));
  while (from.remaining() > 0) {
    Result<std::size_t> n = std::size_t{0};
    if (auto ready = offset < 0 ? ready_for(POLLOUT) : Result<>{}; !ready) {
      n = err(ready.error());
    } else if (own_position_ && offset < 0) {
      LockGuard g(position_lock_);
      n = transfer(from, static_cast<i64>(position_), true);
      if (n) position_ = (flags() & O_APPEND) != 0 ? size() : position_ + *n;
    } else {
      n = transfer(from, offset < 0 ? offset : offset + static_cast<i64>(done), true);
    }
    if (!n && n.error() == Errno(EAGAIN) && waits_ && !nonblocking()) continue;
    if (!n) return done > 0 ? Result<std::size_t>(done) : n;
    if (*n == 0) break;
    from.advance(*n);
    done += *n;
  }
  return done;
}

Result<u64> StdioFile::seek(i64 offset, int whence) {
  if (own_position_) {
    LockGuard g(position_lock_);
    return vfs::move_position(position_, offset, whence, size());
  }
  off_t at = ::lseek(fd_, offset, whence);
  if (at < 0) return err(Errno::last());
  return static_cast<u64>(at);
}

Result<u64> StdioFile::ioctl(mm::AddressSpace& mm, u32 command, u64 argument) {
  if (terminal_)
    if (auto r = vfs::job_control_ioctl(terminal_, mm, command, argument)) return *r;
  bool changes = command == TCSETS || command == TCSETSW || command == TCSETSF || command == TIOCSWINSZ ||
                 command == TCFLSH;
  if (terminal_ && changes) TRY_VOID(vfs::check_foreground(*terminal_, SIGTTOU));
  // Arguments that are plain numbers.
  if (command == TCFLSH || command == TCSBRK || command == TCSBRKP || command == TCXONC) {
    if (::ioctl(fd_, command, argument) != 0) return err(Errno::last());
    return 0;
  }
  // An allow-list: nothing that types for the user or reconfigures the console.
  struct Known {
    u32 command;
    std::size_t in, out;
  };
  static constexpr Known known[] = {{TCGETS, 0, 36},
                                    {TCSETS, 36, 0},
                                    {TCSETSW, 36, 0},
                                    {TCSETSF, 36, 0},
                                    {TIOCGWINSZ, 0, sizeof(winsize)},
                                    {TIOCSWINSZ, sizeof(winsize), 0},
                                    {FIONREAD, 0, 4},
                                    {TIOCOUTQ, 0, 4}};
  for (const Known& k : known) {
    if (k.command != command) continue;
    std::byte data[64] = {};
    if (k.in > 0) TRY_VOID(mm.copy_in(data, GuestAddr(argument), k.in));
    if (::ioctl(fd_, command, data) != 0) return err(Errno::last());
    if (k.out > 0) TRY_VOID(mm.copy_out(GuestAddr(argument), data, k.out));
    return 0;
  }
  return err(ENOTTY);
}

u32 StdioFile::poll() {
  pollfd p{fd_, POLLIN | POLLOUT | POLLPRI, 0};
  ::poll(&p, 1, 0);
  u32 ready = static_cast<u16>(p.revents);
  if ((ready & POLLIN) != 0) ready |= POLLRDNORM;
  if ((ready & POLLOUT) != 0) ready |= POLLWRNORM;
  return ready;
}

Result<vfs::Attributes> StdioFile::attributes() {
  struct stat st;
  if (::fstat(fd_, &st) != 0) return err(Errno::last());
  return vfs::from_stat(st);
}

Result<> StdioFile::set_attributes(const vfs::AttributeChange& change) {
  return fs::host::change_by_fd(fd_, false, change, type_);
}

Result<struct statfs> StdioFile::statfs() {
  struct statfs s;
  if (::fstatfs(fd_, &s) != 0) return err(Errno::last());
  return s;
}

Result<> StdioFile::sync(bool data_only) {
  if ((data_only ? ::fdatasync(fd_) : ::fsync(fd_)) != 0) return err(Errno::last());
  return {};
}

Result<> StdioFile::truncate(u64 size) {
  if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) return err(Errno::last());
  return {};
}

Result<> StdioFile::allocate(int mode, u64 offset, u64 length) {
  if (::fallocate(fd_, mode, static_cast<off_t>(offset), static_cast<off_t>(length)) != 0)
    return err(Errno::last());
  return {};
}

Result<u64> StdioFile::control(int command, u64 argument) {
  if (type_ != S_IFIFO || (command != F_GETPIPE_SZ && command != F_SETPIPE_SZ))
    return File::control(command, argument);
  int n = ::fcntl(fd_, command, static_cast<int>(argument));
  if (n < 0) return err(Errno::last());
  return static_cast<u64>(n);
}

Result<vfs::Mappable> StdioFile::map(u64 offset, u64, Access access, bool shared) {
  if (type_ != S_IFREG || memory_ == nullptr) return err(ENODEV);
  if (shared && allows(access, Access::write)) return err(EACCES);
  std::call_once(pages_once_, [this] {
    int copy = ::fcntl(fd_, F_DUPFD_CLOEXEC, 3);
    if (copy < 0) return;
    auto fs = fs::host::HostFileSystem::create(copy, *memory_, {});
    if (!fs) return;
    pages_of_ = *fs;
    if (auto root = pages_of_->root()) pages_ = *root;
  });
  if (!pages_) return err(ENOMEM);
  vfs::Mappable m;
  m.object = TRY(static_cast<fs::host::HostInode&>(*pages_).pages(fd_, false));
  m.offset = offset;
  m.max_private = Access::read | Access::write | Access::exec;
  m.max_shared = Access::read | Access::exec;
  return m;
}

std::string StdioFile::describe() {
  char name[4096];
  std::string link = "/proc/self/fd/" + std::to_string(fd_);
  ssize_t n = ::readlink(link.c_str(), name, sizeof name);
  return n > 0 ? std::string(name, static_cast<std::size_t>(n)) : "host";
}

}  // namespace quire::cli
