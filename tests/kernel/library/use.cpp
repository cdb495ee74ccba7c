// The C++ wrapper.
#include <quire/mm.hpp>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

int main() {
  auto space = quire::AddressSpace::create();
  if (!space && errno == ENOSYS) {
    std::fprintf(stderr, "%s\n", quire_mm_hint());
    return 77;
  }
  const std::uintptr_t at = 0x10000000;
  const std::array<unsigned char, 7> code{0xb8, 9, 0, 0, 0, 0x0f, 0x05};  // mov $9,%eax ; syscall
  if (!space || space.map(reinterpret_cast<void*>(at), 8192, PROT_READ | PROT_WRITE | PROT_EXEC,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED) == nullptr)
    return 1;
  if (!space.write(at, std::as_bytes(std::span(code)))) return 2;
  auto copy = space.clone();
  if (!copy || !copy.unmap(reinterpret_cast<void*>(at), 4096)) return 3;
  mm_context c{};
  c.size = sizeof c;
  c.regs.rip = at;
  if (space.run(c) != MM_EXIT_SYSCALL || c.regs.orig_rax != 9) return 4;
  c.regs.rip = at;
  if (copy.run(c) != MM_EXIT_FAULT || c.fault_address != at) return 5;
  char* seen = static_cast<char*>(space.show(at + 4096, 4096, PROT_READ | PROT_WRITE));
  if (seen == nullptr) return 6;
  std::strcpy(seen, "shown");
  std::array<std::byte, 6> bytes{};
  if (!space.read(at + 4096, bytes) || std::memcmp(bytes.data(), "shown", 6) != 0) return 7;
  if (!space.protect(reinterpret_cast<void*>(at), 4096, PROT_NONE) || space.read(at, bytes)) return 8;
  quire::AddressSpace moved = std::move(space);
  if (space || !moved || !quire::AddressSpace::clone_own()) return 9;
  std::puts("used");
}
