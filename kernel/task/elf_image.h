// Reading an ELF executable: what to map where. Pure: knows no address space, trusts no byte.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "kernel/abi/types.h"

namespace quire::task {

/// Reads up to to.size() bytes at an offset of the file; fewer at its end.
using FileReader = std::function<Result<std::size_t>(u64 offset, std::span<std::byte> to)>;

struct ElfSegment {
  u64 address = 0, memory_size = 0;
  u64 offset = 0, file_size = 0;
  Access access = Access::none;

  u64 end() const { return address + memory_size; }
};

struct ElfImage {
  bool position_independent = false;
  u64 entry = 0;
  u64 header_address = 0;  // of the program headers in memory; 0 if no segment holds them
  u16 header_count = 0;
  u64 alignment = page_size;  // the largest that a segment asks for
  bool executable_stack = true;
  std::optional<std::string> interpreter;
  std::vector<ElfSegment> segments;  // as in the file: ascending by address, or ENOEXEC

  /// Pages from the first segment's to the last one's.
  Range<u64> span() const;
};

/// ENOEXEC for what is no x86-64 executable or contradicts itself; EIO from the reader. `limit` is the
/// first address that programs may not use.
Result<ElfImage> read_elf(const FileReader& read, u64 limit);

/// The first line of a script: interpreter and at most one argument. ENOEXEC if it names none. `start`
/// holds the file's first bytes, beginning with "#!".
struct ScriptLine {
  std::string interpreter;
  std::optional<std::string> argument;
};
Result<ScriptLine> read_script_line(std::span<const std::byte> start);

}  // namespace quire::task
