// The kernel process confines itself, so that a bug in it is not the host's problem: no capabilities
// but those it needs, Landlock where the host has it, an allow-list of system calls.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/types.h"

namespace quire::confine {

/// Capabilities that survive, as a bit set of CAP_* numbers; 0 as an ordinary user. Root keeps
/// CAP_DAC_READ_SEARCH to read what root may read; with `writes`, also what changing files and their
/// owners under -v and --rw needs.
u64 kept_capabilities(bool writes);

/// Drops all other capabilities from every set of the calling thread, the bounding set included, and
/// sets no_new_privs. Call while single-threaded. EPERM when the host refuses.
Result<> drop_capabilities(u64 keep);

/// What the process may still open by path.
struct FileAccess {
  std::vector<int> readable;  // directory descriptors (O_PATH will do)
  std::vector<int> writable;
};

/// Landlock: files outside the given trees cannot be opened any more. Returns false where the host
/// has no Landlock. Descriptors already open stay usable. Single-threaded.
Result<bool> restrict_files(const FileAccess& access);

/// Installs the allow-list of system calls on all threads. Anything else fails with EPERM. `network`
/// allows sockets (--net host), `writes` changes to host files.
Result<> restrict_calls(bool network, bool writes);

}  // namespace quire::confine
