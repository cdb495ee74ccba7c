// mlock and its family.
#include <sys/mman.h>

#include "kernel/syscall/handlers_memory.h"

namespace quire::syscall {

QUIRE_SYSCALL(mlock) {
  TRY_VOID(task.mm().lock(args.addr(0), args[1], false));
  return 0;
}

QUIRE_SYSCALL(mlock2) {
  if ((args.i(2) & ~MLOCK_ONFAULT) != 0) return err(EINVAL);
  TRY_VOID(task.mm().lock(args.addr(0), args[1], args.i(2) == MLOCK_ONFAULT));
  return 0;
}

QUIRE_SYSCALL(munlock) {
  TRY_VOID(task.mm().unlock(args.addr(0), args[1]));
  return 0;
}

QUIRE_SYSCALL(mlockall) {
  TRY_VOID(task.mm().lock_all(args.i(0)));
  return 0;
}

QUIRE_SYSCALL(munlockall) {
  TRY_VOID(task.mm().unlock_all());
  return 0;
}

}  // namespace quire::syscall
