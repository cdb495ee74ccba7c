// Pipes, epoll, poll, inotify, locks, terminals.
#include <poll.h>
#include <sys/inotify.h>

#include <thread>

#include "kernel/abi/restart.h"
#include "kernel/fs/fs_test.h"
#include "kernel/fs/pipe/pipe.h"
#include "kernel/fs/tty/line_discipline.h"
#include "kernel/vfs/epoll.h"
#include "kernel/vfs/eventfd.h"
#include "kernel/vfs/fd_table.h"
#include "kernel/vfs/file_locks.h"
#include "kernel/vfs/inotify.h"

namespace quire::fs::test {
namespace {

std::size_t put(vfs::File& f, std::string_view s) {
  vfs::IoBuffer from{std::as_bytes(std::span(s))};
  return f.write(from).value_or(0);
}
std::string get(vfs::File& f, std::size_t max = 100) {
  std::string s(max, '\0');
  vfs::IoBuffer to{std::as_writable_bytes(std::span(s))};
  auto n = f.read(to);
  if (!n) return "(" + std::string(n.error().name()) + ")";
  return s.substr(0, *n);
}

TEST(Pipe, CarriesBytesAndEnds) {
  auto [first, second] = pipe::create_pipe(O_NONBLOCK, 0, 0);
  Ref<vfs::File> r = std::move(first), w = std::move(second);
  EXPECT_EQ(get(*r), "(EAGAIN)");
  EXPECT_EQ(put(*w, "abc"), 3u);
  EXPECT_EQ(r->poll() & POLLIN, static_cast<u32>(POLLIN));
  EXPECT_EQ(get(*r, 2), "ab");
  EXPECT_EQ(get(*r), "c");
  w = nullptr;
  EXPECT_EQ(get(*r), "");
  EXPECT_NE(r->poll() & POLLHUP, 0u);
  auto [first2, second2] = pipe::create_pipe(0, 0, 0);
  Ref<vfs::File> r2 = std::move(first2), w2 = std::move(second2);
  r2 = nullptr;
  vfs::IoBuffer from{std::as_bytes(std::span("x", 1))};
  EXPECT_EQ(error(w2->write(from)), EPIPE);
}

TEST(Pipe, BlocksAndWakes) {
  auto [first, second] = pipe::create_pipe(0, 0, 0);
  Ref<vfs::File> r = std::move(first), w = std::move(second);
  const std::string all(1 << 20, 'z');
  std::thread writer([&] {
    EXPECT_EQ(put(*w, all), all.size());
    w = nullptr;
  });
  std::size_t total = 0;
  for (std::string s = get(*r, 5000); !s.empty(); s = get(*r, 5000)) total += s.size();
  writer.join();
  EXPECT_EQ(total, all.size());
}

TEST(Pipe, ShortWritesAreWhole) {
  auto [first, second] = pipe::create_pipe(O_NONBLOCK, 0, 0);
  Ref<vfs::File> r = std::move(first), w = std::move(second);
  ASSERT_TRUE(w->control(F_SETPIPE_SZ, 4096).has_value());
  EXPECT_EQ(put(*w, std::string(4000, 'a')), 4000u);
  EXPECT_EQ(put(*w, std::string(100, 'b')), 0u);  // would be split
  get(*r, 50);
  EXPECT_EQ(put(*w, std::string(100, 'b')), 100u);
}

TEST(Pipe, AnInterruptEndsTheWait) {
  auto [first, second] = pipe::create_pipe(0, 0, 0);
  Ref<vfs::File> r = std::move(first), w = std::move(second);
  std::atomic<vfs::Waiter*> waiter{nullptr};
  std::thread reader([&] {
    waiter = &vfs::Waiter::current();
    std::byte b;
    vfs::IoBuffer to{std::span(&b, 1)};
    EXPECT_EQ(error(r->read(to)), abi::restart_sys);
    vfs::Waiter::current().clear_interrupt();
  });
  while (waiter == nullptr) std::this_thread::yield();
  waiter.load()->interrupt();
  reader.join();
}

TEST(Pipe, FifosMeet) {
  vfs::set_fifo_opener(pipe::open_fifo);
  World w(new_tmpfs());
  ASSERT_TRUE(vfs::make_node(w.at(), "/f", S_IFIFO | 0666, 0).has_value());
  EXPECT_EQ(error(w.open("/f", O_WRONLY | O_NONBLOCK)), ENXIO);
  std::thread writer([&] {
    auto f = w.open("/f", O_WRONLY);
    EXPECT_EQ(put(**f, "through"), 7u);
  });
  auto f = *w.open("/f", O_RDONLY);
  EXPECT_EQ(World::read_all(*f), "through");
  writer.join();
}

epoll_event event(u32 events, u64 data) {
  epoll_event e{};
  e.events = events;
  e.data.u64 = data;
  return e;
}
const vfs::Deadline at_once = vfs::Clock::time_point{};

TEST(Epoll, LevelEdgeAndOneShot) {
  auto set = make_ref<vfs::Epoll>(O_RDWR);
  auto a = make_ref<vfs::EventFd>(0, false, O_RDWR | O_NONBLOCK);
  EXPECT_EQ(error(set->control_set(EPOLL_CTL_ADD, 3, a, event(EPOLLIN, 7))), 0);
  EXPECT_EQ(error(set->control_set(EPOLL_CTL_ADD, 3, a, event(EPOLLIN, 7))), EEXIST);
  EXPECT_TRUE(set->wait(8, at_once)->empty());
  u64 one = 1;
  auto signal = [&] {
    vfs::IoBuffer from{std::as_bytes(std::span(&one, 1))};
    EXPECT_TRUE(static_cast<vfs::File&>(*a).write(from).has_value());
  };
  signal();
  for (int i = 0; i < 3; ++i) {  // level: again and again
    auto got = *set->wait(8, at_once);
    ASSERT_EQ(got.size(), 1u);
    u64 data = got[0].data.u64;  // packed: no reference to it
    EXPECT_EQ(data, 7u);
  }
  EXPECT_EQ(error(set->control_set(EPOLL_CTL_MOD, 3, a, event(EPOLLIN | EPOLLET, 8))), 0);
  EXPECT_EQ(set->wait(8, at_once)->size(), 1u);
  EXPECT_TRUE(set->wait(8, at_once)->empty());  // edge: once
  signal();
  EXPECT_EQ(set->wait(8, at_once)->size(), 1u);
  EXPECT_EQ(error(set->control_set(EPOLL_CTL_MOD, 3, a, event(EPOLLIN | EPOLLONESHOT, 9))), 0);
  EXPECT_EQ(set->wait(8, at_once)->size(), 1u);
  signal();
  EXPECT_TRUE(set->wait(8, at_once)->empty());
  EXPECT_EQ(error(set->control_set(EPOLL_CTL_DEL, 3, a, event(0, 0))), 0);
  EXPECT_EQ(error(set->control_set(EPOLL_CTL_DEL, 3, a, event(0, 0))), ENOENT);
}

TEST(Epoll, ForgetsClosedFilesAndRefusesLoops) {
  auto set = make_ref<vfs::Epoll>(O_RDWR);
  {
    auto [first, second] = pipe::create_pipe(0, 0, 0);
    Ref<vfs::File> r = std::move(first), w = std::move(second);
    EXPECT_EQ(error(set->control_set(EPOLL_CTL_ADD, 4, r, event(EPOLLIN, 0))), 0);
    put(*w, "x");
    EXPECT_EQ(set->wait(8, at_once)->size(), 1u);
  }
  EXPECT_TRUE(set->wait(8, at_once)->empty());
  EXPECT_TRUE(set->watches().empty());
  auto outer = make_ref<vfs::Epoll>(O_RDWR);
  EXPECT_EQ(error(outer->control_set(EPOLL_CTL_ADD, 5, set, event(EPOLLIN, 0))), 0);
  EXPECT_EQ(error(set->control_set(EPOLL_CTL_ADD, 6, outer, event(EPOLLIN, 0))), ELOOP);
  World w(new_tmpfs());
  w.write("/f", "");
  EXPECT_EQ(error(set->control_set(EPOLL_CTL_ADD, 7, *w.open("/f", O_RDONLY), event(EPOLLIN, 0))), EPERM);
}

TEST(Epoll, WakesThroughNesting) {
  auto inner = make_ref<vfs::Epoll>(O_RDWR), outer = make_ref<vfs::Epoll>(O_RDWR);
  auto [first, second] = pipe::create_pipe(0, 0, 0);
  Ref<vfs::File> r = std::move(first), w = std::move(second);
  ASSERT_EQ(error(inner->control_set(EPOLL_CTL_ADD, 1, r, event(EPOLLIN, 1))), 0);
  ASSERT_EQ(error(outer->control_set(EPOLL_CTL_ADD, 2, inner, event(EPOLLIN, 2))), 0);
  EXPECT_TRUE(outer->wait(8, at_once)->empty());
  std::thread writer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    put(*w, "x");
  });
  EXPECT_EQ(outer->wait(8, {})->size(), 1u);
  EXPECT_EQ(inner->wait(8, at_once)->size(), 1u);
  writer.join();
}

