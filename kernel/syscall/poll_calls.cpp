// poll, select and their forms with a signal mask.
#include <poll.h>
#include <sys/select.h>

#include "kernel/abi/restart.h"
#include "kernel/syscall/file_common.h"
#include "kernel/syscall/handlers_event.h"
#include "kernel/task/clocks.h"
#include "kernel/vfs/epoll.h"

namespace quire::syscall {
namespace {

constexpr u64 max_select_words = 1024;  // descriptors in sets beyond any rlimit are not looked at

/// The signal mask of ppoll and its kind, in force until the call is over.
Result<> set_mask(Task& task, GuestAddr mask, u64 size) {
  if (mask.value() == 0) return {};
  if (size != sizeof(task::SignalSet)) return err(EINVAL);
  task.set_temporary_mask(TRY(task.mm().read<u64>(mask)) & ~task::unblockable);
  return {};
}

/// Milliseconds as poll has them; negative: for ever.
vfs::Deadline after_ms(i64 ms) {
  if (ms < 0) return {};
  return task::after_ns(vfs::Clock::now(), static_cast<u64>(ms) * 1'000'000);
}

Result<vfs::Deadline> deadline_in(Task& task, GuestAddr at) {
  if (at.value() == 0) return vfs::Deadline{};
  u64 ns = TRY(task::to_ns(TRY(task.mm().read<timespec>(at))));
  return vfs::Deadline(task::after_ns(vfs::Clock::now(), ns));
}

/// ppoll and pselect write back what is left.
void store_remaining(Task& task, GuestAddr at, vfs::Deadline deadline, bool as_timeval) {
  if (at.value() == 0 || !deadline) return;
  auto left = std::max(*deadline - vfs::Clock::now(), vfs::Clock::duration(0));
  timespec t = task::to_timespec(static_cast<u64>(left.count()));
  if (as_timeval) t.tv_nsec /= 1000;
  (void)task.mm().write(at, t);  // a read-only timeout is no error
}

Result<u64> poll_array(Task& task, GuestAddr at, u32 count, vfs::Deadline deadline) {
  if (count > task.process().limit(RLIMIT_NOFILE).rlim_cur) return err(EINVAL);
  std::vector<pollfd> fds(count);
  if (count != 0) TRY_VOID(task.mm().copy_in(fds.data(), at, count * sizeof(pollfd)));
  std::vector<vfs::PollItem> items;
  std::vector<std::size_t> place;
  for (std::size_t i = 0; i < fds.size(); ++i) {
    fds[i].revents = 0;
    if (fds[i].fd < 0) continue;
    auto file = file_at(task, fds[i].fd);
    items.push_back({file ? *std::move(file) : nullptr, static_cast<u16>(fds[i].events), 0});
    place.push_back(i);
  }
  int n = TRY(vfs::poll_files(items, deadline));
  for (std::size_t i = 0; i < items.size(); ++i) fds[place[i]].revents = static_cast<short>(items[i].result);
  for (std::size_t i = 0; i < fds.size(); ++i)
    TRY_VOID(task.mm().write(at + i * sizeof(pollfd) + offsetof(pollfd, revents), fds[i].revents));
  return static_cast<u64>(n);
}

constexpr u32 read_events = POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR;
constexpr u32 write_events = POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR;
constexpr u32 except_events = POLLPRI;

Result<u64> select_sets(Task& task, const Args& args, vfs::Deadline deadline) {
  if (args.i(0) < 0) return err(EINVAL);
  u64 count = std::min<u64>(args.u(0), task.fds().capacity());
  u64 words = std::min((count + 63) / 64, max_select_words);
  constexpr u32 kinds[3] = {read_events, write_events, except_events};
  std::vector<u64> asked[3], answer[3];
  for (unsigned k = 0; k < 3; ++k) {
    asked[k].assign(words, 0);
    answer[k].assign(words, 0);
    if (args[k + 1] != 0 && words != 0)
      TRY_VOID(task.mm().copy_in(asked[k].data(), args.addr(k + 1), words * 8));
  }
  std::vector<vfs::PollItem> items;
  std::vector<u64> fds;
  for (u64 fd = 0; fd < count; ++fd) {
    u32 events = 0;
    for (unsigned k = 0; k < 3; ++k)
      if ((asked[k][fd / 64] >> (fd % 64) & 1) != 0) events |= kinds[k];
    if (events == 0) continue;
    items.push_back({TRY(file_at(task, static_cast<int>(fd))), events, 0});
    fds.push_back(fd);
  }
  // poll_files reports errors and hang-ups unasked; select only as readable or writable.
  u64 total = 0;
  TRY_VOID(vfs::poll_files(items, deadline));
  for (std::size_t i = 0; i < items.size(); ++i)
    for (unsigned k = 0; k < 3; ++k) {
      u64 bit = u64{1} << (fds[i] % 64);
      if ((asked[k][fds[i] / 64] & bit) == 0 || (items[i].result & kinds[k]) == 0) continue;
      answer[k][fds[i] / 64] |= bit;
      ++total;
    }
  for (unsigned k = 0; k < 3; ++k)
    if (args[k + 1] != 0 && words != 0)
      TRY_VOID(task.mm().copy_out(args.addr(k + 1), answer[k].data(), words * 8));
  return total;
}

}  // namespace

QUIRE_SYSCALL(poll) { return poll_array(task, args.addr(0), args.u(1), after_ms(args.i(2))); }

QUIRE_SYSCALL(ppoll) {
  auto deadline = TRY(deadline_in(task, args.addr(2)));
  TRY_VOID(set_mask(task, args.addr(3), args[4]));
  auto r = poll_array(task, args.addr(0), args.u(1), deadline);
  store_remaining(task, args.addr(2), deadline, false);
  return r;
}

QUIRE_SYSCALL(select) {
  vfs::Deadline deadline;
  if (args[4] != 0) {
    auto t = TRY(task.mm().read<timeval>(args.addr(4)));
    if (t.tv_sec < 0 || t.tv_usec < 0) return err(EINVAL);
    u64 ns = static_cast<u64>(std::min<i64>(t.tv_sec, i64{1} << 32)) * task::ns_per_s +
             static_cast<u64>(std::min<i64>(t.tv_usec, i64{1} << 40)) * 1000;
    deadline = task::after_ns(vfs::Clock::now(), ns);
  }
  auto r = select_sets(task, args, deadline);
  store_remaining(task, args.addr(4), deadline, true);
  return r;
}

QUIRE_SYSCALL(pselect6) {
  auto deadline = TRY(deadline_in(task, args.addr(4)));
  if (args[5] != 0) {
    struct MaskArgument {
      u64 mask, size;
    };
    auto m = TRY(task.mm().read<MaskArgument>(args.addr(5)));
    TRY_VOID(set_mask(task, GuestAddr(m.mask), m.size));
  }
  auto r = select_sets(task, args, deadline);
  store_remaining(task, args.addr(4), deadline, false);
  return r;
}

}  // namespace quire::syscall
