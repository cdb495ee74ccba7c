#include "kernel/platform/native/call_site.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <vector>

#include "kernel/platform/native/instruction.h"

namespace quire::platform::native {
namespace {

using Bytes = std::vector<u8>;

std::span<const std::byte> as_text(const Bytes& b) { return std::as_bytes(std::span(b)); }

unsigned length(const Bytes& b) { return decode(as_text(b)).length; }

TEST(InstructionTest, Lengths) {
  EXPECT_EQ(length({0x90}), 1u);
  EXPECT_EQ(length({0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8}), 10u);
  EXPECT_EQ(length({0x66, 0xb8, 1, 2}), 4u);
  EXPECT_EQ(length({0x4c, 0x8b, 0x4c, 0x24, 0x08}), 5u);
  EXPECT_EQ(length({0xc7, 0x45, 0xb8, 5, 0, 0, 0}), 7u);
  EXPECT_EQ(length({0xf7, 0x05, 1, 2, 3, 4, 5, 6, 7, 8}), 10u) << "test with an immediate";
  EXPECT_EQ(length({0xf7, 0x15, 1, 2, 3, 4}), 6u) << "not without";
  EXPECT_EQ(length({0x62, 0xf1, 0xfe, 0x28, 0x6f, 0x06}), 6u);
  EXPECT_EQ(length({0xc4, 0xe3, 0xfb, 0xf0, 0xc9, 0x1e}), 6u);
  EXPECT_EQ(length({0x06}), 0u);
  EXPECT_EQ(length({0xb8, 1, 2}), 0u) << "cut short";
  EXPECT_EQ(length({}), 0u);
  EXPECT_EQ(length(Bytes(20, 0x66)), 0u);
}

TEST(InstructionTest, AnyBytesAreDecodedWithinBounds) {
  u32 state = 1;
  for (int n = 0; n < 200000; ++n) {
    std::array<u8, 16> b;
    for (u8& v : b) v = static_cast<u8>((state = state * 1664525 + 1013904223) >> 24);
    for (std::size_t size : {std::size_t{3}, std::size_t{7}, b.size()})
      EXPECT_LE(decode(std::as_bytes(std::span(b)).first(size)).length, std::min<std::size_t>(size, 15));
  }
}

// The whole text of the C library, as the disassembler sees it.
TEST(InstructionTest, AgreesWithTheDisassembler) {
  const char* library = "/lib/x86_64-linux-gnu/libc.so.6";
  FILE* p = popen((std::string("objdump -d -w ") + library + " 2>/dev/null").c_str(), "r");
  ASSERT_NE(p, nullptr);
  char line[1024];
  u64 seen = 0, wrong = 0;
  while (fgets(line, sizeof line, p) != nullptr) {
    unsigned long long at;
    int used = 0;
    if (sscanf(line, " %llx:%n", &at, &used) != 1 || used == 0) continue;
    Bytes bytes;
    char* rest = line + used + 1;
    unsigned v;
    while (isxdigit(rest[0]) != 0 && isxdigit(rest[1]) != 0 && rest[2] == ' ' &&
           sscanf(rest, "%2x", &v) == 1) {
      bytes.push_back(static_cast<u8>(v));
      rest += 3;
    }
    while (*rest == ' ' || *rest == '\t') ++rest;
    // What no compiler makes, and prefixes that stand alone.
    const std::string_view text(rest);
    if (bytes.empty() || text.starts_with("(bad)") || text.starts_with("hlt") || text.starts_with("rex"))
      continue;
    ++seen;
    const unsigned got = length(bytes);
    if (got != bytes.size() && ++wrong < 10) ADD_FAILURE() << line << " got " << got;
  }
  if (pclose(p) != 0 || seen == 0) GTEST_SKIP() << "no objdump here";
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(seen, 100000u);
}

/// A page of nops with `code` in it, its SYSCALL `syscall` bytes in.
std::optional<CallSite> find(const Bytes& code, std::size_t syscall, const TrappedCall& call) {
  Bytes page(page_size, 0x90);
  std::ranges::copy(code, page.begin() + 100);
  return find_call_site(as_text(page), 100 + syscall, call);
}

TEST(CallSiteTest, WhatStandsBeforeACall) {
  EXPECT_EQ(find({0xb8, 39, 0, 0, 0, 0x0f, 0x05}, 5, {.number = 39}), (CallSite{100, 5, 0}));
  EXPECT_EQ(find({0x31, 0xd2, 0xb8, 39, 0, 0, 0, 0x0f, 0x05}, 7, {.number = 39}), (CallSite{102, 5, 0}))
      << "d2 b8 27 00 00 00 would have faulted";
  EXPECT_EQ(find({0xbf, 0xff, 0xff, 0xff, 0xff, 0xb8, 3, 0, 0, 0, 0x0f, 0x05}, 10, {.number = 3}),
            (CallSite{105, 5, 0}))
      << "ff /7 is no instruction";
  EXPECT_EQ(find({0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05}, 7, {.number = 15}), (CallSite{100, 7, 0}));
  // mov $0xca,%eax; xor $0x80,%sil
  EXPECT_EQ(find({0xb8, 0xca, 0, 0, 0, 0x40, 0x80, 0xf6, 0x80, 0x0f, 0x05}, 9, {.number = 202}),
            (CallSite{100, 9, 0}));
  // mov $35,%eax; xor %edi,%edi
  EXPECT_EQ(find({0xb8, 35, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05}, 7, {.number = 35}), (CallSite{100, 7, 0}));
  // xor %eax,%eax; syscall; cmp $-4096,%rax
  EXPECT_EQ(find({0x31, 0xc0, 0x0f, 0x05, 0x48, 0x3d, 0, 0xf0, 0xff, 0xff}, 2, {.number = 0}),
            (CallSite{100, 2, 6}));
  // xor %eax,%eax; mov %r12,%rsi; syscall
  EXPECT_EQ(find({0x31, 0xc0, 0x4c, 0x89, 0xe6, 0x0f, 0x05}, 5, {.number = 0}), (CallSite{100, 5, 0}));
}

TEST(CallSiteTest, SyscallFunction) {
  const Bytes code = {0x4d, 0x89, 0xc8, 0x4c, 0x8b, 0x4c, 0x24, 0x08, 0x0f, 0x05};
  const u64 stack[] = {1, 77};
  EXPECT_EQ(find(code, 8, {.number = 900, .r9 = 77, .stack = std::as_bytes(std::span(stack))}),
            (CallSite{103, 5, 0}));
  EXPECT_FALSE(find(code, 8, {.number = 900, .r9 = 78, .stack = std::as_bytes(std::span(stack))}));
  EXPECT_FALSE(find(code, 8, {.number = 900, .r9 = 77, .stack = {}}));
}

TEST(CallSiteTest, WhatOnlyLooksLikeOne) {
  EXPECT_FALSE(find({0xb8, 39, 0, 0, 0, 0x0f, 0x05}, 5, {.number = 40})) << "another number was called";
  EXPECT_FALSE(find({0xc7, 0x45, 0xb8, 5, 0, 0, 0, 0x0f, 0x05}, 7, {.number = 5})) << "movl $5,-72(%rbp)";
  EXPECT_FALSE(find({0x41, 0xb8, 9, 0, 0, 0, 0x0f, 0x05}, 6, {.number = 9})) << "mov $9,%r8d";
  EXPECT_FALSE(find({0x83, 0xbd, 0xb8, 5, 0, 0, 0, 0x0f, 0x05}, 7, {.number = 5})) << "cmpl $0,0x5b8(%rbp)";
  EXPECT_FALSE(find({0x8d, 0xb8, 0xca, 0, 0, 0, 0x0f, 0x05}, 6, {.number = 202})) << "lea 0xca(%rax),%edi";
  EXPECT_FALSE(find({0x49, 0xb9, 1, 2, 3, 0xb8, 5, 0, 0, 0, 0x0f, 0x05}, 10, {.number = 5}))
      << "movabs to r9";
  EXPECT_FALSE(find({0xbb, 0, 0, 0x31, 0xc0, 0x0f, 0x05, 0x48, 0x3d, 0, 0xf0, 0xff, 0xff}, 5, {.number = 0}))
      << "mov $0xc0310000,%ebx";
  EXPECT_FALSE(find({0xb8, 39, 0, 0, 0, 0x89, 0xc0, 0x0f, 0x05}, 7, {.number = 39}))
      << "rax is changed between";
  EXPECT_FALSE(find({0xb8, 39, 0, 0, 0, 0x8b, 0x3d, 1, 2, 3, 4, 0x0f, 0x05}, 11, {.number = 39}))
      << "relative to rip";
  EXPECT_FALSE(find({0xb8, 39, 0, 0, 0, 0xc3, 0x0f, 0x05}, 6, {.number = 39})) << "not reached from there";
  EXPECT_FALSE(find({0x31, 0xc0, 0x0f, 0x05, 0x75, 0x10, 0x90}, 2, {.number = 0}))
      << "a branch cannot be moved";
  EXPECT_FALSE(find({0x90, 0x90}, 0, {.number = 0})) << "no SYSCALL";
}

TEST(CallSiteTest, BordersOfThePage) {
  Bytes page(page_size, 0x90);
  const Bytes code = {0xb8, 39, 0, 0, 0, 0x0f, 0x05};
  for (std::size_t at = 5; at + 2 <= page.size(); ++at) {
    Bytes p = page;
    std::ranges::copy(code, p.begin() + static_cast<std::ptrdiff_t>(at) - 5);
    const auto site = find_call_site(as_text(p), at, {.number = 39});
    if (at >= 64 && at + 64 < page.size()) {
      EXPECT_TRUE(site) << at;
    }
    if (site) {
      EXPECT_LE(site->start + site->size(), page.size());
    }
  }
  EXPECT_FALSE(find_call_site(as_text(page), page.size() - 1, {.number = 39}));
}

// Of the C library's sites with the number right before them nearly all are found.
TEST(CallSiteTest, MostOfTheLibrary) {
  std::ifstream file("/lib/x86_64-linux-gnu/libc.so.6", std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
  const auto text = std::as_bytes(std::span(bytes));
  unsigned sites = 0, found = 0;
  for (std::size_t i = 64; i + 64 < text.size(); ++i) {
    if (text[i] != std::byte{0x0f} || text[i + 1] != std::byte{0x05} || text[i - 5] != std::byte{0xb8})
      continue;
    u32 number;
    memcpy(&number, &text[i - 4], sizeof number);
    if (number > 500) continue;
    ++sites;
    found += find_call_site(text.subspan(i - 64, 128), 64, {.number = number}) ? 1 : 0;
  }
  if (sites == 0) GTEST_SKIP() << "no such library here";
  EXPECT_GT(found * 10, sites * 9) << found << " of " << sites;
}

}  // namespace
}  // namespace quire::platform::native
