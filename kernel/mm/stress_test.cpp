// Threads of several guests fault, copy, fork, map and unmap at the same time. Each page says whose it
// is, so that a stale mapping, a frame given away too early or a lost write shows. Meant for
// ThreadSanitizer and AddressSanitizer; QUIRE_STRESS_MS says how long each case runs.
#include <csignal>
#include <cstdlib>
#include <random>
#include <thread>

#include "kernel/mm/mm_test.h"

namespace quire::mm::test {
namespace {

constexpr u64 base = 0x7e90'0000'0000;
constexpr u64 pages = 3 * pages_per_huge;
constexpr unsigned writers = 3;

/// As guest_store and guest_load, for a thread that does not come from a system call.
bool store(AddressSpaceImpl& s, u64 at, u64 v) {
  return platform::fake::as_fake(s.space()).store(
      GuestAddr(at), v, [&](GuestAddr a, Access w) { return s.fault(a, w, a).signo == 0; });
}
bool load(AddressSpaceImpl& s, u64 at, u64& v) {
  return platform::fake::as_fake(s.space()).load(
      GuestAddr(at), v, [&](GuestAddr a, Access w) { return s.fault(a, w, a).signo == 0; });
}

class Stress : public testing::TestWithParam<Policy> {
 protected:
  static std::chrono::milliseconds duration() {
    const char* ms = std::getenv("QUIRE_STRESS_MS");
    return std::chrono::milliseconds(ms != nullptr ? std::atoi(ms) : 1000);
  }
  bool over() const { return std::chrono::steady_clock::now() >= end_ || failed_.load(); }
  void fail(const char* what, u64 at, u64 got, u64 want) {
    if (!failed_.exchange(true))
      ADD_FAILURE() << what << " at " << std::hex << at << ": " << got << ", expected " << want;
  }

  /// A writer's own page holds what it wrote there last; `last` becomes what it is to write next.
  bool next_of_own_page(AddressSpaceImpl& s, u64 p, u64 n, u64& last) {
    const u64 at = base + p * page_size;
    u64 seen = 0;
    if (!load(s, at, seen)) return fail("load refused", at, 0, 0), false;
    if (seen != last) return fail("own page changed", at, seen, last), false;
    last = n << 16 | p;
    return true;
  }

