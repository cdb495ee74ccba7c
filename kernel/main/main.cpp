// The `quire` command.
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>

#include "kernel/main/memory_map.h"
#include "kernel/main/options.h"
#include "kernel/main/sandbox.h"
#include "kernel/main/syscall_page.h"

int main(int argc, char** argv) {
  using namespace quire::cli;
  Parsed parsed = parse(argc, argv);
  switch (parsed.what) {
    case Parsed::What::version_or_help:
      std::fputs(parsed.message.c_str(), stdout);
      return 0;
    case Parsed::What::usage_error:
      std::fprintf(stderr, "quire: %s\n", parsed.message.c_str());
      return status_quire_failed;
    case Parsed::What::syscalls:
      std::fputs(syscall_page().c_str(), stdout);
      return 0;
    case Parsed::What::mem:
      return show_memory(parsed.mem_pid, parsed.mem_svg);
    case Parsed::What::run:
      break;
  }
  // Page tables come and go by the thousand: heaps grow by more than a page at a time, and do not shrink at
  // once.
  mallopt(M_TOP_PAD, 4 << 20);
  mallopt(M_TRIM_THRESHOLD, 16 << 20);
  Outcome outcome = run_sandbox(parsed.run);
  if (outcome.signo != 0) {
    // Die of the signal that killed the program, so that the caller sees what it would have seen.
    ::signal(outcome.signo, SIG_DFL);
    sigset_t all;
    sigemptyset(&all);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
    ::kill(::getpid(), outcome.signo);
    return 128 + outcome.signo;
  }
  return outcome.status;
}
