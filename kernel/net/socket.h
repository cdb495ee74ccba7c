// What every kind of socket offers to the system calls on sockets.
#pragma once

#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "kernel/vfs/file.h"

namespace quire::net {

/// Names of sockets in the file tree, looked up as the caller sees it.
class Names {
 public:
  virtual ~Names() = default;
  /// Makes a socket node; EADDRINUSE if the name is taken.
  virtual Result<Ref<vfs::Inode>> make(const std::string& path) const = 0;
  /// Finds one that the caller may write to; ECONNREFUSED if it is no socket.
  virtual Result<Ref<vfs::Inode>> find(const std::string& path) const = 0;
};

/// Who makes a call: for SO_PEERCRED and SCM_CREDENTIALS, and for names.
struct Caller {
  ucred credentials{};
  const Names& names;
};

/// A socket address as bytes: family first, at most sizeof(sockaddr_storage).
using Address = std::string;
inline u16 family_of(const Address& a) {
  return a.size() < 2 ? 0 : static_cast<u16>(static_cast<u8>(a[0]) | static_cast<u8>(a[1]) << 8);
}

/// Control messages that go with data.
struct Control {
  std::vector<Ref<vfs::File>> files;  // SCM_RIGHTS
  bool has_credentials = false;
  ucred credentials{};
};

struct SendRequest {
  vfs::IoBuffer& data;
  const Address* to = nullptr;  // null: where the socket is connected to
  int flags = 0;                // MSG_*
  Control control;
  const Caller* caller = nullptr;  // null: write(2), which names nobody
};

struct ReceiveResult {
  std::size_t length = 0;  // bytes, or a datagram's true length with MSG_TRUNC
  Address from;            // empty: not told
  int flags = 0;           // MSG_TRUNC, MSG_EOR
  Control control;
};

/// Blocking calls sleep unless nonblocking() or MSG_DONTWAIT. EPIPE means that SIGPIPE is due unless
/// MSG_NOSIGNAL was given; the system-call layer sends it.
class Socket : public vfs::File {
 public:
  virtual int domain() const = 0;
  virtual int type() const = 0;
  virtual int protocol() const { return 0; }

  virtual Result<> bind(const Address& address, const Caller& caller) = 0;
  virtual Result<> connect(const Address& address, const Caller& caller) = 0;
  virtual Result<> listen(int backlog, const Caller& caller) = 0;
  /// `flags`: O_NONBLOCK or 0 for the new socket.
  virtual Result<Ref<Socket>> accept(Address& peer, int flags) = 0;
  virtual Result<Address> local_address() = 0;
  virtual Result<Address> peer_address() = 0;
  virtual Result<> shutdown(int how) = 0;
  virtual Result<std::size_t> send(SendRequest request) = 0;
  virtual Result<ReceiveResult> receive(vfs::IoBuffer& data, int flags) = 0;
  virtual Result<> set_option(int level, int name, std::span<const std::byte> value) = 0;
  virtual Result<std::string> get_option(int level, int name) = 0;

  Result<std::size_t> read(vfs::IoBuffer& to, i64 offset = -1) override;
  Result<std::size_t> write(vfs::IoBuffer& from, i64 offset = -1) override;

 protected:
  explicit Socket(int flags) : File(flags) {}
};

}  // namespace quire::net
