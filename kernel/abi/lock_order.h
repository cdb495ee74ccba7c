// The order of the kernel's locks: a thread takes them with rising rank only. This is the one place
// where the order is written; debug builds check it (base/lock.h).
//
// Leave gaps; add a line for a new class with what it guards.
#pragma once

#include "base/lock.h"

namespace quire::locks {

// task
inline constexpr LockClass timers{95, "task.timers"};                 // timers of one process
inline constexpr LockClass process_table{100, "task.process_table"};  // pids, parents, sessions
inline constexpr LockClass process{110, "task.process", true};        // threads, children, rlimits
inline constexpr LockClass signals{120, "task.signals", true};        // pending sets, actions
inline constexpr LockClass signal_actions{122, "task.signal_actions"};
inline constexpr LockClass timerfd{124, "syscall.timerfd", true};   // one timer descriptor
inline constexpr LockClass timer_queue{125, "task.timer_queue"};    // deadlines of timers
inline constexpr LockClass fork_expected{127, "mm.fork_expected"};  // who prepares for a large fork
inline constexpr LockClass host_threads{128, "task.host_threads"};  // the pool of kernel threads
inline constexpr LockClass fd_table{130, "vfs.fd_table", true};     // descriptors -> files
inline constexpr LockClass fs_context{135, "vfs.fs_context"};       // cwd, root, umask
// vfs, file systems, sockets; guest memory is copied under those of pipes, sockets and terminals
inline constexpr LockClass rename{198, "vfs.rename"};  // one rename at a time; paths stay still
inline constexpr LockClass mounts{200, "vfs.mounts"};
inline constexpr LockClass socket_state{204, "net.socket_state"};  // bind and connect of one socket
inline constexpr LockClass directory{207, "vfs.directory",
                                     true};  // changes of one directory; ancestors first
inline constexpr LockClass file_position{208, "vfs.file_position",
                                         true};            // an overlay's file, then the one below
inline constexpr LockClass inode{210, "vfs.inode", true};  // contents and attributes; ancestors first
inline constexpr LockClass pipe{212, "fs.pipe", true};
inline constexpr LockClass socket_names{213, "net.socket_names"};  // which socket owns which name
inline constexpr LockClass socket{214, "net.socket", true};
inline constexpr LockClass terminal{216, "fs.terminal", true};  // line discipline of one terminal
inline constexpr LockClass pty_table{218, "fs.pty_table"};      // terminals by number
inline constexpr LockClass dentry{220, "vfs.dentry", true};
inline constexpr LockClass overlay_table{228, "fs.overlay_table"};  // inodes of one overlay
inline constexpr LockClass host_table{230, "fs.host_table"};        // inodes of one host directory tree
inline constexpr LockClass fifos{232, "fs.fifos"};                  // pipes behind open FIFOs
inline constexpr LockClass dentry_roots{234, "vfs.dentry_roots"};   // the trees of cached names
// mm
inline constexpr LockClass spaces{299, "mm.spaces"};                      // all address spaces of a machine
inline constexpr LockClass address_space{300, "mm.address_space", true};  // vmas; parent before child
inline constexpr LockClass vma{310, "mm.vma", true};
inline constexpr LockClass objects{319, "mm.objects"};      // all objects with a source
inline constexpr LockClass object{320, "mm.object", true};  // page cache of one object
inline constexpr LockClass page_table{330, "mm.page_table", true};
inline constexpr LockClass reverse_map{340, "mm.reverse_map", true};
inline constexpr LockClass write_watch{341, "mm.write_watch"};    // whose writes are looked for
inline constexpr LockClass hot_pieces{342, "mm.hot_pieces"};      // what forks copy at once
inline constexpr LockClass pins{345, "mm.pins", true};            // pins of one address space
inline constexpr LockClass huge_reserve{346, "mm.huge_reserve"};  // what one mapping reserved of huge pages
inline constexpr LockClass shm{347, "mm.shm"};                    // System V segments
inline constexpr LockClass huge_pool{348, "mm.huge_pool"};        // counts of huge pages
inline constexpr LockClass private_spaces{349, "mm.private_spaces"};  // whose stubs hold pages of their own
inline constexpr LockClass frames{350, "mm.frames"};                  // blocks of the memory file
inline constexpr LockClass slab{352, "mm.slab"};                      // storage for page tables
// leaves
inline constexpr LockClass sysv_ipc{395, "syscall.sysv_ipc"};  // System V semaphores and message queues
inline constexpr LockClass futex_bucket{400, "task.futex_bucket", true};
inline constexpr LockClass file_locks{418, "vfs.file_locks", true};
inline constexpr LockClass lock_waits{419, "vfs.lock_waits"};        // which owner waits for which
inline constexpr LockClass epoll_watched{420, "vfs.epoll_watched"};  // which epoll sets watch which files
inline constexpr LockClass epoll{421, "vfs.epoll", true};
inline constexpr LockClass watches{424, "vfs.watches"};      // inotify watches on one inode
inline constexpr LockClass inotify{426, "vfs.inotify"};      // events of one inotify descriptor
inline constexpr LockClass host_poll{428, "vfs.host_poll"};  // host descriptors being watched
inline constexpr LockClass wait_queue{430, "vfs.wait_queue", true};
inline constexpr LockClass epoll_ready{435, "vfs.epoll_ready"};  // which watched files may be ready
inline constexpr LockClass waiter{440, "vfs.waiter"};
// platform
inline constexpr LockClass platform_spaces{495, "platform.spaces"};  // all spaces, to steal stubs from
inline constexpr LockClass platform_space{500, "platform.space", true};
inline constexpr LockClass platform_patcher{502, "platform.patcher"};  // patched system-call sites
inline constexpr LockClass platform_factory{503, "platform.factory"};  // talk with the template
inline constexpr LockClass platform_users{504, "platform.users"};      // contexts with a thread in a stub
inline constexpr LockClass platform_context{505, "platform.context"};  // where a context's thread is
inline constexpr LockClass platform_stub{507, "platform.stub"};        // a stub's request ring
inline constexpr LockClass platform_pool{510, "platform.pool"};
// all
inline constexpr LockClass statistics{900, "statistics"};

}  // namespace quire::locks
