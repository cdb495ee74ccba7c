// Building the memory of a new program: segments, stack, auxiliary vector.
#pragma once

#include <string>
#include <vector>

#include "base/ref.h"
#include "base/result.h"
#include "kernel/mm/address_space.h"
#include "kernel/task/elf_image.h"
#include "kernel/vfs/file.h"
#include "kernel/vfs/operations.h"

namespace quire::task {

class Kernel;

struct ProgramRequest {
  Ref<vfs::File> file;  // already opened for execution
  std::string path;     // as the program was named (AT_EXECFN)
  std::vector<std::string> argv, envp;
  u64 stack_limit = 0;  // RLIMIT_STACK, bytes
  bool randomise = true;
  mm::Limits limits;
};

struct Program {
  Ref<mm::AddressSpace> mm;
  Ref<vfs::File> file;  // the binary: behind scripts, their interpreter
  std::string path;
  u64 entry = 0, stack_pointer = 0;
  std::vector<u64> auxiliary_vector;
};

/// Follows scripts, loads the binary and its dynamic linker into a fresh address space, and lays the
/// stack out. Nothing of the caller changes. ENOEXEC, EACCES, ENOENT, ELOOP, E2BIG, ENOMEM, ...
Result<Program> build_program(Kernel& kernel, const vfs::Lookup& at, ProgramRequest request);

}  // namespace quire::task
