// System V message queues.
#include <sys/ipc.h>
#include <sys/msg.h>

#include <algorithm>
#include <list>
#include <map>

#include "kernel/abi/lock_order.h"
#include "kernel/abi/restart.h"
#include "kernel/syscall/handlers_task.h"
#include "kernel/syscall/support.h"
#include "kernel/syscall/sysv_permission.h"
#include "kernel/task/kernel.h"

namespace quire::syscall {

namespace {

constexpr std::size_t max_queues = 32000, max_message = 8192, default_bytes = 16384;
constexpr int msg_except = 020000;

struct Message {
  i64 type;
  std::vector<std::byte> bytes;
};

struct MessageQueue : RefCounted {
  int id = 0;
  IpcOwner owner;
  std::list<Message> messages;
  std::size_t bytes = 0, max_bytes = default_bytes;
  i32 sender = 0, receiver = 0;
  time_t sent = 0, received = 0, changed = 0;
  bool removed = false;
  vfs::WaitQueue queue;
};

class MessageQueues {
 public:
  static MessageQueues& instance() {
    static MessageQueues all;
    return all;
  }
  Mutex<locks::sysv_ipc> lock;
  std::map<int, Ref<MessageQueue>> queues GUARDED_BY(lock);
  int next GUARDED_BY(lock) = 0;

