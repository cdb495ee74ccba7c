// quire run -t: the program has a pseudo-terminal of its own; this carries bytes between it and the
// caller's terminal, which is in raw mode meanwhile.
#pragma once

#include <termios.h>

#include <memory>
#include <thread>

#include "base/result.h"
#include "kernel/fs/tty/tty.h"
#include "kernel/vfs/file.h"

namespace quire::cli {

class TerminalRelay {
 public:
  /// Takes the caller's window size over and starts to carry. Without `input` standard input is not read
  /// (no -i). EMFILE and the like.
  static Result<std::unique_ptr<TerminalRelay>> start(fs::tty::Pair pair, bool input);
  /// Carries what output is left, and gives the caller's terminal its mode back.
  ~TerminalRelay();

  /// The caller's window changed its size.
  void update_size();

 private:
  TerminalRelay(fs::tty::Pair pair, int wake);
  void carry_input();
  void carry_output();

  const Ref<vfs::File> master_;
  const Ref<RefCounted> terminal_;
  const int wake_;  // eventfd: end carry_input
  bool raw_ = false;
  termios before_{};
  std::thread input_, output_;
};

}  // namespace quire::cli
