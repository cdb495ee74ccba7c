#include "kernel/mm/collapse.h"

#include <utility>

#include "kernel/mm/space_impl.h"

namespace quire::mm {
namespace {

using namespace std::chrono_literals;

constexpr unsigned looked_at_once = 16;  // windows: 25 us each where small pages have to be counted
constexpr auto between_looks = 5ms;
constexpr auto between_rounds = 500ms;  // doubled after each in which nothing was found
constexpr unsigned most_idle_rounds = 5;
constexpr int rest = 9;  // times as long as the last collapse took

}  // namespace

Collapser::Collapser(ManagerImpl& manager)
    : manager_(manager), background_(between_rounds, [this] { return step(); }) {}

std::optional<Background::Duration> Collapser::step() {
  const Ref<AddressSpaceImpl> space = manager_.small_paged_space(at_, cursor_ != 0);
  if (!space) {
    if (!std::exchange(large_, false)) manager_.pool().drop_ready();
    at_ = nullptr;
    cursor_ = 0;
    idle_rounds_ = std::exchange(found_, false) ? 0 : idle_rounds_ + 1;
    if (idle_rounds_ <= most_idle_rounds) return between_rounds * (1 << idle_rounds_);
    idle_rounds_ = 0;
    manager_.forget_small_paged();
    return std::nullopt;
  }
  at_ = space.get();
  if (space->virtual_bytes() >= large_space) {
    large_ = true;
    manager_.expect_fork(*space);
  }
  unsigned looks = looked_at_once;
  const std::optional<BlockNumber> block = space->next_small_window(cursor_, looks);
  if (!block) return between_looks;
  found_ = true;
  const auto begun = std::chrono::steady_clock::now();
  if (manager_.pool().collapse_held(*block)) count(manager_.counters.collapsed);
  return std::chrono::duration_cast<Background::Duration>(rest * (std::chrono::steady_clock::now() - begun));
}

std::optional<BlockNumber> AddressSpaceImpl::next_small_window(u64& cursor, unsigned looks) {
  SharedLockGuard guard(lock_);
  for (auto it = vmas_.first_after(cursor); it != vmas_.end() && !prompt(); ++it) {
    const Vma& v = it->second;
    if (!by_window(v) || v.locked) continue;
    const u64 left_out = v.advised_no_huge || huge_pages_off_ ? 0 : most_left_out;
    for (u64 w = round_up(std::max(cursor, v.begin), huge_size); w + huge_size <= v.end; w += huge_size) {
      cursor = w;
      if (looks-- == 0) return std::nullopt;
      LockGuard tables(tables_lock_);
      const Span s = span_at(w, w + huge_size);
      if (!s.named || !s.exclusive || s.end != w + huge_size || index_in_block(s.frame) != 0) continue;
      const BlockNumber block = block_of(s.frame);
      if (!manager_.pool().hold_small(block)) continue;
      if (manager_.pool().with_data(s.frame, pages_per_huge) >= pages_per_huge - left_out) {
        cursor = w + huge_size;
        return block;
      }
      manager_.pool().release_home(block);
    }
  }
  cursor = 0;  // through
  return std::nullopt;
}

}  // namespace quire::mm
