#include "kernel/platform/fake/fake.h"

namespace quire::platform::fake {

Result<std::unique_ptr<FakePlatform>> FakePlatform::create(const FakeOptions& options) {
  auto memory = TRY(FakeMemory::create(options.frames));
  return std::unique_ptr<FakePlatform>(new FakePlatform(options, std::move(memory)));
}

FakePlatform::FakePlatform(const FakeOptions& options, std::unique_ptr<FakeMemory> memory)
    : options_(options), memory_(std::move(memory)) {
  layout_.lowest = GuestAddr(0x80000);
  layout_.limit = GuestAddr(0x7fff'c000'0000);
  layout_.extended_state_size = 832;
  layout_.xfeature_mask = 7;
  calibration_.cpus = options.cpus;
}

Result<std::unique_ptr<Space>> FakePlatform::create_space() {
  if (const u64 limit = space_limit_.load(); limit != 0 && spaces_live_.load() >= limit) return err(ENOMEM);
  const u64 n = spaces_made_.fetch_add(1);
  return std::make_unique<FakeSpace>(*this, options_.seed + n);
}

Result<std::unique_ptr<Context>> FakePlatform::create_context() { return std::make_unique<FakeContext>(); }

Counters FakePlatform::counters() const {
  Counters c;
  c.stubs_live = spaces_live_.load();
  c.stubs_made = spaces_made_.load();
  c.maps = maps_.load();
  c.revocations = revocations_.load();
  c.revocations_waited = waits_.load();
  return c;
}

}  // namespace quire::platform::fake
