// What a hand-off between a guest thread and its kernel thread costs, beside what the host itself needs
// for one: medians of interleaved rounds, in microseconds and as ratios.
#include <fmt/format.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "kernel/platform/platform.h"

extern "C" const char guest_null_calls[], guest_null_calls_end[], guest_read_pages[], guest_read_pages_end[];

namespace {

using namespace quire;
using Clock = std::chrono::steady_clock;

constexpr int rounds = 9;

double micros(Clock::duration d) { return std::chrono::duration<double, std::micro>(d).count(); }
double median(std::vector<double> v) {
  if (v.empty()) return 0;
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

void pin(std::initializer_list<int> cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int c : cpus) CPU_SET(c, &set);
  sched_setaffinity(0, sizeof set, &set);
}

/// Runs `measure` in a child pinned to the CPUs; its result. So no measurement leaves traces.
double in_child(std::initializer_list<int> cpus, const std::function<double()>& measure) {
  int fds[2];
  if (pipe(fds) != 0) return -1;
  const pid_t child = fork();
  if (child == 0) {
    pin(cpus);
    const double result = measure();
    _exit(write(fds[1], &result, sizeof result) == sizeof result ? 0 : 1);
  }
  close(fds[1]);
  double result = -1;
  if (read(fds[0], &result, sizeof result) != sizeof result) result = -1;
  close(fds[0]);
  waitpid(child, nullptr, 0);
  return result;
}

double null_call() {
  constexpr int n = 200000;
  const auto start = Clock::now();
  for (int i = 0; i < n; ++i) syscall(SYS_close, -1);
  return micros(Clock::now() - start) / n;
}

struct Words {
  alignas(64) std::atomic<std::uint32_t> a;
  alignas(64) std::atomic<std::uint32_t> b;
};

void futex_wait(std::atomic<std::uint32_t>* w, std::uint32_t while_value) {
  while (w->load() == while_value) syscall(SYS_futex, w, FUTEX_WAIT, while_value, nullptr, nullptr, 0);
}

/// A hand-off to another process and back; `spin`: neither side ever sleeps.
double round_trip(bool spin, int other_cpu, int n) {
  auto* w = static_cast<Words*>(
      mmap(nullptr, sizeof(Words), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  auto turn = [&](std::atomic<std::uint32_t>* out, std::atomic<std::uint32_t>* in, std::uint32_t i,
                  bool first) {
    auto wait = [&](std::uint32_t old) {
      if (spin)
        while (in->load() == old) __builtin_ia32_pause();
      else
        futex_wait(in, old);
    };
    auto tell = [&] {
      out->store(i + 1);
      if (!spin) syscall(SYS_futex, out, FUTEX_WAKE, 1, nullptr, nullptr, 0);
    };
    if (first) {
      tell();
      wait(i);
    } else {
      wait(i);
      tell();
    }
  };
  const auto total = static_cast<std::uint32_t>(n + n / 10);
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin({other_cpu});
    for (std::uint32_t i = 0; i < total; ++i) turn(&w->b, &w->a, i, false);
    _exit(0);
  }
  Clock::time_point start;
  for (std::uint32_t i = 0; i < total; ++i) {
    if (i == total - static_cast<std::uint32_t>(n)) start = Clock::now();
    turn(&w->a, &w->b, i, true);
  }
  const double result = micros(Clock::now() - start) / n;
  waitpid(child, nullptr, 0);
  munmap(w, sizeof(Words));
  return result;
}

void on_sigsys(int, siginfo_t*, void* context) {
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RAX] = 0;
}

/// A system call that a seccomp filter turns into SIGSYS, and the handler's return.
double sigsys() {
  struct sigaction action{};
  action.sa_sigaction = on_sigsys;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSYS, &action, nullptr);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  sock_fprog program{4, code};
  syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
  constexpr int n = 20000;
  const auto start = Clock::now();
  for (int i = 0; i < n; ++i) syscall(SYS_getppid);
  return micros(Clock::now() - start) / n;
}

/// Patches the calls in a page of code as if each had trapped.
bool patch_all(platform::Platform& p, std::span<std::byte> page) {
  constexpr u64 key = 1;
  for (std::size_t i = 5; i + 1 < page.size(); ++i) {
    if (page[i] != std::byte{0x0f} || page[i + 1] != std::byte{0x05} || page[i - 5] != std::byte{0xb8})
      continue;
    u32 number;
    std::memcpy(&number, &page[i - 4], sizeof number);
    for (int n = 0; n < 2; ++n)
      (void)p.patcher().trapped(key, 0, page, i, {.number = number, .r9 = 0, .stack = {}});
  }
  return p.patcher().apply(key, 0, page) != 0;
}

