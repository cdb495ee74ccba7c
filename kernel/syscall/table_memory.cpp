// Rows of the system calls on memory.
#include "kernel/syscall/handlers.h"
#include "kernel/syscall/table.h"

namespace quire::syscall {
namespace {

using enum task::Support;

constexpr task::SyscallRow rows[] = {
    {9, "mmap", nullptr, none, "", "plPMfx"},
    {10, "mprotect", nullptr, none, "", "plP"},
    {11, "munmap", nullptr, none, "", "pl"},
    {12, "brk", nullptr, none, "", "p"},
    {25, "mremap", nullptr, none, "", "pllxp"},
    {26, "msync", nullptr, none, "", "plx"},
    {27, "mincore", nullptr, none, "", "plp"},
    {28, "madvise", nullptr, none, "", "pld"},
    {29, "shmget", nullptr, none, "", "dlx"},
    {30, "shmat", nullptr, none, "", "dpx"},
    {31, "shmctl", nullptr, none, "", "ddp"},
    {67, "shmdt", nullptr, none, "", "p"},
    {149, "mlock", nullptr, none, "", "pl"},
    {150, "munlock", nullptr, none, "", "pl"},
    {151, "mlockall", nullptr, none, "", "x"},
    {152, "munlockall", nullptr, none, "", ""},
    {216, "remap_file_pages", nullptr, none, "", "xxxxxx"},
    {237, "mbind", nullptr, none, "", "xxxxxx"},
    {238, "set_mempolicy", nullptr, none, "", "xxxxxx"},
    {239, "get_mempolicy", nullptr, none, "", "xxxxxx"},
    {256, "migrate_pages", nullptr, none, "", "xxxxxx"},
    {279, "move_pages", nullptr, none, "", "xxxxxx"},
    {323, "userfaultfd", nullptr, none, "", "x"},
    {325, "mlock2", nullptr, none, "", "plx"},
    {329, "pkey_mprotect", nullptr, none, "", "plPd"},
    {330, "pkey_alloc", nullptr, none, "", "xx"},
    {331, "pkey_free", nullptr, none, "", "d"},
    {440, "process_madvise", nullptr, none, "", "fpldx"},
    {447, "memfd_secret", nullptr, none, "", "xxxxxx"},
    {448, "process_mrelease", nullptr, none, "", "xxxxxx"},
    {450, "set_mempolicy_home_node", nullptr, none, "", "xxxxxx"},
    {451, "cachestat", nullptr, none, "", "fppx"},
    {453, "map_shadow_stack", nullptr, none, "", "xxxxxx"},
    {462, "mseal", nullptr, none, "", "xxxxxx"},
};

}  // namespace

std::span<const task::SyscallRow> memory_rows() { return rows; }

}  // namespace quire::syscall
