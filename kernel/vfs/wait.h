// Blocking: each guest task has a kernel thread of its own, so a call that blocks simply sleeps, on
// its thread's Waiter. Signals, kill and process exit interrupt the sleep.
#pragma once

#include <atomic>
#include <chrono>
#include <list>
#include <optional>

#include "base/ref.h"
#include "base/result.h"
#include "kernel/abi/lock_order.h"

namespace quire::vfs {

using Clock = std::chrono::steady_clock;
using Deadline = std::optional<Clock::time_point>;  // empty: no limit

/// A kernel thread's place to sleep. wake() and interrupt() come from any thread.
class Waiter {
 public:
  Waiter();
  ~Waiter();
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  /// The calling thread's waiter (one is made on first use).
  static Waiter& current();

  /// Sleeps until wake() since the last sleep (it is sticky). abi::restart_sys when interrupted,
  /// ETIMEDOUT at the deadline. Hold no lock.
  Result<> sleep(Deadline deadline = {});
  /// As sleep, not ended by signals (only by wake, the deadline, or a fatal interrupt).
  Result<> sleep_killable(Deadline deadline = {});
  /// Sleeps until a host descriptor is ready for `events` (POLLIN, ...) or as sleep(). Returns revents.
  Result<short> sleep_on_host(int host_fd, short events, Deadline deadline = {});

  void wake();
  /// As wake(), for a thread that waits for something that the caller has made: it runs on the caller's CPU.
  void wake_beside();
  /// A signal is due: sleeps end with restart_sys until clear_interrupt(). Sticky.
  void interrupt(bool fatal = false);
  void clear_interrupt();
  bool interrupted() const;

 private:
  struct State;
  State* state_;
};

class WaitQueue;
class WaitEntry;
class WaitListener;

/// What is registered with a queue; lives on while someone is, even if the queue's owner has gone.
struct WaitList : RefCounted {
  Mutex<locks::wait_queue> lock;
  std::list<WaitEntry*> entries GUARDED_BY(lock);
  std::list<WaitListener*> listeners GUARDED_BY(lock);
  std::atomic<u32> count{0};  // of both: most notifications find nobody
};

/// While it lives, notifications of the queue that match `events` wake the waiter.
class WaitEntry {
 public:
  WaitEntry(WaitQueue& queue, Waiter& waiter, u32 events = ~u32{0});
  ~WaitEntry();
  WaitEntry(const WaitEntry&) = delete;
  WaitEntry& operator=(const WaitEntry&) = delete;

 private:
  friend class WaitQueue;
  const Ref<WaitList> list_;
  Waiter& waiter_;
  u32 events_;
  std::list<WaitEntry*>::iterator place_;
};

/// Something other than a sleeping thread that wants to hear of events (epoll).
class WaitListener {
 public:
  virtual ~WaitListener() = default;
  /// Called with the queue's lock held: be brief, take only locks of higher rank.
  virtual void on_notify(u32 events) = 0;
};

/// Tells sleepers and listeners that something may be ready. Usage, with no lock lost in between:
///   WaitEntry e(queue, Waiter::current(), POLLIN);
///   for (;;) { { LockGuard g(lock); if (ready) ...return; }  TRY_VOID(Waiter::current().sleep(deadline)); }
class WaitQueue {
 public:
  void notify(u32 events = ~u32{0});
  /// Until remove_listener with what this returned.
  [[nodiscard]] Ref<WaitList> add_listener(WaitListener& listener);
  static void remove_listener(WaitList& list, WaitListener& listener);

 private:
  friend class WaitEntry;
  const Ref<WaitList> list_ = make_ref<WaitList>();
};

}  // namespace quire::vfs
