// Guest memory by checked copies only.
#include "quire.h"
namespace quire {
using platform::Memory;
struct Head { u32 magic, size; };
u32 deref(Memory& m, FrameNumber f) {
  const char* p = m.at(f);
  return static_cast<u32>(*p);  // expect: quire.guest-memory
}
u32 copied(Memory& m, FrameNumber f) {
  char c = 0;
  return m.checked_copy(&c, m.at(f), 1) ? static_cast<u32>(c) : 0;
}
u32 as_struct(Memory& m, FrameNumber f) {
  const Head* h = reinterpret_cast<const Head*>(m.at(f));
  return h->size;  // expect: quire.guest-memory
}
u32 struct_copied(Memory& m, FrameNumber f) {
  Head h{};
  const Head* from = reinterpret_cast<const Head*>(m.at(f));
  if (!m.checked_copy(&h, from, sizeof h)) return 0;
  return h.size;
}
void written(Memory& m, FrameNumber f) {
  char* p = m.at(f);
  p[3] = 1;  // expect: quire.guest-memory
}
bool written_by_copy(Memory& m, FrameNumber f) {
  char one = 1;
  return m.checked_copy(m.at(f) + 3, &one, 1);
}
void raw_copy(Memory& m, FrameNumber f, char* to) {
  const char* p = m.at(f);
  std::memcpy(to, p, 64);  // expect: quire.guest-memory
}
void raw_copy_offset(Memory& m, FrameNumber f, char* to) {
  char* p = m.at(f);
  std::memcpy(to, p + 64, 64);  // expect: quire.guest-memory
}
void raw_copy_elsewhere(char* from, char* to) {
  std::memcpy(to, from, 64);
}
void raw_set(Memory& m, FrameNumber f) {
  char* p = m.at(f);
  memset(p, 0, 4096);  // expect: quire.guest-memory
}
void raw_at_once(Memory& m, FrameNumber f, char* to) {
  std::memcpy(to, m.at(f), 64);  // expect: quire.guest-memory
}
int compared(Memory& m, FrameNumber f, const char* with) {
  const char* p = m.at(f);
  return memcmp(p, with, 16);  // expect: quire.guest-memory
}
const char* only_address(Memory& m, FrameNumber f) {
  const char* p = m.at(f);
  return p + 4;
}
u32 guest_pointer(GuestAddr a) {
  const u32* p = reinterpret_cast<const u32*>(a.value());
  return *p;  // expect: quire.guest-memory
}
u64 guest_number(GuestAddr a) {
  u64 n = a.value();
  return n + 8;
}
void guest_struct(GuestAddr a) {
  Head* h = reinterpret_cast<Head*>(a.value());
  h->magic = 1;  // expect: quire.guest-memory
}
u64 frame_pointer(FrameNumber f) {
  const u64* p = reinterpret_cast<const u64*>(f.value());
  return *p;
}
static u32 sum(const char* p) { return static_cast<u32>(p[0]) + 1; }  // expect: quire.guest-memory
u32 through_call(Memory& m, FrameNumber f) {
  const char* p = m.at(f);
  return sum(p);
}
static u32 distance(const char* p, const char* q) { return static_cast<u32>(p - q); }
u32 through_call_address(Memory& m, FrameNumber f) {
  return distance(m.at(f), nullptr);
}
u32 reassigned(Memory& m, FrameNumber f, const char* own) {
  const char* p = m.at(f);
  p = own;
  return static_cast<u32>(*p);
}
}
