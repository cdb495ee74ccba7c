#include "kernel/platform/native/factory.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/rseq.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdio>
#include <cstring>

#include "kernel/platform/native/blob.h"
#include "kernel/platform/native/host_calls.h"

namespace quire::platform::native {
namespace {

constexpr u64 transit_size = 0x800000;  // where the template stands while it clears its address space
constexpr u64 transit_ring = 0x10000, transit_vdso = 0x100000;
constexpr u64 user_end = 0x7ffffffff000;
constexpr std::chrono::milliseconds refill_pause(20);

struct VdsoPart {
  u64 begin, end;
  bool code;
};

/// vvar pages and vdso of this process, neighbours in rising order; empty if they are not.
std::vector<VdsoPart> find_vdso() {
  std::vector<VdsoPart> parts;
  FILE* maps = fopen("/proc/self/maps", "re");
  if (maps == nullptr) return parts;
  char line[512];
  while (fgets(line, sizeof line, maps) != nullptr) {
    u64 begin, end;
    if (sscanf(line, "%lx-%lx", &begin, &end) != 2) continue;
    const bool code = strstr(line, "[vdso]") != nullptr;
    if (!code && strstr(line, "[vvar") == nullptr) continue;
    if (!parts.empty() && parts.back().end != begin) {
      parts.clear();
      break;
    }
    parts.push_back({begin, end, code});
  }
  fclose(maps);
  if (!parts.empty() && !parts.back().code) parts.clear();
  return parts;
}

/// A free range for the template's move, below everything that programs usually have.
u64 find_transit() {
  for (u64 at = 0x10000000; at < 0x100000000; at += 0x10000000) {
    void* p = mmap(reinterpret_cast<void*>(at), transit_size, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (p == MAP_FAILED) continue;
    munmap(p, transit_size);
    if (p == reinterpret_cast<void*>(at)) return at;
  }
  return 0;
}

struct KernelSigaction {
  u64 handler;
  u64 flags;
  u64 restorer;
  u64 mask;
};

/// Signals of the host that reach a stub from outside must neither end it nor reach its guest.
void set_signals() {
  constexpr u64 sa_restorer = 0x04000000;
  for (int s = 1; s <= 64; ++s) {
    if (s == SIGKILL || s == SIGSTOP) continue;
    KernelSigaction a{};
    a.handler = reinterpret_cast<u64>(SIG_IGN);
    if (s == SIGSYS || s == SIGSEGV || s == SIGBUS || s == SIGILL || s == SIGFPE || s == SIGTRAP ||
        s == INTERRUPT_SIGNAL) {
      a.handler = stub_address(quire_stub_handler);
      a.flags = static_cast<u64>(SA_SIGINFO) | SA_ONSTACK | sa_restorer;
      a.restorer = a.handler;  // never returned to
      a.mask = ~u64{0};
    }
    syscall(SYS_rt_sigaction, s, &a, nullptr, 8);
  }
  u64 all = ~u64{0};
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, nullptr, 8);
}

/// glibc registered these for its own thread; they must not point into a guest's memory.
void forget_libc() {
  auto* rseq = reinterpret_cast<char*>(__builtin_thread_pointer()) + __rseq_offset;
  for (unsigned size = 32; size <= 1024; size += 32)
    if (syscall(SYS_rseq, rseq, size, RSEQ_FLAG_UNREGISTER, RSEQ_SIG) == 0) break;
  syscall(SYS_set_robust_list, nullptr, 24);
  syscall(SYS_set_tid_address, nullptr);
}

void drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2]{};
  syscall(SYS_capset, &header, none);
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

[[noreturn]] void enter_agent(u64 code, u64 ring) {
  asm volatile(
      "mov %1, %%r15\n"
      "xor %%r12d, %%r12d\n"
      "jmp *%0\n" ::"r"(code),
      "r"(ring)
      : "r15", "r12", "memory");
  __builtin_unreachable();
}

struct TemplateFds {
  int control, memory, socket, ack;
};

/// The template, just forked: becomes a process that has nothing but the agent's code and its ring.
[[noreturn]] void become_template(pid_t kernel, TemplateFds fds, u64 transit,
                                  const std::vector<VdsoPart>& vdso) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != kernel) _exit(1);
  for (int* fd : {&fds.control, &fds.memory, &fds.socket, &fds.ack}) {
    *fd = fcntl(*fd, F_DUPFD, 64);
    if (*fd < 0) _exit(1);
  }
  if (dup2(fds.control, FD_CONTROL) < 0 || dup2(fds.memory, FD_MEMORY) < 0 ||
      dup2(fds.socket, FD_SOCKET) < 0 || dup2(fds.ack, FD_TEMPLATE_ACK) < 0)
    _exit(1);
  close(FD_ACK);
  if (syscall(SYS_close_range, FD_TEMPLATE_ACK + 1, ~0U, 0) != 0) _exit(1);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(1);
  prctl(PR_SET_NAME, "quire-stub", 0, 0, 0);
  rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  // A terminal's signals are the kernel's to handle. No session of its own: hosts that schedule by session
  // (autogroup) would take stubs and kernel for two programs, and switch between them more slowly.
  setpgid(0, 0);
  if (chdir("/") != 0) _exit(1);
  set_signals();
  drop_capabilities();
  forget_libc();

  auto map = [](u64 at, u64 size, int prot, u64 offset) {
    if (mmap(reinterpret_cast<void*>(at), size, prot, MAP_SHARED | MAP_FIXED, FD_CONTROL,
             static_cast<off_t>(offset)) == MAP_FAILED)
      _exit(1);
  };
  map(transit, STUB_CODE_SIZE, PROT_READ | PROT_EXEC, ControlFile::code_offset);
  map(transit + transit_ring, STUB_RING_SIZE, PROT_READ, ControlFile::template_ring_offset);
  u64 to = transit + transit_vdso;
  for (const VdsoPart& p : vdso) {
    const u64 size = p.end - p.begin;
    if (syscall(SYS_mremap, p.begin, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to) != static_cast<long>(to))
      _exit(1);
    to += size;
  }
  if (!install_agent_filter()) _exit(1);
  enter_agent(transit + static_cast<u64>(quire_stub_agent - quire_stub_begin), transit + transit_ring);
}

