#include "kernel/platform/native/native_space.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <vector>

namespace quire::platform::native {
namespace {
constexpr int bind_tries = 100;
constexpr unsigned bind_pause_us = 5000;

// PAGEMAP_SCAN of Linux 6.7, which the headers at hand may not know yet.
struct PageRegion {
  u64 start, end, categories;
};
struct PagemapScan {
  u64 size, flags, start, end, walk_end, vec, vec_len, max_pages;
  u64 category_inverted, category_mask, category_anyof_mask, return_mask;
};
static_assert(sizeof(PagemapScan) == 96);
constexpr unsigned long pagemap_scan = _IOWR('f', 16, PagemapScan);
constexpr u64 page_is_file = 1 << 2, page_is_present = 1 << 3, page_is_swapped = 1 << 4;
constexpr std::size_t most_regions = 512;
constexpr std::size_t most_pieces = 512;  // of one process_vm_readv
}  // namespace

NativeSpace::NativeSpace(Host& host) : host_(host) { host_.add_space(this); }

NativeSpace::~NativeSpace() {
  host_.remove_space(this);
  std::shared_ptr<Stub> stub;
  {
    LockGuard guard(lock_);
    stub.swap(stub_);
  }
  LockGuard guard(lock_);
  if (stub) {
    for (const auto& [number, r] : returns_) stub->return_table()[number].store(0, std::memory_order_relaxed);
    // A bare one has lost its vdso.
    if (bare_)
      host_.factory->discard(std::move(stub));
    else
      host_.factory->retire(std::move(stub), {host_.layout.lowest, host_.layout.limit});
  }
  for (FrameNumber f : unpatched_) host_.own_frames.give(f);
}

void NativeSpace::push_map(const Mapping& m, bool populate) {
  const u64 at = m.range.begin.value();
  stub_->push(call_entry(
      SYS_mmap, at, at, m.range.size(), static_cast<u64>(to_prot(m.access)),
      (m.is_private ? MAP_PRIVATE : MAP_SHARED) | MAP_FIXED | MAP_NORESERVE | (populate ? MAP_POPULATE : 0),
      FD_MEMORY, file_offset(m.first)));
}

void NativeSpace::add(const Mapping& m) {
  if (m.range.empty()) return;
  host_.statistics.maps.fetch_add(1, std::memory_order_relaxed);
  LockGuard guard(lock_);
  // In real time only at the very last: a stub whose mmap fails is dead.
  if (table_.size() >= host_.mapping_limit / 16 * (prompt_ ? 15 : 12)) evict();
  table_.set(m);
  if (stub_) push_map(m);
  if (stub_ && prompt_) stub_->kick();
  if (allows(m.access, Access::exec)) prepare_sites(m);
}

bool NativeSpace::claim_sites(FrameNumber frame, GuestAddr page) {
  const std::vector<Site> sites = host_.patcher->sites_in(frame);
  for (const Site& s : sites) {
    auto it = returns_.find(s.number);
    if (it == returns_.end() || it->second.next == page + s.next()) continue;
    const GuestAddr other = it->second.next - s.next();
    const Mapping* m = table_.find(other);
    if (m != nullptr && m->frame_at(other) == frame && allows(m->access, Access::exec)) return false;
  }
  for (const Site& s : sites) {
    const GuestAddr next = page + s.next();
    if (s.shape.tail == 0) {
      set_return(s.number, {next, next.value()});
      continue;
    }
    set_return(s.number, {next, Patcher::tail_address(s.tail_number)});
    set_return(s.tail_number, {next + s.shape.tail, next.value() + s.shape.tail, s.shape.tail});
  }
  return true;
}

void NativeSpace::set_return(u32 number, const Return& r) {
  returns_[number] = r;
  if (stub_) stub_->return_table()[number].store(r.in_table, std::memory_order_release);
}

void NativeSpace::prepare_sites(const Mapping& m) {
  for (FrameNumber f : host_.patcher->patched_frames(m.first, PageCount(m.range.size() >> page_shift))) {
    const GuestAddr page = m.range.begin + ((f - m.first) << page_shift);
    if (claim_sites(f, page)) continue;
    const auto copy = host_.own_frames.take();
    if (!copy) continue;
    unpatched_.push_back(*copy);
    if (!host_.patcher->restore(f, host_.memory->at(*copy))) continue;
    const Mapping plain{{page, page + page_size}, *copy, m.access, false};
    table_.set(plain);
    if (stub_) push_map(plain);
  }
}

u64 NativeSpace::return_of(u32 number) const {
  LockGuard guard(lock_);
  auto it = returns_.find(number);
  return it == returns_.end() ? 0 : it->second.next.value();
}

std::optional<u64> NativeSpace::meant_by_jump(GuestAddr to) const {
  LockGuard guard(lock_);
  const GuestAddr page = page_down(to);
  const Mapping* m = table_.find(page);
  if (m == nullptr || !allows(m->access, Access::exec)) return std::nullopt;
  for (const Site& s : host_.patcher->sites_in(m->frame_at(page))) {
    const GuestAddr start = page + s.shape.start;
    if (to <= start || to >= start + site_jump_size) continue;
    const u64 offset = to - start;
    if (offset == s.shape.chain) return 0;
    if (offset < s.shape.chain && (offset == 2 || offset == 5))
      return Patcher::chain_address(s.number, s.shape) + offset;
    if (s.shape.tail != 0 && to == page + s.next())
      return Patcher::tail_address(s.tail_number) + Patcher::tail_prologue;
  }
  return std::nullopt;
}

std::optional<u64> NativeSpace::guest_address(Patcher::Place place) const {
  LockGuard guard(lock_);
  auto it = returns_.find(place.number);
  if (it == returns_.end()) return std::nullopt;
  const Return& r = it->second;
  if (place.is_tail())
    return place.offset <= Patcher::tail_prologue ? r.next.value() - r.tail : r.next.value();
  if (const unsigned before = place.before_syscall()) return r.next.value() - 2 - before;
  return std::nullopt;
}

void NativeSpace::map(GuestRange range, FrameNumber first, Access access) {
  add({range, first, access, false});
}
void NativeSpace::map_private(GuestRange range, FrameNumber first, Access access) {
  add({range, first, access, true});
}

void NativeSpace::set_prompt(bool on) {
  LockGuard guard(lock_);
  prompt_ = on;
}

void NativeSpace::make_resident(GuestRange range) {
  LockGuard guard(lock_);
  if (!stub_) return;
  std::vector<Mapping> present;
  table_.for_each(range, [&](const Mapping& m) {
    if (!m.is_private) present.push_back(m);
  });
  for (const Mapping& m : present) push_map(m, true);
  if (!present.empty()) stub_->kick();
}

// The host's limit on mappings is near: forget all that can be had again by a fault.
void NativeSpace::evict() {
  host_.statistics.evictions.fetch_add(1, std::memory_order_relaxed);
  std::vector<Mapping> keep;
  u64 at = host_.layout.lowest.value();
  auto drop = [&](u64 end) REQUIRES(lock_) {
    if (at < end && stub_) stub_->push(call_entry(SYS_munmap, 0, at, end - at));
  };
  table_.for_each({host_.layout.lowest, host_.layout.limit}, [&](const Mapping& m) {
    if (m.is_private) keep.push_back(m);
  });
  for (const Mapping& m : keep) {
    drop(m.range.begin.value());
    at = m.range.end.value();
  }
  drop(host_.layout.limit.value());
  table_.clear();
  for (const Mapping& m : keep) table_.set(m);
}

Ticket NativeSpace::unmap(GuestRange range) {
  LockGuard guard(lock_);
  if (!table_.erase(range) || !stub_) return Ticket(0);
  host_.statistics.revocations.fetch_add(1, std::memory_order_relaxed);
  stub_->push(call_entry(SYS_munmap, 0, range.begin.value(), range.size()));
  const u64 ack = stub_->push_ack();
  if (prompt_ || !all_parked()) stub_->kick();
  return ticket(ack, false);
}

Ticket NativeSpace::protect(GuestRange range, Access access) {
  LockGuard guard(lock_);
  // mprotect fails at the first hole, so it is asked for piece by piece, over what is there.
  std::vector<GuestRange> pieces;
  table_.for_each(range, [&](const Mapping& m) {
    if (m.access == access) return;
    if (!pieces.empty() && pieces.back().end == m.range.begin)
      pieces.back().end = m.range.end;
    else
      pieces.push_back(m.range);
  });
  bool narrowed = false;
  if (!table_.protect(range, access, &narrowed)) return Ticket(0);
  if (allows(access, Access::exec)) {
    std::vector<Mapping> now;
    table_.for_each(range, [&](const Mapping& m) { now.push_back(m); });
    for (const Mapping& m : now) prepare_sites(m);
  }
  if (!stub_) return Ticket(0);
  for (const GuestRange& p : pieces)
    stub_->push(call_entry(SYS_mprotect, 0, p.begin.value(), p.size(), static_cast<u64>(to_prot(access))));
  if (!narrowed) return Ticket(0);
  host_.statistics.revocations.fetch_add(1, std::memory_order_relaxed);
  const u64 ack = stub_->push_ack();
  if (prompt_ || !all_parked()) stub_->kick();
  return ticket(ack, true);
}

void NativeSpace::wait(Ticket t) {
  if (t.value() == 0) return;
  const u64 ack = ack_of(t);
  // The pages stay its own, so it is enough that no thread goes on before this is done.
  if (keeps_pages(t) && all_parked()) return;
  std::shared_ptr<Stub> stub;
  {
    LockGuard guard(lock_);
    // A stub that is gone reaches nothing any more.
    if (!stub_ || is_of_another_stub(t)) return;
    stub = stub_;
  }
  if (stub->done(ack)) return;
  host_.statistics.waits.fetch_add(1, std::memory_order_relaxed);
  stub->wait(ack);
}

bool NativeSpace::done(Ticket t) const {
  if (t.value() == 0) return true;
  LockGuard guard(lock_);
  if (!stub_ || is_of_another_stub(t) || stub_->dead()) return true;
  return all_parked() ? stub_->done_so_far(ack_of(t)) : stub_->done_now(ack_of(t));
}

bool NativeSpace::give_up_stub() {
  LockGuard guard(lock_);
  if (!stub_ || stub_->dead() || prompt_) return false;
  bool has_private = false;
  table_.for_each({GuestAddr(0), host_.layout.limit}, [&](const Mapping& m) { has_private |= m.is_private; });
  if (has_private || !stub_->evict_users()) return false;
  host_.factory->discard(std::move(stub_));
  stub_.reset();
  current_.store(nullptr, std::memory_order_release);
  ++epoch_;
  return true;
}

Result<std::shared_ptr<Stub>> NativeSpace::bind() {
  // Not while holding our lock: the victim's is taken.
  if (transient_ && current() == nullptr) host_.make_room_for(this);
  for (int tries = 0;; ++tries) {
    {
      LockGuard guard(lock_);
      if (stub_) {
        if (stub_->dead()) return err(ESRCH);
        return stub_;
      }
      auto stub = host_.factory->take();
      if (stub) {
        stub_ = std::move(*stub);
        current_.store(stub_.get(), std::memory_order_release);
        give_all();
        return stub_;
      }
      if (tries == bind_tries) return err(stub.error());
    }
    host_.steal_stub(this);
    if (tries != 0) usleep(bind_pause_us);  // the host takes a moment to bury the last one
  }
}

void NativeSpace::give_all() {
  if (bare_) {
    const u64 begin = (host_.layout.vvar.empty() ? host_.layout.vdso : host_.layout.vvar).begin.value();
    const u64 end = host_.layout.vdso.end.value();
    if (begin < end) stub_->push(call_entry(SYS_munmap, 0, begin, end - begin));
  }
  std::vector<Mapping> all;
  table_.for_each({GuestAddr(0), host_.layout.limit}, [&](const Mapping& m) { all.push_back(m); });
  for (const Mapping& m : all) push_map(m);
  for (const auto& [number, r] : returns_)
    stub_->return_table()[number].store(r.in_table, std::memory_order_release);
}

// ---- Private tier

Result<std::shared_ptr<Stub>> NativeSpace::settled_stub() {
  std::shared_ptr<Stub> stub;
  {
    LockGuard guard(lock_);
    if (!stub_) return err(ESRCH);
    stub = stub_;
  }
  if (stub->behind() && !stub->wait(stub->push_ack())) return err(ESRCH);
  if (stub->dead()) return err(ESRCH);
  return stub;
}

Result<std::shared_ptr<Stub>> NativeSpace::idle_stub() const {
  LockGuard guard(lock_);
  if (!stub_ || stub_->dead()) return err(ESRCH);
  if (stub_->behind()) return err(EAGAIN);
  return stub_;
}

Result<> NativeSpace::private_pages(GuestRange range, std::span<GuestRange>& out) {
  auto stub = settled_stub();
  if (!stub) {
    // Never bound: nobody has written anything.
    LockGuard guard(lock_);
    if (stub_) return err(ESRCH);
    out = out.first(0);
    return {};
  }
  // Pages of a private mapping that are no longer the file's: neither hole nor file page.
  std::size_t n = 0;
  if (host_.pagemap_scan.load(std::memory_order_relaxed)) {
    PageRegion regions[most_regions];
    PagemapScan scan{};
    scan.size = sizeof scan;
    scan.start = range.begin.value();
    scan.end = range.end.value();
    scan.vec = reinterpret_cast<u64>(regions);
    scan.category_inverted = scan.category_mask = page_is_file;
    scan.category_anyof_mask = page_is_present | page_is_swapped;
    scan.return_mask = page_is_file;
    while (scan.start < scan.end && n < out.size()) {
      scan.vec_len = std::min(most_regions, out.size() - n);
      const int got = ioctl((*stub)->pagemap(), pagemap_scan, &scan);
      if (got < 0) {
        if ((*stub)->dead()) return err(ESRCH);
        if (errno != ENOTTY && errno != EINVAL) return err(Errno::last());
        host_.pagemap_scan.store(false, std::memory_order_relaxed);
        return private_pages(range, out);
      }
      for (int i = 0; i < got; ++i) {
        if (n != 0 && out[n - 1].end.value() == regions[i].start)
          out[n - 1].end = GuestAddr(regions[i].end);
        else
          out[n++] = {GuestAddr(regions[i].start), GuestAddr(regions[i].end)};
      }
      scan.start = scan.walk_end;
    }
    out = out.first(n);
    return {};
  }
  constexpr u64 batch = 512;
  u64 entries[batch];
  for (GuestAddr at = range.begin; at < range.end;) {
    const u64 pages = std::min<u64>(batch, (range.end - at) >> page_shift);
    const ssize_t got =
        pread((*stub)->pagemap(), entries, pages * 8, static_cast<off_t>(at.value() >> page_shift << 3));
    if (got != static_cast<ssize_t>(pages * 8)) return err((*stub)->dead() || got == 0 ? ESRCH : EIO);
    for (u64 i = 0; i < pages; ++i, at += page_size) {
      constexpr u64 present = u64{1} << 63, swapped = u64{1} << 62, file = u64{1} << 61;
      if ((entries[i] & (present | swapped)) == 0 || (entries[i] & file) != 0) continue;
      if (n != 0 && out[n - 1].end == at) {
        out[n - 1].end = at + page_size;
        continue;
      }
      if (n == out.size()) {
        out = out.first(n);
        return {};
      }
      out[n++] = {at, at + page_size};
    }
  }
  out = out.first(n);
  return {};
}

Result<> NativeSpace::read_private(GuestAddr from, std::span<std::byte> to) {
  auto stub = TRY(idle_stub());
  const iovec here{to.data(), to.size()}, there{reinterpret_cast<void*>(from.value()), to.size()};
  const ssize_t n = process_vm_readv(stub->pid(), &here, 1, &there, 1, 0);
  if (n < 0) return err(Errno::last());
  if (static_cast<std::size_t>(n) != to.size()) return err(EFAULT);
  return {};
}

Result<> NativeSpace::gather_private(std::span<const PrivatePiece> pieces) {
  if (pieces.empty()) return {};
  auto stub = TRY(settled_stub());
  iovec here[most_pieces], there[most_pieces];
  while (!pieces.empty()) {
    const std::size_t n = std::min(pieces.size(), most_pieces);
    ssize_t bytes = 0;
    for (std::size_t i = 0; i < n; ++i) {
      here[i] = {pieces[i].to.data(), pieces[i].to.size()};
      there[i] = {reinterpret_cast<void*>(pieces[i].from.value()), pieces[i].to.size()};
      bytes += static_cast<ssize_t>(pieces[i].to.size());
    }
    const ssize_t got = process_vm_readv(stub->pid(), here, n, there, n, 0);
    if (got < 0) return err(Errno::last());
    if (got != bytes) return err(EFAULT);
    pieces = pieces.subspan(n);
  }
  return {};
}

Result<> NativeSpace::write_private(GuestAddr to, std::span<const std::byte> from) {
  auto stub = TRY(idle_stub());
  const iovec here{const_cast<std::byte*>(from.data()), from.size()},
      there{reinterpret_cast<void*>(to.value()), from.size()};
  const ssize_t n = process_vm_writev(stub->pid(), &here, 1, &there, 1, 0);
  if (n < 0) return err(Errno::last());
  if (static_cast<std::size_t>(n) != from.size()) return err(EFAULT);
  return {};
}

SpaceUsage NativeSpace::usage() const {
  LockGuard guard(lock_);
  SpaceUsage u;
  u.mappings = table_.size();
  if (stub_) u.anonymous_bytes = stub_->anonymous_bytes();
  return u;
}

}  // namespace quire::platform::native
