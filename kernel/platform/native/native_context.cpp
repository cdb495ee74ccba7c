#include "kernel/platform/native/native_context.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "kernel/platform/native/blob.h"
#include "kernel/platform/native/fd.h"
#include "kernel/platform/native/host_calls.h"

namespace quire::platform::native {
namespace {

constexpr u64 page_fault_vector = 14, general_protection_vector = 13;
constexpr u64 error_write = 2, error_fetch = 16;
constexpr u32 x32_bit = 0x40000000;
constexpr i64 interrupt_retry_ns = 2'000'000;
constexpr int interrupt_retries = 500;
constexpr int retries_between_looks = 5;
constexpr u64 runs_on_ns = 50'000'000;  // CPU time after which it is plain that a guest does not stop

/// CPU time of a thread of a stub so far, in nanoseconds; 0 where the host does not tell.
u64 cpu_time_of(pid_t pid, u32 tid) {
  char name[32], text[64];
  snprintf(name, sizeof name, "task/%u/schedstat", tid);
  const char* used = read_proc(pid, name, text);
  return used != nullptr ? strtoull(used, nullptr, 10) : 0;
}

bool within(u64 a, const char* from, const char* to) {
  return a >= stub_address(from) && a < stub_address(to);
}

}  // namespace

/// A short turn at the state; the two sides meet so rarely that waiting by yielding will do.
class NativeContext::Turn {
 public:
  explicit Turn(NativeContext& context) : context_(context) {
    while (context_.taken_.exchange(true, std::memory_order_acquire)) sched_yield();
  }
  ~Turn() { context_.taken_.store(false, std::memory_order_release); }