/// What the template and the kernel share beside its ring.
struct TemplatePage {
  std::atomic<u32> child;
  u8 pad[60];
  msghdr message;
  iovec io;
  alignas(64) char control[64];
  char byte;
};

}  // namespace

Result<std::unique_ptr<Factory>> Factory::create(ControlFile& control, const MemoryFile& memory,
                                                 unsigned pool, unsigned max_stubs) {
  auto factory = std::unique_ptr<Factory>(new Factory(control, pool, max_stubs));
  TRY_VOID(factory->start(memory));
  return factory;
}

Result<> Factory::start(const MemoryFile& memory) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return err(Errno::last());
  socket_ = Fd(pair[0]);
  Fd theirs(pair[1]);
  template_ack_ = Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  epoll_ = Fd(epoll_create1(EPOLL_CLOEXEC));
  wake_ = Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!template_ack_ || !epoll_ || !wake_) return err(Errno::last());
  const std::vector<VdsoPart> vdso = find_vdso();
  const u64 transit = find_transit();
  if (transit == 0) return err(ENOMEM);

  LockGuard guard(lock_);
  auto* ring = control_.at<Ring>(ControlFile::template_ring_offset);
  ring->one = 1;
  ring->failure = u64{1} << 32;
  auto request = [&](const RingEntry& e)
                     REQUIRES(lock_) { ring->entries[template_head_++ % RING_COUNT] = e; };
  auto map = [&](u64 at, u64 size, int prot, u64 offset) REQUIRES(lock_) {
    request(call_entry(SYS_mmap, at, at, size, static_cast<u64>(prot), MAP_SHARED | MAP_FIXED, FD_CONTROL,
                       offset));
  };
  request(call_entry(SYS_munmap, 0, 0, transit));
  request(call_entry(SYS_munmap, 0, transit + transit_size, user_end - transit - transit_size));
  map(STUB_CODE, STUB_CODE_SIZE, PROT_READ | PROT_EXEC, ControlFile::code_offset);
  map(STUB_TEMPLATE_PAGE, page_size, PROT_READ | PROT_WRITE, ControlFile::template_page_offset);
  map(STUB_RING, STUB_RING_SIZE, PROT_READ, ControlFile::template_ring_offset);
  map(STUB_TRAMPOLINES, STUB_TRAMPOLINES_SIZE, PROT_READ | PROT_EXEC, ControlFile::trampolines_offset);
  map(LOW_SITE_TABLE, LOW_TABLE_SIZE, PROT_READ, ControlFile::site_table_offset);
  u64 from = transit + transit_vdso, to = STUB_VDSO;
  for (const VdsoPart& p : vdso) {
    const u64 size = p.end - p.begin;
    request(call_entry(SYS_mremap, to, from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to));
    (p.code ? vdso_ : vvar_).begin = GuestAddr(!p.code && !vvar_.empty() ? vvar_.begin.value() : to);
    from += size;
    to += size;
    (p.code ? vdso_ : vvar_).end = GuestAddr(to);
  }
  request({.op = OP_JUMP, .nr = 0, .args = {stub_address(quire_stub_agent), STUB_RING}, .expect = 0});
  request(call_entry(SYS_munmap, 0, transit, transit_size));
  request(ack_entry(FD_TEMPLATE_ACK, STUB_RING));
  ring->head.store(template_head_, std::memory_order_seq_cst);

  // No exit signal: the end of a stub is seen through its pidfd and never disturbs other children.
  const pid_t kernel = getpid();
  const long pid = syscall(SYS_clone, 0, nullptr, nullptr, nullptr, nullptr);
  if (pid == 0)
    become_template(kernel, {control_.fd(), memory.fd(), theirs.get(), template_ack_.get()}, transit, vdso);
  if (pid < 0) return err(Errno::last());
  template_pid_ = static_cast<pid_t>(pid);
  template_pidfd_ = Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!template_pidfd_) return err(Errno::last());
  theirs = Fd();
  if (!template_call_done()) return err(EPERM);

  watcher_ = std::thread([this] { watch(); });
  auto first = TRY(make());
  auto thread = TRY(first->take_thread());
  const auto* slot = control_.at<std::byte>(ControlFile::slot_offset(thread.slot));
  if (!learn_shape(slot, ControlFile::slot_address(thread.slot), control_.slot(thread.slot)->frame, &shape_))
    return err(ENOTSUP);
  first->give_thread(thread);
  LockGuard pool_guard(pool_lock_);
  pool_.push_back(std::move(first));
  return {};
}

