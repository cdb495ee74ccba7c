// /proc: what programs really read there. All it knows of processes it asks through
// vfs/process_info.h.
#pragma once

#include <functional>
#include <string>

#include "kernel/vfs/inode.h"

namespace quire::fs::proc {

/// What the composition knows and /proc shows. Functions may be called from any thread.
struct Settings {
  std::string release = "6.1.0";   // uname -r
  std::string version = "#1 SMP";  // uname -v
  std::function<std::string()> host_name, domain_name;
  u64 memory_limit = 0;  // --memory, bytes; 0: none
};

/// The one instance of the sandbox; every mount of type "proc" shows it. The first call's settings hold.
Ref<vfs::FileSystem> instance(const Settings& settings = {});

}  // namespace quire::fs::proc