/// close(-1) in a guest, answered by a kernel thread that does nothing else.
double ours(bool patched, int n) {
  platform::Options options;
  options.stub_pool = 0;
  auto p = platform::create_native(options);
  if (!p) return -1;
  const FrameNumber code(1024);
  std::byte* text = (*p)->memory().at(code);
  constexpr u64 entry = 64;  // the patcher looks at what stands before a call
  std::memcpy(text + entry, guest_null_calls,
              static_cast<std::size_t>(guest_null_calls_end - guest_null_calls));
  if (patched && !patch_all(**p, std::span(text, page_size))) return -1;
  auto space = (*p)->create_space();
  auto context = (*p)->create_context();
  if (!space || !context) return -1;
  (*space)->map({GuestAddr(0x400000), GuestAddr(0x401000)}, code, Access::read | Access::exec);
  (*context)->regs().rip = 0x400000 + entry;
  std::vector<double> samples;
  constexpr int batch = 100;
  for (int i = 0; i < n / 10; ++i) (*context)->run(**space);
  for (int i = 0; i < n; i += batch) {
    const auto start = Clock::now();
    for (int k = 0; k < batch; ++k) {
      const platform::Trap t = (*context)->run(**space);
      const auto route = patched ? platform::Trap::Route::patched : platform::Trap::Route::trapped;
      if (t.kind != platform::Trap::Kind::syscall || t.route != route) return -1;
      (*context)->regs().rax = static_cast<u64>(-EBADF);
    }
    samples.push_back(micros(Clock::now() - start) / batch);
  }
  return median(samples);
}

/// A platform with a guest that reads a byte of each page in a range, then makes a call.
struct Reader {
  static constexpr u64 base = 0x10000000;
  std::unique_ptr<platform::Platform> platform;
  std::unique_ptr<platform::Space> space;
  std::unique_ptr<platform::Context> context;

  bool start() {
    platform::Options options;
    options.stub_pool = 0;
    auto p = platform::create_native(options);
    if (!p) return false;
    platform = std::move(*p);
    std::memcpy(platform->memory().at(FrameNumber(1024)), guest_read_pages,
                static_cast<std::size_t>(guest_read_pages_end - guest_read_pages));
    auto s = platform->create_space();
    auto c = platform->create_context();
    if (!s || !c) return false;
    space = std::move(*s);
    context = std::move(*c);
    space->map({GuestAddr(0x400000), GuestAddr(0x401000)}, FrameNumber(1024), Access::read | Access::exec);
    return true;
  }
  platform::Trap read(u64 first, u64 pages) {
    context->regs().rip = 0x400000;
    context->regs().rdi = base + first * page_size;
    context->regs().rsi = base + (first + pages) * page_size;
    return context->run(*space);
  }
};
constexpr FrameNumber data(2048);

/// A fault that the kernel answers by mapping the page.
double fault(int n) {
  Reader r;
  if (!r.start()) return -1;
  for (int i = 0; i < n; ++i) r.platform->memory().at(data + static_cast<u64>(i))[0] = std::byte{1};
  platform::Trap t = r.read(0, static_cast<u64>(n));
  const auto start = Clock::now();
  for (int i = 0; i < n; ++i) {
    if (t.kind != platform::Trap::Kind::page_fault) return -1;
    const u64 at = page_down(t.address).value();
    r.space->map({GuestAddr(at), GuestAddr(at + page_size)}, data + (at - Reader::base) / page_size,
                 Access::read);
    t = r.context->run(*r.space);
  }
  return micros(Clock::now() - start) / n;
}

/// The first touch of a hole of the memory file that is mapped already.
double first_touch(u64 n) {
  Reader r;
  if (!r.start()) return -1;
  r.space->map({GuestAddr(Reader::base), GuestAddr(Reader::base + n * page_size)}, data, Access::read);
  r.read(0, 1);
  const auto start = Clock::now();
  r.read(1, n - 1);
  return micros(Clock::now() - start) / static_cast<double>(n - 1);
}
double native_touch(u64 n) {
  auto* p = static_cast<volatile char*>(mmap(nullptr, n * page_size, PROT_READ | PROT_WRITE,
                                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  madvise(const_cast<char*>(p), n * page_size, MADV_NOHUGEPAGE);
  p[0] = 1;
  const auto start = Clock::now();
  for (u64 i = 1; i < n; ++i) p[i * page_size] = 1;
  return micros(Clock::now() - start) / static_cast<double>(n - 1);
}

/// Taking a page away from a guest that does not run, to the acknowledgement.
double revocation(int n) {
  Reader r;
  if (!r.start()) return -1;
  r.space->map({GuestAddr(Reader::base), GuestAddr(Reader::base + 4096 * page_size)}, data, Access::read);
  r.read(0, 1);
  const auto start = Clock::now();
  for (int i = 0; i < n; ++i) {
    const u64 at = Reader::base + static_cast<u64>(i) * page_size;
    r.space->wait(r.space->unmap({GuestAddr(at), GuestAddr(at + page_size)}));
  }
  return micros(Clock::now() - start) / n;
}

/// A new space with its first thread, run up to its first trap, and its end. No stubs are made ahead.
double space_life(int n) {
  Reader r;
  if (!r.start()) return -1;
  r.read(0, 1);
  const auto start = Clock::now();
  for (int i = 0; i < n; ++i) {
    auto s = r.platform->create_space();
    auto c = r.platform->create_context();
    if (!s || !c) return -1;
    (*s)->map({GuestAddr(0x400000), GuestAddr(0x401000)}, FrameNumber(1024), Access::read | Access::exec);
    (*c)->regs().rip = 0x400000;
    (*c)->regs().rsi = 1;
    if ((*c)->run(**s).kind != platform::Trap::Kind::page_fault) return -1;
  }
  return micros(Clock::now() - start) / n;
}
double native_fork(int n) {
  const auto start = Clock::now();
  for (int i = 0; i < n; ++i) {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, nullptr, 0);
  }
  return micros(Clock::now() - start) / n;
}

struct Row {
  std::string name;
  std::function<double()> measure;
  std::vector<double> samples{};
};

}  // namespace