  Result<Ref<MessageQueue>> find(int id) REQUIRES(lock) {
    auto it = queues.find(id);
    if (it == queues.end()) return err(EINVAL);
    return it->second;
  }
};

/// One sleep until the queue changes; `lock` is let go meanwhile. EIDRM, EINTR.
template <typename Guard>
Result<> wait_for_change(MessageQueue& q, Guard& guard,
                         std::optional<vfs::WaitEntry>& entry) NO_THREAD_SAFETY_ANALYSIS {
  guard.unlock();
  Result<> slept;
  if (entry)
    slept = vfs::Waiter::current().sleep();
  else
    entry.emplace(q.queue, vfs::Waiter::current());
  guard.lock();
  if (q.removed) return err(EIDRM);
  // Never restarted, whatever SA_RESTART says, but a stop and a continue go unseen.
  if (!slept) return err(abi::restart_nohand);
  return {};
}

auto choose(MessageQueue& q, i64 type, int flags) {
  if (type == 0) return q.messages.begin();
  if (type > 0)
    return std::find_if(q.messages.begin(), q.messages.end(),
                        [&](const Message& m) { return (m.type == type) != ((flags & msg_except) != 0); });
  const i64 most = type == INT64_MIN ? INT64_MAX : -type;
  auto best = q.messages.end();
  for (auto it = q.messages.begin(); it != q.messages.end(); ++it)
    if (it->type <= most && (best == q.messages.end() || it->type < best->type)) best = it;
  return best;
}

}  // namespace

QUIRE_SYSCALL(msgget) {
  const i32 key = args.i(0);
  const u32 flags = args.u(1);
  MessageQueues& all = MessageQueues::instance();
  LockGuard guard(all.lock);
  if (key != IPC_PRIVATE)
    for (const auto& [id, q] : all.queues)
      if (q->owner.key == key) {
        if ((flags & IPC_CREAT) != 0 && (flags & IPC_EXCL) != 0) return err(EEXIST);
        TRY_VOID(q->owner.check(task.credentials(), flags >> 6 & 6));
        return static_cast<u64>(id);
      }
  if (key != IPC_PRIVATE && (flags & IPC_CREAT) == 0) return err(ENOENT);
  if (all.queues.size() >= max_queues) return err(ENOSPC);
  auto q = make_ref<MessageQueue>();
  q->id = all.next++;
  q->owner = IpcOwner::made_by(task.credentials(), key, flags);
  q->changed = ::time(nullptr);
  all.queues.emplace(q->id, q);
  return static_cast<u64>(q->id);
}

QUIRE_SYSCALL(msgsnd) {
  if (args[2] > max_message) return err(EINVAL);
  Message message{.type = TRY(task.mm().read<i64>(args.addr(1))), .bytes = std::vector<std::byte>(args[2])};
  if (message.type < 1) return err(EINVAL);
  TRY_VOID(task.mm().copy_in(message.bytes.data(), args.addr(1) + sizeof(i64), message.bytes.size()));
  MessageQueues& all = MessageQueues::instance();
  LockGuard guard(all.lock);
  const Ref<MessageQueue> q = TRY(all.find(args.i(0)));
  TRY_VOID(q->owner.check(task.credentials(), 2));
  std::optional<vfs::WaitEntry> entry;
  // The number of messages is bounded too: empty ones would take memory without end.
  while (q->bytes + message.bytes.size() > q->max_bytes || q->messages.size() >= q->max_bytes) {
    if ((args.i(3) & IPC_NOWAIT) != 0) return err(EAGAIN);
    TRY_VOID(wait_for_change(*q, guard, entry));
  }
  q->bytes += message.bytes.size();
  q->messages.push_back(std::move(message));
  q->sender = task.pid();
  q->sent = ::time(nullptr);
  q->queue.notify();
  return 0;
}

QUIRE_SYSCALL(msgrcv) {
  const int flags = args.i(4);
  if (static_cast<i64>(args[2]) < 0) return err(EINVAL);
  MessageQueues& all = MessageQueues::instance();
  LockGuard guard(all.lock);
  const Ref<MessageQueue> q = TRY(all.find(args.i(0)));
  TRY_VOID(q->owner.check(task.credentials(), 4));
  std::optional<vfs::WaitEntry> entry;
  auto it = choose(*q, static_cast<i64>(args[3]), flags);
  while (it == q->messages.end()) {
    if ((flags & IPC_NOWAIT) != 0) return err(ENOMSG);
    TRY_VOID(wait_for_change(*q, guard, entry));
    it = choose(*q, static_cast<i64>(args[3]), flags);
  }
  if (it->bytes.size() > args[2] && (flags & MSG_NOERROR) == 0) return err(E2BIG);
  const Message message = std::move(*it);
  q->messages.erase(it);
  q->bytes -= message.bytes.size();
  q->receiver = task.pid();
  q->received = ::time(nullptr);
  q->queue.notify();
  guard.unlock();
  const std::size_t n = std::min<u64>(message.bytes.size(), args[2]);
  TRY_VOID(task.mm().write(args.addr(1), message.type));
  TRY_VOID(task.mm().copy_out(args.addr(1) + sizeof(i64), message.bytes.data(), n));
  return n;
}

QUIRE_SYSCALL(msgctl) {
  const int command = args.i(1) & ~0x100;
  msqid_ds ds{};
  if (command == IPC_SET) ds = TRY(task.mm().read<msqid_ds>(args.addr(2)));
  MessageQueues& all = MessageQueues::instance();
  LockGuard guard(all.lock);
  const Ref<MessageQueue> q = TRY(all.find(args.i(0)));
  switch (command) {
    case IPC_RMID:
      TRY_VOID(q->owner.check_owner(task.credentials()));
      q->removed = true;
      all.queues.erase(q->id);
      q->queue.notify();
      return 0;
    case IPC_SET:
      TRY_VOID(q->owner.check_owner(task.credentials()));
      if (ds.msg_qbytes > default_bytes && !task.credentials().capable(cap_sys_resource)) return err(EPERM);
      q->owner.change(ds.msg_perm);
      q->max_bytes = std::min<std::size_t>(ds.msg_qbytes, 16u << 20);
      q->changed = ::time(nullptr);
      q->queue.notify();
      return 0;
    case IPC_STAT:
      TRY_VOID(q->owner.check(task.credentials(), 4));
      ds.msg_perm = q->owner.to_perm(q->id);
      ds.msg_stime = q->sent;
      ds.msg_rtime = q->received;
      ds.msg_ctime = q->changed;
      ds.__msg_cbytes = q->bytes;
      ds.msg_qnum = q->messages.size();
      ds.msg_qbytes = q->max_bytes;
      ds.msg_lspid = q->sender;
      ds.msg_lrpid = q->receiver;
      guard.unlock();
      TRY_VOID(task.mm().write(args.addr(2), ds));
      return 0;
    default:
      return err(EINVAL);
  }
}

}  // namespace quire::syscall
