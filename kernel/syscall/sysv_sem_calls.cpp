// System V semaphores.
#include <sys/ipc.h>
#include <sys/sem.h>

#include <algorithm>
#include <map>

#include "kernel/abi/lock_order.h"
#include "kernel/abi/restart.h"
#include "kernel/syscall/handlers_task.h"
#include "kernel/syscall/support.h"
#include "kernel/syscall/sysv_permission.h"
#include "kernel/task/clocks.h"
#include "kernel/task/kernel.h"

namespace quire::syscall {

namespace {

constexpr std::size_t max_sets = 32000, max_per_set = 32000, max_operations = 500,
                      max_semaphores = 1024 * 1024;
constexpr int max_value = 32767;

struct Semaphore {
  int value = 0;
  i32 pid = 0;  // who changed it last
  u32 waiting_more = 0, waiting_zero = 0;
};

struct SemaphoreSet : RefCounted {
  int id = 0;
  IpcOwner owner;
  std::vector<Semaphore> semaphores;
  time_t operated = 0, changed = 0;
  bool removed = false;
  vfs::WaitQueue queue;
};

/// All sets of the sandbox, and what each process is to undo.
class Semaphores {
 public:
  static Semaphores& instance() {
    static Semaphores all;
    return all;
  }
  Mutex<locks::sysv_ipc> lock;
  std::map<int, Ref<SemaphoreSet>> sets GUARDED_BY(lock);
  int next GUARDED_BY(lock) = 0;
  std::size_t total GUARDED_BY(lock) = 0;

  Result<Ref<SemaphoreSet>> find(int id) REQUIRES(lock) {
    auto it = sets.find(id);
    if (it == sets.end()) return err(EINVAL);
    return it->second;
  }
};

/// Adjustments of one process, applied when it ends.
class Undo : public RefCounted {
 public:
  ~Undo() override {
    Semaphores& all = Semaphores::instance();
    LockGuard guard(all.lock);
    for (const auto& [place, amount] : amounts) {
      auto it = all.sets.find(place.first);
      if (it == all.sets.end()) continue;
      Semaphore& s = it->second->semaphores[place.second];
      s.value = std::clamp(s.value + amount, 0, max_value);
      it->second->queue.notify();
    }
  }
  std::map<std::pair<int, u32>, int> amounts;  // (set, semaphore); guarded by the table's lock
};

/// Does all operations or none: true if done, false if one must wait (then `blocking` is which).
Result<bool> try_operations(SemaphoreSet& set, const std::vector<sembuf>& operations, std::size_t& blocking) {
  std::vector<int> values(set.semaphores.size());
  std::transform(set.semaphores.begin(), set.semaphores.end(), values.begin(),
                 [](const Semaphore& s) { return s.value; });
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const sembuf& op = operations[i];
    int& value = values[op.sem_num];
    blocking = i;
    if (op.sem_op == 0 && value != 0) return false;
    if (op.sem_op < 0 && value + op.sem_op < 0) return false;
    if (op.sem_op > 0 && value + op.sem_op > max_value) return err(ERANGE);
    value += op.sem_op;
  }
  for (std::size_t i = 0; i < values.size(); ++i) set.semaphores[i].value = values[i];
  return true;
}

Result<u64> operate(Task& task, int id, GuestAddr at, u64 n, vfs::Deadline deadline) {
  if (n == 0) return err(EINVAL);
  if (n > max_operations) return err(E2BIG);
  std::vector<sembuf> operations(n);
  TRY_VOID(task.mm().copy_in(operations.data(), at, n * sizeof operations[0]));
  const bool changes =
      std::any_of(operations.begin(), operations.end(), [](const sembuf& o) { return o.sem_op != 0; });
  const bool undoes = std::any_of(operations.begin(), operations.end(),
                                  [](const sembuf& o) { return (o.sem_flg & SEM_UNDO) != 0; });
  Semaphores& all = Semaphores::instance();
  LockGuard guard(all.lock);
  const Ref<SemaphoreSet> set = TRY(all.find(id));
  for (const sembuf& o : operations)
    if (o.sem_num >= set->semaphores.size()) return err(EFBIG);
  TRY_VOID(set->owner.check(task.credentials(), changes ? 2 : 4));
  std::optional<vfs::WaitEntry> entry;
  for (;;) {
    std::size_t blocking = 0;
    if (TRY(try_operations(*set, operations, blocking))) break;
    const sembuf& op = operations[blocking];
    if ((op.sem_flg & IPC_NOWAIT) != 0) return err(EAGAIN);
    u32 Semaphore::* const counter = op.sem_op == 0 ? &Semaphore::waiting_zero : &Semaphore::waiting_more;
    const u32 index = op.sem_num;
    set->semaphores[index].*counter += 1;
    guard.unlock();
    Result<> slept;
    // Look once more now that we would be woken.
    if (entry)
      slept = vfs::Waiter::current().sleep(deadline);
    else
      entry.emplace(set->queue, vfs::Waiter::current());
    guard.lock();
    set->semaphores[index].*counter -= 1;
    if (set->removed) return err(EIDRM);
    if (!slept) return err(slept.error().value() == ETIMEDOUT ? EAGAIN : EINTR);
  }
  for (const sembuf& o : operations) set->semaphores[o.sem_num].pid = task.pid();
  set->operated = ::time(nullptr);
  if (undoes) {
    if (!task.process().undo_at_exit) task.process().undo_at_exit = make_ref<Undo>();
    auto& amounts = static_cast<Undo*>(task.process().undo_at_exit.get())->amounts;
    for (const sembuf& o : operations)
      if ((o.sem_flg & SEM_UNDO) != 0) amounts[{id, o.sem_num}] -= o.sem_op;
  }
  if (changes) set->queue.notify();
  return 0;
}

Result<u64> describe(Task& task, SemaphoreSet& set, GuestAddr at) {
  semid_ds ds{};
  ds.sem_perm = set.owner.to_perm(set.id);
  ds.sem_otime = set.operated;
  ds.sem_ctime = set.changed;
  ds.sem_nsems = set.semaphores.size();
  TRY_VOID(task.mm().write(at, ds));
  return 0;
}

}  // namespace

