#include "kernel/platform/platform.h"

#include <sched.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdio>

#include "kernel/platform/native/blob.h"
#include "kernel/platform/native/host.h"
#include "kernel/platform/native/native_context.h"
#include "kernel/platform/native/native_space.h"

namespace quire::platform {
namespace native {
namespace {

constexpr unsigned long hwcap2_fsgsbase = 2;
constexpr u64 kernel_slice_ns = 300'000;

/// The trampolines' RORX.
bool has_bmi2() { return __builtin_cpu_supports("bmi2"); }

u64 read_number(const char* path, u64 otherwise) {
  FILE* f = fopen(path, "re");
  if (f == nullptr) return otherwise;
  u64 v;
  if (fscanf(f, "%lu", &v) != 1) v = otherwise;
  fclose(f);
  return v;
}

/// Whether this process may read and write a stub's memory: Yama, Landlock and the like may forbid it.
bool can_reach(const Stub& stub) {
  u64 value = 0;
  const iovec here{&value, sizeof value}, there{reinterpret_cast<void*>(STUB_CODE), sizeof value};
  if (process_vm_readv(stub.pid(), &here, 1, &there, 1, 0) != sizeof value || stub.pagemap() < 0)
    return false;
  u64 entry;
  return pread(stub.pagemap(), &entry, sizeof entry, STUB_CODE >> page_shift << 3) == sizeof entry;
}

/// Kernel threads answer guests: short slices let them preempt guest threads that compute. Threads made
/// later inherit it. Hosts before Linux 6.12 take no notice.
void prefer_prompt_threads() {
  if (sched_getscheduler(0) != SCHED_OTHER) return;
  ScheduleAttributes a;
  a.nice = getpriority(PRIO_PROCESS, 0);
  a.slice_ns = kernel_slice_ns;
  syscall(SYS_sched_setattr, 0, &a, 0);
}

class NativePlatform final : public Platform {
 public:
  explicit NativePlatform(std::unique_ptr<Host> host) : host_(std::move(host)) {}

  Memory& memory() override { return *host_->memory; }
  const Layout& layout() const override { return host_->layout; }
  const Calibration& calibration() const override {
    host_->calibrate();
    return host_->calibration;
  }
  TextPatcher& patcher() override { return *host_->patcher; }
  Result<std::unique_ptr<Space>> create_space() override { return std::make_unique<NativeSpace>(*host_); }
  Result<std::unique_ptr<Context>> create_context() override {
    return std::make_unique<NativeContext>(*host_);
  }
  void expect_space() override { host_->factory->expect(); }
  Counters counters() const override {
    const Statistics& s = host_->statistics;
    Counters c;
    c.stubs_live = host_->factory->live();
    c.stubs_made = host_->factory->made();
    c.stubs_reused = host_->factory->reused();
    c.stubs_killed = host_->factory->killed();
    c.stubs_stolen = s.stolen.load();
    c.revocations = s.revocations.load();
    c.revocations_waited = s.waits.load();
    c.maps = s.maps.load();
    c.retraps = s.retraps.load();
    c.sites_patched = host_->patcher->count();
    return c;
  }

 private:
  std::unique_ptr<Host> host_;
};

}  // namespace
}  // namespace native

Result<int> open_memory_file(const std::string& preference) {
  return TRY(native::MemoryFile::open_file(preference)).release();
}

Result<std::unique_ptr<Platform>> create_native(const Options& options) {
  using namespace native;
  if ((getauxval(AT_HWCAP2) & hwcap2_fsgsbase) == 0) return err(ENOSYS);
  prefer_prompt_threads();
  (void)usable_cpus();  // before any thread is kept on some of them
  auto host = std::make_unique<Host>();
  Fd file = options.memory_fd >= 0 ? Fd(options.memory_fd) : TRY(MemoryFile::open_file(options.memory));
  host->memory = TRY(MemoryFile::create(std::move(file)));
  host->control = TRY(ControlFile::create());
  host->own_frames.set_first(host->memory->reserve(OwnFrames::reserved));
  install_blob(*host->control);
  host->patcher = std::make_unique<Patcher>(*host->control, *host->memory, options.patch && has_bmi2());
  host->factory = TRY(Factory::create(*host->control, *host->memory, options.stub_pool, options.max_stubs));
  const FrameShape& shape = host->factory->shape();
  Layout& l = host->layout;
  l.lowest = GuestAddr(LOW_RETURN_TABLE + LOW_TABLE_SIZE);
  l.limit = GuestAddr(STUB_BASE);
  l.vdso = host->factory->vdso();
  l.vvar = host->factory->vvar();
  l.extended_state_size = shape.extended_size;
  l.xfeature_mask = shape.xfeatures;
  host->mapping_limit = read_number("/proc/sys/vm/max_map_count", 65530);
  auto probe = TRY(host->factory->take());
  host->private_tier = can_reach(*probe);
  host->factory->put_back(std::move(probe));
  return std::unique_ptr<Platform>(std::make_unique<NativePlatform>(std::move(host)));
}

}  // namespace quire::platform