  std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::now() + duration();
  std::atomic<bool> failed_{false};
};

TEST_P(Stress, WritesForksAndUnmapsAtOnce) {
  Machine m(GetParam());
  auto s = m.space();
  ASSERT_EQ(map_anonymous(*s, pages * page_size, false, base), base);
  const u64 shared = map_anonymous(*s, 64 * page_size, true);
  std::vector<std::thread> threads;
  std::atomic<u64> additions{0};

  // Writers: page p belongs to writer p % writers, which alone changes it, by store or by kernel copy.
  for (unsigned w = 0; w < writers; ++w)
    threads.emplace_back([&, w] {
      std::mt19937_64 rng(w + 1);
      std::vector<u64> last(pages, 0);
      for (u64 n = 1; !over(); ++n) {
        const u64 p = (rng() % (pages / writers)) * writers + w;
        const u64 at = base + p * page_size;
        if (!next_of_own_page(*s, p, n, last[p])) return;
        if (rng() % 3 == 0) {
          if (!s->copy_out(GuestAddr(at), &last[p], 8)) return fail("copy refused", at, 0, 0);
          platform::fake::as_fake(s->space()).drain();
        } else if (!store(*s, at, last[p])) {
          return fail("store refused", at, 0, 0);
        }
        if (rng() % 8 == 0) {
          if (!s->fetch_op_u32(GuestAddr(shared + (rng() % 64) * page_size), 1, 1))
            return fail("add refused", 0, 0, 0);
          ++additions;
        }
      }
    });

  // A forker: the child sees pages that stay as they are, and what it writes nobody else sees.
  for (unsigned f = 0; f < 2; ++f)
    threads.emplace_back([&, f] {
      std::mt19937_64 rng(100 + f);
      while (!over()) {
        auto child = s->fork();
        if (!child) return fail("fork refused", 0, 0, 0);
        auto& c = static_cast<AddressSpaceImpl&>(**child);
        std::map<u64, u64> first;
        for (int k = 0; k < 40; ++k) {
          const u64 p = rng() % pages;
          const u64 at = base + p * page_size;
          u64 v = 0;
          if (!load(c, at, v)) return fail("child's load refused", at, 0, 0);
          if (auto [it, fresh] = first.emplace(at, v); !fresh && it->second != v)
            return fail("child's page changed", at, v, it->second);
          if (v != 0 && v >> 56 == 0 && (v & 0xffff) != p) return fail("another page's contents", at, v, p);
          if (rng() % 3 == 0) {
            const u64 mine = u64{0xff} << 56 | rng() % 1000;
            if (!store(c, at, mine)) return fail("child's store refused", at, 0, 0);
            first[at] = mine;
          }
        }
        if (rng() % 4 == 0) {
          auto grandchild = c.fork();
          if (!grandchild) return fail("fork refused", 0, 0, 0);
          for (const auto& [at, v] : first) {
            u64 seen = 0;
            if (!load(static_cast<AddressSpaceImpl&>(**grandchild), at, seen) || seen != v)
              return fail("grandchild differs", at, seen, v);
          }
        }
        if (const std::string breach = c.check(); !breach.empty()) return fail(breach.c_str(), 0, 0, 0);
      }
    });

  // Another process of the same machine: what it maps is zeros, whoever had the frames before.
  threads.emplace_back([&] {
    auto other = m.space();
    std::mt19937_64 rng(7);
    while (!over()) {
      const u64 n = 1 + rng() % 600;
      const u64 at = map_anonymous(*other, n * page_size);
      for (int k = 0; k < 8; ++k) {
        const u64 a = at + (rng() % n) * page_size;
        u64 v = 0;
        if (!load(*other, a, v)) return fail("load refused", a, 0, 0);
        if (v != 0 && v != 0xdead) return fail("fresh memory is not zero", a, v, 0);
        if (!store(*other, a, 0xdead)) return fail("store refused", a, 0, 0);
      }
      if (!other->unmap(GuestAddr(at), n * page_size)) return fail("unmap refused", at, 0, 0);
    }
  });

  // And one thread of the first that keeps changing areas beside.
  threads.emplace_back([&] {
    std::mt19937_64 rng(8);
    while (!over()) {
      const u64 n = 1 + rng() % 40;
      const u64 at = map_anonymous(*s, n * page_size);
      u64 v = 0;
      if (!load(*s, at, v) || v != 0) return fail("fresh memory is not zero", at, v, 0);
      if (!store(*s, at, 0xbeef)) return fail("store refused", at, 0, 0);
      if (!s->advise(GuestAddr(at), n * page_size, 4) || !load(*s, at, v) || v != 0)
        return fail("discarded memory is not zero", at, v, 0);
      if (!s->protect(GuestAddr(at), page_size, Access::read)) return fail("protect refused", at, 0, 0);
      auto moved = s->remap(GuestAddr(at), page_size, 3 * page_size, 1, GuestAddr(0));
      if (!moved) return fail("remap refused", at, 0, 0);
      if (!s->unmap(*moved, 3 * page_size) || !s->unmap(GuestAddr(at), n * page_size))
        return fail("unmap refused", at, 0, 0);
      (void)s->residency();
    }
  });
  for (auto& t : threads) t.join();
  if (failed_) return;
  u64 sum = 0;
  for (u64 p = 0; p < 64; ++p) sum += *s->load_u32(GuestAddr(shared + p * page_size));
  EXPECT_EQ(sum, additions.load());
  s = nullptr;
  EXPECT_EQ(m.blocks_used(), 0u);
  EXPECT_EQ(m.tables_live(), 0u);
}

// Guests map, read and write a file while it is truncated and grown: what they see is zeros or the tag
// of the very page, and after the truncation has returned nobody reaches what was cut off.
TEST_P(Stress, AForkIsPreparedWhileOthersWrite) {
  Machine m(GetParam());
  auto s = m.space();
  ASSERT_EQ(map_anonymous(*s, pages * page_size, false, base), base);
  BlockPool& pool = static_cast<ManagerImpl&>(*m.manager).pool();
  std::vector<std::thread> threads;
  std::vector<u64> last(pages, 0);
  for (unsigned w = 0; w < writers; ++w)
    threads.emplace_back([&, w] {
      std::mt19937_64 rng(w + 1);
      for (u64 n = 1; !over(); ++n) {
        const u64 p = (rng() % (pages / writers)) * writers + w;
        const u64 at = base + p * page_size;
        if (!next_of_own_page(*s, p, n, last[p])) return;
        if (!store(*s, at, last[p])) return fail("store refused", at, 0, 0);
      }
    });
  threads.emplace_back([&] {
    while (!over()) {
      const u64 a = map_anonymous(*s, 8 * page_size);
      if (!store(*s, a, 1) || !s->unmap(GuestAddr(a), 8 * page_size)) return fail("area", a, 0, 0);
    }
  });
  // What the collapser's thread does now and then.
  threads.emplace_back([&] {
    while (!over()) {
      s->watch_writes();
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      s->end_watch();
      pool.make_ready(s->likely_copies());
    }
  });
  for (auto& t : threads) t.join();
  auto child = fork_of(*s);
  for (u64 p = 0; p < pages; ++p) {
    u64 v = 0;
    EXPECT_TRUE(load(*child, base + p * page_size, v));
    EXPECT_EQ(v, last[p]);
  }
  EXPECT_EQ(s->check(), "");
  EXPECT_EQ(child->check(), "");
}

TEST_P(Stress, TruncationUnderMappings) {
  constexpr u64 file_pages = 600;
  Machine m(GetParam());
  auto object = *MemoryObject::create_anonymous(*m.manager, file_pages * page_size);
  std::vector<std::thread> threads;
  for (unsigned w = 0; w < 3; ++w)
    threads.emplace_back([&, w] {
      auto s = m.space();
      MapRequest r;
      r.length = file_pages * page_size;
      r.access = rw;
      r.shared = w != 2;
      r.object = object;
      const u64 at = s->map(r)->value();
      std::mt19937_64 rng(w);
      while (!over()) {
        const u64 p = rng() % file_pages;
        u64 v = 0;
        if (!load(*s, at + p * page_size, v)) continue;  // beyond the end
        if (v != 0 && v != p + 1) return fail("another page's contents", p, v, p + 1);
        store(*s, at + p * page_size, p + 1);
        if (rng() % 512 == 0) (void)fork_of(*s);
      }
    });
  threads.emplace_back([&] {
    std::mt19937_64 rng(50);
    while (!over()) {
      const u64 size = (rng() % file_pages) * page_size;
      if (!object->resize(size) || !object->resize(file_pages * page_size))
        return fail("resize refused", 0, 0, 0);
      std::vector<std::byte> bytes(page_size);
      for (int k = 0; k < 4; ++k) {
        const u64 p = rng() % file_pages;
        if (!object->read(p * page_size, bytes)) return fail("read refused", p, 0, 0);
        u64 v = 0;
        std::memcpy(&v, bytes.data(), 8);
        if (v != 0 && v != p + 1) return fail("another page's contents", p, v, p + 1);
      }
    }
  });
  for (auto& t : threads) t.join();
  object = nullptr;
  if (!failed_) {
    EXPECT_EQ(m.blocks_used(), 0u);
  }
}

Policy with(Policy::Lock lock, Policy::Cow cow) {
  Policy p;
  p.lock = lock;
  p.cow = cow;
  return p;
}

INSTANTIATE_TEST_SUITE_P(Policies, Stress,
                         testing::Values(with(Policy::Lock::vma, Policy::Cow::adaptive),
                                         with(Policy::Lock::vma, Policy::Cow::host_private),
                                         with(Policy::Lock::rwsem, Policy::Cow::host_private),
                                         with(Policy::Lock::rwsem, Policy::Cow::page),
                                         with(Policy::Lock::mutex, Policy::Cow::block)));

}  // namespace
}  // namespace quire::mm::test
