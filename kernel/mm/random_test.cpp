// Random sequences of the mmap family, forks and accesses in several address spaces, compared byte for
// byte and errno for errno with the host's own kernel. A failure names its seed: QUIRE_SEED replays it.
#include <csignal>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "kernel/mm/host_space.h"
#include "kernel/mm/mm_test.h"

namespace quire::mm::test {
namespace {

constexpr int most_tries = 20;  // to see two things at once that a thread in the background changes
constexpr u64 region = 0x7e90'0000'0000;
constexpr u64 region_pages = 6 * pages_per_huge;
constexpr u64 file_pages = 700;

struct Case {
  const char* name;
  Policy policy;
  u64 seed;
  bool settle_each_step = false;
};

class Random : public testing::TestWithParam<Case> {
 protected:
  u64 below(u64 n) { return rng_() % n; }
  bool chance(unsigned percent) { return below(100) < percent; }

  // Addresses crowd around the borders of 2 MiB windows, where tables meet.
  u64 some_page() {
    u64 p = below(region_pages);
    if (chance(60)) p = round_down(p, pages_per_huge) + below(48);
    if (chance(20))
      p = std::min(region_pages - 1, round_down(p, pages_per_huge) + pages_per_huge - 1 - below(20));
    return region + p * page_size;
  }
  u64 some_length() { return (chance(85) ? 1 + below(24) : 1 + below(1100)) * page_size; }
  int some_prot() {
    static constexpr int prots[] = {PROT_READ | PROT_WRITE,
                                    PROT_READ | PROT_WRITE,
                                    PROT_READ | PROT_WRITE,
                                    PROT_READ,
                                    PROT_NONE,
                                    PROT_READ | PROT_EXEC,
                                    PROT_READ | PROT_WRITE | PROT_EXEC};
    return prots[below(std::size(prots))];
  }

  void SetUp() override {
    const Case& c = GetParam();
    seed_ = c.seed;
    if (const char* s = std::getenv("QUIRE_SEED")) seed_ = std::strtoull(s, nullptr, 0);
    rng_.seed(seed_);
    FakeOptions options;
    options.frames = PageCount(u64{16} << 20);
    options.seed = seed_;
    machine_ = std::make_unique<Machine>(c.policy, options);
    memfd_ = memfd_create("quire-random", MFD_CLOEXEC);
    ASSERT_EQ(ftruncate(memfd_, file_pages * page_size), 0);
    file_ = *MemoryObject::create_anonymous(*machine_->manager, file_pages * page_size);
    host_ = std::make_unique<HostSpaces>(std::vector<int>{memfd_});
    host_->start(0);
    spaces_[0] = machine_->space();
    spaces_[0]->set_mmap_base(GuestAddr(region + region_pages * page_size));
  }
  void TearDown() override {
    spaces_.clear();
    file_ = nullptr;
    if (machine_ != nullptr) {
      EXPECT_EQ(machine_->blocks_used(), 0u);
      EXPECT_EQ(machine_->tables_live(), 0u);
    }
    host_.reset();
    close(memfd_);
  }

  /// The area at an address, for messages.
  std::string area(unsigned i, u64 at) {
    const auto v = spaces_[i]->find_vma(GuestAddr(at));
    if (!v) return "no area";
    char text[160];
    std::snprintf(text, sizeof text, "area %lx-%lx access %d %s offset %lx%s%s", v->range.begin.value(),
                  v->range.end.value(), static_cast<int>(v->access), v->shared ? "shared" : "private",
                  v->offset, v->dont_fork ? " dont_fork" : "", v->wipe_on_fork ? " wipe" : "");
    return text;
  }
  template <typename T>
  void expect_same(const char* what, const Result<T>& ours, const HostSpaces::Outcome& host) {
    EXPECT_EQ(ours ? 0 : ours.error().value(), host.error) << what << " step " << step_ << " seed " << seed_;
  }

