// Handlers of the calls that wait for events, of pipes, and of mounts.
#pragma once

#include "kernel/syscall/handlers.h"

namespace quire::syscall {

// poll_calls.cpp
QUIRE_SYSCALL(poll);
QUIRE_SYSCALL(ppoll);
QUIRE_SYSCALL(select);
QUIRE_SYSCALL(pselect6);

// epoll_calls.cpp
QUIRE_SYSCALL(epoll_create);
QUIRE_SYSCALL(epoll_create1);
QUIRE_SYSCALL(epoll_ctl);
QUIRE_SYSCALL(epoll_wait);
QUIRE_SYSCALL(epoll_pwait);
QUIRE_SYSCALL(epoll_pwait2);

// event_calls.cpp: eventfd, inotify, pipes, memfd
QUIRE_SYSCALL(eventfd);
QUIRE_SYSCALL(eventfd2);
QUIRE_SYSCALL(inotify_init);
QUIRE_SYSCALL(inotify_init1);
QUIRE_SYSCALL(inotify_add_watch);
QUIRE_SYSCALL(inotify_rm_watch);
QUIRE_SYSCALL(pipe);
QUIRE_SYSCALL(pipe2);
QUIRE_SYSCALL(tee);
QUIRE_SYSCALL(vmsplice);
QUIRE_SYSCALL(memfd_create);

// signalfd_calls.cpp, timerfd_calls.cpp
QUIRE_SYSCALL(signalfd);
QUIRE_SYSCALL(signalfd4);
QUIRE_SYSCALL(timerfd_create);
QUIRE_SYSCALL(timerfd_settime);
QUIRE_SYSCALL(timerfd_gettime);

// mount_calls.cpp
QUIRE_SYSCALL(mount);
QUIRE_SYSCALL(umount2);
QUIRE_SYSCALL(sync);
QUIRE_SYSCALL(syncfs);

}  // namespace quire::syscall
