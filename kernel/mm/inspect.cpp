// What /proc shows of an address space, and the checks that tests make.
#include <algorithm>

#include <fmt/format.h>

#include "kernel/mm/space_impl.h"

namespace quire::mm {
namespace {

constexpr u64 pagemap_present = u64{1} << 63;
constexpr u64 pagemap_file_or_shared = u64{1} << 61;
constexpr u64 pagemap_exclusive = u64{1} << 56;
constexpr u64 look_most = u64{64} << 20;  // looked up under the page-table lock at a time

}  // namespace

void AddressSpaceImpl::for_each_vma(const std::function<bool(const VmaInfo&)>& visit) const {
  // The visitor may take its time, or copy to this very address space: it runs without the lock.
  u64 at = 0;
  for (;;) {
    std::vector<VmaInfo> some;
    {
      SharedLockGuard guard(lock_);
      for (auto it = vmas_.first_after(at); it != vmas_.end() && some.size() < 128; ++it) {
        some.push_back(it->second.info());
        some.back().huge_eligible = some.back().huge_eligible && !huge_pages_off_;
        at = it->second.end;
      }
    }
    if (some.empty()) return;
    for (const VmaInfo& v : some)
      if (!visit(v)) return;
  }
}

std::optional<VmaInfo> AddressSpaceImpl::find_vma(GuestAddr address) const {
  SharedLockGuard guard(lock_);
  const Vma* v = vmas_.find(address.value());
  if (v == nullptr) return std::nullopt;
  return v->info();
}

Ref<RefCounted> AddressSpaceImpl::keep_alive(GuestAddr address) const {
  SharedLockGuard guard(lock_);
  const Vma* v = vmas_.find(address.value());
  return v != nullptr ? v->keep_alive : nullptr;
}

void AddressSpaceImpl::add_residency(const Vma& v, u64 begin, u64 end, Residency& r) const {
  if (v.shared) {
    const u64 n = v.object->resident_pages(v.object_offset(begin) >> page_shift,
                                           v.object_offset(end - 1) / page_size + 1);
    if (v.huge_tlb) {
      (v.object->mapped_once() ? r.hugetlb_private : r.hugetlb_shared) += n;
      return;
    }
    const u64 sharers = v.object->mapped_by();
    r.resident += n;
    (v.object->backed() ? r.file : r.shmem) += n;
    if (sharers > 1) r.shared += n;
    if (!v.object->backed()) r.dirty += n;
    r.proportional_bytes += n * page_size / sharers;
    return;
  }
  struct Hole {
    u64 begin, end;
  };
  std::vector<Hole> unnamed;
  // The page-table lock is held for one run at a time, and not while the host is asked: faults go on.
  for (u64 a = begin; a < end;) {
    Span s;
    {
      LockGuard tables(tables_lock_);
      s = span_at(a, std::min(end, a + look_most), true);
    }
    if (s.named && v.huge_tlb) {
      (s.exclusive ? r.hugetlb_private : r.hugetlb_shared) += (s.end - s.begin) >> page_shift;
    } else if (s.named) {
      // By windows: each may have other sharers.
      for (u64 at = s.begin, stop; at < s.end; at = stop) {
        stop = std::min(s.end, round_down(at, huge_size) + huge_size);
        const FrameNumber frame = s.frame + ((at - s.begin) >> page_shift);
        const u64 n = manager_.pool().with_data(frame, (stop - at) >> page_shift);
        r.resident += n;
        r.anonymous += n;
        r.dirty += n;
        if (v.advised_huge && n == pages_per_huge && !huge_pages_off_) r.huge += n;
        if (!s.exclusive) r.shared += n;
        r.proportional_bytes +=
            n * page_size / (s.exclusive || n == 0 ? 1 : manager_.tables().back.sharers(frame));
      }
    } else if (v.object != nullptr) {
      unnamed.push_back({s.begin, s.end});
    }
    a = s.end;
  }
  for (const Hole& h : unnamed) {
    const u64 n = v.object->resident_pages(v.object_offset(h.begin) >> page_shift,
                                           v.object_offset(h.end - 1) / page_size + 1);
    if (v.huge_tlb) {
      r.hugetlb_shared += n;
      continue;
    }
    const u64 sharers = v.object->mapped_by();
    r.resident += n;
    (v.object->backed() ? r.file : r.shmem) += n;
    if (sharers > 1) r.shared += n;
    if (!v.object->backed()) r.dirty += n;
    r.proportional_bytes += n * page_size / sharers;
  }
}

Residency AddressSpaceImpl::residency(GuestRange range) const {
  Residency r;
  SharedLockGuard guard(lock_);
  for (auto it = vmas_.first_after(range.begin.value());
       it != vmas_.end() && it->second.begin < range.end.value(); ++it) {
    const Vma& v = it->second;
    add_residency(v, std::max(v.begin, range.begin.value()), std::min(v.end, range.end.value()), r);
  }
  return r;
}

Residency AddressSpaceImpl::residency() const {
  const Residency r = residency({GuestAddr(0), GuestAddr(limit())});
  u64 peak = peak_pages_.load(std::memory_order_relaxed);
  while (peak < r.resident && !peak_pages_.compare_exchange_weak(peak, r.resident)) {
  }
  return r;
}

u64 AddressSpaceImpl::peak_resident_bytes() const {
  (void)residency();
  return peak_pages_.load(std::memory_order_relaxed) << page_shift;
}

u64 AddressSpaceImpl::virtual_bytes() const {
  SharedLockGuard guard(lock_);
  return total_bytes_;
}

u64 AddressSpaceImpl::locked_bytes() const {
  SharedLockGuard guard(lock_);
  return locked_bytes_;
}

u64 AddressSpaceImpl::page_table_bytes() const {
  LockGuard tables(tables_lock_);
  return tables_.table_bytes();
}

Result<> AddressSpaceImpl::mincore(GuestAddr address, u64 length, std::span<u8> out) {
  const u64 begin = address.value();
  if (begin % page_size != 0) return err(EINVAL);
  const u64 end = begin + round_up(length, page_size);
  if (end < begin || end > limit()) return err(ENOMEM);
  if (out.size() < (end - begin) >> page_shift) return err(EFAULT);
  SharedLockGuard guard(lock_);
  if (!mapped_whole(begin, end)) return err(ENOMEM);
  for (auto it = vmas_.first_after(begin); it != vmas_.end() && it->second.begin < end; ++it) {
    const Vma& v = it->second;
    for (u64 a = std::max(begin, v.begin); a < std::min(end, v.end); a += page_size) {
      Residency r;
      add_residency(v, a, a + page_size, r);
      out[(a - begin) >> page_shift] = r.present() ? 1 : 0;
    }
  }
  return {};
}

void AddressSpaceImpl::pagemap(GuestAddr first, std::span<u64> out) const {
  std::fill(out.begin(), out.end(), u64{0});
  const u64 begin = first.value();
  if (begin >= limit()) return;
  const u64 end = std::min(limit(), begin + out.size() * page_size);
  SharedLockGuard guard(lock_);
  for (auto it = vmas_.first_after(begin); it != vmas_.end() && it->second.begin < end; ++it) {
    const Vma& v = it->second;
    for (u64 a = std::max(begin, v.begin); a < std::min(end, v.end); a += page_size) {
      Residency r;
      add_residency(v, a, a + page_size, r);
      if (!r.present()) continue;
      u64 entry = pagemap_present;
      if (v.shared || (r.anonymous == 0 && r.hugetlb_private == 0)) entry |= pagemap_file_or_shared;
      if (r.shared == 0 && r.hugetlb_shared == 0) entry |= pagemap_exclusive;
      out[(a - begin) >> page_shift] = entry;
    }
  }
}

std::string AddressSpaceImpl::check() const {
  SharedLockGuard guard(lock_);
  u64 total = 0;
  u64 locked = 0;
  u64 at = 0;
  for (const auto& [begin, v] : vmas_) {
    if (begin != v.begin || v.begin >= v.end || v.begin < at)
      return fmt::format("area {:x}-{:x} out of order", v.begin, v.end);
    if (v.begin % page_size != 0 || v.end % page_size != 0 || v.end > limit())
      return fmt::format("area {:x}-{:x} ill placed", v.begin, v.end);
    if (v.shared && v.object == nullptr) return fmt::format("shared area {:x} has no object", v.begin);
    at = v.end;
    total += v.size();
    if (v.locked) locked += v.size();
  }
  if (total != total_bytes_) return fmt::format("areas have {} bytes, accounted {}", total, total_bytes_);
  if (locked != locked_bytes_)
    return fmt::format("locked areas have {} bytes, accounted {}", locked, locked_bytes_);
  LockGuard tables(tables_lock_);
  for (auto it = privates_.begin(); it != privates_.end(); ++it) {
    const auto& [begin, r] = *it;
    if (begin >= r.end || round_down(begin, huge_size) != round_down(r.end - 1, huge_size) ||
        (std::next(it) != privates_.end() && std::next(it)->first < r.end))
      return fmt::format("private range {:x}-{:x} ill placed", begin, r.end);
    const Vma* v = vmas_.find(begin);
    if (v == nullptr || v->end < r.end || !v->anonymous() || !v->is_private() ||
        !allows(v->access, Access::write))
      return fmt::format("private range {:x}-{:x} in no suitable area", begin, r.end);
    for (u64 a = begin; a < r.end;) {
      const Span s = tables_.span_at(a, r.end);
      if (!s.named) return fmt::format("private range {:x}-{:x}: {:x} names nothing", begin, r.end, a);
      a = s.end;
    }
  }
  return {};
}

void AddressSpaceImpl::for_each_frame(const std::function<void(u64, FrameNumber)>& visit) const {
  SharedLockGuard guard(lock_);
  LockGuard tables(tables_lock_);
  tables_.for_each_named(0, u64{1} << 47, [&](const Span& s) {
    for (u64 a = s.begin; a < s.end; a += page_size) visit(a, s.frame + ((a - s.begin) >> page_shift));
  });
}

}  // namespace quire::mm
