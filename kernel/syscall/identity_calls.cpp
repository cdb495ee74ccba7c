// System calls on ids, groups, sessions and capabilities. Guest credentials rule over the sandbox's own
// objects only.
#include <linux/capability.h>
#include <linux/securebits.h>

#include <algorithm>

#include "kernel/syscall/handlers_task.h"
#include "kernel/syscall/support.h"
#include "kernel/task/kernel.h"

namespace quire::syscall {

namespace {

constexpr u32 unchanged = ~u32{0};
constexpr int last_capability = 40;
constexpr u64 all_capabilities = (u64{1} << (last_capability + 1)) - 1;
constexpr u64 fs_capabilities = 0x1f | (u64{1} << 9) | (u64{1} << 27) | (u64{1} << 32);  // what fsuid governs
constexpr std::size_t max_groups = 65536;

Ref<vfs::Credentials> copy(const vfs::Credentials& from) {
  auto c = make_ref<vfs::Credentials>();
  c->uid = from.uid, c->euid = from.euid, c->suid = from.suid, c->fsuid = from.fsuid;
  c->gid = from.gid, c->egid = from.egid, c->sgid = from.sgid, c->fsgid = from.fsgid;
  c->groups = from.groups;
  c->cap_permitted = from.cap_permitted, c->cap_effective = from.cap_effective;
  c->cap_inheritable = from.cap_inheritable, c->cap_bounding = from.cap_bounding;
  c->cap_ambient = from.cap_ambient;
  c->securebits = from.securebits;
  c->no_new_privs = from.no_new_privs;
  return c;
}

/// What a change of user ids does to capabilities (capabilities(7), "effect of user ID changes").
void adjust_capabilities(const vfs::Credentials& old, vfs::Credentials& now) {
  if ((now.securebits & SECBIT_NO_SETUID_FIXUP) != 0) return;
  const bool had_root = old.uid == 0 || old.euid == 0 || old.suid == 0;
  const bool has_root = now.uid == 0 || now.euid == 0 || now.suid == 0;
  if (had_root && !has_root && (now.securebits & SECBIT_KEEP_CAPS) == 0) {
    now.cap_permitted = now.cap_effective = now.cap_ambient = 0;
  }
  if (old.euid == 0 && now.euid != 0) now.cap_effective = 0;
  if (old.euid != 0 && now.euid == 0) now.cap_effective = now.cap_permitted;
}

void install(Task& task, Ref<vfs::Credentials> now) {
  adjust_capabilities(task.credentials(), *now);
  task.set_credentials(Ref<const vfs::Credentials>(now));
}

bool is_one_of(u32 id, u32 a, u32 b, u32 c) { return id == a || id == b || id == c; }

Result<u64> set_reuid(Task& task, u32 ruid, u32 euid) {
  const vfs::Credentials& old = task.credentials();
  const bool privileged = old.capable(cap_setuid);
  if (ruid != unchanged && !privileged && ruid != old.uid && ruid != old.euid) return err(EPERM);
  if (euid != unchanged && !privileged && !is_one_of(euid, old.uid, old.euid, old.suid)) return err(EPERM);
  auto now = copy(old);
  if (ruid != unchanged) now->uid = ruid;
  if (euid != unchanged) now->euid = euid;
  if (ruid != unchanged || (euid != unchanged && euid != old.uid)) now->suid = now->euid;
  now->fsuid = now->euid;
  install(task, std::move(now));
  return 0;
}

Result<u64> set_regid(Task& task, u32 rgid, u32 egid) {
  const vfs::Credentials& old = task.credentials();
  const bool privileged = old.capable(cap_setgid);
  if (rgid != unchanged && !privileged && rgid != old.gid && rgid != old.egid) return err(EPERM);
  if (egid != unchanged && !privileged && !is_one_of(egid, old.gid, old.egid, old.sgid)) return err(EPERM);
  auto now = copy(old);
  if (rgid != unchanged) now->gid = rgid;
  if (egid != unchanged) now->egid = egid;
  if (rgid != unchanged || (egid != unchanged && egid != old.gid)) now->sgid = now->egid;
  now->fsgid = now->egid;
  install(task, std::move(now));
  return 0;
}

Result<Ref<task::Process>> process_by_id(Task& task, i32 pid) {
  if (pid == 0 || pid == task.pid()) return Ref<task::Process>(&task.process());
  Ref<task::Process> p = task.kernel().find_process(pid);
  if (!p) return err(ESRCH);
  return p;
}

/// How many 64-bit capability sets come as halves; EINVAL for an unknown version.
Result<int> capability_words(Task& task, GuestAddr header_at, __user_cap_header_struct& header) {
  header = TRY(task.mm().read<__user_cap_header_struct>(header_at));
  switch (header.version) {
    case _LINUX_CAPABILITY_VERSION_1:
      return 1;
    case _LINUX_CAPABILITY_VERSION_2:
    case _LINUX_CAPABILITY_VERSION_3:
      return 2;
    default:
      header.version = _LINUX_CAPABILITY_VERSION_3;
      TRY_VOID(task.mm().write(header_at, header));
      return err(EINVAL);
  }
}

}  // namespace

QUIRE_SYSCALL(getpid) { return static_cast<u64>(task.pid()); }
QUIRE_SYSCALL(gettid) { return static_cast<u64>(task.tid()); }
QUIRE_SYSCALL(getppid) { return static_cast<u64>(task.process().parent_pid()); }
QUIRE_SYSCALL(getuid) { return task.credentials().uid; }
QUIRE_SYSCALL(geteuid) { return task.credentials().euid; }
QUIRE_SYSCALL(getgid) { return task.credentials().gid; }
QUIRE_SYSCALL(getegid) { return task.credentials().egid; }

QUIRE_SYSCALL(getresuid) {
  const vfs::Credentials& c = task.credentials();
  TRY_VOID(task.mm().write(args.addr(0), c.uid));
  TRY_VOID(task.mm().write(args.addr(1), c.euid));
  TRY_VOID(task.mm().write(args.addr(2), c.suid));
  return 0;
}

QUIRE_SYSCALL(getresgid) {
  const vfs::Credentials& c = task.credentials();
  TRY_VOID(task.mm().write(args.addr(0), c.gid));
  TRY_VOID(task.mm().write(args.addr(1), c.egid));
  TRY_VOID(task.mm().write(args.addr(2), c.sgid));
  return 0;
}

QUIRE_SYSCALL(setuid) {
  const vfs::Credentials& old = task.credentials();
  const u32 uid = args.u(0);
  if (uid == unchanged) return err(EINVAL);
  auto now = copy(old);
  if (old.capable(cap_setuid))
    now->uid = now->suid = uid;
  else if (uid != old.uid && uid != old.suid)
    return err(EPERM);
  now->euid = now->fsuid = uid;
  install(task, std::move(now));
  return 0;
}

QUIRE_SYSCALL(setgid) {
  const vfs::Credentials& old = task.credentials();
  const u32 gid = args.u(0);
  if (gid == unchanged) return err(EINVAL);
  auto now = copy(old);
  if (old.capable(cap_setgid))
    now->gid = now->sgid = gid;
  else if (gid != old.gid && gid != old.sgid)
    return err(EPERM);
  now->egid = now->fsgid = gid;
  install(task, std::move(now));
  return 0;
}

QUIRE_SYSCALL(setreuid) { return set_reuid(task, args.u(0), args.u(1)); }
QUIRE_SYSCALL(setregid) { return set_regid(task, args.u(0), args.u(1)); }

QUIRE_SYSCALL(setresuid) {
  const vfs::Credentials& old = task.credentials();
  auto now = copy(old);
  u32* const to[] = {&now->uid, &now->euid, &now->suid};
  for (unsigned n = 0; n < 3; ++n) {
    const u32 id = args.u(n);
    if (id == unchanged) continue;
    if (!old.capable(cap_setuid) && !is_one_of(id, old.uid, old.euid, old.suid)) return err(EPERM);
    *to[n] = id;
  }
  now->fsuid = now->euid;
  install(task, std::move(now));
  return 0;
}

QUIRE_SYSCALL(setresgid) {
  const vfs::Credentials& old = task.credentials();
  auto now = copy(old);
  u32* const to[] = {&now->gid, &now->egid, &now->sgid};
  for (unsigned n = 0; n < 3; ++n) {
    const u32 id = args.u(n);
    if (id == unchanged) continue;
    if (!old.capable(cap_setgid) && !is_one_of(id, old.gid, old.egid, old.sgid)) return err(EPERM);
    *to[n] = id;
  }
  now->fsgid = now->egid;
  install(task, std::move(now));
  return 0;
}

QUIRE_SYSCALL(setfsuid) {
  const vfs::Credentials& old = task.credentials();
  const u32 id = args.u(0);
  if (id != unchanged &&
      (old.capable(cap_setuid) || is_one_of(id, old.uid, old.euid, old.suid) || id == old.fsuid)) {
    const u32 before = old.fsuid;
    auto now = copy(old);
    now->fsuid = id;
    if (before == 0 && id != 0) now->cap_effective &= ~fs_capabilities;
    if (before != 0 && id == 0) now->cap_effective |= now->cap_permitted & fs_capabilities;
    task.set_credentials(Ref<const vfs::Credentials>(now));
    return before;
  }
  return old.fsuid;
}

QUIRE_SYSCALL(setfsgid) {
  const vfs::Credentials& old = task.credentials();
  const u32 id = args.u(0), before = old.fsgid;
  if (id != unchanged &&
      (old.capable(cap_setgid) || is_one_of(id, old.gid, old.egid, old.sgid) || id == old.fsgid)) {
    auto now = copy(old);
    now->fsgid = id;
    task.set_credentials(Ref<const vfs::Credentials>(now));
  }
  return before;
}

QUIRE_SYSCALL(getgroups) {
  const std::vector<u32>& groups = task.credentials().groups;
  if (args.i(0) < 0) return err(EINVAL);
  if (args.i(0) == 0) return groups.size();
  if (static_cast<std::size_t>(args.i(0)) < groups.size()) return err(EINVAL);
  TRY_VOID(task.mm().copy_out(args.addr(1), groups.data(), groups.size() * sizeof(u32)));
  return groups.size();
}

QUIRE_SYSCALL(setgroups) {
  if (!task.credentials().capable(cap_setgid)) return err(EPERM);
  const u64 n = args.u(0);
  if (n > max_groups) return err(EINVAL);
  std::vector<u32> groups(n);
  TRY_VOID(task.mm().copy_in(groups.data(), args.addr(1), n * sizeof(u32)));
  auto now = copy(task.credentials());
  std::sort(groups.begin(), groups.end());
  now->groups = std::move(groups);
  task.set_credentials(Ref<const vfs::Credentials>(now));
  return 0;
}

QUIRE_SYSCALL(getpgrp) { return static_cast<u64>(task.process().group_id()); }
QUIRE_SYSCALL(getpgid) {
  if (args.i(0) < 0) return err(ESRCH);
  return static_cast<u64>(TRY(process_by_id(task, args.i(0)))->group_id());
}
QUIRE_SYSCALL(getsid) {
  if (args.i(0) < 0) return err(ESRCH);
  return static_cast<u64>(TRY(process_by_id(task, args.i(0)))->session()->id);
}
QUIRE_SYSCALL(setpgid) {
  if (args.i(0) < 0 || args.i(1) < 0) return err(args.i(1) < 0 ? EINVAL : ESRCH);
  return static_cast<u64>(TRY(task.kernel().set_group(task, args.i(0), args.i(1))));
}
QUIRE_SYSCALL(setsid) { return static_cast<u64>(TRY(task.kernel().new_session(task))); }

QUIRE_SYSCALL(capget) {
  __user_cap_header_struct header;
  const Result<int> words = capability_words(task, args.addr(0), header);
  // With no data wanted, this is how programs ask for the version.
  if (!words)
    return args.addr(1) == GuestAddr{} && words.error().value() == EINVAL ? Result<u64>(0)
                                                                          : err(words.error());
  if (args.addr(1) == GuestAddr{}) return 0;
  if (header.pid < 0) return err(EINVAL);
  Ref<const vfs::Credentials> c = task.credentials_ref();
  if (header.pid != 0 && header.pid != task.tid()) {
    Ref<Task> other = task.kernel().find_task(header.pid);
    if (!other) return err(ESRCH);
    c = other->credentials_snapshot();
  }
  __user_cap_data_struct data[2];
  for (int w = 0; w < 2; ++w)
    data[w] = {.effective = static_cast<u32>(c->cap_effective >> (32 * w)),
               .permitted = static_cast<u32>(c->cap_permitted >> (32 * w)),
               .inheritable = static_cast<u32>(c->cap_inheritable >> (32 * w))};
  TRY_VOID(task.mm().copy_out(args.addr(1), data, static_cast<std::size_t>(*words) * sizeof data[0]));
  return 0;
}

QUIRE_SYSCALL(capset) {
  __user_cap_header_struct header;
  const int words = TRY(capability_words(task, args.addr(0), header));
  if (header.pid != 0 && header.pid != task.tid()) return err(EPERM);
  __user_cap_data_struct data[2]{};
  TRY_VOID(task.mm().copy_in(data, args.addr(1), static_cast<std::size_t>(words) * sizeof data[0]));
  auto join = [&](u32 __user_cap_data_struct::* m) {
    return (data[0].*m | u64{data[1].*m} << 32) & all_capabilities;
  };
  const u64 effective = join(&__user_cap_data_struct::effective),
            permitted = join(&__user_cap_data_struct::permitted),
            inheritable = join(&__user_cap_data_struct::inheritable);
  const vfs::Credentials& old = task.credentials();
  if ((permitted & ~old.cap_permitted) != 0 || (effective & ~permitted) != 0) return err(EPERM);
  if (!old.capable(cap_setpcap) && (inheritable & ~(old.cap_inheritable | old.cap_permitted)) != 0)
    return err(EPERM);
  if ((inheritable & ~(old.cap_inheritable | old.cap_bounding)) != 0) return err(EPERM);
  auto now = copy(old);
  now->cap_effective = effective;
  now->cap_permitted = permitted;
  now->cap_inheritable = inheritable;
  now->cap_ambient &= permitted & inheritable;
  task.set_credentials(Ref<const vfs::Credentials>(now));
  return 0;
}

Result<u64> prctl_credentials(Task& task, const Args& args) {
  const vfs::Credentials& old = task.credentials();
  const u64 bit = args[1] <= last_capability ? u64{1} << args[1] : 0;
  switch (args.i(0)) {
    case 23:  // PR_CAPBSET_READ
      if (bit == 0) return err(EINVAL);
      return (old.cap_bounding & bit) != 0;
    case 24: {  // PR_CAPBSET_DROP
      if (!old.capable(cap_setpcap)) return err(EPERM);
      if (bit == 0) return err(EINVAL);
      auto now = copy(old);
      now->cap_bounding &= ~bit;
      task.set_credentials(Ref<const vfs::Credentials>(now));
      return 0;
    }
    case 7:
      return (old.securebits & SECBIT_KEEP_CAPS) != 0;  // PR_GET_KEEPCAPS
    case 8: {                                           // PR_SET_KEEPCAPS
      if (args[1] > 1) return err(EINVAL);
      auto now = copy(old);
      now->securebits = (old.securebits & ~u32{SECBIT_KEEP_CAPS}) | (args[1] != 0 ? SECBIT_KEEP_CAPS : 0);
      task.set_credentials(Ref<const vfs::Credentials>(now));
      return 0;
    }
    case 27:
      return old.securebits;  // PR_GET_SECUREBITS
    case 28: {                // PR_SET_SECUREBITS
      if (!old.capable(cap_setpcap)) return err(EPERM);
      auto now = copy(old);
      now->securebits = args.u(1);
      task.set_credentials(Ref<const vfs::Credentials>(now));
      return 0;
    }
    case 38: {  // PR_SET_NO_NEW_PRIVS
      if (args[1] != 1 || args[2] != 0 || args[3] != 0 || args[4] != 0) return err(EINVAL);
      auto now = copy(old);
      now->no_new_privs = true;
      task.set_credentials(Ref<const vfs::Credentials>(now));
      return 0;
    }
    case 39:
      return old.no_new_privs;  // PR_GET_NO_NEW_PRIVS
    case 47: {                  // PR_CAP_AMBIENT
      const u64 which = args[2] <= last_capability ? u64{1} << args[2] : 0;
      auto now = copy(old);
      switch (args[1]) {
        case 1:
          return (old.cap_ambient & which) != 0;
        case 2:
          if (which == 0) return err(EINVAL);
          if ((old.cap_permitted & old.cap_inheritable & which) == 0) return err(EPERM);
          now->cap_ambient |= which;
          break;
        case 3:
          now->cap_ambient &= ~which;
          break;
        case 4:
          now->cap_ambient = 0;
          break;
        default:
          return err(EINVAL);
      }
      task.set_credentials(Ref<const vfs::Credentials>(now));
      return 0;
    }
    default:
      return err(EINVAL);
  }
}

}  // namespace quire::syscall
