// Fixture of the native platform's tests: a platform, and pages of hand-written code to run in it.
#pragma once

#include <gtest/gtest.h>

#include <cstring>

#include "kernel/platform/platform.h"

#define GUEST(name) extern "C" const char guest_##name[], guest_##name##_end[]
GUEST(two_calls);
GUEST(touch);
GUEST(null_calls);
GUEST(spin);
GUEST(store_loop);
GUEST(keep_state);
GUEST(bases);
GUEST(read_pages);
GUEST(int80);
GUEST(x32);
GUEST(vsyscall);
GUEST(sysenter);
GUEST(jump);
GUEST(store);
GUEST(sigreturn);
GUEST(odd_flags);
GUEST(getpids);
GUEST(libc_syscall);
GUEST(red_zone);
GUEST(into_site);
GUEST(flags);
GUEST(far32);
GUEST(scribble);
GUEST(mark_slot);
GUEST(scan_slot);
GUEST(pretend);
GUEST(where_parked);
GUEST(pretend_and_return);
GUEST(reads);
GUEST(into_read);
GUEST(chain);
#undef GUEST
/// A guest's code, as a pair of pointers.
#define GUEST_CODE(name) guest_##name, guest_##name##_end

namespace quire::platform::native {

constexpr GuestAddr code_at(0x400000);
constexpr GuestAddr stack_at(0x500000);
constexpr Access rw = Access::read | Access::write;
constexpr Access rx = Access::read | Access::exec;
constexpr GuestRange pages_at(u64 at, u64 n = 1) { return {GuestAddr(at), GuestAddr(at + n * page_size)}; }

/// One platform for all tests of a program: making it forks.
class NativeTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (platform == nullptr) {
      auto p = create_native({});
      ASSERT_TRUE(p) << p.error().name();
      platform = p->release();
    }
  }
  void SetUp() override {
    ASSERT_NE(platform, nullptr);
    auto s = platform->create_space();
    auto c = platform->create_context();
    ASSERT_TRUE(s && c);
    space = std::move(*s);
    context = std::move(*c);
  }
  /// Fresh zero frames.
  static FrameNumber frames(u64 n = 1) {
    const FrameNumber f = next_frame;
    next_frame += n;
    return f;
  }
  /// Maps code at code_at and a page of stack below stack_at + 4096, and points the context there.
  void load(Context& c, Space& s, const char* begin, const char* end) {
    const FrameNumber f = frames();
    memcpy(platform->memory().at(f), begin, static_cast<std::size_t>(end - begin));
    s.map({code_at, code_at + page_size}, f, rx);
    s.map({stack_at, stack_at + page_size}, frames(), rw);
    c.regs().rip = code_at.value();
    c.regs().rsp = stack_at.value() + page_size - 256;
  }
  void load(const char* begin, const char* end) { load(*context, *space, begin, end); }
  /// The same, `entry` bytes into the page, with its sites patched as if calls had trapped at each; how
  /// many were.
  static constexpr u64 entry = 64;
  unsigned load_patched(const char* begin, const char* end, u64 at = code_at.value()) {
    text = frames();
    const std::span page(platform->memory().at(text), page_size);
    memcpy(page.data() + entry, begin, static_cast<std::size_t>(end - begin));
    ++next_key;
    for (std::size_t i = entry; i + 1 < page.size(); ++i) {
      if (page[i] != std::byte{0x0f} || page[i + 1] != std::byte{0x05}) continue;
      const u64 stack[] = {0, 0};
      TrappedCall call{.number = 0, .r9 = 0, .stack = std::as_bytes(std::span(stack))};
      for (std::size_t p = i - 5; p > i - 15; --p) {
        u32 number;
        memcpy(&number, &page[p + 1], sizeof number);
        if (page[p] != std::byte{0xb8} || number >= 2000) continue;
        call.number = number;
        break;
      }
      for (int n = 0; n < 2; ++n) platform->patcher().trapped(next_key, 0, page, i, call);
    }
    const unsigned n = platform->patcher().apply(next_key, 0, page);
    space->map(pages_at(at), text, rx);
    space->map({stack_at, stack_at + page_size}, frames(), rw);
    context->regs().rip = at + entry;
    context->regs().rsp = stack_at.value() + page_size - 256;
    return n;
  }

  static inline Platform* platform = nullptr;
  static inline FrameNumber next_frame{1024};
  static inline u64 next_key = 0;
  FrameNumber text{};
  std::unique_ptr<Space> space;
  std::unique_ptr<Context> context;
};

}  // namespace quire::platform::native
