// Sockets that never leave the sandbox: UNIX sockets, and TCP and UDP over the sandbox's own loopback.
#pragma once

#include "kernel/net/endpoint.h"

namespace quire::net {

/// Which families and types there are: AF_UNIX (stream, datagram, seqpacket), AF_INET and AF_INET6 (stream,
/// datagram). EAFNOSUPPORT, EPROTONOSUPPORT, ESOCKTNOSUPPORT. `flags`: O_NONBLOCK or 0.
Result<Ref<Socket>> make_local_socket(int domain, int type, int protocol, int flags);
/// A connected pair. EOPNOTSUPP but for AF_UNIX.
Result<std::pair<Ref<Socket>, Ref<Socket>>> make_local_pair(int domain, int type, int protocol, int flags,
                                                            const Caller& caller);

class LocalSocket final : public Socket {
 public:
  LocalSocket(int domain, int type, int protocol, int flags, Ref<Endpoint> end);
  ~LocalSocket() override;

  int domain() const override { return domain_; }
  int type() const override { return end_->type; }
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
  vfs::WaitQueue* wait_queue() override { return &end_->events; }
  Result<vfs::Attributes> attributes() override;
  std::string describe() override;

 private:
  bool stream() const { return end_->type == SOCK_STREAM; }
  bool datagram() const { return end_->type == SOCK_DGRAM; }
  Result<> autobind(const Caller& caller);
  Result<Ref<Endpoint>> find(const Address& address, const Caller& caller) const;
  Result<std::size_t> send_stream(SendRequest& request, Ref<Endpoint> peer);
  Result<std::size_t> send_message(SendRequest& request, Ref<Endpoint> to, bool connected);
  Result<ReceiveResult> receive_stream(vfs::IoBuffer& data, int flags);
  Result<ReceiveResult> receive_message(vfs::IoBuffer& data, int flags);
  vfs::Deadline deadline(const std::atomic<i64>& timeout_us) const;

  const int domain_, protocol_;
  const u64 number_;  // as in "socket:[N]"
  const Ref<Endpoint> end_;
  Mutex<locks::socket_state> state_lock_;
  std::string key_ GUARDED_BY(state_lock_);  // in the registry; empty: unbound
  std::atomic<i64> send_timeout_us_{0}, receive_timeout_us_{0};
  std::atomic<int> reuse_address_{0}, keep_alive_{0}, broadcast_{0}, no_delay_{0}, v6_only_{0};
};

}  // namespace quire::net
