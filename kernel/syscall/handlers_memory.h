// Handlers of the rows in table_memory.cpp.
#pragma once

#include "kernel/syscall/handlers.h"

namespace quire::syscall {

// memory_calls.cpp
QUIRE_SYSCALL(mmap);
QUIRE_SYSCALL(mprotect);
QUIRE_SYSCALL(munmap);
QUIRE_SYSCALL(brk);
QUIRE_SYSCALL(mremap);
QUIRE_SYSCALL(msync);
QUIRE_SYSCALL(mincore);
QUIRE_SYSCALL(madvise);
QUIRE_SYSCALL(process_madvise);
QUIRE_SYSCALL(remap_file_pages);
QUIRE_SYSCALL(pkey_mprotect);
QUIRE_SYSCALL(pkey_alloc);
QUIRE_SYSCALL(pkey_free);

// memory_lock_calls.cpp
QUIRE_SYSCALL(mlock);
QUIRE_SYSCALL(mlock2);
QUIRE_SYSCALL(munlock);
QUIRE_SYSCALL(mlockall);
QUIRE_SYSCALL(munlockall);

// memory_policy_calls.cpp
QUIRE_SYSCALL(mbind);
QUIRE_SYSCALL(set_mempolicy);
QUIRE_SYSCALL(get_mempolicy);

// sysv_shm.cpp
QUIRE_SYSCALL(shmget);
QUIRE_SYSCALL(shmat);
QUIRE_SYSCALL(shmdt);
QUIRE_SYSCALL(shmctl);

}  // namespace quire::syscall
