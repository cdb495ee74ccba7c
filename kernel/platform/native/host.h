// What the parts of the native platform share.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "kernel/platform/native/control.h"
#include "kernel/platform/native/factory.h"
#include "kernel/platform/native/memory_file.h"
#include "kernel/platform/native/patcher.h"
#include "kernel/platform/native/placement.h"
#include "kernel/platform/native/spin.h"
#include "kernel/platform/platform.h"

namespace quire::platform::native {

struct Statistics {
  std::atomic<u64> stolen{0}, revocations{0}, waits{0}, maps{0}, retraps{0}, patched{0}, evictions{0};
};

/// A few frames of the memory file that the platform keeps for itself, beyond those that mm may name.
class OwnFrames {
 public:
  static constexpr u64 reserved = u64{1} << 16;
  void set_first(FrameNumber first) {
    LockGuard guard(lock_);
    next_ = first;
    end_ = first + reserved;
  }
  std::optional<FrameNumber> take() {
    LockGuard guard(lock_);
    if (!free_.empty()) {
      const FrameNumber f = free_.back();
      free_.pop_back();
      return f;
    }
    if (next_ == end_) return std::nullopt;
    const FrameNumber f = next_;
    ++next_;
    return f;
  }
  void give(FrameNumber f) {
    LockGuard guard(lock_);
    free_.push_back(f);
  }

 private:
  Mutex<locks::platform_pool> lock_;
  FrameNumber next_ GUARDED_BY(lock_){}, end_ GUARDED_BY(lock_){};
  std::vector<FrameNumber> free_ GUARDED_BY(lock_);
};

class NativeSpace;

struct Host {
  void add_space(NativeSpace* space);
  void remove_space(NativeSpace* space);
  /// Ends the stub of some idle space other than `taker`; false if there is none.
  bool steal_stub(const NativeSpace* taker);
  /// Before a transient space is bound: where enough others are, the idle one that ran longest ago loses its
  /// stub.
  void make_room_for(NativeSpace* taker);

  std::unique_ptr<ControlFile> control;
  std::unique_ptr<MemoryFile> memory;
  std::unique_ptr<Patcher> patcher;
  std::unique_ptr<Factory> factory;
  OwnFrames own_frames;
  Layout layout;
  /// Measures hand-offs, once.
  void calibrate();
  Calibration calibration;
  std::atomic<u32> spin_pauses{
      0};  // as many as cost what a block and wake-up cost; 0: never, or not known yet
  std::once_flag calibrated;
  Statistics statistics;
  u64 mapping_limit = 65530;  // vm.max_map_count
  bool private_tier = false;
  std::atomic<bool> pagemap_scan{true};  // until the host says that it has no PAGEMAP_SCAN
  Mutex<locks::platform_spaces> spaces_lock;
  std::vector<NativeSpace*> spaces GUARDED_BY(spaces_lock);
  std::size_t next_victim GUARDED_BY(spaces_lock) = 0;
  std::vector<NativeSpace*> transient_bound GUARDED_BY(spaces_lock);  // transient spaces that may have a stub

  std::atomic<unsigned> running{0};  // contexts whose guest may be on a CPU
  Homes homes;
};

}  // namespace quire::platform::native
