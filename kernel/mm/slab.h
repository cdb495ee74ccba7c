// Storage for what comes and goes with every fork: page tables, counts of frames.
#pragma once

#include <array>
#include <cstring>
#include <new>

#include "base/lock.h"
#include "base/types.h"
#include "kernel/abi/lock_order.h"

namespace quire::mm {

/// Keeps some released objects for the next who want one. Where the host's pages are dear (page_cost.h),
/// memory that was never touched costs a fork more than all it does with it, so some can be made ready
/// before.
template <std::size_t size>
class Slab {
 public:
  static void* take() {
    {
      LockGuard guard(lock_);
      if (count_ != 0) return kept_[--count_];
    }
    return ::operator new(size);
  }
  static void give(void* object) {
    {
      LockGuard guard(lock_);
      if (count_ < kept_.size()) {
        kept_[count_++] = object;
        return;
      }
    }
    ::operator delete(object);
  }
  /// Sees to it that `n` objects can be had without a page fault; as many as are kept at most.
  static void make_ready(std::size_t n) {
    for (;;) {
      {
        LockGuard guard(lock_);
        if (count_ >= n || count_ == kept_.size()) return;
      }
      void* fresh = ::operator new(size);
      std::memset(fresh, 0, size);
      give(fresh);
    }
  }

 private:
  inline static Mutex<locks::slab> lock_;
  inline static std::array<void*, 128> kept_ GUARDED_BY(lock_);
  inline static std::size_t count_ GUARDED_BY(lock_) = 0;
};

}  // namespace quire::mm
