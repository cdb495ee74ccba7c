// Handlers of the system calls on sockets (net.cpp, net_message.cpp).
#pragma once

#include "kernel/syscall/handlers.h"

namespace quire::syscall {

QUIRE_SYSCALL(socket);
QUIRE_SYSCALL(socketpair);
QUIRE_SYSCALL(bind);
QUIRE_SYSCALL(connect);
QUIRE_SYSCALL(listen);
QUIRE_SYSCALL(accept);
QUIRE_SYSCALL(accept4);
QUIRE_SYSCALL(getsockname);
QUIRE_SYSCALL(getpeername);
QUIRE_SYSCALL(shutdown);
QUIRE_SYSCALL(setsockopt);
QUIRE_SYSCALL(getsockopt);
QUIRE_SYSCALL(sendto);
QUIRE_SYSCALL(recvfrom);
QUIRE_SYSCALL(sendmsg);
QUIRE_SYSCALL(recvmsg);
QUIRE_SYSCALL(sendmmsg);
QUIRE_SYSCALL(recvmmsg);

}  // namespace quire::syscall
