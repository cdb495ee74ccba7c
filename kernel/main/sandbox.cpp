#include "kernel/main/sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "kernel/main/confine.h"
#include "kernel/main/host_terminal.h"
#include "kernel/vfs/mount.h"
#include "kernel/main/file_tree.h"
#include "kernel/main/report.h"
#include "kernel/main/start_state.h"
#include "kernel/main/strace.h"
#include "kernel/platform/platform.h"
#include "kernel/syscall/table.h"

extern char** environ;

namespace quire::cli {
namespace {

using Clock = std::chrono::steady_clock;

Outcome fail(int status, const std::string& line) {
  std::fprintf(stderr, "quire: %s\n", line.c_str());
  return {.status = status, .signo = 0};
}

/// Passes on signals that reach quire itself. They are blocked in every thread and taken here.
class SignalForwarder {
 public:
  /// Call before any other thread exists. Signals that the caller ignores stay ignored.
  SignalForwarder() {
    sigemptyset(&taken_);
    for (int s : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGTSTP, SIGCONT, SIGALRM}) {
      struct sigaction old;
      ::sigaction(s, nullptr, &old);
      if (old.sa_handler != SIG_IGN) sigaddset(&taken_, s);
    }
    sigaddset(&taken_, end_signal());
    ::pthread_sigmask(SIG_BLOCK, &taken_, nullptr);
  }
  void start(task::Kernel& kernel) {
    thread_ = std::thread([this, &kernel] {
      for (;;) {
        siginfo_t info;
        int s = ::sigwaitinfo(&taken_, &info);
        if (s < 0) continue;
        if (s == end_signal()) return;
        // The terminal's own signals go to its foreground group, all others to the first program.
        bool from_terminal = info.si_code == SI_KERNEL;
        if (from_terminal && (s == SIGINT || s == SIGQUIT || s == SIGTSTP || s == SIGWINCH || s == SIGHUP)) kernel.signal_foreground(s);
        else kernel.signal_init(s);
      }
    });
  }
  ~SignalForwarder() {
    if (!thread_.joinable()) return;
    ::pthread_kill(thread_.native_handle(), end_signal());
    thread_.join();
  }

 private:
  static int end_signal() { return SIGRTMAX - 1; }
  sigset_t taken_;
  std::thread thread_;
};

}  // namespace

Outcome run_sandbox(const RunOptions& options) {
  auto begin = Clock::now();
  StartState start = StartState::capture();
  SignalForwarder signals;

  auto sources = open_sources(options);
  if (!sources) return fail(status_quire_failed, sources.error());

  platform::Options platform_options;
  platform_options.patch = options.patch;
  platform_options.memory = options.memory_file;
  auto platform = platform::create_native(platform_options);
  if (!platform)
    return fail(status_quire_failed, fmt::format("this host cannot run guests: {} ({})", platform.error().message(), platform.error().name()));
  auto memory = mm::MemoryManager::create(**platform, options.policy);
  if (!memory) return fail(status_quire_failed, fmt::format("no guest memory: {}", memory.error().message()));

  std::unique_ptr<Strace> strace;
  if (options.strace) {
    strace = Strace::create(options.strace_output);
    if (!strace) return fail(status_quire_failed, fmt::format("cannot write '{}': {}", options.strace_output, Errno::last().message()));
  }
  task::KernelOptions kernel_options;
  kernel_options.syscalls = syscall::system_call_table();
  kernel_options.observer = strace.get();
  if (options.pids_limit != 0) kernel_options.max_tasks = options.pids_limit;
  if (options.hostname) kernel_options.host_name = *options.hostname;
  kernel_options.count_calls = options.stats;
  auto kernel = task::Kernel::create(**platform, **memory, std::move(kernel_options));
  if (!kernel) return fail(status_quire_failed, fmt::format("cannot start: {}", kernel.error().message()));

  auto tree = build_file_tree(options, *sources, **memory, **kernel);
  if (!tree) return fail(status_quire_failed, tree.error());
  auto program = start.program(options, *tree);
  if (!program) return fail(program.error().status, program.error().line);

  if (auto limited = confine::restrict_calls(options.net == RunOptions::Net::host, sources->writes); !limited)
    return fail(status_quire_failed, fmt::format("cannot confine itself: {}", limited.error().message()));

  std::string path = program->path;
  for (int fd = 0; fd < 3; ++fd)
    if (Ref<HostTerminal> terminal = HostTerminal::of(fd)) {
      (*kernel)->set_first_terminal(terminal);
      break;
    }
  if (auto started = (*kernel)->start_init(std::move(*program)); !started)
    return fail(started.error() == Errno(ENOENT) ? status_not_found : status_cannot_run,
                fmt::format("cannot run '{}': {}", path, started.error().message()));
  auto ready = Clock::now();
  signals.start(**kernel);
  task::ExitStatus ended = (*kernel)->wait_init();
  (*kernel)->shutdown();
  // What guests wrote through shared mappings of the host's files reaches them now.
  for (auto& fs : vfs::MountTable::instance().file_systems()) (void)fs->sync();
  auto end = Clock::now();
  if (options.stats)
    print_report(options.stats_format == "json", **kernel, **memory, **platform,
                 {std::chrono::duration<double, std::milli>(ready - begin).count(),
                  std::chrono::duration<double, std::milli>(end - begin).count()});
  return {.status = ended.signo != 0 ? 128 + ended.signo : ended.code & 0xff, .signo = ended.signo};
}

}  // namespace quire::cli
