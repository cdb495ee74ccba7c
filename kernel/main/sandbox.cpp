#include "kernel/main/sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <thread>

#include "kernel/main/confine.h"
#include "kernel/main/file_tree.h"
#include "kernel/main/host_terminal.h"
#include "kernel/main/report.h"
#include "kernel/main/start_state.h"
#include "kernel/main/strace.h"
#include "kernel/main/terminal_relay.h"
#include "kernel/net/host_socket.h"
#include "kernel/platform/platform.h"
#include "kernel/syscall/table.h"
#include "kernel/task/undertaker.h"
#include "kernel/vfs/mount.h"

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
        if (s == SIGWINCH && on_resize_) {
          on_resize_();
          continue;
        }
        bool from_terminal = info.si_code == SI_KERNEL;
        if (from_terminal && (s == SIGINT || s == SIGQUIT || s == SIGTSTP || s == SIGWINCH || s == SIGHUP))
          kernel.signal_foreground(s);
        else
          kernel.signal_init(s);
      }
    });
  }
  ~SignalForwarder() { stop(); }
  /// The first program stopped, as by Ctrl-Z: quire stops in the same way, for a shell to see. When it is
  /// continued, so is the program. By a thread of the kernel's.
  static void stop_too(task::Kernel& kernel, int signo) {
    sigset_t own;
    sigemptyset(&own);
    sigaddset(&own, signo);
    ::pthread_sigmask(SIG_UNBLOCK, &own, nullptr);
    ::pthread_kill(::pthread_self(), signo);
    ::pthread_sigmask(SIG_BLOCK, &own, nullptr);
    kernel.signal_foreground(SIGCONT);
  }
  /// Called instead of passing SIGWINCH on. Before start().
  void on_resize(std::function<void()> f) { on_resize_ = std::move(f); }
  void stop() {
    if (!thread_.joinable()) return;
    ::pthread_kill(thread_.native_handle(), end_signal());
    thread_.join();
  }

 private:
  static int end_signal() { return SIGRTMAX - 1; }
  sigset_t taken_;
  std::function<void()> on_resize_;
  std::thread thread_;
};

/// -t: a terminal of the sandbox's own becomes the program's standard descriptors.
Result<std::unique_ptr<TerminalRelay>> give_terminal(const RunOptions& options, const FileTree& tree,
                                                     task::Kernel& kernel, task::InitProgram& program) {
  fs::tty::Pair pair = TRY(fs::tty::open_pair());
  auto god = make_ref<vfs::Credentials>();
  god->cap_effective = ~u64{0};
  vfs::Lookup at{tree.root, tree.root, *god, 0};
  // Opened by its name, so that ttyname(3) finds it.
  Ref<vfs::File> slave = TRY(vfs::open(at, fmt::format("/dev/pts/{}", pair.number),
                                       {.flags = O_RDWR | O_NOCTTY, .mode = 0, .walk = 0}));
  pair.slave = nullptr;
  for (int fd = 0; fd < 3; ++fd) TRY_VOID(program.fds->install_at(fd, slave, false, 1024));
  kernel.set_first_terminal(pair.terminal);
  return TerminalRelay::start(std::move(pair), options.interactive);
}

/// Gives up what the kernel process will not need: capabilities, and by Landlock all other files.
Result<> confine_files(const Sources& sources, const RunOptions& options) {
  TRY_VOID(confine::drop_capabilities(confine::kept_capabilities(sources.writes)));
  confine::FileAccess access;
  (options.writable_root ? access.writable : access.readable).push_back(sources.root.fd);
  for (std::size_t i = 0; i < sources.volumes.size(); ++i)
    (options.volumes[i].read_only ? access.readable : access.writable).push_back(sources.volumes[i].fd);
  access.network = options.net == RunOptions::Net::host;
  // The stubs' page maps, and the caller's own descriptors by name.
  int proc = ::open("/proc", O_PATH | O_CLOEXEC);
  if (proc >= 0) access.readable.push_back(proc);
  auto done = confine::restrict_files(access);
  if (proc >= 0) ::close(proc);
  if (!done) return err(done.error());
  return {};
}

}  // namespace

