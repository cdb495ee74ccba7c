// What the socket handlers share: descriptors to sockets, addresses in and out, who calls.
#pragma once

#include "kernel/net/socket.h"
#include "kernel/syscall/handlers.h"
#include "kernel/vfs/fd_table.h"
#include "kernel/vfs/operations.h"

namespace quire::syscall {

/// EBADF, ENOTSOCK. The file keeps the socket alive.
struct SocketRef {
  Ref<vfs::File> file;
  net::Socket* socket;
  net::Socket* operator->() const { return socket; }
};
Result<SocketRef> socket_at(Task& task, int fd);

/// EINVAL for a length that no address has.
Result<net::Address> address_in(Task& task, GuestAddr address, u64 length);
/// Stores as much as fits and the full length; a null address stores nothing.
Result<> address_out(Task& task, const net::Address& from, GuestAddr address, GuestAddr length_at);

/// Names as the task sees them, and its credentials.
class TaskNames final : public net::Names {
 public:
  explicit TaskNames(Task& task) : task_(task) {}
  Result<Ref<vfs::Inode>> make(const std::string& path) const override;
  Result<Ref<vfs::Inode>> find(const std::string& path) const override;

 private:
  vfs::Lookup lookup() const;
  Task& task_;
};
ucred credentials_of(Task& task);

/// EPIPE raises SIGPIPE unless MSG_NOSIGNAL was given.
Result<u64> sent(Task& task, Result<std::size_t> result, int flags);

}  // namespace quire::syscall
