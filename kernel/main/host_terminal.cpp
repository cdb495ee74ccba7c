#include "kernel/main/host_terminal.h"

#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <map>

#include "kernel/main/stdio_file.h"

namespace quire::cli {

Ref<HostTerminal> HostTerminal::of(int fd) {
  struct stat st;
  if (::isatty(fd) == 0 || ::fstat(fd, &st) != 0) return nullptr;
  // Called while the sandbox is put together, by one thread; the few terminals live as long as it.
  static auto* known = new std::map<u64, Ref<HostTerminal>>;
  Ref<HostTerminal>& terminal = (*known)[st.st_rdev];
  if (!terminal) {
    int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy >= 0) terminal = make_ref<HostTerminal>(copy, st.st_rdev);
  }
  return terminal;
}

HostTerminal::~HostTerminal() { ::close(fd_); }

Result<Ref<vfs::File>> HostTerminal::open_again(int flags) {
  // /dev/tty is the same open file description: never wider than what was handed in.
  int have = ::fcntl(fd_, F_GETFL) & O_ACCMODE;
  if (have != O_RDWR && (flags & O_ACCMODE) != have) return err(EACCES);
  int copy = ::fcntl(fd_, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) return err(Errno::last());
  return Ref<vfs::File>(make_ref<StdioFile>(copy, flags & ~O_CLOEXEC, Ref<HostTerminal>(this)));
}

bool HostTerminal::stops_writers() {
  termios t;
  return ::tcgetattr(fd_, &t) == 0 && (t.c_lflag & TOSTOP) != 0;
}

}  // namespace quire::cli
