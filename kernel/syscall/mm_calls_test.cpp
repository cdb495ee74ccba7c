// The calls on address spaces where no guest program can get at them: errors of memory and of stubs, and
// threads that use one address space while others close it, enter it, unmap in it and map it. On the fake
// platform; the races are for ThreadSanitizer (QUIRE_STRESS_MS).
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "include/quire/mm.h"
#include "kernel/platform/fake/fake.h"
#include "kernel/syscall/table.h"
#include "kernel/task/kernel.h"
#include "kernel/task/mm_file.h"
#include "kernel/vfs/fd_table.h"

namespace quire::syscall {
namespace {

using platform::fake::as_fake;
using platform::fake::FakePlatform;
using platform::fake::Guest;

constexpr u64 data_at = 0x10000000, data_size = 16 * page_size;
constexpr Access rw = Access::read | Access::write;

/// The expression, which makes the call named first, fails with this error. tools/check-man reads these.
#define GIVES(call, error, expression) EXPECT_EQ(expression, -(error)) << #call

/// A kernel without a first program.
struct System {
  System() {
    platform = *FakePlatform::create();
    mm = *mm::MemoryManager::create(*platform, {});
    task::KernelOptions options;
    options.syscalls = system_call_table();
    kernel = *task::Kernel::create(*platform, *mm, std::move(options));
    process = make_ref<task::Process>(*kernel, 77, make_ref<task::SignalActions>());
    EXPECT_TRUE(process->set_limit(RLIMIT_NOFILE, {4096, 4096}, true));
    for (int r : {RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_MEMLOCK})
      EXPECT_TRUE(process->set_limit(r, {RLIM_INFINITY, RLIM_INFINITY}, true));
  }
  std::unique_ptr<FakePlatform> platform;
  std::unique_ptr<mm::MemoryManager> mm;
  std::unique_ptr<task::Kernel> kernel;
  Ref<task::Process> process;
  Ref<vfs::FdTable> fds = make_ref<vfs::FdTable>();
};

/// One thread of the program: its calls are made by whoever calls call().
struct Caller {
  explicit Caller(System& s, int tid = 77) : system(s) {
    task = make_ref<task::Task>(*s.kernel, s.process, tid);
    task->set_fds(s.fds);
    task->set_credentials(make_ref<vfs::Credentials>());
    task->set_context(std::move(*s.platform->create_context()));
    home = *mm::AddressSpace::create(*s.mm);
    task->set_mm(home);
    map_data(*home);
  }
  static void map_data(mm::AddressSpace& mm) {
    mm::MapRequest r;
    r.address = GuestAddr(data_at);
    r.fixed = true;
    r.length = data_size;
    r.access = rw;
    EXPECT_TRUE(mm.map(r));
  }
  /// What mm_run runs: stores a number, and makes a system call, again and again.
  void load_code() {
    task->run_context = std::move(*system.platform->create_context());
    as_fake(*task->run_context).set_script([](Guest& g) {
      for (u64 n = 1; !g.dead(); ++n) {
        g.store(GuestAddr(data_at), n);
        g.syscall(n);
      }
    });
  }
  /// The result as a guest would see it.
  i64 call(u64 number, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0, u64 e = 0, u64 f = 0) {
    const auto result = system_call_table()[number]->handler(*task, task::Args{{a, b, c, d, e, f}});
    return result ? static_cast<i64>(*result) : -i64{result.error().value()};
  }
  i64 indirect(u64 fd, u64 number, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0, u64 e = 0, u64 f = 0) {
    const u64 call_[7] = {number, a, b, c, d, e, f};
    if (!home->copy_out(GuestAddr(data_at + page_size), call_, sizeof call_)) return -EFAULT;
    return call(QUIRE_NR_mm_indirect, fd, data_at + page_size);
  }
  i64 run(u64 fd) {
    mm_context c{};
    c.size = sizeof c;
    if (!home->write(GuestAddr(data_at + 2 * page_size), c)) return -EFAULT;
    return call(QUIRE_NR_mm_run, fd, data_at + 2 * page_size);
  }
  i64 make_space(u32 flags = 0) {
    const i64 fd = call(QUIRE_NR_create_mm, flags);
    if (fd < 0 || flags != 0) return fd;
    const i64 at = indirect(static_cast<u64>(fd), SYS_mmap, data_at, data_size, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, ~u64{0}, 0);
    // Another thread may have closed it again.
    EXPECT_TRUE(at == static_cast<i64>(data_at) || at == -EBADF) << at;
    return fd;
  }