Factory::~Factory() {
  // All die beside each other.
  {
    LockGuard guard(pool_lock_);
    for (auto& [fd, stub] : watched_) stub->kill();
  }
  stop_.store(true);
  if (watcher_.joinable()) {
    poke();
    watcher_.join();
  }
  // The template and all stubs end with us in any case; here they end now, and are waited for, so
  // that nothing of theirs is left when this returns.
  std::map<int, std::shared_ptr<Stub>> rest;
  std::vector<std::shared_ptr<Stub>> pool;
  {
    LockGuard guard(pool_lock_);
    pool.swap(pool_);
    rest.swap(watched_);
  }
  pool.clear();
  for (auto& [fd, stub] : rest) {
    stub->kill();
    siginfo_t info;
    waitid(P_PIDFD, static_cast<id_t>(fd), &info, WEXITED | __WALL);
    stub->set_dead();
  }
  if (template_pidfd_) {
    syscall(SYS_pidfd_send_signal, template_pidfd_.get(), SIGKILL, nullptr, 0);
    siginfo_t info;
    waitid(P_PIDFD, static_cast<id_t>(template_pidfd_.get()), &info, WEXITED | __WALL);
  }
}

/// Waits for the acknowledgement of what was just asked of the template; false if it failed. No guest runs
/// there, so being late only means that the host is busy, and its end is heard of.
bool Factory::template_call_done() {
  constexpr int patience = 30 * ticks_until_dead;
  for (int ticks = 0; ticks < patience; ++ticks) {
    pollfd fds[2] = {{template_ack_.get(), POLLIN, 0}, {template_pidfd_.get(), POLLIN, 0}};
    if (poll(fds, 2, tick_ns / 1'000'000) <= 0) continue;
    u64 sum = 0;
    if (read(template_ack_.get(), &sum, sizeof sum) == sizeof sum && static_cast<u32>(sum) != 0)
      return sum >> 32 == 0;
    if (fds[1].revents != 0) return false;
  }
  return false;
}

