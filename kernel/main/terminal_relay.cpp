#include "kernel/main/terminal_relay.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace quire::cli {

Result<std::unique_ptr<TerminalRelay>> TerminalRelay::start(fs::tty::Pair pair, bool input) {
  int wake = ::eventfd(0, EFD_CLOEXEC);
  if (wake < 0) return err(Errno::last());
  std::unique_ptr<TerminalRelay> relay(new TerminalRelay(std::move(pair), wake));
  if (input && ::tcgetattr(STDIN_FILENO, &relay->before_) == 0) {
    termios raw = relay->before_;
    ::cfmakeraw(&raw);
    relay->raw_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
  }
  relay->update_size();
  relay->output_ = std::thread([r = relay.get()] { r->carry_output(); });
  if (input) relay->input_ = std::thread([r = relay.get()] { r->carry_input(); });
  return relay;
}

TerminalRelay::TerminalRelay(fs::tty::Pair pair, int wake)
    : master_(std::move(pair.master)), terminal_(std::move(pair.terminal)), wake_(wake) {}

TerminalRelay::~TerminalRelay() {
  // The slaves have gone with the last process, so the output thread ends by itself.
  if (output_.joinable()) output_.join();
  u64 one = 1;
  if (::write(wake_, &one, sizeof one) < 0) return;
  if (input_.joinable()) input_.join();
  if (raw_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
  ::close(wake_);
}

void TerminalRelay::update_size() {
  winsize size{};
  for (int fd : {STDOUT_FILENO, STDIN_FILENO})
    if (::ioctl(fd, TIOCGWINSZ, &size) == 0) {
      fs::tty::set_window_size(*terminal_, size);
      return;
    }
}

void TerminalRelay::carry_input() {
  for (;;) {
    pollfd p[2] = {{STDIN_FILENO, POLLIN, 0}, {wake_, POLLIN, 0}};
    if (::poll(p, 2, -1) < 0) continue;
    if (p[1].revents != 0) return;
    std::byte data[4096];
    ssize_t n = ::read(STDIN_FILENO, data, sizeof data);
    if (n <= 0) {
      // The end of input is what the terminal's user would type for it.
      data[0] = std::byte{4};
      n = 1;
    }
    vfs::IoBuffer from(std::span<const std::byte>(data, static_cast<std::size_t>(n)));
    while (from.remaining() > 0)
      if (!master_->write(from)) return;
    if (data[0] == std::byte{4} && p[0].revents == POLLHUP) return;
  }
}

void TerminalRelay::carry_output() {
  for (;;) {
    std::byte data[8192];
    vfs::IoBuffer to{std::span<std::byte>(data)};
    auto n = master_->read(to);
    if (!n || *n == 0) return;  // EIO: no process has the terminal open any more
    for (std::size_t done = 0; done < *n;) {
      ssize_t w = ::write(STDOUT_FILENO, data + done, *n - done);
      if (w < 0) return;
      done += static_cast<std::size_t>(w);
    }
  }
}

}  // namespace quire::cli
