// MemoryManager as mm implements it.
#pragma once

#include <atomic>
#include <set>

#include "base/counter.h"
#include "kernel/mm/blocks.h"
#include "kernel/mm/collapse.h"
#include "kernel/mm/huge_pool.h"
#include "kernel/mm/limit_watch.h"
#include "kernel/mm/memory_manager.h"
#include "kernel/mm/page_table.h"
#include "kernel/mm/private_spaces.h"
#include "kernel/mm/shm.h"

namespace quire::mm {

class AddressSpaceImpl;
class ObjectImpl;

class ManagerImpl final : public MemoryManager {
 public:
  ManagerImpl(platform::Platform& platform, const Policy& policy, std::unique_ptr<BlockPool> pool);

  platform::Platform& platform() override { return platform_; }
  const Policy& policy() const override { return policy_; }
  Statistics statistics() const override;
  u64 total_bytes() const override { return total_; }
  u64 free_bytes() const override;
  /// Memory and swap of the host.
  u64 host_bytes() const { return host_bytes_; }
  /// Bytes that count against the limit: what is stored, what is promised, what only stubs have, page tables,
  /// and a charge for each address space and each host mapping (charges.h).
  u64 used_bytes() const;
  /// Of the memory file, without what nobody uses.
  u64 stored_bytes() const;
  /// Whether so much more may be stored. Without a limit: true.
  bool room_for(u64 bytes) const;
  /// The same, after clean pages of files were dropped if need be. No lock held.
  bool make_room_for(u64 bytes) { return room_for(bytes) || (drop_clean_pages() && room_for(bytes)); }
  ShmTable& shm() override { return shm_; }
  HugePool& huge_pages() override { return huge_; }
  void set_out_of_memory_handler(bool (*handler)(void* arg), void* arg) override;
  void set_fork_expected_handler(std::function<void()> handler) override {
    LockGuard guard(fork_expected_lock_);
    fork_expected_ = std::move(handler);
  }
  void stop_background() override {
    limit_watch_.reset();
    private_spaces_.stop();
    if (collapser_) collapser_->stop();
    pool_->stop_background();
  }

  platform::Memory& memory() { return platform_.memory(); }
  BlockPool& pool() { return *pool_; }
  TableCounters& tables() { return tables_; }
  PrivateSpaces& private_spaces() { return private_spaces_; }
  /// Sees to it that a fork of the space finds what it takes ready. No lock held; by the collapser only.
  void expect_fork(AddressSpaceImpl& space);
  /// Null: small pages are to stay as they are.
  Collapser* collapser() { return collapser_.get(); }
  /// Address spaces that exist: from their begin, until their end begins.
  void join(AddressSpaceImpl* space);
  void leave(AddressSpaceImpl* space);
  /// The first address space after `at` in which large areas were touched by small pages (see
  /// note_small_pages()), or `at` itself. Null: no further one.
  Ref<AddressSpaceImpl> small_paged_space(const AddressSpaceImpl* at, bool itself);
  /// All were looked through again and again, and nothing was found.
  void forget_small_paged();
  /// Objects with a source: their clean pages can be had again.
  void join(ObjectImpl* object);
  void leave(ObjectImpl* object);
  /// Memory ran out: true if dropping clean pages of files, or the handler, made room, so that trying again
  /// makes sense. No lock held.
  bool out_of_memory();

  struct Counters {
    Counter faults_minor, faults_major, faults_cow, faults_refill;
    std::atomic<u64> lock_wait_ns{0};
    Counter settled, snapshot_pages, collapsed;
    Counter cow_page, cow_private, cow_block, revocations, forks;
  };
  Counters counters;

 private:
  bool drop_clean_pages();

  platform::Platform& platform_;
  const Policy policy_;
  std::unique_ptr<BlockPool> pool_;
  TableCounters tables_;
  u64 total_ = 0, host_bytes_ = 0;
  mutable Mutex<locks::spaces> spaces_lock_;
  std::set<AddressSpaceImpl*> spaces_ GUARDED_BY(spaces_lock_);
  mutable std::atomic<u64> beside_file_{0};  // of what used_bytes() found last
  mutable Mutex<locks::objects> objects_lock_;
  std::set<ObjectImpl*> objects_ GUARDED_BY(objects_lock_);
  HugePool huge_;
  ShmTable shm_;
  std::atomic<bool (*)(void*)> oom_handler_{nullptr};
  std::atomic<void*> oom_argument_{nullptr};
  Mutex<locks::fork_expected> fork_expected_lock_;
  std::function<void()> fork_expected_ GUARDED_BY(fork_expected_lock_);
  PrivateSpaces private_spaces_;             // late: its thread calls the rest
  std::unique_ptr<Collapser> collapser_;     // so does this
  std::unique_ptr<LimitWatch> limit_watch_;  // last: it calls the rest
};

/// Adds one to a statistic.
inline void count(Counter& counter, u64 n = 1) { counter.add(n); }

}  // namespace quire::mm
