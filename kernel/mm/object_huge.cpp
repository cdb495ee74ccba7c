// Objects in huge pages: what hugetlbfs files, MAP_HUGETLB and SHM_HUGETLB show.
#include <algorithm>
#include <array>

#include "kernel/mm/manager.h"
#include "kernel/mm/object.h"

namespace quire::mm {
namespace {

constexpr u64 largest_object = u64{1} << 46;

}  // namespace

Result<Ref<MemoryObject>> MemoryObject::create_huge(MemoryManager& mm, u64 size, Ref<HugeSubpool> sub) {
  if (size > largest_object) return err(EFBIG);
  return Ref<MemoryObject>(make_ref<ObjectImpl>(static_cast<ManagerImpl&>(mm), size, std::move(sub)));
}

ObjectImpl::ObjectImpl(ManagerImpl& manager, u64 size, Ref<HugeSubpool> sub)
    : manager_(manager), patch_key_(0), huge_(true), subpool_(std::move(sub)), size_(size) {}

void ObjectImpl::extend(u64 size) {
  u64 now = size_.load(std::memory_order_relaxed);
  while (now < size && !size_.compare_exchange_weak(now, size, std::memory_order_acq_rel)) {
  }
}

Result<> ObjectImpl::fill_huge(u64 index) {
  const u64 number = index / pages_per_huge;
  LockGuard guard(lock_);
  if (index >= page_count()) return err(ENXIO);
  if (original_.contains(number)) return {};
  const bool reserved = reserved_.contains(number);
  Window w;
  BlockNumber wanted = no_block;
  if (const auto before = original_.find(number - 1); before != original_.end())
    wanted = BlockNumber(before->second.block.value() + 1);
  w.block = TRY(manager_.huge_pages().take(number, wanted, subpool_, reserved));
  w.valid.set();
  if (reserved) reserved_.erase(number);
  original_.emplace(number, w);
  return {};
}

Result<> ObjectImpl::allocate(u64 offset, u64 length) {
  if (!huge_) return err(EOPNOTSUPP);
  for (u64 at = round_down(offset, huge_size); at < offset + length; at += huge_size)
    TRY_VOID(fill_huge(at >> page_shift));
  return {};
}

Result<> ObjectImpl::reserve_pages(u64 offset, u64 length) {
  if (!huge_) return err(EINVAL);
  const u64 first = offset / huge_size;
  const u64 end = (offset + length + huge_size - 1) / huge_size;
  LockGuard guard(lock_);
  // What cannot be had is known before it is counted page by page.
  const HugePageCounts pool = manager_.huge_pages().counts();
  if (end - first > pool.total + pool.overcommit) return err(ENOMEM);
  std::vector<u64> missing;
  for (u64 n = first; n < end; ++n)
    if (!original_.contains(n) && !reserved_.contains(n)) missing.push_back(n);
  TRY_VOID(manager_.huge_pages().reserve(missing.size(), subpool_.get()));
  reserved_.insert(missing.begin(), missing.end());
  return {};
}

void ObjectImpl::unreserve_from(u64 first_window, u64 end_window) {
  u64 n = 0;
  {
    LockGuard guard(lock_);
    const auto from = reserved_.lower_bound(first_window);
    const auto to = reserved_.lower_bound(end_window);
    n = static_cast<u64>(std::distance(from, to));
    reserved_.erase(from, to);
  }
  if (n != 0) manager_.huge_pages().unreserve(n, subpool_.get());
}

// Whole pages go back to the pool, out of every mapping; what is left of others is cleared.
Result<> ObjectImpl::punch_huge(u64 offset, u64 length) {
  static constexpr std::array<std::byte, page_size> zeros{};
  platform::Memory& memory = manager_.memory();
  const u64 end = offset + length;
  const u64 whole_begin = round_up(offset, huge_size);
  const u64 whole_end = std::max(whole_begin, round_down(end, huge_size));
  auto clear = [&](u64 from, u64 to) -> Result<> {
    LockGuard guard(lock_);
    while (from < to) {
      const u64 n = std::min({to - from, page_size - from % page_size, huge_size - from % huge_size});
      const auto it = original_.find(from / huge_size);
      if (it != original_.end()) {
        std::byte* p = memory.at(first_frame(it->second.block)) + from % huge_size;
        if (!memory.checked_copy(p, zeros.data(), n)) return err(EIO);
      }
      from += n;
    }
    return {};
  };
  TRY_VOID(clear(offset, std::min(end, whole_begin)));
  if (whole_end >= whole_begin && whole_end < end && whole_end > offset) TRY_VOID(clear(whole_end, end));
  if (whole_begin >= whole_end) return {};
  std::vector<BlockNumber> blocks;
  {
    LockGuard guard(lock_);
    const auto from = original_.lower_bound(whole_begin / huge_size);
    const auto to = original_.lower_bound(whole_end / huge_size);
    for (auto it = from; it != to; ++it) blocks.push_back(it->second.block);
    original_.erase(from, to);
  }
  // Nobody finds these pages any more; those who mapped them lose them now.
  forget_in_mappers(whole_begin, whole_end, true);
  for (const BlockNumber b : blocks) manager_.pool().release_whole(b, 1);
  unreserve_from(whole_begin / huge_size, whole_end / huge_size);
  return {};
}

// The reverse map tells where the page is named. Only mappers of this object have it, by forks.
void ObjectImpl::give_up_elsewhere(BlockNumber block, const ObjectMapper* keep) {
  struct Held {
    Ref<RefCounted> alive;
    ObjectMapper* mapper;
  };
  std::vector<Held> held;
  {
    LockGuard guard(lock_);
    for (auto& [mapper, pages] : mappers_)
      if (mapper != keep)
        if (auto alive = mapper->hold_alive()) held.push_back({std::move(alive), mapper});
  }
  for (const ReverseMap::Place& place : manager_.tables().back.places(first_frame(block)))
    for (const Held& h : held)
      if (h.mapper->tables_identity() == place.tables) h.mapper->give_up_huge_page(place.window, block);
}

}  // namespace quire::mm
