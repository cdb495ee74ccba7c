// What the tests of mm share: a machine on the fake platform, and a guest's accesses in an address space.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "kernel/mm/space_impl.h"
#include "kernel/platform/fake/fake.h"

namespace quire::mm::test {

using platform::fake::FakeOptions;
using platform::fake::FakePlatform;

inline constexpr Access rw = Access::read | Access::write;

/// A memory manager over a fake platform.
struct Machine {
  explicit Machine(const Policy& policy = {}, FakeOptions options = {}) {
    platform = *FakePlatform::create(options);
    manager = *MemoryManager::create(*platform, policy);
  }
  Ref<AddressSpaceImpl> space() {
    auto s = AddressSpace::create(*manager);
    EXPECT_TRUE(s.has_value());
    return Ref<AddressSpaceImpl>(static_cast<AddressSpaceImpl*>(s->get()));
  }
  u64 blocks_used() const {
    static_cast<ManagerImpl&>(*manager).private_spaces().wait_idle();
    return static_cast<ManagerImpl&>(*manager).pool().blocks_used();
  }
  u64 tables_live() const { return manager->statistics().tables_live; }

  std::unique_ptr<FakePlatform> platform;
  std::unique_ptr<MemoryManager> manager;
};

inline Ref<AddressSpaceImpl> fork_of(AddressSpaceImpl& s) {
  auto child = s.fork();
  EXPECT_TRUE(child.has_value());
  return Ref<AddressSpaceImpl>(static_cast<AddressSpaceImpl*>(child->get()));
}

/// Guest accesses; the last fault's signal, or 0. The guest comes from a system call: requests to its
/// stub are in effect.
inline int guest_store(AddressSpaceImpl& s, u64 at, const void* from, std::size_t n) {
  int signo = 0;
  platform::fake::as_fake(s.space()).drain();
  platform::fake::as_fake(s.space()).store(GuestAddr(at), from, n, [&](GuestAddr a, Access w) {
    signo = s.fault(a, w, a).signo;
    return signo == 0;
  });
  return signo;
}
inline int guest_load(AddressSpaceImpl& s, u64 at, void* to, std::size_t n) {
  int signo = 0;
  platform::fake::as_fake(s.space()).drain();
  platform::fake::as_fake(s.space()).load(GuestAddr(at), to, n, [&](GuestAddr a, Access w) {
    signo = s.fault(a, w, a).signo;
    return signo == 0;
  });
  return signo;
}
template <typename T>
T get(AddressSpaceImpl& s, u64 at) {
  T v{};
  EXPECT_EQ(guest_load(s, at, &v, sizeof v), 0) << std::hex << at;
  return v;
}
template <typename T>
void put(AddressSpaceImpl& s, u64 at, T v) {
  EXPECT_EQ(guest_store(s, at, &v, sizeof v), 0) << std::hex << at;
}

inline u64 map_anonymous(AddressSpaceImpl& s, u64 length, bool shared = false, u64 at = 0) {
  MapRequest r;
  r.length = length;
  r.access = rw;
  r.shared = shared;
  r.address = GuestAddr(at);
  r.fixed = at != 0;
  auto a = s.map(r);
  EXPECT_TRUE(a.has_value());
  return a ? a->value() : 0;
}

/// A file in a vector.
class VectorSource final : public PageSource {
 public:
  explicit VectorSource(std::shared_ptr<std::vector<std::byte>> bytes) : bytes_(std::move(bytes)) {}
  Result<std::size_t> read(u64 offset, std::span<std::byte> to) override {
    if (offset >= bytes_->size()) return std::size_t{0};
    const std::size_t n = std::min<u64>(to.size(), bytes_->size() - offset);
    std::memcpy(to.data(), bytes_->data() + offset, n);
    return n;
  }
  Result<std::size_t> write(u64 offset, std::span<const std::byte> from) override {
    if (offset + from.size() > bytes_->size()) bytes_->resize(offset + from.size());
    std::memcpy(bytes_->data() + offset, from.data(), from.size());
    return from.size();
  }

 private:
  std::shared_ptr<std::vector<std::byte>> bytes_;
};

}  // namespace quire::mm::test
