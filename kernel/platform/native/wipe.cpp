// A stub whose guest has ended is used again, for that costs a fraction of making one. What its next guest
// must not meet is anything of the last one's: memory, registers, or the last one itself.
//
// Memory: what guests can map, the agent unmaps. What else a guest can write is its slot, which is wiped
// here.
//
// Registers: a thread that is parked in the handler of a signal takes them all from the frame in its slot,
// with its signal mask and its alternate stack, when it goes on. So a thread parked in a trampoline will not
// do.
//
// The last guest itself: it may have only said that its thread is parked, and run on. Of a guest that hurts
// nobody but itself; of a stub that another process is to run in, it must not be believed. The host tells
// where the thread really is: asleep in the futex of the handler, at the stack pointer of a frame at its one
// place. All that its code uses from there on follows from that stack pointer, the futex's address, and the
// slot. Only the kernel wakes it: nobody else has the slot.
//
// What remains is what the host does not tell: flags, signal mask, and where the next signal's frame would
// go. So the thread makes one round first, in a stub that has nothing left but our own code and its slot: out
// by the frame that was written here, to a call that traps. Whatever it was, it ends up as a thread that a
// signal has just stopped, or not where it should be.
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "kernel/platform/native/host_calls.h"
#include "kernel/platform/native/stub.h"

namespace quire::platform::native {
namespace {

constexpr int most_looks = 10;
constexpr unsigned look_pause_us = 50;
constexpr int most_ticks = 3;  // for a round
constexpr u64 syscall_size = 2;

/// The words between the frame and the stack pointer in the futex call: where stub_futex and stub_park return
/// to.
constexpr u64 parked_words = 2;

}  // namespace

bool Stub::is_parked(const StubThread& t, const FrameShape& shape) const NO_THREAD_SAFETY_ANALYSIS {
  char name[32], text[256];
  std::snprintf(name, sizeof name, "task/%u/syscall", t.tid);
  const ssize_t n = pread(proc_file(name, where_), text, sizeof text - 1, 0);
  if (n <= 0) return false;
  text[n] = 0;
  u64 nr, word, op, value, timeout, unused[2], sp, ip;
  if (std::sscanf(text, "%lu %lx %lx %lx %lx %lx %lx %lx %lx", &nr, &word, &op, &value, &timeout, &unused[0],
                  &unused[1], &sp, &ip) != 9)
    return false;  // it runs
  const u64 slot = ControlFile::slot_address(t.slot);
  return nr == SYS_futex && word == slot + SLOT_TO_GUEST && op == FUTEX_WAIT && timeout == 0 &&
         sp == slot + shape.frame - parked_words * 8 && ip == stub_address(quire_stub_futex_ip);
}

bool Stub::parks(const StubThread& t, const FrameShape& shape) const {
  // It has handed over and may still be on its way to sleep; the caller is in no hurry.
  for (int tries = 0; !is_parked(t, shape); ++tries) {
    if (tries == most_looks) return false;
    usleep(look_pause_us);
  }
  return true;
}

void Stub::reset_slot(const StubThread& t, const FrameShape& shape) {
  auto* bytes = control_.at<std::byte>(ControlFile::slot_offset(t.slot));
  const u64 address = ControlFile::slot_address(t.slot);
  Slot* slot = control_.slot(t.slot);
  const u32 cpu = slot->guest_cpu.load(std::memory_order_relaxed);
  control_.clear_slot(t.slot);
  control_.prepare_slot(t.slot);
  slot->guest_cpu.store(cpu, std::memory_order_relaxed);
  slot->tid.store(t.tid, std::memory_order_relaxed);
  slot->frame = address + shape.frame;
  slot->gs_base.store(address, std::memory_order_relaxed);
  // As the host lays it out, with the way to a call that no guest thread may make.
  SignalFrame frame = shape.pristine;
  Registers r{};
  r.rip = stub_address(quire_stub_retrap_ip) - syscall_size;
  r.rax = ~u64{0};
  store_registers(r, &frame);
  frame.ss_sp += address - shape.learnt_at;
  frame.fpstate += address - shape.learnt_at;
  const u64 returns[parked_words] = {stub_address(quire_stub_park_woken),
                                     stub_address(quire_stub_handler_parked)};
  std::memcpy(bytes + shape.frame - sizeof returns, returns, sizeof returns);
  std::memcpy(bytes + shape.frame, &frame, sizeof frame);
  std::memcpy(bytes + shape.extended, shape.initial.data(), shape.extended_size);
  std::memcpy(bytes + shape.extended + shape.extended_size, &extended_end_mark, sizeof extended_end_mark);
  slot->guest_sleeps.store(1, std::memory_order_release);
}

bool Stub::wipe(const FrameShape& shape, GuestRange guest) {
  StubThread t;
  {
    LockGuard users(users_lock_);
    if (!users_.empty() || closed_) return false;
  }
  {
    LockGuard guard(lock_);
    collect();
    if (dead() || killed_.load(std::memory_order_acquire) || failures_ != 0 || !backlog_.empty())
      return false;
    if (slots_.size() != 1 || threads_.size() != 1 || threads_[0].patched) return false;
    t = threads_[0];
  }
  if (!parks(t, shape)) return false;
  reset_slot(t, shape);
  std::atomic<u32>& told = control_.slot(t.slot)->to_kernel;
  control_.slot(t.slot)->kernel_sleeps.store(1, std::memory_order_relaxed);
  push(call_entry(SYS_munmap, 0, guest.begin.value(), guest.size()));
  push({.op = OP_RESUME, .nr = 0, .args = {ControlFile::slot_address(t.slot)}, .expect = 0});
  push_ack();
  {
    LockGuard guard(lock_);
    publish(false);
  }
  for (int ticks = 0; told.load(std::memory_order_acquire) == 0; ++ticks)
    if (ticks == most_ticks || dead())
      return false;
    else
      futex_wait(&told, 0, tick_ns);
  if (told.load(std::memory_order_acquire) != TO_KERNEL_SIGNAL || !parks(t, shape)) return false;
  reset_slot(t, shape);
  told.store(TO_KERNEL_SIGNAL, std::memory_order_release);
  return true;
}

}  // namespace quire::platform::native