QUIRE_SYSCALL(semget) {
  const i32 key = args.i(0);
  const i64 n = args.i(1);
  const u32 flags = args.u(2);
  if (n < 0 || static_cast<std::size_t>(n) > max_per_set) return err(EINVAL);
  Semaphores& all = Semaphores::instance();
  LockGuard guard(all.lock);
  if (key != IPC_PRIVATE)
    for (const auto& [id, set] : all.sets)
      if (set->owner.key == key) {
        if ((flags & IPC_CREAT) != 0 && (flags & IPC_EXCL) != 0) return err(EEXIST);
        if (static_cast<std::size_t>(n) > set->semaphores.size()) return err(EINVAL);
        TRY_VOID(set->owner.check(task.credentials(), flags >> 6 & 6));
        return static_cast<u64>(id);
      }
  if (key != IPC_PRIVATE && (flags & IPC_CREAT) == 0) return err(ENOENT);
  if (n == 0) return err(EINVAL);
  if (all.sets.size() >= max_sets || all.total + static_cast<std::size_t>(n) > max_semaphores)
    return err(ENOSPC);
  auto set = make_ref<SemaphoreSet>();
  set->id = all.next++;
  set->owner = IpcOwner::made_by(task.credentials(), key, flags);
  set->semaphores.resize(static_cast<std::size_t>(n));
  set->changed = ::time(nullptr);
  all.total += static_cast<std::size_t>(n);
  all.sets.emplace(set->id, set);
  return static_cast<u64>(set->id);
}

QUIRE_SYSCALL(semop) { return operate(task, args.i(0), args.addr(1), args.u(2), {}); }

QUIRE_SYSCALL(semtimedop) {
  vfs::Deadline deadline;
  if (args.addr(3) != GuestAddr{})
    deadline =
        task::after_ns(vfs::Clock::now(), TRY(task::to_ns(TRY(task.mm().read<timespec>(args.addr(3))))));
  return operate(task, args.i(0), args.addr(1), args.u(2), deadline);
}

QUIRE_SYSCALL(semctl) {
  const int command = args.i(2) & ~0x100;  // IPC_64 is the only layout
  Semaphores& all = Semaphores::instance();
  // What the guest hands in is read before the lock is taken, and handed out after.
  std::vector<u16> values;
  semid_ds wanted{};
  if (command == IPC_SET) wanted = TRY(task.mm().read<semid_ds>(args.addr(3)));
  Ref<SemaphoreSet> set;
  std::size_t size = 0;
  {
    LockGuard guard(all.lock);
    set = TRY(all.find(args.i(0)));
    size = set->semaphores.size();
  }
  if (command == SETALL) {
    values.resize(size);
    TRY_VOID(task.mm().copy_in(values.data(), args.addr(3), size * sizeof values[0]));
    if (std::any_of(values.begin(), values.end(), [](u16 v) { return v > max_value; })) return err(ERANGE);
  }
  LockGuard guard(all.lock);
  if (set->removed) return err(EIDRM);
  const u32 index = args.u(1);
  const bool one =
      command == GETVAL || command == GETPID || command == GETNCNT || command == GETZCNT || command == SETVAL;
  if (one && index >= size) return err(EINVAL);
  switch (command) {
    case IPC_RMID:
      TRY_VOID(set->owner.check_owner(task.credentials()));
      set->removed = true;
      all.total -= size;
      all.sets.erase(set->id);
      set->queue.notify();
      return 0;
    case IPC_SET:
      TRY_VOID(set->owner.check_owner(task.credentials()));
      set->owner.change(wanted.sem_perm);
      set->changed = ::time(nullptr);
      return 0;
    case IPC_STAT:
      TRY_VOID(set->owner.check(task.credentials(), 4));
      guard.unlock();
      return describe(task, *set, args.addr(3));
    case GETALL:
      TRY_VOID(set->owner.check(task.credentials(), 4));
      for (const Semaphore& s : set->semaphores) values.push_back(static_cast<u16>(s.value));
      guard.unlock();
      TRY_VOID(task.mm().copy_out(args.addr(3), values.data(), values.size() * sizeof values[0]));
      return 0;
    case SETALL:
      TRY_VOID(set->owner.check(task.credentials(), 2));
      for (std::size_t i = 0; i < size; ++i) set->semaphores[i] = {.value = values[i], .pid = task.pid()};
      break;
    case SETVAL:
      TRY_VOID(set->owner.check(task.credentials(), 2));
      if (args.i(3) < 0 || args.i(3) > max_value) return err(ERANGE);
      set->semaphores[index].value = args.i(3);
      set->semaphores[index].pid = task.pid();
      break;
    case GETVAL:
      TRY_VOID(set->owner.check(task.credentials(), 4));
      return static_cast<u64>(set->semaphores[index].value);
    case GETPID:
      TRY_VOID(set->owner.check(task.credentials(), 4));
      return static_cast<u64>(set->semaphores[index].pid);
    case GETNCNT:
      TRY_VOID(set->owner.check(task.credentials(), 4));
      return set->semaphores[index].waiting_more;
    case GETZCNT:
      TRY_VOID(set->owner.check(task.credentials(), 4));
      return set->semaphores[index].waiting_zero;
    default:
      return err(EINVAL);
  }
  set->changed = ::time(nullptr);
  set->queue.notify();
  return 0;
}

}  // namespace quire::syscall
