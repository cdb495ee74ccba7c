#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "kernel/platform/fake/fake.h"

namespace quire::platform::fake {

namespace {
constexpr std::size_t extended_size = 832;  // x87, SSE and AVX in standard format
}

struct FakeContext::Hand {
  enum class Turn : u8 { kernel, guest };
  std::mutex mutex;
  std::condition_variable changed;
  Turn turn = Turn::kernel;
  Trap trap;
  bool dead = false;
  bool ended = false;
  bool diverted = false;
  std::atomic<bool> interrupted{false};
  FakeSpace* space = nullptr;
  Script script;
  std::thread thread;
};

FakeContext::FakeContext() : extended_(extended_size), hand_(std::make_unique<Hand>()) { reset(); }

FakeContext::~FakeContext() {
  {
    std::lock_guard lock(hand_->mutex);
    hand_->dead = true;
    hand_->turn = Hand::Turn::guest;
  }
  hand_->changed.notify_all();
  if (hand_->thread.joinable()) hand_->thread.join();
}

void FakeContext::set_script(Script script) { hand_->script = std::move(script); }

void FakeContext::reset() {
  regs_ = {};
  regs_.orig_rax = ~u64{0};
  regs_.cs = 0x33;
  regs_.ss = 0x2b;
  regs_.rflags = 0x202;
  std::fill(extended_.begin(), extended_.end(), std::byte{0});
  extended_[0] = std::byte{0x7f};  // FCW 0x37f, MXCSR 0x1f80: what a program starts with
  extended_[1] = std::byte{0x03};
  extended_[24] = std::byte{0x80};
  extended_[25] = std::byte{0x1f};
}

Result<> FakeContext::copy_state_from(Context& other) {
  auto& o = as_fake(other);
  regs_ = o.regs_;
  extended_ = o.extended_;
  return {};
}

Trap FakeContext::run(Space& space) {
  Hand& h = *hand_;
  if (h.interrupted.exchange(false)) return {.kind = Trap::Kind::interrupted};
  h.space = &as_fake(space);
  h.space->drain();
  std::unique_lock lock(h.mutex);
  if (run_error_ != 0) return {.kind = Trap::Kind::lost, .code = run_error_};
  if (!h.script || h.ended) return {.kind = Trap::Kind::lost, .code = ESRCH};
  if (!h.thread.joinable())
    h.thread = std::thread([this] {
      Hand& hand = *hand_;
      {
        std::unique_lock wait(hand.mutex);
        hand.changed.wait(wait, [&] { return hand.turn == Hand::Turn::guest; });
      }
      if (!hand.dead) {
        Guest guest(*this);
        hand.script(guest);
      }
      std::lock_guard end(hand.mutex);
      hand.ended = true;
      hand.trap = {.kind = Trap::Kind::lost, .code = ESRCH};
      hand.turn = Hand::Turn::kernel;
      hand.changed.notify_all();
    });
  h.turn = Hand::Turn::guest;
  h.changed.notify_all();
  h.changed.wait(lock, [&] { return h.turn == Hand::Turn::kernel; });
  return h.trap;
}

void FakeContext::interrupt() { hand_->interrupted.store(true); }

bool FakeContext::trap(const Trap& t) {
  Hand& h = *hand_;
  std::unique_lock lock(h.mutex);
  if (h.dead) return false;
  const u64 rip = regs_.rip;
  h.trap = t;
  h.turn = Hand::Turn::kernel;
  h.changed.notify_all();
  h.changed.wait(lock, [&] { return h.turn == Hand::Turn::guest; });
  h.diverted = regs_.rip != rip;
  return !h.dead;
}

bool FakeContext::check_interrupt() {
  if (!hand_->interrupted.exchange(false)) return true;
  return trap({.kind = Trap::Kind::interrupted});
}

Registers& Guest::regs() { return context_.regs_; }
bool Guest::dead() const {
  std::lock_guard lock(context_.hand_->mutex);
  return context_.hand_->dead;
}
bool Guest::diverted() const { return context_.hand_->diverted; }
void Guest::step() { context_.check_interrupt(); }

u64 Guest::syscall(u64 number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) {
  if (!context_.check_interrupt()) return ~u64{0};
  Registers& r = context_.regs_;
  r.rax = r.orig_rax = number;
  r.rdi = a, r.rsi = b, r.rdx = c, r.r10 = d, r.r8 = e, r.r9 = f;
  r.rip += 2;
  r.rcx = r.rip;
  r.r11 = r.rflags;
  if (!context_.trap({.kind = Trap::Kind::syscall})) return ~u64{0};
  return r.rax;
}

bool FakeContext::access(u64 error_code,
                         const std::function<bool(FakeSpace&, const FakeSpace::FaultHandler&)>& go) {
  for (;;) {
    if (!check_interrupt()) return false;
    FakeSpace& space = *hand_->space;
    const auto fault = [&](GuestAddr a, Access w) {
      // Let go on in another space, the access starts anew there.
      return trap({.kind = Trap::Kind::page_fault,
                   .access = w,
                   .address = a,
                   .trap_no = 14,
                   .error_code = error_code}) &&
             hand_->space == &space;
    };
    if (go(space, fault)) return true;
    std::lock_guard lock(hand_->mutex);
    if (hand_->dead || hand_->space == &space) return false;
  }
}

bool Guest::load(GuestAddr from, void* to, std::size_t n) {
  return context_.access(
      4, [&](FakeSpace& s, const FakeSpace::FaultHandler& f) { return s.load(from, to, n, f); });
}

bool Guest::store(GuestAddr to, const void* from, std::size_t n) {
  return context_.access(
      6, [&](FakeSpace& s, const FakeSpace::FaultHandler& f) { return s.store(to, from, n, f); });
}

void Guest::exception(int signo, int code, GuestAddr at) {
  context_.trap({.kind = Trap::Kind::exception, .address = at, .signo = signo, .code = code});
}

}  // namespace quire::platform::fake
