// Parts of task that stand alone: ELF reading, signal queues, timers, kernel threads, futexes (on the fake
// platform).
#include <elf.h>
#include <gtest/gtest.h>
#include <linux/futex.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <random>
#include <thread>

#include "kernel/mm/address_space.h"
#include "kernel/platform/fake/fake.h"
#include "kernel/task/elf_image.h"
#include "kernel/task/futex.h"
#include "kernel/task/host_threads.h"
#include "kernel/task/signal_set.h"
#include "kernel/task/timer_queue.h"

namespace quire::task {
namespace {

using namespace std::chrono_literals;

constexpr u64 limit = u64{1} << 46;

// --- ELF ---------------------------------------------------------------------------------------------------

struct TestElf {
  Elf64_Ehdr header{};
  Elf64_Phdr segments[3]{};
  char interpreter[16] = "/lib/ld.so";

  TestElf() {
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_machine = EM_X86_64;
    header.e_type = ET_DYN;
    header.e_entry = 0x1040;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 3;
    segments[0] = {.p_type = PT_LOAD,
                   .p_flags = PF_R | PF_X,
                   .p_offset = 0,
                   .p_vaddr = 0,
                   .p_paddr = 0,
                   .p_filesz = 0x300,
                   .p_memsz = 0x300,
                   .p_align = 0x1000};
    segments[1] = {.p_type = PT_LOAD,
                   .p_flags = PF_R | PF_W,
                   .p_offset = 0x200,
                   .p_vaddr = 0x1200,
                   .p_paddr = 0,
                   .p_filesz = 0x100,
                   .p_memsz = 0x4000,
                   .p_align = 0x1000};
    segments[2] = {.p_type = PT_INTERP,
                   .p_flags = PF_R,
                   .p_offset = offsetof(TestElf, interpreter),
                   .p_vaddr = 0,
                   .p_paddr = 0,
                   .p_filesz = 11,
                   .p_memsz = 11,
                   .p_align = 1};
  }
  std::vector<std::byte> bytes() const {
    std::vector<std::byte> b(0x400);
    std::memcpy(b.data(), this, sizeof *this);
    return b;
  }
};

Result<ElfImage> read(const std::vector<std::byte>& bytes) {
  return read_elf(
      [&](u64 offset, std::span<std::byte> to) -> Result<std::size_t> {
        if (offset >= bytes.size()) return std::size_t{0};
        const std::size_t n = std::min(to.size(), bytes.size() - static_cast<std::size_t>(offset));
        std::memcpy(to.data(), bytes.data() + offset, n);
        return n;
      },
      limit);
}

TEST(Elf, ReadsWhatItNeeds) {
  const auto image = read(TestElf().bytes());
  ASSERT_TRUE(image);
  EXPECT_TRUE(image->position_independent);
  EXPECT_EQ(image->entry, 0x1040u);
  EXPECT_EQ(image->interpreter, "/lib/ld.so");
  ASSERT_EQ(image->segments.size(), 2u);
  EXPECT_EQ(image->segments[1].end(), 0x5200u);
  EXPECT_EQ(image->header_address, sizeof(Elf64_Ehdr));
  EXPECT_EQ(image->span(), (Range<u64>{0, 0x6000}));
  EXPECT_TRUE(image->executable_stack) << "no PT_GNU_STACK";
}

TEST(Elf, RefusesContradictions) {
  auto refused = [](auto change) {
    TestElf elf;
    change(elf);
    const auto image = read(elf.bytes());
    return !image && image.error() == Errno(ENOEXEC);
  };
  EXPECT_TRUE(refused([](TestElf& e) { e.header.e_ident[0] = 'x'; }));
  EXPECT_TRUE(refused([](TestElf& e) { e.header.e_ident[EI_CLASS] = ELFCLASS32; }));
  EXPECT_TRUE(refused([](TestElf& e) { e.header.e_machine = EM_386; }));
  EXPECT_TRUE(refused([](TestElf& e) { e.header.e_type = ET_REL; }));
  EXPECT_TRUE(refused([](TestElf& e) { e.header.e_phnum = 0; }));
  EXPECT_TRUE(refused([](TestElf& e) { e.header.e_phoff = ~u64{0}; }));
  EXPECT_TRUE(refused([](TestElf& e) { e.segments[0].p_filesz = 0x1000; }))
      << "more in the file than in memory";
  EXPECT_TRUE(refused([](TestElf& e) { e.segments[1].p_memsz = ~u64{0} - 0x100; }));
  EXPECT_TRUE(refused([](TestElf& e) { e.segments[1].p_vaddr = limit; }));
  EXPECT_TRUE(refused([](TestElf& e) { e.segments[1].p_vaddr = 0x1234; })) << "offset and address disagree";
  EXPECT_TRUE(refused([](TestElf& e) { e.segments[1].p_vaddr = 0x200; })) << "overlaps the first";
  EXPECT_TRUE(refused([](TestElf& e) { e.segments[2].p_filesz = 5; })) << "interpreter without its end";
  EXPECT_TRUE(refused([](TestElf& e) { e.segments[2].p_filesz = 5000; }));
  EXPECT_TRUE(refused([](TestElf& e) { e.segments[0].p_type = e.segments[1].p_type = PT_NULL; }));
}

TEST(Elf, SurvivesTruncationAndNoise) {
  const std::vector<std::byte> whole = TestElf().bytes();
  for (std::size_t n = 0; n < sizeof(TestElf) - 6; ++n)
    EXPECT_FALSE(read(std::vector<std::byte>(whole.begin(), whole.begin() + static_cast<long>(n)))) << n;
  std::mt19937 random(1);
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::byte> bytes = whole;
    for (int i = 0; i < 8; ++i) bytes[random() % sizeof(TestElf)] = static_cast<std::byte>(random());
    const auto image = read(bytes);
    if (!image) continue;
    u64 last = 0;
    for (const ElfSegment& s : image->segments) {
      EXPECT_GE(s.address, last);
      EXPECT_LE(s.end(), limit);
      EXPECT_LE(s.file_size, s.memory_size);
      last = s.end();
    }
  }
}

Result<ScriptLine> script(std::string_view text) { return read_script_line(std::as_bytes(std::span(text))); }

TEST(Script, FirstLine) {
  EXPECT_EQ(script("#!/bin/sh\necho")->interpreter, "/bin/sh");
  EXPECT_FALSE(script("#!/bin/sh\n")->argument);
  EXPECT_EQ(script("#! /usr/bin/env  python3 -u \n")->interpreter, "/usr/bin/env");
  EXPECT_EQ(script("#! /usr/bin/env  python3 -u \n")->argument, "python3 -u")
      << "all of the rest is one argument";
  EXPECT_EQ(script("#!/bin/sh")->interpreter, "/bin/sh") << "no newline at the end of the file";
  EXPECT_FALSE(script("#!"));
  EXPECT_FALSE(script("#!  \t \n/bin/sh"));
  EXPECT_FALSE(script("#!/" + std::string(300, 'a')));
}

// --- signals
// -------------------------------------------------------------------------------------------------

siginfo_t signal_with(int signo, int value) {
  siginfo_t info{};
  info.si_signo = signo;
  info.si_value.sival_int = value;
  return info;
}

TEST(SignalQueue, OrdinaryOnceRealTimeInOrder) {
  SignalQueue q;
  EXPECT_TRUE(q.add(signal_with(SIGUSR1, 1)));
  EXPECT_FALSE(q.add(signal_with(SIGUSR1, 2)));
  EXPECT_TRUE(q.add(signal_with(40, 1)));
  EXPECT_TRUE(q.add(signal_with(40, 2)));
  EXPECT_TRUE(q.add(signal_with(SIGSEGV, 9)));
  EXPECT_EQ(q.take(~SignalSet{0})->si_signo, SIGSEGV) << "synchronous ones first";
  EXPECT_FALSE(q.take(signal_bit(SIGHUP)));
  EXPECT_EQ(q.take(~SignalSet{0})->si_value.sival_int, 1);
  EXPECT_EQ(q.take(signal_bit(40))->si_value.sival_int, 1);
  EXPECT_EQ(q.set(), signal_bit(40)) << "another one is queued";
  EXPECT_EQ(q.take(signal_bit(40))->si_value.sival_int, 2);
  EXPECT_EQ(q.set(), 0u);
  q.add(signal_with(40, 3));
  q.add(signal_with(SIGTERM, 3));
  q.discard(signal_bit(40));
  EXPECT_EQ(q.set(), signal_bit(SIGTERM));
  EXPECT_EQ(q.queued(), 1u);
}

// --- threads and timers
// --------------------------------------------------------------------------------------

TEST(HostThreads, RunsAllAndWaits) {
  std::atomic<int> done{0};
  {
    HostThreads threads;
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(threads.run([&] { ++done; }));
  }
  EXPECT_EQ(done, 100);
}

TEST(HostThreads, OneIsKeptReadyAndUsed) {
  auto threads_now = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/task"),
                         std::filesystem::directory_iterator());
  };
  HostThreads threads;
  threads.keep_ready();
  std::atomic<bool> done{false};
  for (int i = 0; i < 1000 && !threads.idle(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ASSERT_EQ(threads.idle(), 1u);
  const auto with_it = threads_now();  // and perhaps with threads of others that are about to end
  threads.keep_ready();
  EXPECT_LE(threads_now(), with_it);
  ASSERT_TRUE(threads.run([&] { done = true; }));
  for (int i = 0; i < 1000 && !done; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_TRUE(done);
  EXPECT_LE(threads_now(), with_it);
}

TEST(TimerQueue, FiresInOrderAndCancels) {
  Mutex<locks::statistics> lock;
  std::vector<int> fired;
  TimerQueue timers;
  auto note = [&](int n) {
    return [&, n] {
      LockGuard guard(lock);
      fired.push_back(n);
    };
  };
  const auto now = vfs::Clock::now();
  timers.add(now + 30ms, note(3));
  timers.add(now + 10ms, note(1));
  const TimerQueue::Id second = timers.add(now + 20ms, note(2));
  EXPECT_TRUE(timers.cancel(second));
  EXPECT_FALSE(timers.cancel(second));
  for (int i = 0; i < 1000; ++i) {
    std::this_thread::sleep_for(5ms);
    LockGuard guard(lock);
    if (fired.size() == 2) break;
  }
  LockGuard guard(lock);
  EXPECT_EQ(fired, (std::vector<int>{1, 3}));
}

// --- futexes
// ---------------------------------------------------------------------------------------------------

class Futex : public testing::Test {
 protected:
  void SetUp() override {
    platform_ = *platform::fake::FakePlatform::create({});
    manager_ = *mm::MemoryManager::create(*platform_, {});
    mm_ = *mm::AddressSpace::create(*manager_);
    mm::MapRequest request;
    request.length = page_size;
    request.access = Access::read | Access::write;
    word_ = *mm_->map(request);
  }
  /// A thread that waits for the word to be woken; tells how the wait ended.
  std::thread waiter(GuestAddr at, Result<u32>& result, u32 mask = ~u32{0}, vfs::Deadline deadline = {}) {
    return std::thread([=, this, &result] {
      const FutexTable::Word word{.address = at, .private_flag = true, .expected = 0, .mask = mask};
      result = table_.wait(*mm_, std::span(&word, 1), deadline);
    });
  }
  /// Wakes until somebody was woken: a waiter may not have queued itself yet.
  u32 wake_some(GuestAddr at, u32 n, u32 mask = ~u32{0}) {
    for (;;)
      if (const u32 woken = *table_.wake(*mm_, at, true, n, mask); woken != 0)
        return woken;
      else
        std::this_thread::yield();
  }

  std::unique_ptr<platform::fake::FakePlatform> platform_;
  std::unique_ptr<mm::MemoryManager> manager_;
  Ref<mm::AddressSpace> mm_;
  GuestAddr word_;
  FutexTable table_;
};

TEST_F(Futex, WaitsUntilWoken) {
  Result<u32> result = err(EIO);
  std::thread t = waiter(word_, result);
  EXPECT_EQ(wake_some(word_, 1), 1u);
  t.join();
  EXPECT_EQ(result, Result<u32>(0));
  EXPECT_EQ(*table_.wake(*mm_, word_, true, 1, ~u32{0}), 0u);
}

TEST_F(Futex, OtherValueAndTimeOut) {
  ASSERT_TRUE(mm_->write(word_, u32{7}));
  Result<u32> result = 0;
  waiter(word_, result).join();
  EXPECT_EQ(result.error(), Errno(EAGAIN));
  ASSERT_TRUE(mm_->write(word_, u32{0}));
  waiter(word_, result, ~u32{0}, vfs::Clock::now() + 10ms).join();
  EXPECT_EQ(result.error(), Errno(ETIMEDOUT));
  waiter(GuestAddr(0x10), result).join();
  EXPECT_EQ(result.error(), Errno(EFAULT));
}

TEST_F(Futex, MasksChoose) {
  Result<u32> one = err(EIO), two = err(EIO);
  std::thread a = waiter(word_, one, 1), b = waiter(word_, two, 2);
  EXPECT_EQ(wake_some(word_, 10, 2), 1u);
  b.join();
  EXPECT_EQ(two, Result<u32>(0));
  EXPECT_EQ(wake_some(word_, 10, 1), 1u);
  a.join();
}

TEST_F(Futex, RequeueMovesTheRest) {
  Result<u32> results[3] = {err(EIO), err(EIO), err(EIO)};
  std::thread threads[3];
  for (int i = 0; i < 3; ++i) threads[i] = waiter(word_, results[i]);
  u32 moved = 0;
  // All three pass from the first word to the second, as they arrive.
  while (moved < 3) moved += *table_.requeue(*mm_, word_, word_ + 64, true, true, 0, 10, 0);
  EXPECT_EQ(*table_.wake(*mm_, word_, true, 10, ~u32{0}), 0u);
  EXPECT_EQ(*table_.wake(*mm_, word_ + 64, true, 10, ~u32{0}), 3u);
  for (std::thread& t : threads) t.join();
  for (const auto& r : results) EXPECT_EQ(r, Result<u32>(0));
  EXPECT_EQ(table_.requeue(*mm_, word_, word_ + 64, true, true, 1, 1, 5).error(), Errno(EAGAIN));
}

TEST_F(Futex, WakeOp) {
  // word2 = word2 + 5; wake word1; wake word2 too if it was 0.
  const u32 operation = FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_EQ, 0);
  Result<u32> result = err(EIO);
  std::thread t = waiter(word_, result);
  u32 woken = 0, rounds = 0;
  for (; woken == 0; ++rounds) woken = *table_.wake_op(*mm_, word_, word_ + 64, true, 1, 1, operation);
  t.join();
  EXPECT_EQ(*mm_->load_u32(word_ + 64), 5 * rounds);
  EXPECT_EQ(table_.wake_op(*mm_, word_, word_ + 64, true, 1, 1, 7u << 28).error(), Errno(ENOSYS));
}

TEST_F(Futex, WaitvTellsWhich) {
  Result<u32> result = err(EIO);
  std::thread t([&] {
    const FutexTable::Word words[2] = {
        {.address = word_, .private_flag = true, .expected = 0, .mask = ~u32{0}},
        {.address = word_ + 64, .private_flag = true, .expected = 0, .mask = ~u32{0}}};
    result = table_.wait(*mm_, words, {});
  });
  wake_some(word_ + 64, 1);
  t.join();
  EXPECT_EQ(result, Result<u32>(1));
}

TEST_F(Futex, ManyHandsOneToken) {
  // Threads pass a token by futex: a lost wake would hang them.
  constexpr int threads = 4, rounds = 200;
  std::vector<std::thread> all;
  for (u32 me = 0; me < threads; ++me)
    all.emplace_back([&, me] {
      for (int r = 0; r < rounds; ++r) {
        for (;;) {
          const u32 turn = *mm_->load_u32(word_);
          if (turn % threads == me) break;
          const FutexTable::Word word{
              .address = word_, .private_flag = true, .expected = turn, .mask = ~u32{0}};
          (void)table_.wait(*mm_, std::span(&word, 1), {});
        }
        (void)mm_->fetch_op_u32(word_, 1, 1);
        (void)table_.wake(*mm_, word_, true, threads, ~u32{0});
      }
    });
  for (std::thread& t : all) t.join();
  EXPECT_EQ(*mm_->load_u32(word_), static_cast<u32>(threads * rounds));
}

}  // namespace
}  // namespace quire::task
