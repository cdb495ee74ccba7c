// System V shared memory segments: named by key and id, living until removed and detached.
#pragma once

#include <ctime>
#include <map>
#include <vector>

#include "base/lock.h"
#include "base/ref.h"
#include "kernel/abi/lock_order.h"
#include "kernel/mm/memory_object.h"

namespace quire::mm {

class ShmTable;

/// One segment. Each area that maps it holds a reference: their number is nattch.
class ShmSegment : public RefCounted {
 public:
  ShmSegment(ShmTable& owner, i32 id_, i32 key_, u64 size_, Ref<MemoryObject> object_)
      : id(id_), key(key_), size(size_), object(std::move(object_)), owner_(owner) {}
  ~ShmSegment() override;

  const i32 id;
  const i32 key;
  const u64 size;  // bytes as asked for
  const Ref<MemoryObject> object;

  /// What shmctl reads and changes; ShmTable::update() guards it.
  struct Status {
    u32 uid = 0, gid = 0, creator_uid = 0, creator_gid = 0;
    u32 mode = 0;  // permission bits
    bool removed = false, locked = false;
    i32 creator_pid = 0, last_pid = 0;
    std::time_t attached = 0, detached = 0, changed = 0;
  };

 private:
  friend class ShmTable;
  ShmTable& owner_;
  Status status_;
};

/// All segments of a machine. Calls from any thread, with locks below `shm` held.
class ShmTable {
 public:
  static constexpr std::size_t most_segments = 4096;

  /// The live segment with the key, or null.
  Ref<ShmSegment> by_key(i32 key) const;
  /// Also finds removed ones that are still attached. EINVAL.
  Result<Ref<ShmSegment>> by_id(i32 id) const;
  /// The segment at the index that SHM_STAT counts by. EINVAL.
  Result<Ref<ShmSegment>> by_index(i32 index) const;
  /// ENOSPC when there are too many; EEXIST when another thread was quicker with the key.
  Result<Ref<ShmSegment>> add(i32 key, u64 size, Ref<MemoryObject> object, const ShmSegment::Status& status);
  /// Nobody finds it by key any more; it goes with the last area that maps it.
  void remove(ShmSegment& segment);
  ShmSegment::Status status(const ShmSegment& segment) const;
  template <typename F>
  void update(ShmSegment& segment, F&& change) {
    LockGuard guard(lock_);
    change(segment.status_);
  }
  /// Areas that map it; `references` is how many the caller holds itself.
  u32 attached(const ShmSegment& segment, u32 references) const;
  std::vector<Ref<ShmSegment>> list() const;

 private:
  friend class ShmSegment;
  mutable Mutex<locks::shm> lock_;
  std::map<i32, ShmSegment*> all_ GUARDED_BY(lock_);          // by id; also removed ones while attached
  std::map<i32, Ref<ShmSegment>> present_ GUARDED_BY(lock_);  // by id; not removed
  i32 next_id_ GUARDED_BY(lock_) = 0;
};

}  // namespace quire::mm
