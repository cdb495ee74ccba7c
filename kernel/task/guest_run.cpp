#include "kernel/task/guest_run.h"

#include <array>
#include <bit>

namespace quire::task {
namespace {

constexpr u64 syscall_instruction_size = 2;

/// As the run loop does for the task's own program (RunLoop::note_trapped_call): where calls trap again and
/// again, their sites may get patched. Each kernel thread counts for itself.
void note_trapped_call(mm::AddressSpace& mm, const platform::Registers& regs) {
  struct TrappedAt {
    u64 space = 0, rip = 0;
    u32 times = 0;
  };
  thread_local std::array<TrappedAt, 64> trapped_at;
  const u64 space = mm.space().id();
  TrappedAt& at = trapped_at[(regs.rip / 2 + space) % trapped_at.size()];
  if (at.rip != regs.rip || at.space != space) at = {space, regs.rip, 0};
  if (++at.times >= u32{1} << 31 || !std::has_single_bit(at.times)) return;
  std::byte stack[16];
  const std::size_t n = mm.copy_in_some(stack, GuestAddr(regs.rsp), sizeof stack);
  mm.call_trapped(GuestAddr(regs.rip - syscall_instruction_size),
                  {.number = regs.orig_rax, .r9 = regs.r9, .stack = std::span(stack).first(n)});
}

}  // namespace

platform::Trap GuestRun::run(platform::Context& context, mm::AddressSpace& mm, mm::FaultOutcome& outcome) {
  for (;;) {
    task_.active_context_.store(&context, std::memory_order_release);
    const platform::Trap trap = task_.run_guest(context, mm);
    task_.active_context_.store(task_.context_.get(), std::memory_order_release);
    if (trap.kind == platform::Trap::Kind::interrupted && !task_.interrupted()) continue;
    if (trap.kind == platform::Trap::Kind::syscall && trap.route == platform::Trap::Route::trapped &&
        !trap.compat)
      note_trapped_call(mm, context.regs());
    if (trap.kind != platform::Trap::Kind::page_fault) return trap;
    outcome = mm.fault(trap.address, trap.access, GuestAddr(context.regs().rsp));
    if (outcome.signo != 0 || outcome.out_of_memory) return trap;
  }
}

}  // namespace quire::task
