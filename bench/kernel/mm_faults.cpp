// Faults of several threads in one address space, on kernel/mm alone over the fake platform: what its
// lock costs. Prints nanoseconds of wall clock a fault, and how much of each thread's time went waiting
// for the address-space lock, in percent.
//
//   mm_faults LOCK KIND THREADS FAULTS [maps]
//
// LOCK: mutex, rwsem, vma (a build with QUIRE_PLAIN_MM_LOCK has a plain mutex whatever is asked for).
// KIND: copy     first writes after a fork, the child alive: 64 KiB copied each
//       file     first touches of a file's pages in the cache, 4 KiB each
//       refill   the stub lost its mapping: the tables have all that is needed
// maps: beside a thread that reads maps, smaps and pagemap in a loop.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <latch>
#include <random>
#include <thread>

#include "kernel/mm/space_impl.h"
#include "kernel/platform/fake/fake.h"

namespace {

using namespace quire;
using namespace quire::mm;
using Clock = std::chrono::steady_clock;

constexpr u64 piece = 64u << 10;
constexpr Access rw = Access::read | Access::write;

[[noreturn]] void fail(const char* what) {
  fmt::print(stderr, "mm_faults: {}\n", what);
  std::exit(1);
}

class Zeros final : public PageSource {
 public:
  Result<std::size_t> read(u64, std::span<std::byte> to) override {
    std::memset(to.data(), 0, to.size());
    return to.size();
  }
  Result<std::size_t> write(u64, std::span<const std::byte> from) override { return from.size(); }
};

u64 map(AddressSpace& s, u64 bytes, const Ref<MemoryObject>& object) {
  MapRequest r;
  r.length = bytes;
  r.access = object != nullptr ? Access::read : rw;
  r.shared = object != nullptr;
  r.object = object;
  auto at = s.map(r);
  if (!at) fail("map");
  return at->value();
}

// What /proc/PID/maps, smaps and pagemap ask for.
void look(const AddressSpace& s, std::vector<u64>& pages) {
  s.for_each_vma([&](const VmaInfo& v) {
    (void)s.residency(v.range);
    s.pagemap(v.range.begin, pages);
    return true;
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) fail("usage: mm_faults mutex|rwsem|vma copy|file|refill THREADS FAULTS [maps]");
  const std::string_view lock = argv[1];
  const std::string_view kind = argv[2];
  const auto threads = static_cast<unsigned>(std::atoi(argv[3]));
  const auto faults = static_cast<u64>(std::atoll(argv[4]));  // of each thread
  const bool reading = argc > 5 && std::string_view(argv[5]) == "maps";
  if (threads == 0 || faults == 0) fail("THREADS and FAULTS are numbers above 0");
  Policy policy;
  policy.lock = lock == "mutex"   ? Policy::Lock::mutex
                : lock == "rwsem" ? Policy::Lock::rwsem
                                  : Policy::Lock::vma;

  platform::fake::FakeOptions options;
  options.early_ack = options.evict = 0;
  options.private_tier = false;  // the kernel copies, not the host
  auto platform = *platform::fake::FakePlatform::create(options);
  auto manager = *MemoryManager::create(*platform, policy);
  auto space = *AddressSpace::create(*manager);
  auto& stub = platform::fake::as_fake(space->space());

  // An area for each thread; copying and refilling start from memory that is there.
  const u64 step = kind == "file" ? page_size : piece;
  const u64 bytes = std::min(faults, u64{1} << 12) * step;
  std::vector<u64> areas;
  for (unsigned t = 0; t < threads; ++t) {
    Ref<MemoryObject> object;
    if (kind == "file") {
      object = *MemoryObject::create_backed(*manager, std::make_unique<Zeros>(), bytes, 0);
      std::byte byte;
      for (u64 a = 0; a < bytes; a += page_size)
        if (!object->read(a, {&byte, 1})) fail("read");
    }
    areas.push_back(map(*space, bytes, object));
    (void)map(*space, page_size, nullptr);  // keeps the areas apart
    if (object == nullptr)
      for (u64 a = 0; a < bytes; a += page_size)
        if (!space->copy_out(GuestAddr(areas[t] + a), "x", 1)) fail("copy");
  }
  stub.drain();

  const u64 rounds = (faults * step + bytes - 1) / bytes;
  const u64 each = bytes / step;
  Clock::duration wall{};
  std::atomic<bool> over{false};
  std::thread reader;
  if (reading)
    reader = std::thread([&] {
      std::vector<u64> pages(512);
      while (!over) look(*space, pages);
    });
  const u64 waited_before = manager->statistics().lock_wait_ns;
  for (u64 round = 0; round < rounds; ++round) {
    Ref<AddressSpace> child;
    if (kind == "copy") child = *space->fork();
    std::latch ready(threads + 1);
    std::vector<std::thread> workers;
    for (unsigned t = 0; t < threads; ++t)
      workers.emplace_back([&, t] {
        std::vector<u64> order(each);
        for (u64 i = 0; i < each; ++i) order[i] = areas[t] + i * step;
        std::shuffle(order.begin(), order.end(), std::mt19937_64(t + 1));
        ready.arrive_and_wait();
        u64 since = 0;
        for (const u64 a : order) {
          if (space->fault(GuestAddr(a), kind == "copy" ? Access::write : Access::read, GuestAddr(a)).signo !=
              0)
            fail("fault");
          // The stub carries its requests out now and then.
          if (++since % 64 == 0) stub.drain();
        }
      });
    ready.arrive_and_wait();
    const auto begin = Clock::now();
    for (auto& w : workers) w.join();
    wall += Clock::now() - begin;
    stub.drain();
  }
  over = true;
  if (reader.joinable()) reader.join();
  const double ns = std::chrono::duration<double, std::nano>(wall).count();
  const double waited = static_cast<double>(manager->statistics().lock_wait_ns - waited_before);
  fmt::print("{:.0f} {:.1f}\n", ns / static_cast<double>(rounds * each * threads),
             100 * waited / (ns * threads));
  return 0;
}