  void do_map(unsigned i) {
    MapRequest r;
    r.address = GuestAddr(some_page());
    r.length = some_length() - (chance(10) ? 100 : 0);
    const int prot = some_prot();
    r.access = static_cast<Access>(prot);
    r.fixed = true;
    r.no_replace = chance(20);
    r.shared = chance(30);
    const bool from_file = chance(35);
    if (from_file) {
      r.object = file_;
      r.offset = below(file_pages + 30) * page_size;
    }
    const int flags = (r.shared ? MAP_SHARED : MAP_PRIVATE) | (from_file ? 0 : MAP_ANONYMOUS) |
                      (r.no_replace ? MAP_FIXED_NOREPLACE : MAP_FIXED) | MAP_NORESERVE;
    trace("mmap", i, r.address.value(), r.length, static_cast<u64>(prot) << 4 | r.shared,
          from_file ? r.offset : 1);
    const auto host = host_->map(i, r.address.value(), r.length, prot, flags, from_file ? 0 : -1, r.offset);
    expect_same("mmap", spaces_[i]->map(r), host);
  }
  void trace(const char* what, unsigned i, u64 at, u64 n, u64 a = 0, u64 b = 0) {
    static const bool on = std::getenv("QUIRE_TRACE") != nullptr;
    if (on) std::fprintf(stderr, "%d: %s %u %lx+%lx %lx %lx\n", step_, what, i, at, n, a, b);
  }
  void do_unmap(unsigned i) {
    const u64 at = some_page();
    const u64 n = some_length();
    trace("munmap", i, at, n);
    expect_same("munmap", spaces_[i]->unmap(GuestAddr(at), n), host_->unmap(i, at, n));
  }
  void do_protect(unsigned i) {
    const u64 at = some_page();
    const u64 n = some_length();
    const int prot = some_prot();
    trace("mprotect", i, at, n, static_cast<u64>(prot));
    expect_same("mprotect", spaces_[i]->protect(GuestAddr(at), n, static_cast<Access>(prot)),
                host_->protect(i, at, n, prot));
  }
  void do_advise(unsigned i) {
    static constexpr int advices[] = {
        MADV_DONTNEED, MADV_DONTNEED,          MADV_DONTNEED,           MADV_DONTFORK,
        MADV_DOFORK,   MADV_WIPEONFORK,        MADV_KEEPONFORK,         MADV_WILLNEED,
        MADV_REMOVE,   22 /* POPULATE_READ */, 23 /* POPULATE_WRITE */, 77};
    const u64 at = some_page();
    const u64 n = some_length();
    const int advice = advices[below(std::size(advices))];
    trace("madvise", i, at, n, static_cast<u64>(advice));
    const auto host = host_->advise(i, at, n, advice);
    expect_same(("madvise " + std::to_string(advice)).c_str(), spaces_[i]->advise(GuestAddr(at), n, advice),
                host);
  }
  void do_remap(unsigned i) {
    const u64 at = some_page();
    u64 old_length = some_length();
    // Often a whole area, so that something happens.
    if (const auto v = spaces_[i]->find_vma(GuestAddr(at)); v && chance(70))
      old_length = std::min<u64>(old_length, v->range.end.value() - at);
    // Which areas the host merges depends on their history: the range stays within one of its own.
    for (const auto& a : host_->areas(i, at & ~((u64{1} << 32) - 1), at + (u64{1} << 32), false))
      if (a.begin <= at && at < a.end) old_length = std::min(old_length, a.end - at);
    const u64 length = chance(30) ? old_length : some_length();
    int flags = chance(80) ? MREMAP_MAYMOVE : 0;
    u64 to = 0;
    if (flags != 0 && chance(50)) {
      flags |= MREMAP_FIXED;
      to = some_page();
    }
    if (flags != 0 && chance(10)) flags |= MREMAP_DONTUNMAP;
    trace("mremap", i, at, old_length, length, to | static_cast<u64>(flags));
    const auto ours = spaces_[i]->remap(GuestAddr(at), old_length, length, flags, GuestAddr(to));
    // The host is told to move where we moved.
    if (ours && ours->value() != at && (flags & MREMAP_FIXED) == 0) {
      flags |= MREMAP_FIXED;
      to = ours->value();
    }
    expect_same("mremap", ours, host_->remap(i, at, old_length, length, flags, to));
  }
  /// A page of some private area, if there is one.
  u64 some_private_page(unsigned i) {
    std::vector<GuestRange> ranges;
    spaces_[i]->for_each_vma([&](const VmaInfo& v) {
      if (!v.shared && allows(v.access, Access::write)) ranges.push_back(v.range);
      return true;
    });
    if (ranges.empty()) return some_page();
    const GuestRange& r = ranges[below(ranges.size())];
    return r.begin.value() + below(r.size() / page_size) * page_size;
  }
  void do_write(unsigned i, bool private_area = false) {
    const u64 at = (private_area ? some_private_page(i) : some_page()) + below(page_size / 8) * 8;
    const u64 value = rng_();
    const auto bytes = std::as_bytes(std::span(&value, 1));
    const bool host = host_->write(i, at, bytes).error == 0;
    const bool ours = chance(50) ? guest_store(*spaces_[i], at, &value, 8) == 0
                                 : spaces_[i]->copy_out(GuestAddr(at), &value, 8).has_value();
    EXPECT_EQ(ours, host) << "write at " << std::hex << at << std::dec << " " << area(i, at) << " step "
                          << step_ << " seed " << seed_;
  }
  void compare_page(unsigned i, u64 at) {
    std::array<std::byte, page_size> ours{}, host{};
    const bool host_ok = host_->read(i, at, host).error == 0;
    const bool ours_ok = chance(50) ? guest_load(*spaces_[i], at, ours.data(), page_size) == 0
                                    : spaces_[i]->copy_in(ours.data(), GuestAddr(at), page_size).has_value();
    ASSERT_EQ(ours_ok, host_ok) << "space " << i << " read at " << std::hex << at << std::dec << " "
                                << area(i, at) << " step " << step_ << " seed " << seed_;
    if (host_ok) {
      u64 k = 0;
      while (k < page_size && ours[k] == host[k]) ++k;
      ASSERT_EQ(k, page_size) << "space " << i << " at " << std::hex << at << std::dec << " " << area(i, at)
                              << " step " << step_ << " seed " << seed_;
    }
  }
  void do_file() {
    if (chance(40)) {
      const u64 size = below(file_pages * page_size);
      trace("truncate", 0, size, 0);
      ASSERT_EQ(ftruncate(memfd_, static_cast<off_t>(size)), 0);
      ASSERT_TRUE(file_->resize(size));
      if (chance(80)) {
        ASSERT_EQ(ftruncate(memfd_, file_pages * page_size), 0);
        ASSERT_TRUE(file_->resize(file_pages * page_size));
      }
      return;
    }
    std::array<std::byte, 300> bytes;
    bytes.fill(static_cast<std::byte>(rng_()));
    const u64 at = below(file_pages * page_size - bytes.size());
    ASSERT_EQ(pwrite(memfd_, bytes.data(), bytes.size(), static_cast<off_t>(at)),
              static_cast<ssize_t>(bytes.size()));
    ASSERT_EQ(*file_->write(at, bytes), bytes.size());
  }
  void do_fork(unsigned i) {
    if (spaces_.size() >= 6) {
      auto victim = std::next(spaces_.begin(), static_cast<long>(below(spaces_.size())));
      trace("stop", victim->first, 0, 0);
      host_->stop(victim->first);
      spaces_.erase(victim);
      if (spaces_.empty() || !spaces_.contains(i)) return;
    }
    unsigned to = 0;
    while (spaces_.contains(to)) ++to;
    trace("fork", i, to, 0);
    host_->fork(i, to);
    spaces_[to] = fork_of(*spaces_[i]);
    // Both write to what they share now, so that each way of breaking it is taken often.
    for (unsigned k = below(24); k != 0; --k) do_write(chance(50) ? i : to, true);
  }

