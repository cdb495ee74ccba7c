#include "kernel/mm/shm.h"

namespace quire::mm {

ShmSegment::~ShmSegment() {
  LockGuard guard(owner_.lock_);
  owner_.all_.erase(id);
}

Ref<ShmSegment> ShmTable::by_key(i32 key) const {
  LockGuard guard(lock_);
  for (const auto& [id, segment] : present_)
    if (segment->key == key) return segment;
  return nullptr;
}

Result<Ref<ShmSegment>> ShmTable::by_id(i32 id) const {
  LockGuard guard(lock_);
  auto it = all_.find(id);
  if (it == all_.end() || !it->second->try_ref()) return err(EINVAL);
  return Ref<ShmSegment>::adopt(it->second);
}

Result<Ref<ShmSegment>> ShmTable::by_index(i32 index) const {
  LockGuard guard(lock_);
  if (index < 0 || static_cast<std::size_t>(index) >= present_.size()) return err(EINVAL);
  return std::next(present_.begin(), index)->second;
}

Result<Ref<ShmSegment>> ShmTable::add(i32 key, u64 size, Ref<MemoryObject> object,
                                      const ShmSegment::Status& status) {
  LockGuard guard(lock_);
  if (all_.size() >= most_segments) return err(ENOSPC);
  if (key != 0)
    for (const auto& [id, segment] : present_)
      if (segment->key == key) return err(EEXIST);
  while (all_.contains(next_id_)) next_id_ = (next_id_ + 1) & 0x7fffffff;
  auto segment = make_ref<ShmSegment>(*this, next_id_, key, size, std::move(object));
  segment->status_ = status;
  next_id_ = (next_id_ + 1) & 0x7fffffff;
  all_[segment->id] = segment.get();
  present_[segment->id] = segment;
  return segment;
}

void ShmTable::remove(ShmSegment& segment) {
  Ref<ShmSegment> last;  // dropped after the lock
  LockGuard guard(lock_);
  segment.status_.removed = true;
  if (auto it = present_.find(segment.id); it != present_.end()) {
    last = std::move(it->second);
    present_.erase(it);
  }
  guard.unlock();
}

ShmSegment::Status ShmTable::status(const ShmSegment& segment) const {
  LockGuard guard(lock_);
  return segment.status_;
}

u32 ShmTable::attached(const ShmSegment& segment, u32 references) const {
  LockGuard guard(lock_);
  const u32 n = segment.ref_count() - references - (present_.contains(segment.id) ? 1 : 0);
  return n;
}

std::vector<Ref<ShmSegment>> ShmTable::list() const {
  LockGuard guard(lock_);
  std::vector<Ref<ShmSegment>> all;
  for (const auto& [id, segment] : present_) all.push_back(segment);
  return all;
}

}  // namespace quire::mm
