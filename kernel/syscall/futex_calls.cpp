// futex(2), futex_waitv(2) and the robust list.
#include <linux/futex.h>

#include "kernel/abi/restart.h"
#include "kernel/syscall/handlers_task.h"
#include "kernel/syscall/support.h"
#include "kernel/task/clocks.h"
#include "kernel/task/futex.h"
#include "kernel/task/kernel.h"

namespace quire::syscall {

using task::FutexTable;

namespace {

constexpr u64 robust_head_size = 24;

/// A FUTEX_WAIT that a signal interrupted: with a time-out it goes on to the same deadline.
Result<u64> wait_or_restart(Task& task, const FutexTable::Word& word, vfs::Deadline deadline, bool relative) {
  const Result<u32> woken = task.kernel().futexes().wait(task.mm(), std::span(&word, 1), deadline);
  if (woken) return 0;
  if (woken.error().value() != abi::restart_sys || !relative || !deadline) return err(woken.error());
  task.restart = {};
  task.restart.kind = task::RestartBlock::Kind::futex;
  task.restart.deadline = *deadline;
  task.restart.futex = word.address;
  task.restart.futex_value = word.expected;
  task.restart.futex_mask = word.mask;
  task.restart.futex_private = word.private_flag;
  return err(abi::restart_block);
}

}  // namespace

Result<u64> restart_futex(Task& task) {
  const task::RestartBlock b = task.restart;
  const FutexTable::Word word{
      .address = b.futex, .private_flag = b.futex_private, .expected = b.futex_value, .mask = b.futex_mask};
  return wait_or_restart(task, word, b.deadline, true);
}

QUIRE_SYSCALL(futex) {
  const u32 operation = args.u(1);
  const u32 command = operation & static_cast<u32>(FUTEX_CMD_MASK);
  const bool is_private = (operation & FUTEX_PRIVATE_FLAG) != 0;
  const int clock = (operation & FUTEX_CLOCK_REALTIME) != 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC;
  if (clock == CLOCK_REALTIME && command != FUTEX_WAIT_BITSET && command != FUTEX_WAIT_REQUEUE_PI &&
      command != FUTEX_LOCK_PI2 && command != FUTEX_WAIT)
    return err(ENOSYS);
  FutexTable& futexes = task.kernel().futexes();
  const bool timed = command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET || command == FUTEX_LOCK_PI ||
                     command == FUTEX_LOCK_PI2 || command == FUTEX_WAIT_REQUEUE_PI;
  vfs::Deadline deadline;
  if (timed && args.addr(3) != GuestAddr{}) {
    const u64 ns = TRY(task::to_ns(TRY(task.mm().read<timespec>(args.addr(3)))));
    // FUTEX_LOCK_PI always means the real-time clock.
    deadline = TRY(
        task::wall_deadline(command == FUTEX_LOCK_PI ? CLOCK_REALTIME : clock, ns, command != FUTEX_WAIT));
  }
  switch (command) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET: {
      const u32 mask = command == FUTEX_WAIT ? ~u32{0} : args.u(5);
      if (mask == 0) return err(EINVAL);
      return wait_or_restart(
          task, {.address = args.addr(0), .private_flag = is_private, .expected = args.u(2), .mask = mask},
          deadline, command == FUTEX_WAIT);
    }
    case FUTEX_WAKE:
      return TRY(futexes.wake(task.mm(), args.addr(0), is_private, std::max(args.i(2), 1), ~u32{0}));
    case FUTEX_WAKE_BITSET:
      if (args.u(5) == 0) return err(EINVAL);
      return TRY(futexes.wake(task.mm(), args.addr(0), is_private, std::max(args.i(2), 1), args.u(5)));
    case FUTEX_REQUEUE:
    case FUTEX_CMP_REQUEUE:
      if (args.i(2) < 0 || args.i(3) < 0) return err(EINVAL);
      return TRY(futexes.requeue(task.mm(), args.addr(0), args.addr(4), is_private, is_private, args.u(2),
                                 args.u(3),
                                 command == FUTEX_CMP_REQUEUE ? std::optional(args.u(5)) : std::nullopt));
    case FUTEX_WAKE_OP:
      return TRY(futexes.wake_op(task.mm(), args.addr(0), args.addr(4), is_private, args.u(2), args.u(3),
                                 args.u(5)));
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
    case FUTEX_TRYLOCK_PI:
      TRY_VOID(futexes.lock_pi(task, args.addr(0), is_private, command == FUTEX_TRYLOCK_PI, deadline));
      return 0;
    case FUTEX_UNLOCK_PI:
      TRY_VOID(futexes.unlock_pi(task, args.addr(0), is_private));
      return 0;
    default:
      return err(ENOSYS);
  }
}

QUIRE_SYSCALL(futex_waitv) {
  if (args.u(2) != 0 || args.u(1) == 0 || args.u(1) > FUTEX_WAITV_MAX) return err(EINVAL);
  vfs::Deadline deadline;
  if (args.addr(3) != GuestAddr{}) {
    if (args.i(4) != CLOCK_MONOTONIC && args.i(4) != CLOCK_REALTIME) return err(EINVAL);
    deadline = TRY(
        task::wall_deadline(args.i(4), TRY(task::to_ns(TRY(task.mm().read<timespec>(args.addr(3))))), true));
  }
  std::vector<struct futex_waitv> in(args.u(1));
  TRY_VOID(task.mm().copy_in(in.data(), args.addr(0), in.size() * sizeof in[0]));
  std::vector<FutexTable::Word> words;
  for (const struct futex_waitv& w : in) {
    if ((w.flags & ~u32{FUTEX_32 | FUTEX_PRIVATE_FLAG}) != 0 || w.__reserved != 0) return err(EINVAL);
    if ((w.flags & FUTEX_32) == 0) return err(EINVAL);
    words.push_back({.address = GuestAddr(w.uaddr),
                     .private_flag = (w.flags & FUTEX_PRIVATE_FLAG) != 0,
                     .expected = static_cast<u32>(w.val),
                     .mask = ~u32{0}});
  }
  return TRY(task.kernel().futexes().wait(task.mm(), words, deadline));
}

QUIRE_SYSCALL(set_robust_list) {
  if (args[1] != robust_head_size) return err(EINVAL);
  task.robust_list = args.addr(0);
  task.robust_list_length = args[1];
  return 0;
}

QUIRE_SYSCALL(get_robust_list) {
  Ref<Task> other = args.i(0) == 0 ? Ref<Task>(&task) : task.kernel().find_task(args.i(0));
  if (!other) return err(ESRCH);
  if (!may_inspect(task, *other)) return err(EPERM);
  TRY_VOID(task.mm().write(args.addr(2), robust_head_size));
  TRY_VOID(task.mm().write(args.addr(1), other->robust_list.value()));
  return 0;
}

}  // namespace quire::syscall
