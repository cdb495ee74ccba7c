// What a hostile guest may try against its stub: each has no effect but on the guest itself.
#include <dirent.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include "kernel/platform/native/frame.h"
#include "kernel/platform/native/test_guest.h"
#include "kernel/platform/native/wire.h"

namespace quire::platform::native {
namespace {

using Kind = Trap::Kind;
using Clock = std::chrono::steady_clock;

struct EscapeTest : NativeTest {};

double seconds_since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

/// Stubs (and the template) that are children of a process.
std::vector<pid_t> stubs_of(pid_t parent) {
  std::vector<pid_t> found;
  DIR* proc = opendir("/proc");
  while (dirent* e = readdir(proc)) {
    std::ifstream stat(std::string("/proc/") + e->d_name + "/stat");
    std::string line;
    if (!std::getline(stat, line)) continue;
    const auto open = line.find('('), close = line.rfind(')');
    if (open == std::string::npos || line.substr(open + 1, close - open - 1) != "quire-stub") continue;
    char state;
    int ppid;
    if (sscanf(line.c_str() + close + 2, "%c %d", &state, &ppid) == 2 && ppid == parent && state != 'Z')
      found.push_back(atoi(e->d_name));
  }
  closedir(proc);
  return found;
}

/// The stub that `step` makes busy: the one whose CPU time grows. For tests that act on it from outside.
pid_t spinning_stub() {
  auto time_of = [](pid_t p) {
    std::ifstream f("/proc/" + std::to_string(p) + "/schedstat");
    std::ifstream stat("/proc/" + std::to_string(p) + "/stat");
    std::string line;
    std::getline(stat, line);
    unsigned long utime = 0;
    const auto close = line.rfind(')');
    if (close != std::string::npos)
      sscanf(line.c_str() + close + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu", &utime);
    return utime;
  };
  const auto stubs = stubs_of(getpid());
  std::vector<unsigned long> before;
  for (pid_t p : stubs) before.push_back(time_of(p));
  for (int tries = 0; tries < 100; ++tries) {
    usleep(50000);
    for (std::size_t i = 0; i < stubs.size(); ++i)
      if (time_of(stubs[i]) > before[i] + 1) return stubs[i];
  }
  return 0;
}

TEST_F(EscapeTest, OtherRoutesIntoTheHostTrap) {
  load(GUEST_CODE(int80));
  Trap t = context->run(*space);
  ASSERT_EQ(t.kind, Kind::syscall);
  EXPECT_TRUE(t.compat);
  EXPECT_EQ(context->regs().orig_rax, 20u);

  load(GUEST_CODE(x32));
  t = context->run(*space);
  ASSERT_EQ(t.kind, Kind::syscall);
  EXPECT_TRUE(t.compat);

  load(GUEST_CODE(vsyscall));
  t = context->run(*space);
  // time(): a call where the host has the page, a fault where it does not.
  EXPECT_TRUE(t.kind == Kind::syscall || t.kind == Kind::page_fault || t.kind == Kind::exception);
  if (t.kind == Kind::syscall) {
    EXPECT_EQ(context->regs().orig_rax, u64{SYS_time});
  }

  load(GUEST_CODE(sysenter));
  t = context->run(*space);
  EXPECT_TRUE(t.kind == Kind::exception || t.kind == Kind::page_fault ||
              (t.kind == Kind::syscall && t.compat));
}

TEST_F(EscapeTest, Code32TrapsToo) {
  load(GUEST_CODE(far32));
  Trap t = context->run(*space);
  ASSERT_EQ(t.kind, Kind::syscall);
  EXPECT_TRUE(t.compat);
  EXPECT_EQ(context->regs().cs, 0x23u);
  EXPECT_EQ(context->regs().orig_rax, 20u);
  // SYSCALL in 32-bit mode exists on AMD only.
  t = context->run(*space);
  EXPECT_TRUE((t.kind == Kind::syscall && t.compat) || (t.kind == Kind::exception && t.signo == SIGILL));
}

// Every SYSCALL instruction in the stub's code and trampolines, with every number that matters.
TEST_F(EscapeTest, TheStubsOwnInstructionsAreOfNoUse) {
  const auto size = static_cast<std::size_t>(quire_stub_end - quire_stub_begin);
  unsigned found = 0;
  for (std::size_t i = 0; i + 1 < size; ++i) {
    if (quire_stub_begin[i] != 0x0f || quire_stub_begin[i + 1] != 0x05) continue;
    ++found;
    for (const u64 nr : std::initializer_list<u64>{SYS_getpid, SYS_mmap, SYS_exit_group, SYS_exit, SYS_clone,
                                                   SYS_write, SYS_futex}) {
      auto c = *platform->create_context();
      auto s = *platform->create_space();
      load(*c, *s, GUEST_CODE(jump));
      c->regs().rdi = STUB_CODE + i;
      c->regs().rsi = nr;
      c->regs().rdx = 3;  // FUTEX_REQUEUE
      c->regs().rcx = 0x1000;
      const Trap t = c->run(*s);
      ASSERT_EQ(t.kind, Kind::syscall) << "offset " << i << " call " << nr;
      EXPECT_EQ(c->regs().orig_rax, nr);
    }
  }
  EXPECT_GE(found, 10u);
}

TEST_F(EscapeTest, TheStubsPagesAreReadOnly) {
  for (const u64 at :
       std::initializer_list<u64>{STUB_CODE, STUB_RING, STUB_RING + RING_ENTRIES, STUB_TRAMPOLINES,
                                  LOW_SITE_TABLE, LOW_RETURN_TABLE, STUB_TEMPLATE_PAGE}) {
    load(GUEST_CODE(store));
    context->regs().rdi = at;
    const Trap t = context->run(*space);
    ASSERT_EQ(t.kind, Kind::page_fault) << std::hex << at;
    EXPECT_EQ(t.access, Access::write);
    EXPECT_EQ(t.address, GuestAddr(at));
  }
}

TEST_F(EscapeTest, StackPointersThatPointNowhereGood) {
  for (const u64 sp : std::initializer_list<u64>{0, 8, STUB_CODE, STUB_SLOTS + SLOT_SIZE - 8,
                                                 STUB_SLOTS + SLOT_STACK + 64, ~u64{7}, u64{1} << 63}) {
    load(GUEST_CODE(touch));
    context->regs().rsp = sp;
    context->regs().rdi = 0x10;
    const Trap t = context->run(*space);
    ASSERT_EQ(t.kind, Kind::page_fault);
    EXPECT_EQ(context->regs().rsp, sp);
    load(GUEST_CODE(int80));
    context->regs().rsp = sp;
    ASSERT_EQ(context->run(*space).kind, Kind::syscall);
    EXPECT_EQ(context->regs().rsp, sp);
  }
}

TEST_F(EscapeTest, RegistersThatTheHostWouldRefuse) {
  load(GUEST_CODE(two_calls));
  context->regs().rip = u64{1} << 62;
  Trap t = context->run(*space);
  EXPECT_EQ(t.kind, Kind::exception);
  EXPECT_EQ(t.signo, SIGSEGV);
  load(GUEST_CODE(two_calls));
  context->regs().cs = 0x10;
  context->regs().ss = 0x18;
  context->regs().rflags = ~u64{0x100};
  context->regs().fs_base = u64{1} << 60;
  context->regs().gs_base = u64{1} << 60;
  auto state = context->extended_state();
  ASSERT_TRUE(state);
  std::fill(state->begin(), state->end(), std::byte{0xff});
  t = context->run(*space);
  ASSERT_EQ(t.kind, Kind::syscall);
  EXPECT_EQ(context->regs().cs, 0x33u);
  EXPECT_EQ(context->regs().rflags & 0x3000, 0u) << "no I/O privilege";
}

struct SigreturnTest : EscapeTest {
  /// Goes through the stub's rt_sigreturn with a frame of the guest's own: rip at `to`, a signal mask.
  void load_sigreturn(u64 mask, const char* begin, const char* end) {
    load(GUEST_CODE(sigreturn));
    const FrameNumber f = frames();
    memcpy(platform->memory().at(f), begin, static_cast<std::size_t>(end - begin));
    space->map(pages_at(0x600000), f, rx);
    const FrameNumber stack = frames();
    space->map(pages_at(0x700000), stack, rw);
    SignalFrame frame{};
    frame.rip = 0x600000;
    frame.rsp = 0x700f00;
    frame.cs = user_cs;
    frame.ss = user_ss;
    frame.rflags = 0x202;
    frame.sigmask = mask;
    memcpy(platform->memory().at(stack) + 0x100, &frame, sizeof frame);
    context->regs().rsp = 0x700108;
    context->regs().rdi = STUB_CODE + static_cast<u64>(quire_stub_sigreturn_ip - quire_stub_begin) - 2;
  }
};

TEST_F(SigreturnTest, BlockingTheTrapKillsTheGuest) {
  load_sigreturn(~u64{0}, GUEST_CODE(two_calls));
  EXPECT_EQ(context->run(*space).kind, Kind::lost);
  EXPECT_EQ(context->run(*space).kind, Kind::lost) << "and stays so";
}

TEST_F(SigreturnTest, BlockingTheInterruptAndSpinningIsEndedWithinAboutASecond) {
  load_sigreturn(~u64{0}, GUEST_CODE(spin));
  std::thread other([&] {
    usleep(50000);
    context->interrupt();
  });
  const auto start = Clock::now();
  Trap t = context->run(*space);
  while (t.kind == Kind::interrupted) t = context->run(*space);
  EXPECT_EQ(t.kind, Kind::lost);
  EXPECT_LT(seconds_since(start), 5) << "allowing for a busy host";
  other.join();
}

// One thread garbles the other's context page and frame all the time. The kernel's side must neither
// fall nor wait for ever; the guest gets what it asked for.
TEST_F(EscapeTest, ContextAreaScribbledOverDuringEveryCall) {
  for (int round = 0; round < 8; ++round) {
    auto s = *platform->create_space();
    auto victim = *platform->create_context();
    auto scribbler = *platform->create_context();
    load(*victim, *s, GUEST_CODE(null_calls));
    ASSERT_EQ(victim->run(*s).kind, Kind::syscall);
    const FrameNumber code = frames();
    memcpy(platform->memory().at(code), guest_scribble,
           static_cast<std::size_t>(guest_scribble_end - guest_scribble));
    s->map(pages_at(0x800000), code, rx);
    scribbler->regs().rip = 0x800000;
    // Which slots they have is no secret: the range covers a good many.
    scribbler->regs().rdi = STUB_SLOTS + (round % 2 == 0 ? 0 : SLOT_SIZE - 4096);
    scribbler->regs().rsi = STUB_SLOTS + 64 * SLOT_SIZE;
    std::atomic<bool> stop{false};
    std::thread other([&] {
      while (!stop) {
        const Trap t = scribbler->run(*s);
        if (t.kind == Kind::lost) return;
        if (t.kind == Kind::page_fault)
          scribbler->regs().rip = 0x800000, scribbler->regs().rdi += SLOT_SIZE / 2;
      }
    });
    std::thread watchdog([&] {
      for (int i = 0; i < 20; ++i) {
        usleep(1000);
        victim->interrupt();
        scribbler->interrupt();
      }
      stop = true;
      while (true) {
        scribbler->interrupt();
        victim->interrupt();
        usleep(5000);
        if (!stop) return;
      }
    });
    while (!stop) {
      const Trap t = victim->run(*s);
      if (t.kind == Kind::lost) break;
      (void)victim->extended_state();
    }
    other.join();
    while (!stop) usleep(1000);
    stop = false;
    watchdog.join();
  }
}

TEST_F(EscapeTest, AKilledStubIsReported) {
  load(GUEST_CODE(spin));
  std::thread other([&] {
    const pid_t p = spinning_stub();
    ASSERT_NE(p, 0);
    kill(p, SIGKILL);
  });
  EXPECT_EQ(context->run(*space).kind, Kind::lost);
  other.join();
  const Ticket t = space->unmap({code_at, code_at + page_size});
  space->wait(t);
  EXPECT_TRUE(space->done(t));
}

TEST_F(EscapeTest, ASilentAgentIsTakenForDead) {
  load(GUEST_CODE(spin));
  std::thread other([&] {
    const pid_t p = spinning_stub();
    ASSERT_NE(p, 0);
    kill(p, SIGSTOP);
    usleep(100000);
    const auto start = Clock::now();
    space->wait(space->unmap(pages_at(stack_at.value())));
    EXPECT_GT(seconds_since(start), 0.5);
    EXPECT_LT(seconds_since(start), 5) << "allowing for a busy host";
  });
  EXPECT_EQ(context->run(*space).kind, Kind::lost);
  other.join();
}

/// Runs a kernel with a spinning guest in a child, kills one of its processes, and sees that all end.
void expect_all_die(bool kill_template) {
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  const pid_t kernel = fork();
  if (kernel == 0) {
    auto p = create_native({});
    if (!p) _exit(1);
    auto s = *(*p)->create_space();
    auto c = *(*p)->create_context();
    std::byte* code = (*p)->memory().at(FrameNumber(1024));
    memcpy(code, guest_spin, static_cast<std::size_t>(guest_spin_end - guest_spin));
    s->map({code_at, code_at + page_size}, FrameNumber(1024), rx);
    c->regs().rip = code_at.value();
    char byte = 0;
    if (write(fds[1], &byte, 1) != 1) _exit(1);
    c->run(*s);
    _exit(0);
  }
  char byte;
  ASSERT_EQ(read(fds[0], &byte, 1), 1);
  usleep(100000);
  const auto stubs = stubs_of(kernel);
  ASSERT_GE(stubs.size(), 2u) << "the template and a stub";
  kill(kill_template ? *std::min_element(stubs.begin(), stubs.end()) : kernel, SIGKILL);
  waitpid(kernel, nullptr, 0);
  for (int tries = 0; tries < 200; ++tries) {
    bool alive = false;
    for (pid_t p : stubs) {
      std::ifstream stat("/proc/" + std::to_string(p) + "/stat");
      std::string line;
      if (std::getline(stat, line) && line[line.rfind(')') + 2] != 'Z') alive = true;
    }
    if (!alive) return;
    usleep(10000);
  }
  FAIL() << "a stub outlived its kernel";
}

TEST_F(EscapeTest, StubsDieWithTheKernel) { expect_all_die(false); }
TEST_F(EscapeTest, AllDieWithTheTemplate) { expect_all_die(true); }

}  // namespace
}  // namespace quire::platform::native
