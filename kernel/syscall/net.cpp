// Making, naming and connecting sockets, their options, and plain sending and receiving.
#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>

#include "kernel/net/host_socket.h"
#include "kernel/net/local_socket.h"
#include "kernel/syscall/file_common.h"
#include "kernel/syscall/handlers_net.h"
#include "kernel/syscall/net_common.h"

namespace quire::syscall {
namespace {

/// Splits SOCK_NONBLOCK and SOCK_CLOEXEC off; EINVAL for other high bits.
Result<int> open_flags(int type) {
  if ((type & ~(0xf | SOCK_NONBLOCK | SOCK_CLOEXEC)) != 0) return err(EINVAL);
  return (type & SOCK_NONBLOCK) != 0 ? O_NONBLOCK : 0;
}

}  // namespace

Result<SocketRef> socket_at(Task& task, int fd) {
  Ref<vfs::File> file = TRY(task.fds().get(fd));
  if (file->path_only()) return err(EBADF);
  auto* socket = dynamic_cast<net::Socket*>(file.get());
  if (socket == nullptr) return err(ENOTSOCK);
  return SocketRef{std::move(file), socket};
}

Result<net::Address> address_in(Task& task, GuestAddr address, u64 length) {
  i32 n = static_cast<i32>(length);
  if (n < 0 || n > static_cast<i32>(sizeof(sockaddr_storage))) return err(EINVAL);
  net::Address bytes(static_cast<std::size_t>(n), '\0');
  if (n > 0) TRY_VOID(task.mm().copy_in(bytes.data(), address, bytes.size()));
  return bytes;
}

Result<> address_out(Task& task, const net::Address& from, GuestAddr address, GuestAddr length_at) {
  if (address.value() == 0) return {};
  i32 room = TRY(task.mm().read<i32>(length_at));
  if (room < 0) return err(EINVAL);
  TRY_VOID(
      task.mm().copy_out(address, from.data(), std::min<std::size_t>(from.size(), static_cast<u32>(room))));
  return task.mm().write(length_at, static_cast<i32>(from.size()));
}

vfs::Lookup TaskNames::lookup() const {
  return {task_.fs().root(), task_.fs().cwd(), task_.credentials(), task_.fs().umask()};
}

Result<Ref<vfs::Inode>> TaskNames::make(const std::string& path) const {
  auto node = vfs::make_node(lookup(), path, S_IFSOCK | 0777, 0);
  if (!node) return err(node.error() == Errno(EEXIST) ? Errno(EADDRINUSE) : node.error());
  return node->dentry->inode_ref();
}

Result<Ref<vfs::Inode>> TaskNames::find(const std::string& path) const {
  vfs::Path found = TRY(vfs::walk(lookup(), path, vfs::walk_follow));
  TRY_VOID(vfs::check_access(found, 2, task_.credentials()));
  if (found.inode()->type() != S_IFSOCK) return err(ECONNREFUSED);
  return found.dentry->inode_ref();
}

ucred credentials_of(Task& task) { return {task.pid(), task.credentials().euid, task.credentials().egid}; }

Result<u64> sent(Task& task, Result<std::size_t> result, int flags) {
  if (result) return *result;
  if (result.error() == Errno(EPIPE) && (flags & MSG_NOSIGNAL) == 0) raise_broken_pipe(task);
  return err(result.error());
}

QUIRE_SYSCALL(socket) {
  int flags = TRY(open_flags(args.i(1)));
  bool host = net::host_network() && (args.i(0) == AF_INET || args.i(0) == AF_INET6);
  auto make = host ? net::HostSocket::make : net::make_local_socket;
  Ref<net::Socket> socket = TRY(make(args.i(0), args.i(1) & 0xf, args.i(2), flags));
  return install(task, std::move(socket), (args.i(1) & SOCK_CLOEXEC) != 0);
}

QUIRE_SYSCALL(socketpair) {
  int flags = TRY(open_flags(args.i(1)));
  TaskNames names(task);
  auto pair =
      TRY(net::make_local_pair(args.i(0), args.i(1) & 0xf, args.i(2), flags, {credentials_of(task), names}));
  bool cloexec = (args.i(1) & SOCK_CLOEXEC) != 0;
  int fds[2];
  fds[0] = static_cast<int>(TRY(install(task, pair.first, cloexec)));
  auto second = install(task, pair.second, cloexec);
  if (second) fds[1] = static_cast<int>(*second);
  Result<> copied =
      second ? task.mm().copy_out(args.addr(3), fds, sizeof fds) : Result<>(err(second.error()));
  if (!copied) {
    (void)task.fds().close(fds[0]);
    if (second) (void)task.fds().close(fds[1]);
    return err(copied.error());
  }
  return 0;
}

QUIRE_SYSCALL(bind) {
  SocketRef socket = TRY(socket_at(task, args.i(0)));
  TaskNames names(task);
  TRY_VOID(socket->bind(TRY(address_in(task, args.addr(1), args[2])), {credentials_of(task), names}));
  return 0;
}

QUIRE_SYSCALL(connect) {
  SocketRef socket = TRY(socket_at(task, args.i(0)));
  TaskNames names(task);
  TRY_VOID(socket->connect(TRY(address_in(task, args.addr(1), args[2])), {credentials_of(task), names}));
  return 0;
}

QUIRE_SYSCALL(listen) {
  SocketRef socket = TRY(socket_at(task, args.i(0)));
  TaskNames names(task);
  TRY_VOID(socket->listen(args.i(1), {credentials_of(task), names}));
  return 0;
}

QUIRE_SYSCALL(accept4) {
  SocketRef socket = TRY(socket_at(task, args.i(0)));
  int how = args.i(3);
  if ((how & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != 0) return err(EINVAL);
  net::Address peer;
  Ref<net::Socket> accepted = TRY(socket->accept(peer, (how & SOCK_NONBLOCK) != 0 ? O_NONBLOCK : 0));
  TRY_VOID(address_out(task, peer, args.addr(1), args.addr(2)));
  return install(task, std::move(accepted), (how & SOCK_CLOEXEC) != 0);
}

QUIRE_SYSCALL(accept) {
  Args four = args;
  four.value[3] = 0;
  return sys_accept4(task, four);
}

QUIRE_SYSCALL(getsockname) {
  SocketRef socket = TRY(socket_at(task, args.i(0)));
  TRY_VOID(address_out(task, TRY(socket->local_address()), args.addr(1), args.addr(2)));
  return 0;
}

QUIRE_SYSCALL(getpeername) {
  SocketRef socket = TRY(socket_at(task, args.i(0)));
  TRY_VOID(address_out(task, TRY(socket->peer_address()), args.addr(1), args.addr(2)));
  return 0;
}

QUIRE_SYSCALL(shutdown) {
  SocketRef socket = TRY(socket_at(task, args.i(0)));
  TRY_VOID(socket->shutdown(args.i(1)));
  return 0;
}

QUIRE_SYSCALL(setsockopt) {
  SocketRef socket = TRY(socket_at(task, args.i(0)));
  i32 length = args.i(4);
  if (length < 0 || length > 65536) return err(EINVAL);
  std::vector<std::byte> value(static_cast<std::size_t>(length));
  if (length > 0) TRY_VOID(task.mm().copy_in(value.data(), args.addr(3), value.size()));
  TRY_VOID(socket->set_option(args.i(1), args.i(2), value));
  return 0;
}

QUIRE_SYSCALL(getsockopt) {
  SocketRef socket = TRY(socket_at(task, args.i(0)));
  i32 room = TRY(task.mm().read<i32>(args.addr(4)));
  if (room < 0) return err(EINVAL);
  std::string value = TRY(socket->get_option(args.i(1), args.i(2)));
  i32 length = std::min<i32>(room, static_cast<i32>(value.size()));
  TRY_VOID(task.mm().copy_out(args.addr(3), value.data(), static_cast<std::size_t>(length)));
  TRY_VOID(task.mm().write(args.addr(4), length));
  return 0;
}

}  // namespace quire::syscall