Result<std::shared_ptr<Stub>> Factory::make() {
  if (live() >= max_stubs_) return err(EAGAIN);
  const SlotNumber slot = TRY(control_.allocate_slot());
  auto block = control_.allocate_block();
  Fd ack(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!block || !ack) {
    control_.free_slot(slot);
    if (block) control_.free_block(*block);
    return err(EAGAIN);
  }
  const int ack_fd = ack.get();
  auto stub = std::make_shared<Stub>(control_, *block, std::move(ack));
  stub->push(call_entry(SYS_prctl, 0, PR_SET_PDEATHSIG, SIGKILL));
  // Had the kernel ended before that, nobody would ever end this stub.
  stub->push(call_entry(SYS_getppid, static_cast<u64>(getpid())));
  stub->push(call_entry(SYS_munmap, 0, STUB_TEMPLATE_PAGE, page_size));
  stub->push(call_entry(SYS_close, 0, FD_SOCKET));
  stub->push(call_entry(SYS_close, 0, FD_TEMPLATE_ACK));
  stub->push(call_entry(SYS_mmap, LOW_RETURN_TABLE, LOW_RETURN_TABLE, LOW_TABLE_SIZE, PROT_READ,
                        MAP_SHARED | MAP_FIXED, FD_CONTROL,
                        ControlFile::block_offset(*block) + ControlFile::return_table_in_block));
  // Among many busy guest threads the agent is to be heard at once, so its slices are short: it uses
  // little time, and the scheduler then prefers it.
  stub->push({.op = OP_TRY, .nr = SYS_sched_setattr, .args = {0, STUB_RING + RING_PROMPT, 0}, .expect = 0});
  stub->push_thread(slot);
  stub->push_ack();
  stub->kick();

  auto* page = control_.at<TemplatePage>(ControlFile::template_page_offset);
  constexpr u64 there = STUB_TEMPLATE_PAGE;
  auto pointer = [](u64 a) { return reinterpret_cast<void*>(a); };
  page->child.store(0);
  page->io = {pointer(there + offsetof(TemplatePage, byte)), 1};
  page->message = {};
  page->message.msg_iov = static_cast<iovec*>(pointer(there + offsetof(TemplatePage, io)));
  page->message.msg_iovlen = 1;
  page->message.msg_control = pointer(there + offsetof(TemplatePage, control));
  page->message.msg_controllen = CMSG_SPACE(sizeof(int));

  union {
    cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control{};
  control.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
  std::memcpy(CMSG_DATA(&control.header), &ack_fd, sizeof ack_fd);
  char byte = 0;
  iovec io{&byte, 1};
  msghdr m{};
  m.msg_iov = &io;
  m.msg_iovlen = 1;
  m.msg_control = &control;
  m.msg_controllen = sizeof control;
  if (sendmsg(socket_.get(), &m, MSG_NOSIGNAL) != 1) return err(ESRCH);

  auto* ring = control_.at<Ring>(ControlFile::template_ring_offset);
  auto request = [&](const RingEntry& e)
                     REQUIRES(lock_) { ring->entries[template_head_++ % RING_COUNT] = e; };
  request(call_entry(SYS_recvmsg, 1, FD_SOCKET, there + offsetof(TemplatePage, message), 0));
  request({.op = OP_FORK,
           .nr = 0,
           .args = {CLONE_PARENT | CLONE_PARENT_SETTID, ControlFile::block_offset(*block)},
           .expect = 0});
  request(call_entry(SYS_close, 0, FD_ACK));
  request(ack_entry(FD_TEMPLATE_ACK, STUB_RING));
  ring->head.store(template_head_, std::memory_order_seq_cst);
  futex_wake(&ring->head);
  const bool done = template_call_done();
  const auto pid = static_cast<pid_t>(page->child.load());
  if (!done || pid == 0) return err(EAGAIN);

  // Our unreaped child: its number cannot have gone to another process.
  Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    const Errno e = Errno::last();
    ::kill(pid, SIGKILL);
    waitpid(pid, nullptr, __WALL);
    return err(e);
  }
  const int fd = pidfd.get();
  stub->set_process(pid, std::move(pidfd));
  made_.fetch_add(1, std::memory_order_relaxed);
  live_.fetch_add(1, std::memory_order_relaxed);
  {
    LockGuard guard(pool_lock_);
    watched_.emplace(fd, stub);
  }
  epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
  auto thread = stub->await_thread(slot);
  if (!thread) {
    stub->kill();
    return err(thread.error());
  }
  stub->give_thread(*thread);
  return stub;
}

