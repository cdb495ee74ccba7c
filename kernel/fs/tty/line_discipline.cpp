#include "kernel/fs/tty/line_discipline.h"

#include <signal.h>

#include <algorithm>

namespace quire::fs::tty {
namespace {
constexpr u8 control(char c) { return static_cast<u8>(c & 0x1f); }
constexpr bool printable(u8 b) { return b >= 0x20 && b != 0x7f; }
constexpr bool continuation(char c) { return (static_cast<u8>(c) & 0xc0) == 0x80; }  // of a UTF-8 character
}  // namespace

LineDiscipline::LineDiscipline() {
  t_.c_iflag = ICRNL | IXON;
  t_.c_oflag = OPOST | ONLCR;
  t_.c_cflag = B38400 | CS8 | CREAD | HUPCL;
  t_.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
  t_.c_ispeed = t_.c_ospeed = 38400;
  t_.c_cc[VINTR] = control('C');
  t_.c_cc[VQUIT] = control('\\');
  t_.c_cc[VERASE] = 0x7f;
  t_.c_cc[VKILL] = control('U');
  t_.c_cc[VEOF] = control('D');
  t_.c_cc[VMIN] = 1;
  t_.c_cc[VSTART] = control('Q');
  t_.c_cc[VSTOP] = control('S');
  t_.c_cc[VSUSP] = control('Z');
  t_.c_cc[VREPRINT] = control('R');
  t_.c_cc[VDISCARD] = control('O');
  t_.c_cc[VWERASE] = control('W');
  t_.c_cc[VLNEXT] = control('V');
}

void LineDiscipline::set_attributes(const termios2& t) {
  bool was = canonical();
  t_ = t;
  if (was == canonical()) return;
  if (canonical()) {
    // What was typed raw counts as one line.
    if (!ready_.empty()) lengths_.push_back(ready_.size());
  } else {
    lengths_.clear();
    ready_.insert(ready_.end(), line_.begin(), line_.end());
    line_.clear();
  }
}

void LineDiscipline::flush_input() {
  line_.clear();
  ready_.clear();
  lengths_.clear();
  quoted_ = false;
}

std::size_t LineDiscipline::room() const {
  std::size_t used = ready_.size() + line_.size();
  return used < max_ready ? max_ready - used : 0;
}

bool LineDiscipline::readable() const {
  if (canonical()) return !lengths_.empty();
  return !ready_.empty() && ready_.size() >= std::max<std::size_t>(1, time() == 0 ? minimum() : 1);
}

std::string LineDiscipline::read(std::size_t max) {
  std::size_t n = std::min(max, ready_.size());
  if (canonical()) {
    if (lengths_.empty()) return {};
    n = std::min(n, lengths_.front());
    lengths_.front() -= n;
    if (lengths_.front() == 0) lengths_.pop_front();
  }
  std::string out(ready_.begin(), ready_.begin() + static_cast<std::ptrdiff_t>(n));
  ready_.erase(ready_.begin(), ready_.begin() + static_cast<std::ptrdiff_t>(n));
  return out;
}

void LineDiscipline::put(u8 byte, std::string& out) {
  if ((t_.c_oflag & OPOST) != 0) {
    if (byte == '\n' && (t_.c_oflag & ONLCR) != 0) {
      out += "\r\n";
      column_ = 0;
      return;
    }
    if (byte == '\r' && (t_.c_oflag & OCRNL) != 0) byte = '\n';
    if (byte == '\r' && (t_.c_oflag & ONOCR) != 0 && column_ == 0) return;
    if (byte == '\t' && (t_.c_oflag & TABDLY) == TAB3) {
      do out += ' ';
      while (++column_ % 8 != 0);
      return;
    }
  }
  if (byte == '\r' || byte == '\n')
    column_ = 0;
  else if (byte == '\b')
    column_ -= column_ != 0 ? 1 : 0;
  else if (byte == '\t')
    column_ = (column_ / 8 + 1) * 8;
  else if (printable(byte) && !continuation(static_cast<char>(byte)))
    ++column_;
  out += static_cast<char>(byte);
}

void LineDiscipline::output(std::string_view bytes, std::string& out) {
  for (char c : bytes) put(static_cast<u8>(c), out);
}

void LineDiscipline::echo_byte(u8 byte, std::string& echo) {
  if ((t_.c_lflag & ECHO) == 0 && !(byte == '\n' && (t_.c_lflag & ECHONL) != 0)) return;
  if ((t_.c_lflag & ECHOCTL) != 0 && !printable(byte) && byte != '\n' && byte != '\t') {
    put('^', echo);
    put(byte ^ 0x40, echo);
    return;
  }
  put(byte, echo);
}

void LineDiscipline::erase_one(std::string& echo) {
  if (line_.empty()) return;
  while (line_.size() > 1 && continuation(line_.back())) line_.pop_back();
  u8 byte = static_cast<u8>(line_.back());
  line_.pop_back();
  if ((t_.c_lflag & ECHO) == 0) return;
  if ((t_.c_lflag & ECHOE) == 0) {
    put(t_.c_cc[VERASE], echo);
    return;
  }
  int width = !printable(byte) && (t_.c_lflag & ECHOCTL) != 0 && byte != '\t' ? 2 : 1;
  for (int i = 0; i < width; ++i)
    for (char c : std::string_view("\b \b")) put(static_cast<u8>(c), echo);
}

bool LineDiscipline::signal_for(u8 byte, std::string& echo, u64& signals) {
  if ((t_.c_lflag & ISIG) == 0) return false;
  int signo = is(byte, VINTR) ? SIGINT : is(byte, VQUIT) ? SIGQUIT : is(byte, VSUSP) ? SIGTSTP : 0;
  if (signo == 0) return false;
  signals |= u64{1} << (signo - 1);
  if ((t_.c_lflag & NOFLSH) == 0) flush_input();
  echo_byte(byte, echo);
  return true;
}

void LineDiscipline::finish_line(std::size_t length) {
  ready_.insert(ready_.end(), line_.begin(), line_.end());
  lengths_.push_back(length);
  line_.clear();
}

/// Canonical mode: true if the byte was used up.
bool LineDiscipline::edit(u8 byte, std::string& echo) {
  if (is(byte, VERASE)) {
    erase_one(echo);
    return true;
  }
  if (is(byte, VKILL)) {
    if ((t_.c_lflag & ECHOKE) != 0) {
      while (!line_.empty()) erase_one(echo);
    } else {
      line_.clear();
      echo_byte(byte, echo);
      if ((t_.c_lflag & ECHOK) != 0) echo_byte('\n', echo);
    }
    return true;
  }
  if ((t_.c_lflag & IEXTEN) != 0 && is(byte, VWERASE)) {
    while (!line_.empty() && line_.back() == ' ') erase_one(echo);
    while (!line_.empty() && line_.back() != ' ') erase_one(echo);
    return true;
  }
  if ((t_.c_lflag & IEXTEN) != 0 && is(byte, VREPRINT)) {
    echo_byte(byte, echo);
    echo_byte('\n', echo);
    for (char c : line_) echo_byte(static_cast<u8>(c), echo);
    return true;
  }
  if (is(byte, VEOF)) {
    finish_line(line_.size());
    return true;
  }
  if (byte == '\n' || is(byte, VEOL) || ((t_.c_lflag & IEXTEN) != 0 && is(byte, VEOL2))) {
    echo_byte(byte, echo);
    line_ += static_cast<char>(byte);
    finish_line(line_.size());
    return true;
  }
  return false;
}

void LineDiscipline::input(std::string_view bytes, std::string& echo, u64& signals) {
  for (char c : bytes) {
    u8 byte = static_cast<u8>(c);
    if ((t_.c_iflag & ISTRIP) != 0) byte &= 0x7f;
    if (!quoted_) {
      if (byte == '\r') {
        if ((t_.c_iflag & IGNCR) != 0) continue;
        if ((t_.c_iflag & ICRNL) != 0) byte = '\n';
      } else if (byte == '\n' && (t_.c_iflag & INLCR) != 0) {
        byte = '\r';
      }
      if (signal_for(byte, echo, signals)) continue;
      if ((t_.c_iflag & IXON) != 0 && (is(byte, VSTART) || is(byte, VSTOP))) continue;
      if (canonical() && (t_.c_lflag & IEXTEN) != 0 && is(byte, VLNEXT)) {
        quoted_ = true;
        continue;
      }
      if (canonical() && edit(byte, echo)) continue;
    }
    quoted_ = false;
    if (canonical()) {
      if (line_.size() + 1 >= max_line) continue;  // the rest of an endless line is lost, as in Linux
      line_ += static_cast<char>(byte);
    } else {
      if (ready_.size() >= max_ready) continue;
      ready_.push_back(static_cast<char>(byte));
    }
    echo_byte(byte, echo);
  }
}

}  // namespace quire::fs::tty