/// Threads add, remove, close and write while others wait.
TEST(Epoll, SurvivesThreads) {
  auto set = make_ref<vfs::Epoll>(O_RDWR);
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&] {
      while (!stop) (void)set->wait(4, vfs::Clock::now() + std::chrono::milliseconds(1));
    });
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) {
        auto [first, second] = pipe::create_pipe(O_NONBLOCK, 0, 0);
        Ref<vfs::File> r = std::move(first), w = std::move(second);
        (void)set->control_set(EPOLL_CTL_ADD, 10 + t, r, event(EPOLLIN | (i % 2 != 0 ? u32{EPOLLET} : 0), 0));
        put(*w, "x");
        if (i % 3 == 0) (void)set->control_set(EPOLL_CTL_DEL, 10 + t, r, event(0, 0));
      }
    });
  threads[2].join();
  threads[3].join();
  stop = true;
  threads[0].join();
  threads[1].join();
  EXPECT_TRUE(set->watches().empty());
}

TEST(Poll, WaitsForTheFirst) {
  auto [first, second] = pipe::create_pipe(0, 0, 0);
  Ref<vfs::File> r = std::move(first), w = std::move(second);
  auto [first2, second2] = pipe::create_pipe(0, 0, 0);
  Ref<vfs::File> r2 = std::move(first2), w2 = std::move(second2);
  std::vector<vfs::PollItem> items{{r, POLLIN, 0}, {r2, POLLIN, 0}};
  EXPECT_EQ(*vfs::poll_files(items, vfs::Clock::now() + std::chrono::milliseconds(5)), 0);
  std::thread writer([&] { put(*w2, "x"); });
  EXPECT_EQ(*vfs::poll_files(items, {}), 1);
  EXPECT_EQ(items[0].result, 0u);
  EXPECT_NE(items[1].result & POLLIN, 0u);
  writer.join();
}

