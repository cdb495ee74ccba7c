// Sockets of the host's network (quire run --net host): passed through to a host socket.
#pragma once

#include <mutex>
#include <optional>

#include "kernel/net/socket.h"
#include "kernel/vfs/host_poll.h"

namespace quire::net {

/// Once, before the first program runs: AF_INET and AF_INET6 sockets are the host's from then on.
void use_host_network();
bool host_network();

/// The host socket never blocks; this sleeps where the guest's would. UNIX sockets never come here, so
/// nothing of the host's file tree can be reached.
class HostSocket final : public Socket {
 public:
  /// AF_INET, AF_INET6 (stream, datagram); EAFNOSUPPORT and the like.
  static Result<Ref<Socket>> make(int domain, int type, int protocol, int flags);
  ~HostSocket() override;

  int domain() const override { return domain_; }
  int type() const override { return type_; }
  int protocol() const override { return protocol_; }

  Result<> bind(const Address& address, const Caller& caller) override;
  Result<> connect(const Address& address, const Caller& caller) override;
  Result<> listen(int backlog, const Caller& caller) override;
  Result<Ref<Socket>> accept(Address& peer, int flags) override;
  Result<Address> local_address() override;
  Result<Address> peer_address() override;
  Result<> shutdown(int how) override;
  Result<std::size_t> send(SendRequest request) override;
  Result<ReceiveResult> receive(vfs::IoBuffer& data, int flags) override;
  Result<> set_option(int level, int name, std::span<const std::byte> value) override;
  Result<std::string> get_option(int level, int name) override;
  Result<u64> ioctl(mm::AddressSpace& mm, u32 command, u64 argument) override;
  u32 poll() override;
  vfs::WaitQueue* wait_queue() override;
  Result<vfs::Attributes> attributes() override;
  std::string describe() override;

  HostSocket(int fd, int domain, int type, int protocol, int flags)
      : Socket(O_RDWR | flags), fd_(fd), domain_(domain), type_(type), protocol_(protocol) {}

 private:
  const int fd_, domain_, type_, protocol_;
  std::once_flag poll_once_;
  std::optional<vfs::HostPoll> poll_;
};

}  // namespace quire::net
