// NUMA policies, on a machine with one node: any policy that names node 0 is as good as none.
#include <algorithm>
#include <array>

#include "kernel/syscall/handlers_memory.h"

namespace quire::syscall {
namespace {

constexpr int mode_default = 0;
constexpr int mode_local = 4;
constexpr int modes = 7;
constexpr int mode_flags = 0xe000;  // MPOL_F_STATIC_NODES, _RELATIVE_NODES, _NUMA_BALANCING
constexpr u64 most_nodes = page_size * 8;

/// The mode and the nodes it names. EINVAL, EFAULT.
Result<> check_policy(Task& task, int mode, GuestAddr mask, u64 max_node) {
  mode &= ~mode_flags;
  if (mode < 0 || mode >= modes) return err(EINVAL);
  if (max_node > most_nodes) return err(EINVAL);
  u64 nodes = 0;
  if (mask.value() != 0 && max_node > 1) {
    for (u64 i = 0; i < (max_node - 1 + 63) / 64; ++i) {
      u64 word = TRY(task.mm().read<u64>(mask + i * 8));
      if (const u64 left = max_node - 1 - i * 64; left < 64) word &= (u64{1} << left) - 1;
      if (i != 0 && word != 0) return err(EINVAL);
      nodes |= word;
    }
  }
  if ((nodes & ~u64{1}) != 0) return err(EINVAL);
  if (mode == mode_default || mode == mode_local) {
    if (nodes != 0) return err(EINVAL);
  } else if (nodes == 0 && mode != 1) {  // MPOL_PREFERRED may name none
    return err(EINVAL);
  }
  return {};
}

}  // namespace

QUIRE_SYSCALL(mbind) {
  if (args[0] % page_size != 0 || (args[5] & ~u64{7}) != 0) return err(EINVAL);
  TRY_VOID(check_policy(task, args.i(2), args.addr(3), args[4]));
  const u64 length = round_up(args[1], page_size);
  if (args[0] + length < args[0]) return err(EINVAL);
  for (u64 at = args[0]; at < args[0] + length;) {
    const auto v = task.mm().find_vma(GuestAddr(at));
    if (!v) return err(EFAULT);
    at = v->range.end.value();
  }
  return 0;
}

QUIRE_SYSCALL(set_mempolicy) {
  TRY_VOID(check_policy(task, args.i(0), args.addr(1), args[2]));
  return 0;
}

QUIRE_SYSCALL(get_mempolicy) {
  constexpr u64 f_node = 1, f_addr = 2, f_mems_allowed = 4;
  const u64 flags = args[4];
  if ((flags & ~(f_node | f_addr | f_mems_allowed)) != 0) return err(EINVAL);
  if ((flags & f_mems_allowed) != 0 && (flags & (f_node | f_addr)) != 0) return err(EINVAL);
  if ((flags & f_addr) == 0 && args[3] != 0) return err(EINVAL);
  if ((flags & f_addr) != 0 && !task.mm().find_vma(args.addr(3))) return err(EFAULT);
  if ((flags & (f_node | f_addr)) == f_node) return err(EINVAL);
  if (args[1] != 0 && args[2] == 0) return err(EINVAL);
  if (args[0] != 0) TRY_VOID(task.mm().write<i32>(args.addr(0), 0));
  if (args[1] != 0) {
    const u64 words = std::min<u64>((args[2] + 63) / 64, most_nodes / 64);
    TRY_VOID(task.mm().zero_out(args.addr(1), words * 8));
    if ((flags & f_mems_allowed) != 0 && words != 0) TRY_VOID(task.mm().write<u64>(args.addr(1), 1));
  }
  return 0;
}

}  // namespace quire::syscall
