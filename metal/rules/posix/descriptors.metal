rule "posix.descriptor" {
  severity: warning;
  text: "A descriptor that a function opens is closed, handed on, returned or stored on every path.";
  category: "CWE-775";
  example: "fd = open(path, O_RDONLY); if (fd < 0) return -1; if (read(fd, b, n) < 0) return -1;";
  fix: "close(fd) on the error path.";
  false_positives: "Programs that are about to exit.";
}
sm descriptor {
  state decl any_scalar fd;
  decl any_fn_call fn;
  decl any_arguments args;
  list openers = "open", "openat", "creat", "socket", "accept", "accept4", "dup", "epoll_create", "epoll_create1", "eventfd", "memfd_create";
  list users = "read", "write", "pread", "pwrite", "lseek", "fstat", "ftruncate", "bind", "listen", "connect", "setsockopt",
    "getsockopt", "send", "recv", "sendto", "recvfrom", "ioctl", "fcntl", "fsync", "fdatasync", "mmap", "fchmod", "fchown", "flock", "getsockname";
  // What is put into an object at once is that object's.
  start: { fd = fn(args) } && ${ mc_in(fn, openers) && mc_is_local_storage(fd) } ==> fd.open;
  fd.open: { close(fd) } ==> fd.closed
    | { fn(args) } && ${ mc_has_arg(args, fd) && !mc_in(fn, users) } ==> fd.stop
    | $end_of_path$ && ${ !mc_known_negative(fd) && !mc_in_function("main") } ==> fd.stop, { err("%s is not closed on this path", mc_identifier(fd)); };
  fd.closed: { close(fd) } ==> fd.stop, { err("%s is closed twice", mc_identifier(fd)); }
    | { fn(args) } && ${ mc_has_arg(args, fd) && mc_in(fn, users) } ==> fd.stop, { err("%s is used after it was closed", mc_identifier(fd)); };
}