  void check_everything() {
    // Every named frame's count is the number of tables that name it, so at least one.
    BlockPool& pool = static_cast<ManagerImpl&>(*machine_->manager).pool();
    const ReverseMap& back = static_cast<ManagerImpl&>(*machine_->manager).tables().back;
    // From the tables: who names frames of a block where. From the reverse map: the same.
    std::map<u64, std::set<ReverseMap::Place>> named;
    for (auto& [i, s] : spaces_) {
      ASSERT_EQ(s->check(), "") << "step " << step_ << " seed " << seed_;
      std::vector<HostSpaces::Area> areas;
      s->for_each_vma([&](const VmaInfo& v) {
        const std::string rights{allows(v.access, Access::read) ? 'r' : '-',
                                 allows(v.access, Access::write) ? 'w' : '-',
                                 allows(v.access, Access::exec) ? 'x' : '-', v.shared ? 's' : 'p'};
        HostSpaces::append(areas, {v.range.begin.value(), v.range.end.value(), rights});
        return true;
      });
      const auto host = host_->areas(i, region - (u64{1} << 32), region + (u64{1} << 32));
      for (std::size_t k = 0; k < std::max(areas.size(), host.size()); ++k) {
        ASSERT_TRUE(k < areas.size() && k < host.size() && areas[k] == host[k])
            << "space " << i << " step " << step_ << " seed " << seed_ << std::hex << ": ours "
            << (k < areas.size() ? areas[k].begin : 0) << "-" << (k < areas.size() ? areas[k].end : 0) << " "
            << (k < areas.size() ? areas[k].rights : "") << ", host's "
            << (k < host.size() ? host[k].begin : 0) << "-" << (k < host.size() ? host[k].end : 0) << " "
            << (k < host.size() ? host[k].rights : "");
      }
      const PageTables* tables = s->tables_identity();
      s->for_each_frame([&](u64 at, FrameNumber f) {
        ASSERT_GT(pool.count(f), 0u) << std::hex << at;
        named[block_of(f).value()].insert({tables, round_down(at, huge_size)});
        if (back.copied_chains) {
          ASSERT_EQ(std::ranges::count(back.chain(f), tables), 1)
              << std::hex << at << " step " << std::dec << step_;
        }
      });
    }
    for (const auto& [block, want] : named) {
      // The tables were read before: a copy home in between, which is done in the background, changes both.
      std::set<ReverseMap::Place> names = want;
      auto found = [&] {
        const auto places = back.places(first_frame(BlockNumber(block)));
        return std::set(places.begin(), places.end());
      };
      for (int tries = 0; tries < most_tries && found() != names; ++tries) names = naming(BlockNumber(block));
      ASSERT_EQ(found(), names) << "block " << block << " step " << step_ << " seed " << seed_;
    }
  }
  /// From the tables: where frames of the block are named.
  std::set<ReverseMap::Place> naming(BlockNumber block) {
    std::set<ReverseMap::Place> places;
    for (auto& [i, s] : spaces_)
      s->for_each_frame([&, tables = s->tables_identity()](u64 at, FrameNumber f) {
        if (block_of(f) == block) places.insert({tables, round_down(at, huge_size)});
      });
    return places;
  }
  void compare_everything() {
    for (auto& [i, s] : spaces_) {
      std::vector<GuestRange> ranges;
      s->for_each_vma([&](const VmaInfo& v) {
        ranges.push_back(v.range);
        return true;
      });
      for (const GuestRange& r : ranges)
        for (u64 at = r.begin.value(); at < r.end.value(); at += page_size) {
          if (r.size() > 64 * page_size && !chance(10)) continue;
          compare_page(i, at);
          if (HasFatalFailure()) return;
        }
      for (int k = 0; k < 20; ++k) compare_page(i, some_page());
    }
  }

