// Who a task is, for permission checks. Immutable once shared: setuid makes a new one.
#pragma once

#include <vector>

#include "base/ref.h"
#include "base/types.h"

namespace quire::vfs {

struct Credentials : RefCounted {
  u32 uid = 0, euid = 0, suid = 0, fsuid = 0;
  u32 gid = 0, egid = 0, sgid = 0, fsgid = 0;
  std::vector<u32> groups;
  u64 cap_permitted = 0, cap_effective = 0, cap_inheritable = 0, cap_bounding = ~u64{0}, cap_ambient = 0;
  u32 securebits = 0;
  bool no_new_privs = false;

  /// Capabilities over the sandbox's own objects only (CAP_* numbers); they mean nothing outside.
  bool capable(int cap) const { return (cap_effective >> cap & 1) != 0; }
  bool in_group(u32 g) const {
    if (g == fsgid) return true;
    for (u32 have : groups)
      if (have == g) return true;
    return false;
  }
};

}  // namespace quire::vfs