 private:
  NativeContext& context_;
};

NativeContext::NativeContext(Host& host) : host_(host), placement_(host.homes) { reset(); }

NativeContext::~NativeContext() {
  Turn turn(*this);
  unbind();
}

void NativeContext::reset() {
  Turn turn(*this);
  unbind();
  regs_ = {};
  regs_.orig_rax = ~u64{0};
  regs_.cs = user_cs;
  regs_.ss = user_ss;
  regs_.rflags = flag_interrupt;
  extended_ = host_.factory->shape().initial;
  extended_loaded_ = true;
}

// ---- Where the thread is

void NativeContext::drop_thread() {
  answered_before_ += slot_->answered.load(std::memory_order_relaxed);
  thread_.patched = parked_ == Parked::patched;
  LockGuard guard(lock_);
  if (parked_ != Parked::nowhere && !stub_->dead()) stub_->give_thread(thread_);
  stub_.reset();
  slot_ = nullptr;
  parked_ = Parked::nowhere;
}

void NativeContext::unbind() {
  if (slot_ == nullptr) return;
  stub_->remove_user(this);
  drop_thread();
}

// By a thief: only where the guest does not run.
bool NativeContext::leave_stub() {
  if (taken_.exchange(true, std::memory_order_acquire)) return false;
  const bool left = slot_ == nullptr || load_extended();
  if (left && slot_ != nullptr) drop_thread();
  taken_.store(false, std::memory_order_release);
  return left;
}

Result<> NativeContext::bind(NativeSpace& space) {
  space_ = &space;
  space.note_use();
  if (slot_ != nullptr && space.current() == stub_.get()) {
    if (stub_->dead()) return err(ESRCH);
    return {};
  }
  if (slot_ != nullptr) {
    TRY_VOID(load_extended());
    unbind();
  }
  std::shared_ptr<Stub> stub;
  do stub = TRY(space.bind());
  while (!stub->add_user(this));  // stolen meanwhile
  const auto thread = stub->take_thread();
  if (!thread) {
    stub->remove_user(this);
    return err(thread.error());
  }
  {
    LockGuard guard(lock_);
    stub_ = std::move(stub);
    thread_ = *thread;
    slot_ = host_.control->slot(thread_.slot);
  }
  parked_ = thread_.patched ? Parked::patched : Parked::frame;
  slot_->answered.store(0, std::memory_order_relaxed);
  publish_answers();
  return {};
}

const SignalFrame* NativeContext::frame() const {
  return reinterpret_cast<const SignalFrame*>(reinterpret_cast<const std::byte*>(slot_) +
                                              host_.factory->shape().frame);
}

// ---- State

Result<> NativeContext::load_extended() {
  if (extended_loaded_) return {};
  if (parked_ == Parked::patched) TRY_VOID(retrap());
  if (parked_ != Parked::frame) return err(ESRCH);
  const FrameShape& shape = host_.factory->shape();
  extended_.resize(shape.extended_size);
  std::memcpy(extended_.data(), reinterpret_cast<const std::byte*>(slot_) + shape.extended,
              shape.extended_size);
  clean_extended_state(shape, extended_);
  extended_loaded_ = true;
  return {};
}

Result<std::span<std::byte>> NativeContext::extended_state() {
  Turn turn(*this);
  TRY_VOID(load_extended());
  return std::span(extended_);
}

Result<> NativeContext::copy_state_from(Context& other) {
  auto& o = static_cast<NativeContext&>(other);
  auto state = TRY(o.extended_state());
  Turn turn(*this);
  regs_ = o.regs_;
  extended_.assign(state.begin(), state.end());
  extended_loaded_ = true;
  return {};
}

Result<> NativeContext::set_answer(u32 nr, u64 value) {
  const u32 place = answer_place(nr);
  if (place == 0) return err(ENOTSUP);
  Turn turn(*this);
  answers_[place] = value;
  answer_mask_ |= u64{1} << place;
  if (slot_ != nullptr) publish_answers();
  return {};
}

void NativeContext::clear_answers() {
  Turn turn(*this);
  answer_mask_ = 0;
  if (slot_ != nullptr) publish_answers();
}

void NativeContext::publish_answers() {
  slot_->answer_mask.store(0, std::memory_order_release);
  for (u32 i = 1; i < 32; ++i) slot_->answers[i].store(answers_[i], std::memory_order_relaxed);
  slot_->answer_mask.store(answer_mask_, std::memory_order_release);
}

u64 NativeContext::answered_in_stub() const {
  return answered_before_ + (slot_ != nullptr ? slot_->answered.load(std::memory_order_relaxed) : 0);
}

// ---- Letting go

bool NativeContext::plain_return() const {
  return !extended_loaded_ && regs_.fs_base == entry_fs_base_ && regs_.gs_base == 0 && regs_.cs == user_cs &&
         regs_.rcx == regs_.rip && regs_.r11 == regs_.rflags && (regs_.rflags & flag_trap) == 0 &&
         regs_.rip < host_.layout.limit.value();
}

void NativeContext::load_saved() {
  Slot::Saved s{};
  s.r15 = regs_.r15, s.r14 = regs_.r14, s.r13 = regs_.r13, s.r12 = regs_.r12, s.r10 = regs_.r10,
  s.r9 = regs_.r9;
  s.r8 = regs_.r8, s.rbp = regs_.rbp, s.rdi = regs_.rdi, s.rsi = regs_.rsi, s.rdx = regs_.rdx,
  s.rbx = regs_.rbx;
  s.rax = regs_.rax, s.rflags = (regs_.rflags & user_flags) | flag_interrupt, s.rsp = regs_.rsp,
  s.rip = regs_.rip;
  if (tail_ != 0 && regs_.rip == tail_rip_) s.rip = tail_;
  s.fs_base = regs_.fs_base;
  std::memcpy(&slot_->saved, &s, sizeof s);
}

void NativeContext::load_frame() {
  const FrameShape& shape = host_.factory->shape();
  auto* f = const_cast<SignalFrame*>(frame());
  store_registers(regs_, f);
  slot_->fs_base.store(canonical(regs_.fs_base) ? regs_.fs_base : 0, std::memory_order_relaxed);
  const u64 gs = canonical(regs_.gs_base) ? regs_.gs_base : 0;
  slot_->gs_base.store(gs != 0 ? gs : ControlFile::slot_address(thread_.slot), std::memory_order_relaxed);
  if (extended_loaded_) {
    clean_extended_state(shape, extended_);
    std::memcpy(reinterpret_cast<std::byte*>(slot_) + shape.extended, extended_.data(), shape.extended_size);
    extended_loaded_ = false;
  }
}

Result<> NativeContext::retrap() {
  host_.statistics.retraps.fetch_add(1, std::memory_order_relaxed);
  slot_->to_kernel.store(0, std::memory_order_relaxed);
  slot_->to_guest.store(TO_GUEST_RETRAP, std::memory_order_seq_cst);
  if (slot_->guest_sleeps.load(std::memory_order_seq_cst) != 0) futex_wake(&slot_->to_guest);
  if (await() == TO_KERNEL_DEAD) return err(ESRCH);
  parked_ = Parked::frame;
  return {};
}

bool NativeContext::cpus_to_spare() const {
  return 2 * host_.running.load(std::memory_order_relaxed) <= usable_cpus().count;
}

void NativeContext::resume() {
  // Did the guest's side get its last answer while it spun?
  if (guest_spun_)
    slot_->guest_sleeps.load(std::memory_order_relaxed) == 0 ? guest_luck_.hit() : guest_luck_.miss();
  const bool spare = cpus_to_spare();
  if (placement_.apart() && !guest_luck_.worth_it()) placement_.give_up_spinning();
  if (spare && placement_.wants_apart()) host_.calibrate();
  placement_.before_resume(static_cast<pid_t>(thread_.tid),
                           static_cast<int>(slot_->guest_cpu.load(std::memory_order_relaxed)), thread_.cpu,
                           spare);
  placement_.enter();
  guest_spun_ = placement_.apart();
  if (!guest_spun_) placement_.take_turn();
  slot_->spin.store(guest_spun_ ? host_.spin_pauses.load(std::memory_order_relaxed) : 0,
                    std::memory_order_relaxed);
  slot_->kernel_cpu.store(static_cast<u32>(sched_getcpu()), std::memory_order_relaxed);
  slot_->interrupted.store(0, std::memory_order_relaxed);
  slot_->stepped.store(0, std::memory_order_relaxed);
  slot_->to_kernel.store(0, std::memory_order_relaxed);
  if (stub_->behind()) {
    // What was mapped must be there first, and the agent is the one to know.
    resumed_at_ = stub_->push_resume(ControlFile::slot_address(thread_.slot));
    return;
  }
  resumed_at_ = 0;
  slot_->to_guest.store(TO_GUEST_RESUME, std::memory_order_seq_cst);
  if (slot_->guest_sleeps.load(std::memory_order_seq_cst) != 0) futex_wake(&slot_->to_guest);
}

u32 NativeContext::spin_for_trap() {
  if (!placement_.apart()) return 0;
  const auto cpu = static_cast<u32>(sched_getcpu());
  if (!our_luck_.worth_it() || slot_->guest_cpu.load(std::memory_order_relaxed) == cpu) {
    // Sharing a CPU, spinning keeps the guest from running.
    placement_.give_up_spinning();
    return 0;
  }
  const u32 pauses = host_.spin_pauses.load(std::memory_order_relaxed);
  for (u32 i = 0; i < pauses; ++i) {
    const u32 v = slot_->to_kernel.load(std::memory_order_acquire);
    if (v != 0) {
      our_luck_.hit();
      return v;
    }
    __builtin_ia32_pause();
  }
  our_luck_.miss();
  return 0;
}

u32 NativeContext::await() {
  int retries = 0;
  u64 used_before = 0;
  u32 v = spin_for_trap();
  if (v != 0) return v;
  while ((v = slot_->to_kernel.load(std::memory_order_acquire)) == 0) {
    slot_->kernel_sleeps.store(1, std::memory_order_seq_cst);
    const bool urgent = interrupt_.load(std::memory_order_seq_cst);
    const bool kept = thread_.cpu != any_cpu;
    const bool woken = futex_wait(&slot_->to_kernel, 0,
                                  urgent ? interrupt_retry_ns
                                  : kept ? Placement::patience_ns
                                         : tick_ns);
    slot_->kernel_sleeps.store(0, std::memory_order_relaxed);
    if (stub_->dead()) return TO_KERNEL_DEAD;
    if (!woken && kept) placement_.set_free(static_cast<pid_t>(thread_.tid), thread_.cpu);
    if (woken || !urgent) continue;
    // It should have stopped by now. The signal may have come where it could not act; a guest that has
    // blocked it pays with its life: soon if it goes on computing, after a second if it sleeps.
    if (++retries % interrupt_retries == 0) stub_->kill();
    if (retries % retries_between_looks == 0) {
      const u64 used = cpu_time_of(stub_->pid(), thread_.tid);
      if (used_before == 0) used_before = used;
      if (used > used_before + runs_on_ns) stub_->kill();
    }
    syscall(SYS_tgkill, stub_->pid(), thread_.tid, INTERRUPT_SIGNAL);
  }
  return stub_->dead() ? TO_KERNEL_DEAD : v;
}

// ---- Looking at what came

bool NativeContext::take_frame(Trap* trap) {
  SignalFrame f;
  std::memcpy(&f, frame(), sizeof f);
  const u32 signo = slot_->signo.load(std::memory_order_relaxed);
  parked_ = Parked::frame;
  const u64 illegal_before = std::exchange(illegal_at_, 0);
  if (left_trampoline_ && (within(f.rip, quire_stub_leave, quire_stub_leave_end) ||
                           f.rip == stub_address(quire_stub_retrap_ip))) {
    // Stopped on its way out of a trampoline: what it was about to load is what we answered with.
    *trap = {.kind = Trap::Kind::interrupted};
    return interrupt_.exchange(false);
  }
  regs_ = registers_of(f);
  regs_.fs_base = slot_->fs_base.load(std::memory_order_relaxed);
  const u64 gs = slot_->gs_base.load(std::memory_order_relaxed);
  regs_.gs_base = gs == ControlFile::slot_address(thread_.slot) ? 0 : gs;
  trap->signo = static_cast<int>(signo);
  trap->code = f.info_code;
  trap->trap_no = f.trap_no;
  trap->error_code = f.error_code;
  if (signo == SIGSYS) {
    const auto nr = static_cast<u32>(f.info_syscall);
    trap->kind = Trap::Kind::syscall;
    trap->compat = f.info_arch != AUDIT_ARCH_X86_64 || (nr & x32_bit) != 0;
    regs_.orig_rax = regs_.rax;
    if (const auto place = Patcher::place_of(f.rip); place && place->behind_syscall())
      regs_.rcx = regs_.rip = space_->return_of(place->number);
    return true;
  }
  // What happens in a trampoline or tail happens to the guest's instruction that was moved there.
  if (const auto place = Patcher::place_of(f.rip))
    if (const auto rip = space_->guest_address(*place)) regs_.rip = *rip;
  if (signo == SIGILL || (signo == SIGSEGV && f.trap_no == general_protection_vector)) {
    if (const auto meant = space_->meant_by_jump(GuestAddr(f.rip))) {
      regs_.rip = *meant;
      if (*meant != 0) return false;
      // Straight to a SYSCALL that is part of a patched site: a restarted call, mostly.
      trap->kind = Trap::Kind::syscall;
      regs_.orig_rax = regs_.rax;
      regs_.rip = f.rip + 2;
      regs_.rcx = regs_.rip;
      regs_.r11 = regs_.rflags;
      return true;
    }
    // The page may be gone by now, for the patching of another site in it, or another one stand in its
    // place: what is wrong with the guest's own instruction is wrong a second time.
    if (illegal_before != f.rip) {
      illegal_at_ = f.rip;
      return false;
    }
  }
  if (signo == INTERRUPT_SIGNAL) {
    trap->kind = Trap::Kind::interrupted;
    return interrupt_.exchange(false);
  }
  if (signo == SIGSEGV && f.trap_no == page_fault_vector) {
    trap->kind = Trap::Kind::page_fault;
    trap->address = GuestAddr(f.cr2);
    trap->access = (f.error_code & error_fetch) != 0   ? Access::exec
                   : (f.error_code & error_write) != 0 ? Access::write
                                                       : Access::read;
    return true;
  }
  trap->kind = Trap::Kind::exception;
  trap->address = GuestAddr(f.trap_no == page_fault_vector ? f.cr2 : f.info_addr);
  return true;
}

void NativeContext::take_patched(Trap* trap) {
  Slot::Saved s;
  std::memcpy(&s, &slot_->saved, sizeof s);
  parked_ = Parked::patched;
  illegal_at_ = 0;
  regs_ = {.r15 = s.r15,
           .r14 = s.r14,
           .r13 = s.r13,
           .r12 = s.r12,
           .rbp = s.rbp,
           .rbx = s.rbx,
           .r11 = s.rflags,
           .r10 = s.r10,
           .r9 = s.r9,
           .r8 = s.r8,
           .rax = s.rax,
           .rcx = s.rip,
           .rdx = s.rdx,
           .rsi = s.rsi,
           .rdi = s.rdi,
           .orig_rax = s.rax,
           .rip = s.rip,
           .cs = user_cs,
           .rflags = s.rflags,
           .rsp = s.rsp,
           .ss = user_ss,
           .fs_base = s.fs_base,
           .gs_base = 0};
  if (slot_->stepped.load(std::memory_order_relaxed) != 0) {
    regs_.rflags |= flag_trap;
    regs_.r11 = regs_.rflags;
  }
  entry_fs_base_ = s.fs_base;
  tail_ = 0;
  if (const auto place = Patcher::place_of(s.rip); place && place->is_tail() && place->offset == 0) {
    if (const auto rip = space_->guest_address(*place)) {
      tail_ = s.rip;
      regs_.rcx = regs_.rip = tail_rip_ = *rip;
    }
  }
  trap->kind = Trap::Kind::syscall;
  trap->route = Trap::Route::patched;
}

Trap NativeContext::run(Space& space) {
  Turn turn(*this);
  if (const auto bound = bind(static_cast<NativeSpace&>(space)); !bound)
    return {.kind = Trap::Kind::lost, .code = bound.error().value()};
  running_.store(true, std::memory_order_seq_cst);
  space_->enter();
  host_.running.fetch_add(1, std::memory_order_relaxed);
  Trap trap;
  for (;;) {
    if (interrupt_.exchange(false)) {
      trap = {.kind = Trap::Kind::interrupted};
      // Not to be seen in a trampoline that take_frame() has just sent it to.
      if (const auto place = Patcher::place_of(regs_.rip))
        if (const auto rip = space_->guest_address(*place)) regs_.rip = *rip;
      break;
    }
    if (parked_ == Parked::patched && !plain_return() && !retrap()) {
      trap = {.kind = Trap::Kind::lost, .code = ESRCH};
      break;
    }
    left_trampoline_ = parked_ == Parked::patched;
    if (left_trampoline_)
      load_saved();
    else
      load_frame();
    resume();
    const u32 word = await();
    placement_.after_trap();
    placement_.leave();
    if (word == TO_KERNEL_DEAD) {
      trap = {.kind = Trap::Kind::lost, .code = ESRCH};
      parked_ = Parked::nowhere;
      break;
    }
    if (resumed_at_ != 0) stub_->believe_done(resumed_at_);
    trap = {};
    if (word == TO_KERNEL_PATCHED) {
      take_patched(&trap);
      break;
    }
    if (take_frame(&trap)) break;
  }
  host_.running.fetch_sub(1, std::memory_order_relaxed);
  space_->leave();
  running_.store(false, std::memory_order_seq_cst);
  return trap;
}

void NativeContext::interrupt() {
  interrupt_.store(true, std::memory_order_seq_cst);
  LockGuard guard(lock_);
  if (!running_.load(std::memory_order_seq_cst) || slot_ == nullptr) return;
  syscall(SYS_tgkill, stub_->pid(), thread_.tid, INTERRUPT_SIGNAL);
  futex_wake(&slot_->to_kernel);  // its kernel thread now watches that it acts
}

}  // namespace quire::platform::native
