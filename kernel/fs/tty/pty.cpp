#include "kernel/fs/tty/pty.h"

#include <poll.h>
#include <signal.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "kernel/fs/tty/devpts.h"
#include "kernel/vfs/process_info.h"

namespace quire::fs::tty {
namespace {

constexpr std::size_t old_termios_size = 36;  // struct termios of the kernel: without speeds
constexpr std::size_t chunk = 4096;

Result<std::string> take(vfs::IoBuffer& from) {
  std::string s(std::min(chunk, from.remaining()), '\0');
  s.resize(TRY(from.get(std::as_writable_bytes(std::span(s)))));
  return s;
}

}  // namespace

u64 Pty::device() const { return makedev(136, number_); }

bool Pty::stops_writers() {
  LockGuard g(lock_);
  return (line_.attributes().c_lflag & TOSTOP) != 0;
}

Result<> Pty::wait(std::optional<vfs::WaitEntry>& entry, vfs::WaitQueue& queue) {
  if (!entry) {
    entry.emplace(queue, vfs::Waiter::current());
    return {};
  }
  return vfs::Waiter::current().sleep();
}

Result<Ref<vfs::File>> Pty::open_slave(int flags) {
  {
    LockGuard g(lock_);
    if (locked_ || !master_open_) return err(EIO);
    ++slaves_;
    had_slave_ = true;
  }
  auto file = make_ref<PtySlave>(Ref<Pty>(this), flags);
  vfs::adopt_terminal(Ref<vfs::ControllingTerminal>(this), flags);
  return Ref<vfs::File>(file);
}

void Pty::unlock() {
  LockGuard g(lock_);
  locked_ = false;
}

Result<Ref<vfs::File>> Pty::open_again(int flags) {
  auto file = TRY(open_slave(flags | O_NOCTTY));
  file->set_path(slave_path(number_));
  return file;
}

void Pty::send_signals(u64 signals) {
  auto* p = vfs::processes();
  if (signals == 0 || p == nullptr) return;
  int group = p->terminal_foreground(*this);
  if (group == 0) return;
  for (int s = 1; s <= 64; ++s)
    if ((signals >> (s - 1) & 1) != 0) (void)p->signal_group(group, s);
}

void Pty::hang_up() {
  {
    LockGuard g(lock_);
    master_open_ = false;
  }
  slave_queue_.notify();
  auto* p = vfs::processes();
  if (p == nullptr || p->terminal_session(*this) == 0) return;
  (void)p->signal_process(p->terminal_session(*this), SIGHUP);
  p->drop_terminal(*this);
}

Result<u64> Pty::set_attributes(mm::AddressSpace& mm, u32 command, u64 argument) {
  bool two = command == TCSETS2 || command == TCSETSW2 || command == TCSETSF2;
  bool flush = command == TCSETSF || command == TCSETSF2;
  termios2 t;
  {
    LockGuard g(lock_);
    t = line_.attributes();
  }
  TRY_VOID(mm.copy_in(&t, GuestAddr(argument), two ? sizeof t : old_termios_size));
  {
    LockGuard g(lock_);
    line_.set_attributes(t);
    if (flush) line_.flush_input();
  }
  slave_queue_.notify();
  return 0;
}

void Pty::set_window_size(const winsize& size) {
  bool changed = false;
  {
    LockGuard g(lock_);
    changed = std::memcmp(&size_, &size, sizeof size_) != 0;
    size_ = size;
  }
  if (changed) send_signals(u64{1} << (SIGWINCH - 1));
}

std::optional<Result<u64>> Pty::common_ioctl(mm::AddressSpace& mm, u32 command, u64 argument) {
  auto done = [](const Result<>& r) { return r ? Result<u64>(0) : Result<u64>(err(r.error())); };
  GuestAddr at(argument);
  switch (command) {
    case TCGETS:
    case TCGETS2: {
      termios2 t;
      {
        LockGuard g(lock_);
        t = line_.attributes();
      }
      return done(mm.copy_out(at, &t, command == TCGETS ? old_termios_size : sizeof t));
    }
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
    case TCSETS2:
    case TCSETSW2:
    case TCSETSF2:
      return set_attributes(mm, command, argument);
    case TIOCGWINSZ: {
      winsize w;
      {
        LockGuard g(lock_);
        w = size_;
      }
      return done(mm.write(at, w));
    }
    case TIOCSWINSZ: {
      auto w = mm.read<winsize>(at);
      if (!w) return err(w.error());
      set_window_size(*w);
      return Result<u64>(0);
    }
    case TCFLSH: {
      LockGuard g(lock_);
      if (argument == TCIFLUSH || argument == TCIOFLUSH) line_.flush_input();
      if (argument == TCOFLUSH || argument == TCIOFLUSH) output_.clear();
      return Result<u64>(0);
    }
    case TCSBRK:
    case TCSBRKP:
    case TCXONC:
      return Result<u64>(0);
    case TIOCOUTQ: {
      int n = 0;
      {
        LockGuard g(lock_);
        n = static_cast<int>(output_.size());
      }
      return done(mm.write(at, n));
    }
    default:
      return std::nullopt;
  }
}

// --- the master -------------------------------------------------------------------------------------

PtyMaster::~PtyMaster() {
  forget_pty(pty_->number());
  pty_->hang_up();
}

Result<std::size_t> PtyMaster::read(vfs::IoBuffer& to, i64) {
  if (to.remaining() == 0) return 0;
  std::optional<vfs::WaitEntry> entry;
  for (;;) {
    {
      LockGuard g(pty_->lock_);
      std::string& out = pty_->output_;
      if (!out.empty()) {
        if (pty_->packet_mode_) {
          std::byte data{0};  // TIOCPKT_DATA
          TRY_VOID(to.put(std::span(&data, 1)));
        }
        std::size_t n =
            TRY(to.put(std::as_bytes(std::span(out)).first(std::min(out.size(), to.remaining()))));
        out.erase(0, n);
        pty_->slave_queue_.notify(POLLOUT | POLLWRNORM);
        return n + (pty_->packet_mode_ ? 1 : 0);
      }
      if (pty_->had_slave_ && pty_->slaves_ == 0) return err(EIO);
    }
    if (nonblocking()) return err(EAGAIN);
    TRY_VOID(pty_->wait(entry, pty_->master_queue_));
  }
}

Result<std::size_t> PtyMaster::write(vfs::IoBuffer& from, i64) {
  std::size_t done = 0;
  std::optional<vfs::WaitEntry> entry;
  while (from.remaining() != 0) {
    bool room = false;
    {
      LockGuard g(pty_->lock_);
      room = pty_->line_.room() >= chunk;
    }
    if (!room) {
      if (nonblocking()) return done != 0 ? Result<std::size_t>(done) : err(EAGAIN);
      auto slept = pty_->wait(entry, pty_->master_queue_);
      if (!slept) return done != 0 ? Result<std::size_t>(done) : err(slept.error());
      continue;
    }
    std::string bytes = TRY(take(from));
    u64 signals = 0;
    {
      LockGuard g(pty_->lock_);
      std::string echo;
      pty_->line_.input(bytes, echo, signals);
      if (pty_->output_.size() < Pty::max_output) pty_->output_ += echo;
    }
    done += bytes.size();
    pty_->send_signals(signals);
    pty_->slave_queue_.notify(POLLIN | POLLRDNORM);
    pty_->master_queue_.notify(POLLIN | POLLRDNORM);
  }
  return done;
}

Result<u64> PtyMaster::ioctl(mm::AddressSpace& mm, u32 command, u64 argument) {
  GuestAddr at(argument);
  switch (command) {
    case TIOCGPTN:
      TRY_VOID(mm.write(at, pty_->number()));
      return 0;
    case TIOCSPTLCK: {
      int locked = TRY(mm.read<int>(at));
      LockGuard g(pty_->lock_);
      pty_->locked_ = locked != 0;
      return 0;
    }
    case TIOCGPTLCK: {
      int locked = 0;
      {
        LockGuard g(pty_->lock_);
        locked = pty_->locked_ ? 1 : 0;
      }
      TRY_VOID(mm.write(at, locked));
      return 0;
    }
    case TIOCPKT: {
      int on = TRY(mm.read<int>(at));
      LockGuard g(pty_->lock_);
      pty_->packet_mode_ = on != 0;
      return 0;
    }
    case TIOCGPTPEER: {
      auto* p = vfs::processes();
      auto me = p != nullptr ? p->current() : nullptr;
      auto fds = me ? me->fds() : nullptr;
      if (!fds) return err(EINVAL);
      auto slave = TRY(pty_->open_slave(static_cast<int>(argument)));
      slave->set_path(slave_path(pty_->number()));
      u64 limit = me->limits()[7].soft;  // RLIMIT_NOFILE
      return static_cast<u64>(TRY(fds->install(std::move(slave), (argument & O_CLOEXEC) != 0, limit)));
    }
    case TIOCSIG:
      if (argument == 0 || argument > 64) return err(EINVAL);
      pty_->send_signals(u64{1} << (argument - 1));
      return 0;
    case TIOCGPGRP: {
      auto* p = vfs::processes();
      TRY_VOID(mm.write(at, p != nullptr ? p->terminal_foreground(*pty_) : 0));
      return 0;
    }
    case FIONREAD: {
      int n = 0;
      {
        LockGuard g(pty_->lock_);
        n = static_cast<int>(pty_->output_.size());
      }
      TRY_VOID(mm.write(at, n));
      return 0;
    }
    default:
      break;
  }
  if (auto r = pty_->common_ioctl(mm, command, argument)) return *r;
  return err(ENOTTY);
}

u32 PtyMaster::poll() {
  LockGuard g(pty_->lock_);
  u32 e = pty_->line_.room() >= chunk ? POLLOUT | POLLWRNORM : 0;
  if (!pty_->output_.empty()) e |= POLLIN | POLLRDNORM;
  if (pty_->had_slave_ && pty_->slaves_ == 0) e |= POLLHUP;
  return e;
}

// --- the slave --------------------------------------------------------------------------------------

PtySlave::~PtySlave() {
  {
    LockGuard g(pty_->lock_);
    --pty_->slaves_;
  }
  pty_->master_queue_.notify();
}

Result<std::size_t> PtySlave::read(vfs::IoBuffer& to, i64) {
  if (to.remaining() == 0) return 0;
  TRY_VOID(vfs::check_foreground(*pty_, SIGTTIN));
  std::optional<vfs::WaitEntry> entry;
  vfs::Deadline deadline;
  for (;;) {
    bool give_up = false;
    {
      LockGuard g(pty_->lock_);
      LineDiscipline& line = pty_->line_;
      // VTIME without VMIN limits the whole wait; after the first byte it limits the gap to the next.
      bool timed = !line.canonical() && line.time() != 0;
      if (timed && !deadline && (line.minimum() == 0 || line.available() != 0))
        deadline = vfs::Clock::now() + std::chrono::milliseconds(100 * line.time());
      bool poll_only = !line.canonical() && line.minimum() == 0 && line.time() == 0;
      bool full =
          !line.canonical() &&
          line.available() >= std::max<std::size_t>(1, std::min<std::size_t>(line.minimum(), to.remaining()));
      bool due = timed && deadline && *deadline <= vfs::Clock::now();
      if (line.canonical() ? line.readable() : full || due || (poll_only && line.available() != 0)) {
        std::string s = line.read(std::min<std::size_t>(to.remaining(), chunk));
        pty_->master_queue_.notify(POLLOUT | POLLWRNORM);
        return to.put(std::as_bytes(std::span(s)));
      }
      if (!pty_->master_open_) return 0;
      give_up = poll_only;
    }
    if (give_up) return 0;
    if (nonblocking()) return err(EAGAIN);
    if (!entry) {
      entry.emplace(pty_->slave_queue_, vfs::Waiter::current());
      continue;
    }
    auto slept = vfs::Waiter::current().sleep(deadline);
    if (!slept && slept.error().value() != ETIMEDOUT) return err(slept.error());
    TRY_VOID(vfs::check_foreground(*pty_, SIGTTIN));
  }
}

Result<std::size_t> PtySlave::write(vfs::IoBuffer& from, i64) {
  if (pty_->stops_writers()) TRY_VOID(vfs::check_foreground(*pty_, SIGTTOU));
  std::size_t done = 0;
  std::optional<vfs::WaitEntry> entry;
  while (from.remaining() != 0) {
    bool room = false;
    {
      LockGuard g(pty_->lock_);
      if (!pty_->master_open_) return done != 0 ? Result<std::size_t>(done) : err(EIO);
      room = pty_->output_.size() < Pty::max_output;
    }
    if (!room) {
      if (nonblocking()) return done != 0 ? Result<std::size_t>(done) : err(EAGAIN);
      auto slept = pty_->wait(entry, pty_->slave_queue_);
      if (!slept) return done != 0 ? Result<std::size_t>(done) : err(slept.error());
      continue;
    }
    auto bytes = take(from);
    if (!bytes) return done != 0 ? Result<std::size_t>(done) : err(bytes.error());
    {
      LockGuard g(pty_->lock_);
      pty_->line_.output(*bytes, pty_->output_);
    }
    done += bytes->size();
    pty_->master_queue_.notify(POLLIN | POLLRDNORM);
  }
  return done;
}

Result<u64> PtySlave::ioctl(mm::AddressSpace& mm, u32 command, u64 argument) {
  if (auto r = vfs::job_control_ioctl(pty_, mm, command, argument)) return *r;
  switch (command) {
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
    case TCSETS2:
    case TCSETSW2:
    case TCSETSF2:
    case TCFLSH:
    case TIOCSWINSZ:
      TRY_VOID(vfs::check_foreground(*pty_, SIGTTOU));
      break;
    case FIONREAD: {
      int n = 0;
      {
        LockGuard g(pty_->lock_);
        n = static_cast<int>(pty_->line_.available());
      }
      TRY_VOID(mm.write(GuestAddr(argument), n));
      return 0;
    }
    default:
      break;
  }
  if (auto r = pty_->common_ioctl(mm, command, argument)) return *r;
  return err(ENOTTY);
}

u32 PtySlave::poll() {
  LockGuard g(pty_->lock_);
  u32 e = pty_->output_.size() < Pty::max_output ? POLLOUT | POLLWRNORM : 0;
  if (pty_->line_.readable()) e |= POLLIN | POLLRDNORM;
  if (!pty_->master_open_) e |= POLLHUP | POLLERR | POLLIN;
  return e;
}

}  // namespace quire::fs::tty
