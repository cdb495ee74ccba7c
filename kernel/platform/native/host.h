// What the parts of the native platform share.
#pragma once

#include <memory>

#include "kernel/platform/native/control.h"
#include "kernel/platform/native/factory.h"
#include "kernel/platform/native/memory_file.h"
#include "kernel/platform/native/spin.h"
#include "kernel/platform/platform.h"

namespace quire::platform::native {

struct Statistics {
  std::atomic<u64> stolen{0}, revocations{0}, waits{0}, maps{0}, retraps{0}, patched{0}, evictions{0};
};

struct Host {
  std::unique_ptr<ControlFile> control;
  std::unique_ptr<MemoryFile> memory;
  std::unique_ptr<Factory> factory;
  Layout layout;
  Calibration calibration;
  SpinPolicy spin;
  Statistics statistics;
  u64 mapping_limit = 65530;  // vm.max_map_count
  bool private_tier = false;
  std::atomic<unsigned> running{0};  // contexts whose guest may be on a CPU
};

}  // namespace quire::platform::native
