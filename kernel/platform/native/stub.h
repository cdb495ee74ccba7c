// One stub: a host process that runs one guest address space, and the ring of requests to its agent.
#pragma once

#include <sys/types.h>

#include <deque>
#include <memory>
#include <vector>

#include "base/lock.h"
#include "base/result.h"
#include "kernel/abi/lock_order.h"
#include "kernel/abi/types.h"
#include "kernel/platform/native/control.h"
#include "kernel/platform/native/fd.h"
#include "kernel/platform/native/frame.h"
#include "kernel/platform/native/placement.h"

namespace quire::platform::native {

/// A guest thread of a stub: parked until a context uses it.
struct StubThread {
  SlotNumber slot;
  u32 tid = 0;
  bool patched = false;  // parked in a trampoline rather than in a signal frame
  int cpu = any_cpu;     // that it is kept on
};

/// A context that has a thread here, as the stub's thief sees it.
class StubUser {
 public:
  /// Takes the state out of the thread and forgets it, unless the guest runs right now: then false.
  virtual bool leave_stub() = 0;

 protected:
  ~StubUser() = default;
};

class Stub {
 public:
  /// The block is owned by the stub from here on.
  Stub(ControlFile& control, BlockNumber block, Fd ack);
  ~Stub();
  Stub(const Stub&) = delete;
  Stub& operator=(const Stub&) = delete;

  /// Takes over the process once it exists; the watcher sees its end through `pidfd`.
  void set_process(pid_t pid, Fd pidfd);
  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }
  /// The host's account of its pages; -1 once it is dead. Few stubs are ever asked for it.
  int pagemap() const;
  /// Pages that only this process has (private tier); a few of the stub's own are among them.
  u64 anonymous_bytes() const;
  bool dead() const { return dead_.load(std::memory_order_acquire); }
  /// SIGKILL; the end is seen later.
  void kill();
  /// By the watcher, after the process was reaped: ends every wait on its threads.
  void set_dead();

  /// Makes a stub whose guest has ended as good as new: nothing of the guest's is left in it. `guest`: what
  /// guests may have mapped. False where that cannot be, or cannot be made sure of: such a stub is to be
  /// killed. Blocks for a few hand-offs. (wipe.cpp)
  bool wipe(const FrameShape& shape, GuestRange guest);

  /// False once the users were evicted.
  bool add_user(StubUser* user);
  void remove_user(StubUser* user);
  /// Makes every user leave, and lets in no more; false if one could not.
  bool evict_users();

  // Requests. They are done in order; `push` neither blocks nor wakes the agent.
  void push(const RingEntry& e);
  /// Adds an acknowledgement: it tells that all requests before it are done.
  u64 push_ack();
  /// Makes what was pushed visible and wakes the agent.
  void kick();
  /// Whether anything pushed may still be undone (as far as this side knows).
  bool behind() const { return behind_.load(std::memory_order_acquire); }
  /// Has the agent resume a thread after all that was pushed; a position for believe_done().
  u64 push_resume(u64 slot_address);
  /// A thread that the agent resumed after `position` has been seen. The guest can forge this, so it
  /// counts for additive requests only, never for acknowledgements.
  void believe_done(u64 position);
  /// False if the stub is dead or was killed for its silence.
  bool wait(u64 ack);
  bool done(u64 ack) const { return acked_.load(std::memory_order_acquire) >= ack; }
  /// As done(), after a look at what has arrived since.
  bool done_now(u64 ack);
  /// As done(), after a look at what has arrived since if it can have; hurries nobody.
  bool done_so_far(u64 ack);
  /// Requests that the agent reported as failed since last asked.
  u32 take_failures();

  void set_agent_spin(u32 n) { ring_->spin.store(n, std::memory_order_relaxed); }
  std::atomic<u64>* return_table() const { return control_.return_table(block_); }

  /// A parked thread of this stub: a free one, or a new one. EAGAIN: the host gives no more; ESRCH.
  Result<StubThread> take_thread();
  void give_thread(const StubThread& t);
  /// A thread whose start is among the first requests: waits for it to park.
  Result<StubThread> await_thread(SlotNumber slot);
  /// Adds the requests that make a thread in a slot.
  void push_thread(SlotNumber slot);

 private:
  /// It runs, or would if it got a CPU.
  bool agent_works() const;
  void put(const RingEntry& e) REQUIRES(lock_);
  void push_locked(const RingEntry& e) REQUIRES(lock_);
  void append(const RingEntry& e) REQUIRES(lock_);
  void drain_backlog() REQUIRES(lock_);
  void publish(bool agent_comes_here = true) REQUIRES(lock_);
  /// Whether a thread sleeps where a parked one does, with nothing in its registers that a guest chose.
  bool is_parked(const StubThread& t, const FrameShape& shape) const;
  bool parks(const StubThread& t, const FrameShape& shape) const;
  void reset_slot(const StubThread& t, const FrameShape& shape);
  void collect() REQUIRES(lock_);
  /// A file of /proc/PID, opened when first asked for; -1.
  int proc_file(const char* name, Fd& file) const;

  ControlFile& control_;
  const BlockNumber block_;
  Ring* const ring_;
  const Fd ack_;
  Fd pidfd_;
  pid_t pid_ = 0;
  std::atomic<bool> dead_{false}, killed_{false}, behind_{false};
  std::atomic<u64> acked_{0};

  Mutex<locks::platform_users> users_lock_;
  std::vector<StubUser*> users_ GUARDED_BY(users_lock_);
  bool closed_ GUARDED_BY(users_lock_) = false;

  mutable Mutex<locks::platform_stub> lock_;
  mutable Fd pagemap_ GUARDED_BY(lock_), statm_ GUARDED_BY(lock_);
  mutable Fd where_ GUARDED_BY(lock_);      // the "syscall" file of its one thread, once it was wiped
  u64 head_ GUARDED_BY(lock_) = 0;          // entries in the ring ever; its low half is Ring::head
  u64 published_ GUARDED_BY(lock_) = 0;     // of these, shown to the agent
  u64 freed_ GUARDED_BY(lock_) = 0;         // of these, known done by acknowledgement
  u64 believed_ GUARDED_BY(lock_) = 0;      // of these, believed done
  u64 requested_ GUARDED_BY(lock_) = 0;     // acknowledgements asked for
  u64 placed_ GUARDED_BY(lock_) = 0;        // of these, in the ring
  u64 last_request_ GUARDED_BY(lock_) = 0;  // entries up to the last that changes the address space
  u64 since_ack_ GUARDED_BY(lock_) = 0;     // entries since the last acknowledgement asked for
  u32 failures_ GUARDED_BY(lock_) = 0;
  bool polled_ GUARDED_BY(lock_) = false;      // a thread sleeps in wait() until acknowledgements come
  CondVar collected_;                          // it has looked; others who wait wait for this
  int agent_cpu_ GUARDED_BY(lock_) = any_cpu;  // that the agent is kept on
  std::deque<u64> ack_positions_ GUARDED_BY(lock_);
  std::deque<RingEntry> backlog_ GUARDED_BY(lock_);
  std::vector<StubThread> threads_ GUARDED_BY(lock_);  // parked and free
  std::vector<SlotNumber> slots_ GUARDED_BY(lock_);    // all of this stub
};

/// A system-call request that must return `expect`.
RingEntry call_entry(u32 nr, u64 expect, u64 a0 = 0, u64 a1 = 0, u64 a2 = 0, u64 a3 = 0, u64 a4 = 0,
                     u64 a5 = 0);
RingEntry ack_entry(int fd, u64 ring_address);

}  // namespace quire::platform::native