Result<std::shared_ptr<Stub>> Factory::take() {
  taken_.fetch_add(1, std::memory_order_relaxed);
  for (;;) {
    std::shared_ptr<Stub> stub;
    bool none_left;
    {
      LockGuard guard(pool_lock_);
      if (pool_.empty()) break;
      stub = std::move(pool_.back());
      pool_.pop_back();
      none_left = pool_.empty();  // others may be on their way back
    }
    if (none_left && wanted() != 0) poke();
    if (!stub->dead()) return stub;
  }
  if (wanted() != 0) poke();
  LockGuard guard(lock_);
  return make();
}

void Factory::expect() {
  if (!expected_.exchange(true, std::memory_order_relaxed)) poke();
}

void Factory::put_back(std::shared_ptr<Stub> stub) {
  taken_.fetch_sub(1, std::memory_order_relaxed);
  LockGuard guard(pool_lock_);
  pool_.push_back(std::move(stub));
}

void Factory::discard(std::shared_ptr<Stub> stub) {
  killed_.fetch_add(1, std::memory_order_relaxed);
  stub->kill();
}

void Factory::retire(std::shared_ptr<Stub> stub, GuestRange guest) {
  auto has_room = [this]() REQUIRES(pool_lock_) { return pool_.size() < 2 * wanted(); };
  {
    LockGuard guard(pool_lock_);
    if (!has_room()) {
      guard.unlock();
      discard(std::move(stub));
      return;
    }
  }
  if (stub->wipe(shape_, guest)) {
    LockGuard guard(pool_lock_);
    if (has_room()) {
      reused_.fetch_add(1, std::memory_order_relaxed);
      pool_.push_back(std::move(stub));
      return;
    }
  }
  discard(std::move(stub));
}

void Factory::poke() {
  const u64 one = 1;
  [[maybe_unused]] auto n = write(wake_.get(), &one, sizeof one);
}

// Reaps stubs as they end and keeps the pool filled. Not at once: who has just taken one is in a hurry, and
// others may be on their way back.
void Factory::watch() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  epoll_event wake_event{.events = EPOLLIN, .data = {.fd = wake_.get()}};
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &wake_event);
  epoll_event template_event{.events = EPOLLIN, .data = {.fd = template_pidfd_.get()}};
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, template_pidfd_.get(), &template_event);
  using Clock = std::chrono::steady_clock;
  constexpr Clock::time_point never{};
  Clock::time_point refill = never;
  while (!stop_.load()) {
    epoll_event events[16];
    const int n =
        epoll_wait(epoll_.get(), events, 16, refill != never ? static_cast<int>(refill_pause.count()) : -1);
    for (int i = 0; i < n; ++i) {
      const int fd = events[i].data.fd;
      if (fd == wake_.get()) {
        u64 sum;
        [[maybe_unused]] auto r = read(fd, &sum, sizeof sum);
        continue;
      }
      // Only the host's user can have ended the template. One for all: the sandbox ends as a whole.
      if (fd == template_pidfd_.get()) ::kill(getpid(), SIGKILL);
      std::shared_ptr<Stub> stub;
      {
        LockGuard guard(pool_lock_);
        auto it = watched_.find(fd);
        if (it == watched_.end()) continue;
        stub = std::move(it->second);
        watched_.erase(it);
      }
      siginfo_t info;
      waitid(P_PIDFD, static_cast<id_t>(fd), &info, WEXITED | __WALL);
      epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
      live_.fetch_sub(1, std::memory_order_relaxed);
      stub->set_dead();
    }
    if (n > 0 && refill == never) refill = Clock::now() + refill_pause;
    if (Clock::now() < refill) continue;
    refill = never;
    while (!stop_.load()) {
      {
        LockGuard guard(pool_lock_);
        if (pool_.size() >= wanted()) break;
      }
      // The last few are for those that cannot wait.
      if (live() + pool_size_ >= max_stubs_) break;
      LockGuard guard(lock_);
      auto stub = make();
      if (!stub) break;
      LockGuard pool_guard(pool_lock_);
      pool_.push_back(std::move(*stub));
    }
  }
}

}  // namespace quire::platform::native
