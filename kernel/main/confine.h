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

/// What the process may still reach by path, and whether it may use TCP.
struct FileAccess {
  std::vector<int> readable;  // directory descriptors (O_PATH will do)
  std::vector<int> writable;
  bool network = false;
};

/// A ruleset as Landlock's system call takes it; its size says which version of it is meant.
struct LandlockRules {
  u64 files = 0;    // rights that only a rule gives back
  u64 network = 0;  // from version 4
  u64 scoped = 0;   // from version 6: what ends at the border of the domain
};
/// What is handled with version `abi` of Landlock (at least 1), and the rights beneath a readable and a
/// writable directory.
LandlockRules landlock_rules(long abi, bool network);
u64 landlock_rights(long abi, bool writable);

/// Landlock: files outside the given trees cannot be opened any more; nor, where the host's version has
/// it, TCP be used, abstract sockets of others be reached or other processes be sent signals. Returns the
/// version, 0 where the host has no Landlock. Descriptors already open stay usable. Single-threaded.
Result<long> restrict_files(const FileAccess& access);

/// Installs the allow-list of system calls on all threads. Anything else fails with EPERM. `network`
/// allows sockets (--net host), `writes` changes to host files.
Result<> restrict_calls(bool network, bool writes);

}  // namespace quire::confine
