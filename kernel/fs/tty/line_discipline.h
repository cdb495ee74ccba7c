// What a terminal does to bytes on their way: editing, echo, signals, output processing (termios(3)).
// Pure: no locks, no waiting; pty.cpp calls it under the terminal's lock.
#pragma once

#include <asm/termbits.h>

#include <deque>
#include <string>
#include <string_view>

#include "base/types.h"

namespace quire::fs::tty {

class LineDiscipline {
 public:
  LineDiscipline();

  /// Bytes typed at the master. What is echoed is appended to `echo` (for the master to read); signals
  /// to send to the foreground group are added to `signals`, one bit each.
  void input(std::string_view bytes, std::string& echo, u64& signals);
  /// What the program wrote, as the master will read it.
  void output(std::string_view bytes, std::string& out);

  /// Can a read return now? `eof`: an empty line ended by VEOF comes first.
  bool readable() const;
  /// Up to `max` bytes; 0 with readable() means end of file.
  std::string read(std::size_t max);
  std::size_t available() const { return ready_.size(); }
  /// Bytes that input() takes before it drops them.
  std::size_t room() const;

  const termios2& attributes() const { return t_; }
  void set_attributes(const termios2& t);
  void flush_input();
  bool canonical() const { return (t_.c_lflag & ICANON) != 0; }
  u8 minimum() const { return t_.c_cc[VMIN]; }
  u8 time() const { return t_.c_cc[VTIME]; }

 private:
  static constexpr std::size_t max_line = 4096;
  static constexpr std::size_t max_ready = 65536;

  bool is(u8 byte, unsigned which) const { return t_.c_cc[which] != 0 && byte == t_.c_cc[which]; }
  bool signal_for(u8 byte, std::string& echo, u64& signals);
  bool edit(u8 byte, std::string& echo);
  void finish_line(std::size_t length);
  void echo_byte(u8 byte, std::string& echo);
  void erase_one(std::string& echo);
  void put(u8 byte, std::string& out);

  termios2 t_{};
  std::string line_;                 // being edited
  std::deque<char> ready_;           // complete lines, or raw bytes
  std::deque<std::size_t> lengths_;  // of the complete lines in ready_; 0: end of file
  bool quoted_ = false;              // the last byte was VLNEXT
  std::size_t column_ = 0;
};

}  // namespace quire::fs::tty