int main(int argc, char** argv) {
  const std::string_view only = argc > 1 ? argv[1] : "";  // rows whose name contains this
  const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  std::vector<Row> rows;
  rows.push_back({"native null call", [] { return in_child({0}, null_call); }});
  rows.push_back({"T: SIGSYS and back", [] { return in_child({0}, sigsys); }});
  rows.push_back({"F: futex there and back, one CPU",
                  [] { return in_child({0}, [] { return round_trip(false, 0, 3000); }); }});
  rows.push_back({"ours, trapped, one CPU", [] { return in_child({0}, [] { return ours(false, 3000); }); }});
  rows.push_back({"ours, patched, one CPU", [] { return in_child({0}, [] { return ours(true, 3000); }); }});
  if (cpus > 1) {
    rows.push_back({"futex there and back, two CPUs",
                    [] { return in_child({0}, [] { return round_trip(false, 1, 1000); }); }});
    rows.push_back({"S: spinning there and back",
                    [] { return in_child({0}, [] { return round_trip(true, 1, 20000); }); }});
    rows.push_back(
        {"ours, trapped, two CPUs", [] { return in_child({0, 1}, [] { return ours(false, 10000); }); }});
    rows.push_back(
        {"ours, patched, two CPUs", [] { return in_child({0, 1}, [] { return ours(true, 10000); }); }});
  }
  rows.push_back({"native first touch", [] { return in_child({0}, [] { return native_touch(8192); }); }});
  rows.push_back(
      {"ours, first touch of a mapped hole", [] { return in_child({0}, [] { return first_touch(8192); }); }});
  rows.push_back({"fault answered, one CPU", [] { return in_child({0}, [] { return fault(1000); }); }});
  rows.push_back({"revocation, one CPU", [] { return in_child({0}, [] { return revocation(1000); }); }});
  rows.push_back({"native fork+exit+wait", [] { return in_child({0}, [] { return native_fork(50); }); }});
  rows.push_back(
      {"space made, run, ended, one CPU", [] { return in_child({0}, [] { return space_life(50); }); }});
  if (cpus > 1) {
    rows.push_back({"fault answered, two CPUs", [] { return in_child({0, 1}, [] { return fault(1000); }); }});
    rows.push_back(
        {"revocation, two CPUs", [] { return in_child({0, 1}, [] { return revocation(1000); }); }});
    rows.push_back(
        {"space made, run, ended, two CPUs", [] { return in_child({0, 1}, [] { return space_life(50); }); }});
  }
  for (int i = 0; i < rounds; ++i)
    for (Row& r : rows) {
      if (r.name.find(only) == std::string::npos) continue;
      if (const double v = r.measure(); v >= 0) r.samples.push_back(v);
    }
  auto value = [&](std::size_t i) { return i < rows.size() ? median(rows[i].samples) : 0; };
  fmt::print("{:<36}{:>10}{:>10}{:>10}\n", "us", "median", "best", "worst");
  for (const Row& r : rows) {
    if (r.samples.empty()) {
      fmt::print("{:<36}{:>10}\n", r.name, "-");
      continue;
    }
    auto [low, high] = std::minmax_element(r.samples.begin(), r.samples.end());
    fmt::print("{:<36}{:>10.3f}{:>10.3f}{:>10.3f}\n", r.name, median(r.samples), *low, *high);
  }
  if (!only.empty()) return 0;
  const double f = value(2), t = value(1), s = value(6);
  fmt::print("\npatched, one CPU   {:.2f} F        (bound 1.15)\n", value(4) / f);
  fmt::print("trapped, one CPU   {:.2f} (F + T)  (bound 1.15)\n", value(3) / (f + t));
  auto named = [&](std::string_view name) {
    for (const Row& r : rows)
      if (r.name == name) return median(r.samples);
    return 0.0;
  };
  fmt::print("first touch        {:.2f} native   (bound 1.5)\n",
             named("ours, first touch of a mapped hole") / named("native first touch"));
  if (cpus > 1) fmt::print("patched, two CPUs  {:.2f} S        (bound 4)\n", value(8) / s);
  if (cpus > 1) fmt::print("trapped, two CPUs  {:.2f} S, {:.2f} (S + T)\n", value(7) / s, value(7) / (s + t));
}
