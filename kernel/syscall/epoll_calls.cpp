#include "kernel/abi/restart.h"
#include "kernel/syscall/file_common.h"
#include "kernel/syscall/handlers_event.h"
#include "kernel/task/clocks.h"
#include "kernel/vfs/epoll.h"

namespace quire::syscall {
namespace {

Result<u64> create(Task& task, int flags) {
  if ((flags & ~EPOLL_CLOEXEC) != 0) return err(EINVAL);
  return install(task, make_ref<vfs::Epoll>(O_RDWR), (flags & EPOLL_CLOEXEC) != 0);
}

Result<u64> wait(Task& task, const Args& args, vfs::Deadline deadline) {
  Ref<vfs::File> file = TRY(file_at(task, args.i(0)));
  auto* set = dynamic_cast<vfs::Epoll*>(file.get());
  if (set == nullptr || args.i(2) <= 0) return err(EINVAL);
  if (args.u(2) > 0x7fffffff / sizeof(epoll_event)) return err(EINVAL);
  auto events = set->wait(args.u(2), deadline);
  // Never restarted: a handler is meant to end the wait.
  if (!events) return err(events.error().value() == abi::restart_sys ? EINTR : events.error().value());
  if (!events->empty())
    TRY_VOID(task.mm().copy_out(args.addr(1), events->data(), events->size() * sizeof(epoll_event)));
  return events->size();
}

vfs::Deadline after_ms(int ms) {
  if (ms < 0) return {};
  return task::after_ns(vfs::Clock::now(), static_cast<u64>(ms) * 1'000'000);
}

Result<> set_mask(Task& task, GuestAddr mask, u64 size) {
  if (mask.value() == 0) return {};
  if (size != sizeof(task::SignalSet)) return err(EINVAL);
  task.set_temporary_mask(TRY(task.mm().read<u64>(mask)) & ~task::unblockable);
  return {};
}

}  // namespace

QUIRE_SYSCALL(epoll_create) {
  if (args.i(0) <= 0) return err(EINVAL);
  return create(task, 0);
}
QUIRE_SYSCALL(epoll_create1) { return create(task, args.i(0)); }

QUIRE_SYSCALL(epoll_ctl) {
  epoll_event event{};
  if (args.i(1) != EPOLL_CTL_DEL) event = TRY(task.mm().read<epoll_event>(args.addr(3)));
  Ref<vfs::File> file = TRY(file_at(task, args.i(0)));
  Ref<vfs::File> target = TRY(file_at(task, args.i(2)));
  auto* set = dynamic_cast<vfs::Epoll*>(file.get());
  if (set == nullptr) return err(EINVAL);
  TRY_VOID(set->control_set(args.i(1), args.i(2), target, event));
  return 0;
}

QUIRE_SYSCALL(epoll_wait) { return wait(task, args, after_ms(args.i(3))); }

QUIRE_SYSCALL(epoll_pwait) {
  TRY_VOID(set_mask(task, args.addr(4), args[5]));
  return wait(task, args, after_ms(args.i(3)));
}

QUIRE_SYSCALL(epoll_pwait2) {
  vfs::Deadline deadline;
  if (args[3] != 0)
    deadline =
        task::after_ns(vfs::Clock::now(), TRY(task::to_ns(TRY(task.mm().read<timespec>(args.addr(3))))));
  TRY_VOID(set_mask(task, args.addr(4), args[5]));
  return wait(task, args, deadline);
}

}  // namespace quire::syscall
