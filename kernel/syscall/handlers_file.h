// Handlers of the system calls on files and descriptors.
#pragma once

#include "kernel/syscall/handlers.h"

namespace quire::syscall {

// file_io.cpp: moving bytes
QUIRE_SYSCALL(read);
QUIRE_SYSCALL(write);
QUIRE_SYSCALL(pread64);
QUIRE_SYSCALL(pwrite64);
QUIRE_SYSCALL(readv);
QUIRE_SYSCALL(writev);
QUIRE_SYSCALL(preadv);
QUIRE_SYSCALL(pwritev);
QUIRE_SYSCALL(preadv2);
QUIRE_SYSCALL(pwritev2);
QUIRE_SYSCALL(lseek);
QUIRE_SYSCALL(sendfile);
QUIRE_SYSCALL(copy_file_range);
QUIRE_SYSCALL(splice);
QUIRE_SYSCALL(fsync);
QUIRE_SYSCALL(fdatasync);
QUIRE_SYSCALL(sync_file_range);
QUIRE_SYSCALL(fadvise64);
QUIRE_SYSCALL(readahead);
QUIRE_SYSCALL(ftruncate);
QUIRE_SYSCALL(fallocate);
QUIRE_SYSCALL(ioctl);

// file_descriptor.cpp: opening, descriptors
QUIRE_SYSCALL(open);
QUIRE_SYSCALL(openat);
QUIRE_SYSCALL(openat2);
QUIRE_SYSCALL(creat);
QUIRE_SYSCALL(close);
QUIRE_SYSCALL(close_range);
QUIRE_SYSCALL(dup);
QUIRE_SYSCALL(dup2);
QUIRE_SYSCALL(dup3);
QUIRE_SYSCALL(fcntl);
QUIRE_SYSCALL(flock);

// file_look.cpp: looking, without change
QUIRE_SYSCALL(stat);
QUIRE_SYSCALL(lstat);
QUIRE_SYSCALL(fstat);
QUIRE_SYSCALL(newfstatat);
QUIRE_SYSCALL(statx);
QUIRE_SYSCALL(statfs);
QUIRE_SYSCALL(fstatfs);
QUIRE_SYSCALL(access);
QUIRE_SYSCALL(faccessat);
QUIRE_SYSCALL(faccessat2);
QUIRE_SYSCALL(readlink);
QUIRE_SYSCALL(readlinkat);
QUIRE_SYSCALL(getdents);
QUIRE_SYSCALL(getdents64);
QUIRE_SYSCALL(getcwd);
QUIRE_SYSCALL(chdir);
QUIRE_SYSCALL(fchdir);
QUIRE_SYSCALL(chroot);
QUIRE_SYSCALL(umask);

// file_change.cpp: names and attributes
QUIRE_SYSCALL(mkdir);
QUIRE_SYSCALL(mkdirat);
QUIRE_SYSCALL(mknod);
QUIRE_SYSCALL(mknodat);
QUIRE_SYSCALL(rmdir);
QUIRE_SYSCALL(unlink);
QUIRE_SYSCALL(unlinkat);
QUIRE_SYSCALL(rename);
QUIRE_SYSCALL(renameat);
QUIRE_SYSCALL(renameat2);
QUIRE_SYSCALL(link);
QUIRE_SYSCALL(linkat);
QUIRE_SYSCALL(symlink);
QUIRE_SYSCALL(symlinkat);
QUIRE_SYSCALL(chmod);
QUIRE_SYSCALL(fchmod);
QUIRE_SYSCALL(fchmodat);
QUIRE_SYSCALL(fchmodat2);
QUIRE_SYSCALL(chown);
QUIRE_SYSCALL(lchown);
QUIRE_SYSCALL(fchown);
QUIRE_SYSCALL(fchownat);
QUIRE_SYSCALL(utime);
QUIRE_SYSCALL(utimes);
QUIRE_SYSCALL(futimesat);
QUIRE_SYSCALL(utimensat);
QUIRE_SYSCALL(truncate);

// file_xattr.cpp
QUIRE_SYSCALL(getxattr);
QUIRE_SYSCALL(lgetxattr);
QUIRE_SYSCALL(fgetxattr);
QUIRE_SYSCALL(setxattr);
QUIRE_SYSCALL(lsetxattr);
QUIRE_SYSCALL(fsetxattr);
QUIRE_SYSCALL(listxattr);
QUIRE_SYSCALL(llistxattr);
QUIRE_SYSCALL(flistxattr);
QUIRE_SYSCALL(removexattr);
QUIRE_SYSCALL(lremovexattr);
QUIRE_SYSCALL(fremovexattr);

}  // namespace quire::syscall
