#include <algorithm>
#include <cstring>

#include "kernel/platform/fake/fake.h"

namespace quire::platform::fake {

FakeSpace::FakeSpace(FakePlatform& platform, u64 seed)
    : platform_(platform), random_(static_cast<std::minstd_rand::result_type>(seed * 48271 + 1)) {
  platform_.spaces_live_.fetch_add(1);
}
FakeSpace::~FakeSpace() { platform_.spaces_live_.fetch_sub(1); }

bool FakeSpace::supports_private() const { return platform_.options_.private_tier; }

void FakeSpace::map(GuestRange range, FrameNumber first, Access access) {
  platform_.maps_.fetch_add(1, std::memory_order_relaxed);
  LockGuard guard(lock_);
  queue_.push_back({Request::Kind::map, {range, first, access, false}, 0});
}

void FakeSpace::map_private(GuestRange range, FrameNumber first, Access access) {
  platform_.maps_.fetch_add(1, std::memory_order_relaxed);
  LockGuard guard(lock_);
  queue_.push_back({Request::Kind::map, {range, first, access, true}, 0});
}

Ticket FakeSpace::revoke(Request::Kind kind, const Mapping& m) {
  platform_.revocations_.fetch_add(1, std::memory_order_relaxed);
  LockGuard guard(lock_);
  queue_.push_back({kind, m, ++requested_});
  return Ticket(requested_);
}

Ticket FakeSpace::unmap(GuestRange range) { return revoke(Request::Kind::unmap, {.range = range}); }

Ticket FakeSpace::protect(GuestRange range, Access access) {
  return revoke(Request::Kind::protect, {.range = range, .access = access});
}

bool FakeSpace::done(Ticket ticket) const { return done_.load(std::memory_order_acquire) >= ticket.value(); }

void FakeSpace::wait(Ticket ticket) {
  if (done(ticket)) return;
  platform_.waits_.fetch_add(1, std::memory_order_relaxed);
  LockGuard guard(lock_);
  while (!done(ticket) && !queue_.empty()) apply_one();
}

void FakeSpace::drain() {
  LockGuard guard(lock_);
  while (!queue_.empty()) apply_one();
}

void FakeSpace::drop_copies(GuestRange range) {
  copies_.erase(copies_.lower_bound(range.begin.value()), copies_.lower_bound(range.end.value()));
}

void FakeSpace::apply_one() {
  const Request r = queue_.front();
  queue_.pop_front();
  switch (r.kind) {
    case Request::Kind::map:
      drop_copies(r.mapping.range);
      tlb_.set(r.mapping);
      break;
    case Request::Kind::unmap:
      drop_copies(r.mapping.range);
      tlb_.erase(r.mapping.range);
      break;
    case Request::Kind::protect:
      tlb_.protect(r.mapping.range, r.mapping.access);
      break;
  }
  if (r.ticket != 0) done_.store(r.ticket, std::memory_order_release);
}

bool FakeSpace::chance(unsigned in_thousand) { return in_thousand != 0 && random_() % 1000 < in_thousand; }

namespace {

/// Copies with relaxed atomics: guests race with each other and with the kernel.
void racy_copy(std::byte* to, const std::byte* from, std::size_t n) {
  auto number = [](const std::byte* p) { return reinterpret_cast<std::uintptr_t>(p); };
  auto* d = reinterpret_cast<unsigned char*>(to);
  const auto* s = reinterpret_cast<const unsigned char*>(from);
  while (n >= 8 && ((number(to) | number(from)) & 7) == 0) {
    u64 v = __atomic_load_n(reinterpret_cast<const u64*>(s), __ATOMIC_RELAXED);
    __atomic_store_n(reinterpret_cast<u64*>(d), v, __ATOMIC_RELAXED);
    d += 8, s += 8, n -= 8, to += 8, from += 8;
  }
  for (; n != 0; --n, ++d, ++s) __atomic_store_n(d, __atomic_load_n(s, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
}

}  // namespace

bool FakeSpace::access_page(GuestAddr at, std::byte* buffer, std::size_t n, Access want) {
  const Mapping* m = tlb_.find(at);
  if (m == nullptr || !allows(m->access, want)) return false;
  const GuestAddr page = page_down(at);
  const FrameNumber frame = m->frame_at(page);
  std::byte* target = platform_.memory_->at(frame);
  auto copy = copies_.end();
  if (m->is_private) {
    copy = copies_.find(page.value());
    if (copy == copies_.end() && want == Access::write) {
      copy = copies_.emplace(page.value(), std::make_unique<Page>()).first;
      racy_copy(copy->second->bytes, target, page_size);
    }
    if (copy != copies_.end()) target = copy->second->bytes;
  }
  if (platform_.observer_) platform_.observer_({*this, page, frame, want, copy != copies_.end()});
  target += at - page;
  if (want == Access::write)
    racy_copy(target, buffer, n);
  else
    racy_copy(buffer, target, n);
  if (!m->is_private && !prompt_ && chance(platform_.options_.evict)) tlb_.erase({page, page + page_size});
  return true;
}

bool FakeSpace::access(GuestAddr at, std::byte* buffer, std::size_t n, Access want,
                       const FaultHandler& fault) {
  while (n != 0) {
    const std::size_t part = std::min<u64>(n, page_size - at.value() % page_size);
    bool hit;
    {
      LockGuard guard(lock_);
      if (!queue_.empty() && chance(platform_.options_.early_ack)) apply_one();
      hit = access_page(at, buffer, part, want);
      // A miss goes through the kernel, which does all requests before it lets the guest go on.
      if (!hit && !queue_.empty()) {
        while (!queue_.empty()) apply_one();
        hit = access_page(at, buffer, part, want);
      }
    }
    if (!hit) {
      if (!fault(at, want)) return false;
      continue;
    }
    at += part;
    buffer += part;
    n -= part;
  }
  return true;
}

bool FakeSpace::load(GuestAddr from, void* to, std::size_t n, const FaultHandler& fault) {
  return access(from, static_cast<std::byte*>(to), n, Access::read, fault);
}
bool FakeSpace::fetch(GuestAddr from, void* to, std::size_t n, const FaultHandler& fault) {
  return access(from, static_cast<std::byte*>(to), n, Access::exec, fault);
}
bool FakeSpace::store(GuestAddr to, const void* from, std::size_t n, const FaultHandler& fault) {
  return access(to, static_cast<std::byte*>(const_cast<void*>(from)), n, Access::write, fault);
}

bool FakeSpace::lookup(GuestAddr a, Mapping* out) const {
  LockGuard guard(lock_);
  const Mapping* m = tlb_.find(a);
  if (m != nullptr) *out = *m;
  return m != nullptr;
}

void FakeSpace::evict_all() {
  LockGuard guard(lock_);
  std::vector<GuestRange> shared;
  tlb_.for_each({GuestAddr(0), GuestAddr(~u64{0})}, [&](const Mapping& m) {
    if (!m.is_private) shared.push_back(m.range);
  });
  for (const GuestRange& r : shared) tlb_.erase(r);
}

Result<> FakeSpace::private_pages(GuestRange range, std::span<GuestRange>& out) {
  LockGuard guard(lock_);
  while (!queue_.empty()) apply_one();
  std::size_t n = 0;
  auto end = copies_.lower_bound(range.end.value());
  for (auto it = copies_.lower_bound(range.begin.value()); it != end; ++it) {
    const GuestAddr page(it->first);
    if (n != 0 && out[n - 1].end == page) {
      out[n - 1].end = page + page_size;
      continue;
    }
    if (n == out.size()) break;
    out[n++] = {page, page + page_size};
  }
  out = out.first(n);
  return {};
}

bool FakeSpace::idle() const {
  LockGuard guard(lock_);
  return queue_.empty();
}

Result<> FakeSpace::read_private(GuestAddr from, std::span<std::byte> to) {
  auto give_up = [](GuestAddr, Access) { return false; };
  if (!idle()) return err(EAGAIN);
  if (!access(from, to.data(), to.size(), Access::read, give_up)) return err(EFAULT);
  return {};
}

Result<> FakeSpace::gather_private(std::span<const PrivatePiece> pieces) {
  auto give_up = [](GuestAddr, Access) { return false; };
  for (const PrivatePiece& p : pieces)
    if (!access(p.from, p.to.data(), p.to.size(), Access::read, give_up)) return err(EFAULT);
  return {};
}

Result<> FakeSpace::write_private(GuestAddr to, std::span<const std::byte> from) {
  auto give_up = [](GuestAddr, Access) { return false; };
  if (!idle()) return err(EAGAIN);
  if (!access(to, const_cast<std::byte*>(from.data()), from.size(), Access::write, give_up))
    return err(EFAULT);
  return {};
}

SpaceUsage FakeSpace::usage() const {
  LockGuard guard(lock_);
  return {.anonymous_bytes = copies_.size() * page_size, .mappings = tlb_.size()};
}

}  // namespace quire::platform::fake