Outcome run_sandbox(const RunOptions& options) {
  auto begin = Clock::now();
  StartState start = StartState::capture();
  SignalForwarder signals;

  auto sources = open_sources(options);
  if (!sources) return fail(status_quire_failed, sources.error());

  std::unique_ptr<Strace> strace;
  if (options.strace) {
    strace = Strace::create(options.strace_output);
    if (!strace)
      return fail(status_quire_failed,
                  fmt::format("cannot write '{}': {}", options.strace_output, Errno::last().message()));
  }

  // The memory file first: mounting it may need what is given up next, and Landlock forbids mounting.
  // The stubs last: they must be no less confined than the kernel that reads their memory.
  platform::Options platform_options;
  platform_options.patch = options.patch;
  auto memory_file = platform::open_memory_file(options.memory_file);
  if (!memory_file)
    return fail(status_quire_failed, fmt::format("no guest memory: {}", memory_file.error().message()));
  platform_options.memory_fd = *memory_file;
  if (auto confined = confine_files(*sources, options); !confined)
    return fail(status_quire_failed, fmt::format("cannot confine itself: {}", confined.error().message()));
  auto platform = platform::create_native(platform_options);
  if (!platform)
    return fail(status_quire_failed, fmt::format("this host cannot run guests: {} ({})",
                                                 platform.error().message(), platform.error().name()));
  auto memory = mm::MemoryManager::create(**platform, options.policy);
  if (!memory) return fail(status_quire_failed, fmt::format("no guest memory: {}", memory.error().message()));

  task::KernelOptions kernel_options;
  kernel_options.syscalls = syscall::system_call_table();
  kernel_options.observer = strace.get();
  if (options.pids_limit != 0) kernel_options.max_tasks = options.pids_limit;
  if (options.hostname) kernel_options.host_name = *options.hostname;
  kernel_options.count_calls = options.stats;
  task::Kernel* running = nullptr;
  // A terminal of the program's own has nobody behind it who could continue quire; and who is stopped by
  // SIGSTOP may wait for another program in the sandbox to continue it.
  if (!options.tty && (::isatty(0) != 0 || ::isatty(1) != 0 || ::isatty(2) != 0))
    kernel_options.on_init_stopped = [&running](int signo) {
      if (signo != SIGSTOP) SignalForwarder::stop_too(*running, signo);
    };
  auto kernel = task::Kernel::create(**platform, **memory, std::move(kernel_options));
  if (!kernel) return fail(status_quire_failed, fmt::format("cannot start: {}", kernel.error().message()));

  running = &**kernel;
  auto tree = build_file_tree(options, *sources, **memory, **kernel);
  if (!tree) return fail(status_quire_failed, tree.error());
  auto program = start.program(options, *tree, **memory);
  if (!program) return fail(program.error().status, program.error().line);

  if (auto limited = confine::restrict_calls(options.net == RunOptions::Net::host, sources->writes); !limited)
    return fail(status_quire_failed, fmt::format("cannot confine itself: {}", limited.error().message()));

  if (options.net == RunOptions::Net::host) net::use_host_network();
  std::string path = program->path;
  std::unique_ptr<TerminalRelay> relay;
  if (options.tty) {
    auto given = give_terminal(options, *tree, **kernel, *program);
    if (!given)
      return fail(status_quire_failed, fmt::format("cannot make a terminal: {}", given.error().message()));
    relay = std::move(*given);
    signals.on_resize([&relay] { relay->update_size(); });
  }
  for (int fd = 0; fd < 3 && !options.tty; ++fd)
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
  signals.stop();
  relay.reset();
  // What guests wrote through shared mappings of the host's files reaches them now.
  for (auto& fs : vfs::MountTable::instance().file_systems()) (void)fs->sync();
  auto end = Clock::now();
  if (options.stats)
    print_report(options.stats_format == "json", **kernel, **memory, **platform,
                 {std::chrono::duration<double, std::milli>(ready - begin).count(),
                  std::chrono::duration<double, std::milli>(end - begin).count()});
  // What is left of the sandbox is memory, which the host takes back faster than page by page.
  task::leave_unburied();
  (*memory)->stop_background();
  (void)kernel->release();
  (void)memory->release();
  return {.status = ended.signo != 0 ? 128 + ended.signo : ended.code & 0xff, .signo = ended.signo};
}

}  // namespace quire::cli
