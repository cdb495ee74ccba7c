// Rows of the system calls on memory.
#include "kernel/syscall/handlers_memory.h"
#include "kernel/syscall/table.h"

namespace quire::syscall {
namespace {

using enum task::Support;

constexpr task::SyscallRow rows[] = {
    {9, "mmap", sys_mmap, full, "", "plPMfx"},
    {10, "mprotect", sys_mprotect, full, "", "plP"},
    {11, "munmap", sys_munmap, full, "", "pl"},
    {12, "brk", sys_brk, full, "", "p"},
    {25, "mremap", sys_mremap, partial, "ranges over several areas", "pllxp"},
    {26, "msync", sys_msync, full, "", "plx"},
    {27, "mincore", sys_mincore, full, "", "plp"},
    {28, "madvise", sys_madvise, partial, "KSM and page-out advice is accepted without effect", "pld"},
    {29, "shmget", sys_shmget, full, "", "dlx"},
    {30, "shmat", sys_shmat, full, "", "dpx"},
    {31, "shmctl", sys_shmctl, full, "", "ddp"},
    {67, "shmdt", sys_shmdt, full, "", "p"},
    {149, "mlock", sys_mlock, full, "", "pl"},
    {150, "munlock", sys_munlock, full, "", "pl"},
    {151, "mlockall", sys_mlockall, full, "", "x"},
    {152, "munlockall", sys_munlockall, full, "", ""},
    {216, "remap_file_pages", sys_remap_file_pages, full, "", "xxxxxx"},
    {237, "mbind", sys_mbind, partial, "one node", "xxxxxx"},
    {238, "set_mempolicy", sys_set_mempolicy, partial, "one node; the policy is not kept", "xxxxxx"},
    {239, "get_mempolicy", sys_get_mempolicy, partial, "one node; always the default policy", "xxxxxx"},
    {256, "migrate_pages", nullptr, none, "", "xxxxxx"},
    {279, "move_pages", nullptr, none, "", "xxxxxx"},
    {323, "userfaultfd", nullptr, none, "", "x"},
    {325, "mlock2", sys_mlock2, full, "", "plx"},
    {329, "pkey_mprotect", sys_pkey_mprotect, partial, "no protection keys", "plPd"},
    {330, "pkey_alloc", sys_pkey_alloc, partial, "no protection keys: ENOSPC", "xx"},
    {331, "pkey_free", sys_pkey_free, partial, "no protection keys", "d"},
    {440, "process_madvise", sys_process_madvise, partial, "as madvise", "fpldx"},
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