TEST(FdTable, LowestFreeAndLimits) {
  vfs::FdTable t;
  Ref<vfs::File> f = make_ref<vfs::EventFd>(0, false, O_RDWR);
  EXPECT_EQ(*t.install(f, false, 4), 0);
  EXPECT_EQ(*t.install(f, true, 4), 1);
  EXPECT_EQ(*t.install(f, false, 4), 2);
  EXPECT_EQ(error(t.close(1)), 0);
  EXPECT_EQ(error(t.close(1)), EBADF);
  EXPECT_EQ(*t.install(f, true, 4), 1);
  EXPECT_EQ(*t.install(f, false, 4), 3);
  EXPECT_EQ(error(t.install(f, false, 4)), EMFILE);
  EXPECT_EQ(*t.install_at(3, f, false, 4), 3);
  EXPECT_EQ(error(t.install_at(4, f, false, 4)), EBADF);
  auto copy = t.copy();
  t.close_on_exec();
  EXPECT_EQ(error(t.get(1)), EBADF);
  EXPECT_TRUE(copy->get(1).has_value());
  t.close_range(0, ~0u, false);
  EXPECT_TRUE(t.list().empty());
  EXPECT_EQ(error(t.get(-1)), EBADF);
}

TEST(Locks, RangesConflictAndMerge) {
  vfs::FileLocks l;
  int a = 0, b = 0;
  using R = vfs::FileLocks::Record;
  EXPECT_EQ(error(l.set(R{&a, 1, true, 0, 100}, false, false)), 0);
  EXPECT_EQ(error(l.set(R{&b, 2, false, 50, 60}, false, false)), EAGAIN);
  EXPECT_EQ(error(l.set(R{&a, 1, true, 40, 70}, true, false)), 0);  // a hole
  EXPECT_EQ(error(l.set(R{&b, 2, false, 50, 60}, false, false)), 0);
  auto c = l.conflict(R{&b, 2, true, 0, ~u64{0}});
  ASSERT_TRUE(c.has_value());
  EXPECT_EQ(c->begin, 0u);
  EXPECT_EQ(c->end, 40u);
  l.release_posix(&a);
  EXPECT_FALSE(l.conflict(R{&b, 2, true, 0, ~u64{0}}).has_value());
  EXPECT_EQ(error(l.set_whole(&a, 2, false)), 0);
  EXPECT_EQ(error(l.set_whole(&b, 1, false)), EWOULDBLOCK);
  EXPECT_EQ(error(l.set_whole(&a, 1, false)), 0);
  EXPECT_EQ(error(l.set_whole(&b, 1, false)), 0);
}

