#include "kernel/task/guest_run.h"

namespace quire::task {

platform::Trap GuestRun::run(platform::Context& context, mm::AddressSpace& mm, mm::FaultOutcome& outcome) {
  for (;;) {
    task_.active_context_.store(&context, std::memory_order_release);
    const platform::Trap trap = task_.run_guest(context, mm);
    task_.active_context_.store(task_.context_.get(), std::memory_order_release);
    if (trap.kind == platform::Trap::Kind::interrupted && !task_.interrupted()) continue;
    if (trap.kind != platform::Trap::Kind::page_fault) return trap;
    outcome = mm.fault(trap.address, trap.access, GuestAddr(context.regs().rsp));
    if (outcome.signo != 0 || outcome.out_of_memory) return trap;
  }
}

}  // namespace quire::task
