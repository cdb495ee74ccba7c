// Who runs guest code in an address space, and a way to keep everybody out for a moment.
#pragma once

#include <atomic>

#include "base/lock.h"
#include "base/types.h"
#include "kernel/abi/lock_order.h"

namespace quire::mm {

/// Whoever runs guest code enters and leaves. A fork need not take any right from a guest that cannot run
/// before it is over: other threads of a process that forks mostly sleep in calls.
class GuestGate {
 public:
  /// Waits while the gate is closed. Called with no lock held.
  void enter() {
    running_.fetch_add(1, std::memory_order_seq_cst);
    if (closed_.load(std::memory_order_seq_cst) != 0) [[unlikely]]
      wait();
  }
  void leave() { running_.fetch_sub(1, std::memory_order_release); }

  /// Keeps guests out for as long as it lives; if one runs already, it keeps out nobody.
  class Closed {
   public:
    explicit Closed(GuestGate& gate) : gate_(gate) {
      gate_.closed_.fetch_add(1, std::memory_order_seq_cst);
      alone_ = gate_.running_.load(std::memory_order_seq_cst) == 0;
      if (!alone_) gate_.open();
    }
    ~Closed() {
      if (alone_) gate_.open();
    }
    Closed(const Closed&) = delete;
    Closed& operator=(const Closed&) = delete;
    /// No guest code runs.
    bool alone() const { return alone_; }

   private:
    GuestGate& gate_;
    bool alone_;
  };

 private:
  void open() {
    LockGuard guard(lock_);
    if (closed_.fetch_sub(1, std::memory_order_seq_cst) == 1) opened_.notify_all();
  }
  void wait() {
    LockGuard guard(lock_);
    while (closed_.load(std::memory_order_seq_cst) != 0) {
      running_.fetch_sub(1, std::memory_order_release);
      while (closed_.load(std::memory_order_seq_cst) != 0) opened_.wait(lock_);
      running_.fetch_add(1, std::memory_order_seq_cst);
    }
  }

  std::atomic<u32> running_{0};
  std::atomic<u32> closed_{0};
  Mutex<locks::pins> lock_;
  CondVar opened_;
};

}  // namespace quire::mm