  std::mt19937_64 rng_;
  u64 seed_ = 0;
  int step_ = 0;
  int memfd_ = -1;
  std::unique_ptr<Machine> machine_;
  Ref<MemoryObject> file_;
  std::unique_ptr<HostSpaces> host_;
  std::map<unsigned, Ref<AddressSpaceImpl>> spaces_;
};

TEST_P(Random, AgreesWithTheHost) {
  const int steps = std::getenv("QUIRE_STEPS") != nullptr ? std::atoi(std::getenv("QUIRE_STEPS")) : 3000;
  for (step_ = 0; step_ < steps && !HasFailure(); ++step_) {
    const unsigned i = std::next(spaces_.begin(), static_cast<long>(below(spaces_.size())))->first;
    const u64 what = below(100);
    if (what < 18)
      do_map(i);
    else if (what < 26)
      do_unmap(i);
    else if (what < 34)
      do_protect(i);
    else if (what < 42)
      do_advise(i);
    else if (what < 50)
      do_remap(i);
    else if (what < 84)
      do_write(i);
    else if (what < 92)
      compare_page(i, some_page());
    else if (what < 96)
      do_file();
    else
      do_fork(i);
    if (GetParam().settle_each_step) {
      for (auto& [k, s] : spaces_) ASSERT_TRUE(s->settle_all());
    }
    if (step_ % 16 == 0) check_everything();
    if (step_ % 250 == 249) compare_everything();
  }
  if (!HasFailure()) compare_everything();
  if (GetParam().policy.cow == Policy::Cow::host_private) {
    const Statistics s = machine_->manager->statistics();
    EXPECT_GT(s.cow_private, 10u);
    EXPECT_GT(s.settled, 10u);
    EXPECT_EQ(s.snapshot_pages != 0, GetParam().policy.snapshot && !GetParam().settle_each_step);
  }
}

Policy policy(Policy::Share share, Policy::Cow cow, Policy::Lock lock = Policy::Lock::vma) {
  Policy p;
  p.share = share;
  p.cow = cow;
  p.lock = lock;
  return p;
}

Policy host_private(bool copy_home, bool snapshot) {
  Policy p = policy(Policy::Share::always, Policy::Cow::host_private);
  p.copy_home = copy_home;
  p.snapshot = snapshot;
  return p;
}

INSTANTIATE_TEST_SUITE_P(
    Policies, Random,
    testing::Values(
        Case{"adaptive", policy(Policy::Share::always, Policy::Cow::adaptive), 1},
        Case{"adaptive_2", policy(Policy::Share::always, Policy::Cow::adaptive), 2},
        Case{"adaptive_3", policy(Policy::Share::always, Policy::Cow::adaptive), 3},
        Case{"page", policy(Policy::Share::always, Policy::Cow::page), 4},
        Case{"block", policy(Policy::Share::always, Policy::Cow::block), 5},
        Case{"host", policy(Policy::Share::always, Policy::Cow::host_private), 8},
        Case{"host_2", policy(Policy::Share::always, Policy::Cow::host_private), 9},
        Case{"host_3", policy(Policy::Share::from_n, Policy::Cow::host_private, Policy::Lock::rwsem), 10},
        Case{"host_stays", host_private(false, true), 11},
        Case{"host_settled_at_fork", host_private(true, false), 12},
        Case{"host_settled_at_each_step", host_private(false, true), 13, true},
        Case{"chains",
             [] {
               Policy p = policy(Policy::Share::always, Policy::Cow::adaptive);
               p.copied_chains = true;
               return p;
             }(),
             14},
        Case{"never", policy(Policy::Share::never, Policy::Cow::adaptive), 6},
        Case{"from_4", policy(Policy::Share::from_n, Policy::Cow::adaptive, Policy::Lock::mutex), 7}),
    [](const auto& c) { return std::string(c.param.name); });

}  // namespace
}  // namespace quire::mm::test