TEST(Inotify, TellsWhatHappens) {
  World w(new_tmpfs());
  w.mkdir("/d");
  auto n = make_ref<vfs::Inotify>(O_RDONLY | O_NONBLOCK);
  EXPECT_EQ(*n->add_watch(w.walk("/d")->dentry->inode_ref(), IN_CREATE | IN_DELETE | IN_MOVE), 1);
  w.write("/d/f", "x");
  w.rename("/d/f", "/g");
  w.rename("/g", "/d/h");
  w.unlink("/d/h");
  std::string bytes = get(*n, 4096);
  std::vector<u32> kinds;
  for (std::size_t at = 0; at < bytes.size();) {
    inotify_event e;
    std::memcpy(&e, &bytes[at], sizeof e);
    kinds.push_back(e.mask);
    at += sizeof e + e.len;
  }
  EXPECT_EQ(kinds, (std::vector<u32>{IN_CREATE, IN_MOVED_FROM, IN_MOVED_TO, IN_DELETE}));
  EXPECT_EQ(error(n->remove_watch(1)), 0);
  EXPECT_EQ(error(n->remove_watch(1)), EINVAL);
}

TEST(LineDiscipline, EditsEchoesAndSignals) {
  tty::LineDiscipline l;
  std::string echo;
  u64 signals = 0;
  l.input("helo\x7flo\r", echo, signals);
  EXPECT_EQ(echo, "helo\b \blo\r\n");
  EXPECT_TRUE(l.readable());
  EXPECT_EQ(l.read(3), "hel");
  EXPECT_EQ(l.read(100), "lo\n");
  EXPECT_FALSE(l.readable());
  echo.clear();
  l.input("abc\x03", echo, signals);
  EXPECT_EQ(echo, "abc^C");
  EXPECT_EQ(signals, u64{1} << 1);
  EXPECT_FALSE(l.readable());
  l.input("\x04", echo, signals);
  EXPECT_TRUE(l.readable());
  EXPECT_EQ(l.read(10), "");
  echo.clear();
  l.input("\xc3\xa4\x7f\n", echo, signals);  // a character of two bytes goes whole
  EXPECT_EQ(l.read(10), "\n");
  std::string out;
  l.output("a\nb", out);
  EXPECT_EQ(out, "a\r\nb");
  auto raw = l.attributes();
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
  raw.c_iflag = 0;
  l.set_attributes(raw);
  echo.clear();
  l.input("\x03\r", echo, signals);
  EXPECT_EQ(l.read(10), "\x03\r");
  EXPECT_EQ(echo, "");
}

}  // namespace
}  // namespace quire::fs::test
