// Makes stubs: the template that they are cloned from, and a small pool of ready ones.
#pragma once

#include <map>
#include <memory>
#include <thread>

#include "kernel/platform/native/control.h"
#include "kernel/platform/native/frame.h"
#include "kernel/platform/native/memory_file.h"
#include "kernel/platform/native/stub.h"
#include "kernel/platform/platform.h"

namespace quire::platform::native {

class Factory {
 public:
  /// Forks the template. From the long-lived main thread: its end takes all stubs along.
  static Result<std::unique_ptr<Factory>> create(ControlFile& control, const MemoryFile& memory,
                                                 unsigned pool, unsigned max_stubs);
  ~Factory();

  /// A stub with one parked thread; from the pool when it has one. EAGAIN, ENOMEM.
  Result<std::shared_ptr<Stub>> take();
  /// Puts back a stub that has run no guest.
  void put_back(std::shared_ptr<Stub> stub);
  /// From now on some are kept ready, although there is one process only.
  void expect();
  /// Ends a stub that nobody will use again.
  void discard(std::shared_ptr<Stub> stub);
  /// Of a stub whose guest has ended: it is wiped and kept for another, where that can be, and ended
  /// otherwise. `guest`: what guests may have mapped.
  void retire(std::shared_ptr<Stub> stub, GuestRange guest);

  const FrameShape& shape() const { return shape_; }
  GuestRange vvar() const { return vvar_; }
  GuestRange vdso() const { return vdso_; }
  u64 made() const { return made_.load(std::memory_order_relaxed); }
  u64 reused() const { return reused_.load(std::memory_order_relaxed); }
  u64 killed() const { return killed_.load(std::memory_order_relaxed); }
  u64 live() const { return live_.load(std::memory_order_relaxed); }

 private:
  Factory(ControlFile& control, unsigned pool, unsigned max_stubs)
      : control_(control), pool_size_(pool), max_stubs_(max_stubs) {}
  Result<> start(const MemoryFile& memory);
  Result<std::shared_ptr<Stub>> make() REQUIRES(lock_);
  bool template_call_done() REQUIRES(lock_);
  /// How many stubs are to be ready: none while there is one process, which is what most sandboxes have.
  std::size_t wanted() const {
    return taken_.load(std::memory_order_relaxed) < 2 && !expected_.load(std::memory_order_relaxed)
               ? 0
               : pool_size_;
  }
  void watch();
  void poke();

  ControlFile& control_;
  const unsigned pool_size_, max_stubs_;
  FrameShape shape_;
  GuestRange vvar_{}, vdso_{};
  Fd socket_;  // to the template: eventfds
  Fd template_ack_;
  Fd template_pidfd_;
  pid_t template_pid_ = 0;
  Fd epoll_, wake_;
  std::thread watcher_;
  std::atomic<bool> stop_{false};
  std::atomic<u64> taken_{0};
  std::atomic<bool> expected_{false};
  std::atomic<u64> made_{0}, reused_{0}, killed_{0}, live_{0};

  Mutex<locks::platform_factory> lock_;  // the template does one request at a time
  u32 template_head_ GUARDED_BY(lock_) = 0;

  Mutex<locks::platform_pool> pool_lock_;
  std::vector<std::shared_ptr<Stub>> pool_ GUARDED_BY(pool_lock_);
  std::map<int, std::shared_ptr<Stub>> watched_ GUARDED_BY(pool_lock_);  // by pidfd, until reaped
};

}  // namespace quire::platform::native
