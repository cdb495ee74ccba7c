// Who may use a System V semaphore set or message queue.
#pragma once

#include <sys/ipc.h>

#include "base/result.h"
#include "kernel/syscall/support.h"
#include "kernel/vfs/credentials.h"

namespace quire::syscall {

struct IpcOwner {
  i32 key = 0;
  u32 uid = 0, gid = 0, creator_uid = 0, creator_gid = 0;
  u32 mode = 0;

  static IpcOwner made_by(const vfs::Credentials& c, i32 key, u32 mode) {
    return {.key = key,
            .uid = c.euid,
            .gid = c.egid,
            .creator_uid = c.euid,
            .creator_gid = c.egid,
            .mode = mode & 0777};
  }
  /// `want` of 4 (read) and 2 (write). EACCES.
  Result<> check(const vfs::Credentials& c, u32 want) const {
    u32 have = mode & 7;
    if (c.euid == uid || c.euid == creator_uid)
      have = mode >> 6 & 7;
    else if (c.egid == gid || c.egid == creator_gid || c.in_group(gid))
      have = mode >> 3 & 7;
    if ((want & ~have) != 0 && !c.capable(cap_ipc_owner)) return err(EACCES);
    return {};
  }
  /// For changes and removal. EPERM.
  Result<> check_owner(const vfs::Credentials& c) const {
    if (c.euid != uid && c.euid != creator_uid && !c.capable(cap_sys_admin)) return err(EPERM);
    return {};
  }
  void change(const ipc_perm& p) {
    uid = p.uid;
    gid = p.gid;
    mode = p.mode & 0777;
  }
  ipc_perm to_perm(int id) const {
    ipc_perm p{};
    p.__key = key;
    p.uid = uid;
    p.gid = gid;
    p.cuid = creator_uid;
    p.cgid = creator_gid;
    p.mode = static_cast<unsigned short>(mode);
    p.__seq = static_cast<unsigned short>(id);
    return p;
  }
};

}  // namespace quire::syscall
