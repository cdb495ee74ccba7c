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

namespace quire::cli {
namespace {

std::vector<iovec> vectors_of(const mm::Pin& pin) {
  std::vector<iovec> v;
  for (std::span<std::byte> piece : pin.pieces()) v.push_back({piece.data(), piece.size()});
  return v;
}

}  // namespace

Result<Ref<vfs::File>> StdioFile::open(int fd) {
  int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) return err(Errno::last());
  int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) return err(Errno::last());
  return Ref<vfs::File>(make_ref<StdioFile>(copy, flags & ~O_CLOEXEC, HostTerminal::of(copy)));
}

StdioFile::StdioFile(int fd, int flags, Ref<HostTerminal> terminal)
    : File(flags), fd_(fd), terminal_(std::move(terminal)) {}

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
  return Ref<vfs::File>(this);
}

Result<std::size_t> StdioFile::read(vfs::IoBuffer& to, i64 offset) {
  if (to.remaining() == 0) return 0;
  if (terminal_) TRY_VOID(vfs::check_foreground(*terminal_, SIGTTIN));
  if (offset < 0 && !nonblocking()) TRY_VOID(vfs::Waiter::current().sleep_on_host(fd_, POLLIN));
  auto pin = TRY(to.pin(65536, Access::write));
  auto v = vectors_of(*pin);
  ssize_t n = offset < 0 ? ::readv(fd_, v.data(), static_cast<int>(v.size()))
                         : ::preadv(fd_, v.data(), static_cast<int>(v.size()), offset);
  if (n < 0) return err(Errno::last());
  to.advance(static_cast<std::size_t>(n));
  return static_cast<std::size_t>(n);
}

Result<std::size_t> StdioFile::write(vfs::IoBuffer& from, i64 offset) {
  std::size_t done = 0;
  if (terminal_ && terminal_->stops_writers()) TRY_VOID(vfs::check_foreground(*terminal_, SIGTTOU));
  while (from.remaining() > 0) {
    if (offset < 0 && !nonblocking())
      if (auto ready = vfs::Waiter::current().sleep_on_host(fd_, POLLOUT); !ready) {
        if (done > 0) return done;
        return err(ready.error());
      }
    auto pin = from.pin(65536, Access::read);
    if (!pin) return done > 0 ? Result<std::size_t>(done) : err(pin.error());
    auto v = vectors_of(**pin);
    ssize_t n = offset < 0 ? ::writev(fd_, v.data(), static_cast<int>(v.size()))
                           : ::pwritev(fd_, v.data(), static_cast<int>(v.size()), offset + static_cast<i64>(done));
    if (n < 0) return done > 0 ? Result<std::size_t>(done) : err(Errno::last());
    from.advance(static_cast<std::size_t>(n));
    done += static_cast<std::size_t>(n);
    if (n == 0) break;
  }
  return done;
}

Result<u64> StdioFile::seek(i64 offset, int whence) {
  off_t at = ::lseek(fd_, offset, whence);
  if (at < 0) return err(Errno::last());
  return static_cast<u64>(at);
}

Result<u64> StdioFile::ioctl(mm::AddressSpace& mm, u32 command, u64 argument) {
  if (terminal_)
    if (auto r = vfs::job_control_ioctl(terminal_, mm, command, argument)) return *r;
  bool changes = command == TCSETS || command == TCSETSW || command == TCSETSF || command == TIOCSWINSZ || command == TCFLSH;
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
  static constexpr Known known[] = {
      {TCGETS, 0, 36}, {TCSETS, 36, 0}, {TCSETSW, 36, 0}, {TCSETSF, 36, 0}, {TIOCGWINSZ, 0, sizeof(winsize)},
      {TIOCSWINSZ, sizeof(winsize), 0}, {FIONREAD, 0, 4}, {TIOCOUTQ, 0, 4}};
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

std::string StdioFile::describe() {
  char name[4096];
  std::string link = "/proc/self/fd/" + std::to_string(fd_);
  ssize_t n = ::readlink(link.c_str(), name, sizeof name);
  return n > 0 ? std::string(name, static_cast<std::size_t>(n)) : "host";
}

}  // namespace quire::cli