  System& system;
  Ref<task::Task> task;
  Ref<mm::AddressSpace> home;
};

TEST(MmCalls, CreateFailsWithoutMemory) {
  System s;
  Caller c(s);
  s.platform->set_space_limit(1);
  GIVES(create_mm, ENOMEM, c.call(QUIRE_NR_create_mm, 0));
  GIVES(create_mm, ENOMEM, c.call(QUIRE_NR_create_mm, MM_CLONE));
}

TEST(MmCalls, CreateHonoursTheLimitOfDescriptors) {
  System s;
  Caller c(s);
  ASSERT_TRUE(s.process->set_limit(RLIMIT_NOFILE, {2, 2}, true));
  EXPECT_EQ(c.make_space(), 0);
  EXPECT_EQ(c.make_space(), 1);
  GIVES(create_mm, EMFILE, c.make_space());
}

TEST(MmCalls, RunTellsWhatItCouldNotHave) {
  System s;
  Caller c(s);
  const i64 fd = c.make_space();
  ASSERT_GE(fd, 0);
  c.load_code();
  EXPECT_EQ(c.run(static_cast<u64>(fd)), MM_EXIT_SYSCALL);
  as_fake(*c.task->run_context).set_run_error(EAGAIN);
  GIVES(mm_run, EAGAIN, c.run(static_cast<u64>(fd)));
  c.load_code();
  as_fake(*c.task->run_context).set_run_error(ENOMEM);
  GIVES(mm_run, ENOMEM, c.run(static_cast<u64>(fd)));
  // The stub is gone.
  c.load_code();
  as_fake(*c.task->run_context).set_run_error(ESRCH);
  GIVES(mm_run, ESRCH, c.run(static_cast<u64>(fd)));
}

TEST(MmCalls, RunFailsWhenItsMemoryCannotBeHad) {
  System s;

  Caller c(s);
  const i64 fd = c.make_space();
  c.load_code();
  ASSERT_EQ(c.run(static_cast<u64>(fd)), MM_EXIT_SYSCALL);
  // The next store has a page to copy, and the host has no memory for it.
  const Ref<mm::AddressSpace> copy = *task::mm_of(**s.fds->get(static_cast<int>(fd)))->fork();
  mm_context x{};
  x.size = sizeof x;
  ASSERT_TRUE(c.home->write(GuestAddr(data_at + 2 * page_size), x));
  s.platform->fake_memory().fail_copies_after(2);  // the first reads the context
  GIVES(mm_run, ENOMEM, c.call(QUIRE_NR_mm_run, static_cast<u64>(fd), data_at + 2 * page_size));
  s.platform->fake_memory().fail_copies_after(0);
}

TEST(MmCalls, MapObeysTheLimitOfLockedMemory) {
  System s;
  Caller c(s);
  const i64 fd = c.make_space();
  ASSERT_TRUE(c.home->lock_all(MCL_FUTURE));
  c.home->set_limits({.locked = 0});
  GIVES(mm_map, EAGAIN, c.call(QUIRE_NR_mm_map, static_cast<u64>(fd), data_at, page_size, PROT_READ, 0, 0));
}

// A reference is all that a call in progress needs.
TEST(MmCalls, WhatIsClosedWhileItRunsStaysWhole) {
  System s;
  Caller c(s);
  const i64 fd = c.make_space();
  std::atomic<int> entered{0};
  c.task->run_context = std::move(*s.platform->create_context());
  as_fake(*c.task->run_context).set_script([&](Guest& g) {
    g.store(GuestAddr(data_at), u64{5});
    EXPECT_TRUE(s.fds->close(static_cast<int>(fd)));  // the last descriptor
    entered = 1;
    EXPECT_EQ(g.load<u64>(GuestAddr(data_at)), 5u);
    g.store(GuestAddr(data_at + page_size), u64{6});
    g.syscall(9);
  });
  EXPECT_EQ(c.run(static_cast<u64>(fd)), MM_EXIT_SYSCALL);
  EXPECT_EQ(entered, 1);
  GIVES(mm_run, EBADF, c.run(static_cast<u64>(fd)));
}

TEST(MmCallsRace, CloseSwitchRunUnmapMapAndCloneAtOnce) {
  const char* text = std::getenv("QUIRE_STRESS_MS");
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(text != nullptr ? std::atoi(text) : 1500);
  System s;
  constexpr int threads = 6, slots = 4;
  std::atomic<u64> done[8]{};
  std::vector<std::thread> all;
  std::vector<std::unique_ptr<Caller>> callers;
  for (int t = 0; t < threads; ++t) callers.push_back(std::make_unique<Caller>(s, 100 + t));
  for (int t = 0; t < threads; ++t)
    all.emplace_back([&, t] {
      Caller& c = *callers[static_cast<std::size_t>(t)];
      std::minstd_rand random(static_cast<unsigned>(t) + 1);
      c.load_code();
      // Whatever a descriptor is by now, each call either works or says why not.
      auto allowed = [](i64 result, std::initializer_list<int> errors) {
        if (result >= 0) return;
        for (int e : errors)
          if (result == -e) return;
        ADD_FAILURE() << "error " << -result;
      };
      while (std::chrono::steady_clock::now() < end) {
        const u64 fd = random() % slots;
        const u64 what = random() % 8;
        const u64 page = data_at + random() % 16 * page_size;
        switch (what) {
          case 0:
            allowed(c.make_space(), {});
            break;
          case 1:
            (void)s.fds->close(static_cast<int>(fd));
            break;
          case 2:
            // Where the data was unmapped, the code faults.
            allowed(c.run(fd), {EBADF});
            break;
          case 3: {
            const i64 entered = c.call(QUIRE_NR_mm_switch, fd);
            allowed(entered, {EBADF});
            if (entered == 0) {
              u64 v = 0;
              (void)c.task->own_mm().copy_in(&v, GuestAddr(page), sizeof v);
              c.task->set_mm(c.home);
            }
            break;
          }
          case 4:
            allowed(c.indirect(fd, SYS_munmap, page, page_size), {EBADF});
            allowed(c.indirect(fd, SYS_mmap, page, page_size, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, ~u64{0}, 0),
                    {EBADF});
            break;
          case 5: {
            const i64 at = c.call(QUIRE_NR_mm_map, fd, page, page_size, PROT_READ | PROT_WRITE, 0, 0);
            allowed(at, {EBADF, EFAULT, EACCES});
            if (at > 0) {
              (void)c.home->write(GuestAddr(static_cast<u64>(at)), u64{3});
              EXPECT_TRUE(c.home->unmap(GuestAddr(static_cast<u64>(at)), page_size));
            }
            break;
          }
          case 6: {
            const struct {
              u64 base, length;
            } local{data_at + 3 * page_size, 100}, remote{page, 100};
            ASSERT_TRUE(c.home->write(GuestAddr(data_at + 4 * page_size), local));
            ASSERT_TRUE(c.home->write(GuestAddr(data_at + 5 * page_size), remote));
            allowed(c.call(random() % 2 == 0 ? QUIRE_NR_mm_read : QUIRE_NR_mm_write, fd,
                           data_at + 4 * page_size, 1, data_at + 5 * page_size, 1, 0),
                    {EBADF, EFAULT});
            break;
          }
          default: {
            // A copy of that address space, which lives on when the original goes.
            const i64 copy = c.indirect(fd, QUIRE_NR_create_mm, MM_CLONE);
            allowed(copy, {EBADF});
            if (copy >= 0 && random() % 2 == 0) (void)s.fds->close(static_cast<int>(copy));
            break;
          }
        }
        done[what].fetch_add(1, std::memory_order_relaxed);
        if (s.fds->list().size() > 64) s.fds->close_range(slots, ~0u, false);
      }
    });
  for (auto& t : all) t.join();
  for (auto& n : done) EXPECT_GT(n.load(), 0u);
  callers.clear();
  s.fds->close_all();
}

}  // namespace
}  // namespace quire::syscall
