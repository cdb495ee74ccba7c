// A guest thread's state and its hand-off with the stub's thread.
#pragma once

#include <vector>

#include "kernel/platform/native/host.h"
#include "kernel/platform/native/native_space.h"
#include "kernel/platform/native/placement.h"

namespace quire::platform::native {

class NativeContext final : public Context, private StubUser {
 public:
  explicit NativeContext(Host& host);
  ~NativeContext() override;

  Registers& regs() override { return regs_; }
  Result<std::span<std::byte>> extended_state() override;
  Result<> copy_state_from(Context& other) override;
  void reset() override;
  void start_elsewhere() override { placement_.start_away_from(sched_getcpu()); }
  Trap run(Space& space) override;
  void interrupt() override;
  Result<> set_answer(u32 nr, u64 value) override;
  void clear_answers() override;
  u64 answered_in_stub() const override;

 private:
  /// Where the guest's state is while run() is not under way.
  enum class Parked : u8 {
    nowhere,  // only here: regs_ and extended_
    frame,    // the thread waits in a signal handler; extended state in its frame unless loaded here
    patched,  // it waits in a trampoline; extended state in the CPU
  };

  bool leave_stub() override;
  Result<> bind(NativeSpace& space);
  void unbind();
  /// Lets go of the thread; not of its place among the stub's users.
  void drop_thread();
  /// Takes the extended state over from the thread. ESRCH.
  Result<> load_extended();
  void publish_answers();
  /// Patched to frame: the thread makes a real system call. ESRCH.
  Result<> retrap();
  /// Whether a thread in a trampoline may simply go on with regs_.
  bool plain_return() const;
  void load_frame();
  void load_saved();
  void resume();
  /// Waits for the thread to hand over; its word, TO_KERNEL_DEAD if it never will.
  u32 await();
  /// The same for a short while, where a CPU is free for it; 0 if in vain.
  u32 spin_for_trap();
  /// Whether this thread and the guest's may each have a CPU to themselves.
  bool cpus_to_spare() const;
  bool take_frame(Trap* trap);
  void take_patched(Trap* trap);
  const SignalFrame* frame() const;

  Host& host_;
  Registers regs_{};
  std::vector<std::byte> extended_;
  bool extended_loaded_ = true;  // extended_ is the state, and goes into the frame at the next resume
  Parked parked_ = Parked::nowhere;
  u64 entry_fs_base_ = 0;
  u64 tail_ = 0,
      tail_rip_ = 0;    // the call came by a site with a tail: where that is, and what rip it stands for
  u64 illegal_at_ = 0;  // the last trap was an illegal instruction here, which is tried again
  bool left_trampoline_ = false;  // the last resume was of a thread in a trampoline
  u64 resumed_at_ = 0;            // ring position that the agent has passed once the thread is seen again
  u64 answered_before_ = 0;       // in slots given back
  SpinLuck our_luck_, guest_luck_;
  bool guest_spun_ = false;
  Placement placement_;
  u64 answers_[32] = {};
  u64 answer_mask_ = 0;

  std::atomic<bool> interrupt_{false};
  std::atomic<bool> running_{false};

  /// Who may touch the state: its owner in a call, or a thief who makes the context leave its stub.
  class Turn;
  std::atomic<bool> taken_{false};

  Mutex<locks::platform_context> lock_;  // for interrupt(); stub_, thread_ and slot_ change only under it
  std::shared_ptr<Stub> stub_;
  StubThread thread_{};
  Slot* slot_ = nullptr;
  NativeSpace* space_ = nullptr;  // of the current run()
};

}  // namespace quire::platform::native
