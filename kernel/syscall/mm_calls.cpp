// Address spaces as objects: create_mm and the calls on its descriptors (include/quire/mm.h).
#include "include/quire/mm.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "kernel/abi/restart.h"
#include "kernel/syscall/copy_between.h"
#include "kernel/syscall/handlers_task.h"
#include "kernel/syscall/support.h"
#include "kernel/task/guest_run.h"
#include "kernel/task/kernel.h"
#include "kernel/task/mm_file.h"
#include "kernel/task/redirect.h"
#include "kernel/task/signal_frame.h"
#include "kernel/vfs/fd_table.h"

namespace quire::syscall {

namespace {

constexpr u32 max_batch = 1024;
constexpr u64 user_limit = u64{1} << 47;
constexpr u64 user_cs = 0x33, user_ss = 0x2b;

Result<Ref<mm::AddressSpace>> mm_by_fd(Task& task, int fd) {
  Ref<vfs::File> file = TRY(task.fds().get(fd));
  Ref<mm::AddressSpace> mm = task::mm_of(*file);
  if (!mm) return err(EBADF);
  return mm;
}

/// Calls that belong to the task itself, or lead back here.
bool refused_indirectly(u64 number) {
  static constexpr u32 refused[] = {15 /* rt_sigreturn */,
                                    56 /* clone */,
                                    57 /* fork */,
                                    58 /* vfork */,
                                    59 /* execve */,
                                    60 /* exit */,
                                    130 /* rt_sigsuspend */,
                                    131 /* sigaltstack */,
                                    158 /* arch_prctl */,
                                    218 /* set_tid_address */,
                                    219 /* restart_syscall */,
                                    231 /* exit_group */,
                                    273 /* set_robust_list */,
                                    322 /* execveat */,
                                    334 /* rseq */,
                                    435 /* clone3 */,
                                    QUIRE_NR_mm_indirect,
                                    QUIRE_NR_mm_switch,
                                    QUIRE_NR_mm_run};
  return std::find(std::begin(refused), std::end(refused), number) != std::end(refused);
}

Result<u64> call_in(Task& task, const Ref<mm::AddressSpace>& mm, const u64 (&call)[7]) {
  if (refused_indirectly(call[0])) return err(EINVAL);
  const task::SyscallTable table = task.kernel().options().syscalls;
  const task::SyscallRow* row = call[0] < table.size() ? table[call[0]] : nullptr;
  if (row == nullptr || row->handler == nullptr) return err(ENOSYS);
  const Args args{{call[1], call[2], call[3], call[4], call[5], call[6]}};
  const task::Redirect redirect(task, mm);
  Result<u64> result = row->handler(task, args);
  // What restart_syscall would go on with lies in the other address space: the whole call starts again.
  if (!result && result.error().value() == abi::restart_block) return err(abi::restart_sys);
  return result;
}

Result<u64> batch(Task& task, const Ref<mm::AddressSpace>& mm, GuestAddr at) {
  mm_batch b = TRY(task.mm().read<mm_batch>(at));
  if (b.count > max_batch || (b.flags & ~MM_BATCH_STOP) != 0 || b.reserved != 0) return err(EINVAL);
  b.done = 0;
  for (; b.done < b.count && !task.interrupted(); ++b.done) {
    const GuestAddr entry(b.calls + b.done * sizeof(mm_call));
    mm_call c = TRY(task.mm().read<mm_call>(entry));
    const Result<u64> result = call_in(task, mm, c.call);
    // Interrupted halfway: what was done is told, the caller goes on with the rest.
    if (!result && result.error().value() >= abi::restart_sys) break;
    c.result = result ? static_cast<i64>(*result) : -i64{result.error().value()};
    TRY_VOID(task.mm().write(entry, c));
    if (!result && (b.flags & MM_BATCH_STOP) != 0) {
      ++b.done;
      break;
    }
  }
  if (b.done == 0 && b.count != 0) return err(abi::restart_sys);
  TRY_VOID(task.mm().write(at, b));
  return b.done;
}

static_assert(sizeof(mm_regs) == sizeof(platform::Registers));

/// The extended state of a run, taken from the caller's memory. A zeroed area is the initial state.
Result<> load_extended_state(Task& task, platform::Context& context, const mm_context& c) {
  std::span<std::byte> state = TRY(context.extended_state());
  if (c.xstate % 64 != 0 || c.xstate_size < state.size()) return err(EINVAL);
  std::vector<std::byte> copy(state.size());
  TRY_VOID(task.mm().copy_in(copy.data(), GuestAddr(c.xstate), copy.size()));
  const bool initial = std::all_of(copy.begin(), copy.end(), [](std::byte b) { return b == std::byte{0}; });
  if (initial) {
    const u16 fcw = 0x37f;
    const u32 mxcsr = 0x1f80;
    std::memcpy(copy.data(), &fcw, sizeof fcw);
    std::memcpy(copy.data() + 24, &mxcsr, sizeof mxcsr);
  }
  task::sanitise_extended_state(copy, task.kernel().platform().layout().xfeature_mask);
  std::memcpy(state.data(), copy.data(), state.size());
  return {};
}

u32 describe(mm_context& c, const platform::Trap& trap, const mm::FaultOutcome& outcome) {
  using Kind = platform::Trap::Kind;
  switch (trap.kind) {
    case Kind::syscall:
      if (!trap.compat) return MM_EXIT_SYSCALL;
      c.signal = SIGSEGV;
      c.code = SI_KERNEL;
      return MM_EXIT_EXCEPTION;
    case Kind::page_fault:
      c.fault_address = trap.address.value();
      c.fault_access = static_cast<u32>(trap.access);
      c.signal = outcome.signo;
      c.code = outcome.code;
      c.trap_no = 14;
      c.error_code = trap.error_code;
      return MM_EXIT_FAULT;
    case Kind::exception:
      c.fault_address = trap.address.value();
      c.signal = trap.signo;
      c.code = trap.code;
      c.trap_no = trap.trap_no;
      c.error_code = trap.error_code;
      return MM_EXIT_EXCEPTION;
    default:
      return MM_EXIT_SIGNAL;
  }
}

Result<u64> transfer(Task& task, const Args& args, bool write) {
  if (args[5] != 0) return err(EINVAL);
  const Ref<mm::AddressSpace> mm = TRY(mm_by_fd(task, args.i(0)));
  auto local = TRY(read_iovecs(task.mm(), args.addr(1), args[2]));
  auto remote = TRY(read_iovecs(task.mm(), args.addr(3), args[4]));
  return write ? copy_between(task.mm(), *mm, local, remote) : copy_between(*mm, task.mm(), remote, local);
}

}  // namespace

QUIRE_SYSCALL(create_mm) {
  if ((args.u(0) & ~MM_CLONE) != 0) return err(EINVAL);
  Ref<mm::AddressSpace> mm;
  if ((args.u(0) & MM_CLONE) != 0) {
    mm = TRY(task.mm().fork());
    mm->space().set_transient();
  } else {
    mm = TRY(task::make_empty_mm(task));
  }
  return static_cast<u64>(TRY(task.fds().install(make_ref<task::MmFile>(std::move(mm)), true,
                                                 task.process().limit(RLIMIT_NOFILE).rlim_cur)));
}

QUIRE_SYSCALL(mm_indirect) {
  if ((args.u(2) & ~MM_BATCH) != 0) return err(EINVAL);
  const Ref<mm::AddressSpace> mm = TRY(mm_by_fd(task, args.i(0)));
  if ((args.u(2) & MM_BATCH) != 0) return batch(task, mm, args.addr(1));
  u64 call[7];
  TRY_VOID(task.mm().copy_in(call, args.addr(1), sizeof call));
  return call_in(task, mm, call);
}

QUIRE_SYSCALL(mm_switch) {
  Ref<mm::AddressSpace> mm = TRY(mm_by_fd(task, args.i(0)));
  // The whole state is taken out of the stub first: letting the address space go may end that.
  TRY(task.context().extended_state());
  // These lie in the address space that is left.
  task.robust_list = {};
  task.clear_child_tid = {};
  task.altstack = {};
  task.set_mm(std::move(mm));
  return 0;
}

QUIRE_SYSCALL(mm_run) {
  if (args[2] != 0) return err(EINVAL);
  const Ref<mm::AddressSpace> mm = TRY(mm_by_fd(task, args.i(0)));
  mm_context c = TRY(task.mm().read<mm_context>(args.addr(1)));
  if (c.size != sizeof c || c.reserved != 0) return err(EINVAL);
  if (c.regs.rip >= user_limit || c.regs.fs_base >= user_limit || c.regs.gs_base >= user_limit)
    return err(EINVAL);
  if (!task.run_context) task.run_context = TRY(task.kernel().platform().create_context());
  platform::Context& context = *task.run_context;
  // Without an area the state stays where it is, in the processor or the stub: nobody else's is seen there.
  const u64 space = mm->space().id();
  if (c.xstate != 0 || task.run_space != space) context.reset();
  task.run_space = c.xstate == 0 ? space : 0;
  if (c.xstate != 0) TRY_VOID(load_extended_state(task, context, c));
  platform::Registers& regs = context.regs();
  std::memcpy(&regs, &c.regs, sizeof regs);
  regs.cs = user_cs;
  regs.ss = user_ss;
  regs.rflags = task::settable_flags_of(c.regs.rflags, 0x202);
  regs.orig_rax = ~u64{0};
  mm::FaultOutcome outcome;
  const platform::Trap trap = task::GuestRun(task).run(context, *mm, outcome);
  if (trap.kind == platform::Trap::Kind::lost) {
    task.run_context = nullptr;
    task.run_space = 0;
    return err(trap.code);
  }
  if (outcome.out_of_memory) return err(ENOMEM);
  c.fault_address = 0;
  c.fault_access = 0;
  c.signal = c.code = 0;
  c.trap_no = c.error_code = 0;
  c.reason = describe(c, trap, outcome);
  std::memcpy(&c.regs, &context.regs(), sizeof c.regs);
  if (c.xstate != 0) {
    std::span<std::byte> state = TRY(context.extended_state());
    TRY_VOID(task.mm().copy_out(GuestAddr(c.xstate), state.data(), state.size()));
  }
  TRY_VOID(task.mm().write(args.addr(1), c));
  return c.reason;
}

QUIRE_SYSCALL(mm_read) { return transfer(task, args, false); }
QUIRE_SYSCALL(mm_write) { return transfer(task, args, true); }

QUIRE_SYSCALL(mm_map) {
  constexpr u32 known = MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_POPULATE;
  const u32 prot = args.u(3), flags = args.u(4);
  if ((flags & ~known) != 0 || (prot & ~u32{PROT_READ | PROT_WRITE | PROT_EXEC}) != 0) return err(EINVAL);
  const Ref<mm::AddressSpace> from = TRY(mm_by_fd(task, args.i(0)));
  const std::vector<mm::SharedPiece> pieces = TRY(from->share(args.addr(1), args[2]));
  const auto access = static_cast<Access>(prot);
  for (const mm::SharedPiece& p : pieces)
    if (!allows(p.max_access, access)) return err(EACCES);
  mm::AddressSpace& to = task.mm();
  mm::MapRequest request;
  request.address = args.addr(5);
  request.no_replace = (flags & MAP_FIXED_NOREPLACE) != 0;
  request.fixed = (flags & MAP_FIXED) != 0 || request.no_replace;
  if (pieces.size() != 1) {
    // Room for all of them first, in the same place within a huge page as the original.
    constexpr u64 spare = huge_size;
    const u64 length = round_up(args[2], page_size);
    request.length = request.fixed ? length : length + spare;
    const u64 room = TRY(to.map(request)).value();
    u64 begin = room;
    if (!request.fixed) {
      begin += (args[1] - room) % spare;
      if (begin > room) TRY_VOID(to.unmap(GuestAddr(room), begin - room));
      if (begin < room + spare) TRY_VOID(to.unmap(GuestAddr(begin + length), room + spare - begin));
    }
    request.address = GuestAddr(begin);
    request.fixed = true;
    request.no_replace = false;
  }
  const GuestAddr begin = request.address;
  GuestAddr result{};
  request.access = access;
  request.shared = true;
  request.populate = (flags & MAP_POPULATE) != 0;
  for (const mm::SharedPiece& p : pieces) {
    request.object = p.object;
    request.offset = p.offset;
    request.length = p.length;
    request.max_access = p.max_access;
    request.name = p.name;
    request.device = p.device;
    request.inode = p.inode;
    request.keep_alive = p.keep_alive;
    const auto mapped = to.map(request);
    if (!mapped) {
      if (pieces.size() != 1) (void)to.unmap(begin, round_up(args[2], page_size));
      return err(mapped.error());
    }
    if (&p == pieces.data()) result = *mapped;
    request.address += p.length;
  }
  return result.value();
}

}  // namespace quire::syscall
