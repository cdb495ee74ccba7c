#include "kernel/mm/manager.h"

#include <sys/sysinfo.h>

#include <algorithm>

#include "kernel/mm/charges.h"
#include "kernel/mm/space_impl.h"

namespace quire::mm {

Result<std::unique_ptr<MemoryManager>> MemoryManager::create(platform::Platform& platform,
                                                             const Policy& policy) {
  auto pool = TRY(BlockPool::create(platform.memory()));
  return std::make_unique<ManagerImpl>(platform, policy, std::move(pool));
}

ManagerImpl::ManagerImpl(platform::Platform& platform, const Policy& policy, std::unique_ptr<BlockPool> pool)
    : platform_(platform),
      policy_(policy),
      pool_(std::move(pool)),
      huge_(*pool_, [this] { return total_ - std::min(total_, stored_bytes()); }),
      private_spaces_(policy.copy_home) {
  tables_.back.copied_chains = policy.copied_chains;
  pool_->keep_warm(policy.keep_warm);
  if (policy.collapse) collapser_ = std::make_unique<Collapser>(*this);
  struct sysinfo info{};
  const bool known = sysinfo(&info) == 0;
  const u64 host = known ? u64{info.totalram} * info.mem_unit : u64{1} << 30;
  host_bytes_ = host + (known ? u64{info.totalswap} * info.mem_unit : 0);
  total_ = policy.memory_limit != 0 ? std::min(policy.memory_limit, host) : host;
  if (policy.memory_limit != 0)
    limit_watch_ = std::make_unique<LimitWatch>(
        policy.memory_limit, [this] { return used_bytes() + pool_->kept_bytes(); },
        [this] { return out_of_memory(); });
}

Statistics ManagerImpl::statistics() const {
  Statistics s;
  s.faults_minor = counters.faults_minor;
  s.faults_major = counters.faults_major;
  s.faults_cow = counters.faults_cow;
  s.faults_refill = counters.faults_refill;
  s.lock_wait_ns = counters.lock_wait_ns;
  s.tables_live = tables_.live;
  s.tables_shared = tables_.shared;
  s.tables_unshared = tables_.unshared;
  s.cow_page = counters.cow_page;
  s.cow_private = counters.cow_private;
  s.cow_block = counters.cow_block;
  s.cow_warm = pool_->warm_used();
  s.collapsed = counters.collapsed;
  s.settled = counters.settled;
  s.snapshot_pages = counters.snapshot_pages;
  s.revocations = counters.revocations;
  s.forks = counters.forks;
  s.frames_used = stored_bytes() >> page_shift;
  return s;
}

u64 ManagerImpl::stored_bytes() const {
  const u64 all = platform_.memory().bytes_used();
  return all - std::min(all, pool_->kept_bytes());
}

u64 ManagerImpl::used_bytes() const {
  u64 bytes = huge_.counts().free * huge_size + private_spaces_.bytes() +
              tables_.live.load(std::memory_order_relaxed) * sizeof(Table);
  LockGuard guard(spaces_lock_);
  for (AddressSpaceImpl* space : spaces_)
    bytes += stub_charge + space->space().usage().mappings * mapping_charge;
  guard.unlock();
  beside_file_.store(bytes, std::memory_order_relaxed);
  return bytes + stored_bytes();
}

// The watch over the limit looks often enough to tell what there is beside the memory file.
bool ManagerImpl::room_for(u64 bytes) const {
  if (policy_.memory_limit == 0) return true;
  return stored_bytes() + beside_file_.load(std::memory_order_relaxed) + bytes <= policy_.memory_limit;
}

void ManagerImpl::join(ObjectImpl* object) {
  LockGuard guard(objects_lock_);
  objects_.insert(object);
}

void ManagerImpl::leave(ObjectImpl* object) {
  LockGuard guard(objects_lock_);
  objects_.erase(object);
}

bool ManagerImpl::drop_clean_pages() {
  bool any = pool_->trim();
  std::vector<Ref<ObjectImpl>> objects;
  {
    LockGuard guard(objects_lock_);
    for (ObjectImpl* o : objects_)
      if (o->try_ref()) objects.push_back(Ref<ObjectImpl>::adopt(o));
  }
  for (const Ref<ObjectImpl>& o : objects) any |= o->reclaim();
  return any && (policy_.memory_limit == 0 || used_bytes() <= policy_.memory_limit);
}

void ManagerImpl::join(AddressSpaceImpl* space) {
  LockGuard guard(spaces_lock_);
  spaces_.insert(space);
}

void ManagerImpl::leave(AddressSpaceImpl* space) {
  LockGuard guard(spaces_lock_);
  spaces_.erase(space);
}

Ref<AddressSpaceImpl> ManagerImpl::small_paged_space(const AddressSpaceImpl* at, bool itself) {
  LockGuard guard(spaces_lock_);
  auto it = spaces_.lower_bound(const_cast<AddressSpaceImpl*>(at));
  if (it != spaces_.end() && *it == at && !itself) ++it;
  for (; it != spaces_.end(); ++it)
    if ((*it)->has_small_pages() && (*it)->try_ref()) return Ref<AddressSpaceImpl>::adopt(*it);
  return {};
}

void ManagerImpl::forget_small_paged() {
  LockGuard guard(spaces_lock_);
  for (AddressSpaceImpl* space : spaces_) space->forget_small_pages();
}

u64 ManagerImpl::free_bytes() const {
  struct sysinfo info{};
  const u64 host = sysinfo(&info) == 0 ? u64{info.freeram + info.bufferram} * info.mem_unit : 0;
  const u64 promised = huge_.counts().free * huge_size;
  if (policy_.memory_limit == 0) return std::min(host, total_) - std::min({host, total_, promised});
  const u64 used = used_bytes();
  return used < total_ ? std::min(host, total_ - used) : 0;
}

void ManagerImpl::set_out_of_memory_handler(bool (*handler)(void*), void* arg) {
  oom_argument_ = arg;
  oom_handler_ = handler;
}

bool ManagerImpl::out_of_memory() {
  if (drop_clean_pages()) return true;
  const auto handler = oom_handler_.load();
  return handler != nullptr && handler(oom_argument_.load());
}

}  // namespace quire::mm
