#include "kernel/net/local_socket.h"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/un.h>

#include <algorithm>

#include "base/byte_order.h"
#include "kernel/abi/restart.h"
#include "kernel/net/registry.h"

namespace quire::net {
namespace {

constexpr std::size_t chunk = 65536;
std::atomic<u64> next_number{1};
std::atomic<u32> next_port{32768};
std::atomic<u32> next_abstract{1};

Address make_inet(int domain, u32 ip_network_order, u16 port) {
  if (domain == AF_INET) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(port);
    a.sin_addr.s_addr = ip_network_order;
    return {reinterpret_cast<const char*>(&a), sizeof a};
  }
  sockaddr_in6 a{};
  a.sin6_family = AF_INET6;
  a.sin6_port = htons(port);
  if (ip_network_order != 0) a.sin6_addr = in6addr_loopback;
  return {reinterpret_cast<const char*>(&a), sizeof a};
}

/// Where an internet address leads: a port of this sandbox, or nowhere.
struct InetTarget {
  u16 port = 0;
  bool any = false;
  bool loopback = false;
  bool v6 = false;
};

Result<InetTarget> parse_inet(const Address& address, int domain) {
  InetTarget t;
  if (family_of(address) == AF_INET && domain == AF_INET) {
    if (address.size() < sizeof(sockaddr_in)) return err(EINVAL);
    sockaddr_in a;
    std::memcpy(&a, address.data(), sizeof a);
    t.port = ntohs(a.sin_port);
    u32 ip = ntohl(a.sin_addr.s_addr);
    t.any = ip == INADDR_ANY;
    t.loopback = ip >> 24 == 127;
    return t;
  }
  if (family_of(address) == AF_INET6 && domain == AF_INET6) {
    if (address.size() < 24) return err(EINVAL);
    sockaddr_in6 a{};
    std::memcpy(&a, address.data(), std::min(address.size(), sizeof a));
    t.port = ntohs(a.sin6_port);
    t.v6 = true;
    t.any = IN6_IS_ADDR_UNSPECIFIED(&a.sin6_addr);
    t.loopback = IN6_IS_ADDR_LOOPBACK(&a.sin6_addr) ||
                 (IN6_IS_ADDR_V4MAPPED(&a.sin6_addr) && a.sin6_addr.s6_addr[12] == 127);
    return t;
  }
  return err(EAFNOSUPPORT);
}

std::string port_key(bool v6, int type, u16 port) {
  return (v6 ? "6:" : "4:") + std::to_string(type) + ":" + std::to_string(port);
}

/// The path of a UNIX address; empty: unnamed or abstract.
std::string unix_path(const Address& a) {
  std::string path = a.substr(2);
  if (path.empty() || path[0] == '\0') return {};
  return path.substr(0, path.find('\0'));
}
std::string inode_key(const vfs::Inode& inode) {
  return "i:" + std::to_string(reinterpret_cast<std::uintptr_t>(&inode));
}

Result<> check_unix(const Address& a) {
  if (a.size() < sizeof(sa_family_t) || a.size() > sizeof(sockaddr_un)) return err(EINVAL);
  if (family_of(a) != AF_UNIX) return err(EINVAL);
  return {};
}

}  // namespace

Result<std::size_t> Socket::read(vfs::IoBuffer& to, i64 offset) {
  if (offset >= 0) return err(ESPIPE);
  return TRY(receive(to, 0)).length;
}

Result<std::size_t> Socket::write(vfs::IoBuffer& from, i64 offset) {
  if (offset >= 0) return err(ESPIPE);
  return send({.data = from, .to = nullptr, .flags = 0, .control = {}, .caller = nullptr});
}

Result<Ref<Socket>> make_local_socket(int domain, int type, int protocol, int flags) {
  switch (domain) {
    case AF_UNIX:
      if (protocol != 0 && protocol != AF_UNIX) return err(EPROTONOSUPPORT);
      if (type == SOCK_RAW) type = SOCK_DGRAM;  // as Linux
      if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET) return err(ESOCKTNOSUPPORT);
      protocol = 0;
      break;
    case AF_INET:
    case AF_INET6:
      if (type == SOCK_STREAM && (protocol == 0 || protocol == IPPROTO_TCP))
        protocol = IPPROTO_TCP;
      else if (type == SOCK_DGRAM && (protocol == 0 || protocol == IPPROTO_UDP))
        protocol = IPPROTO_UDP;
      else if (type == SOCK_RAW)
        return err(EPERM);
      else if (type == SOCK_STREAM || type == SOCK_DGRAM)
        return err(EPROTONOSUPPORT);
      else
        return err(ESOCKTNOSUPPORT);
      break;
    default:
      return err(EAFNOSUPPORT);
  }
  return Ref<Socket>(make_ref<LocalSocket>(domain, type, protocol, flags, make_ref<Endpoint>(type)));
}

Result<std::pair<Ref<Socket>, Ref<Socket>>> make_local_pair(int domain, int type, int protocol, int flags,
                                                            const Caller& caller) {
  if (domain != AF_UNIX) return err(domain == AF_INET || domain == AF_INET6 ? EOPNOTSUPP : EAFNOSUPPORT);
  if (protocol != 0 && protocol != AF_UNIX) return err(EPROTONOSUPPORT);
  if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET) return err(ESOCKTNOSUPPORT);
  Ref<Endpoint> ends[2] = {make_ref<Endpoint>(type), make_ref<Endpoint>(type)};
  for (int i = 0; i < 2; ++i) {
    LockGuard guard(ends[i]->lock);
    ends[i]->peer = ends[1 - i];
    ends[i]->connected = true;
    ends[i]->own_credentials = ends[i]->peer_credentials = caller.credentials;
  }
  return std::pair<Ref<Socket>, Ref<Socket>>(make_ref<LocalSocket>(domain, type, 0, flags, ends[0]),
                                             make_ref<LocalSocket>(domain, type, 0, flags, ends[1]));
}

LocalSocket::LocalSocket(int domain, int type, int protocol, int flags, Ref<Endpoint> end)
    : Socket(O_RDWR | flags),
      domain_(domain),
      protocol_(protocol),
      number_(next_number.fetch_add(1)),
      end_(std::move(end)) {
  (void)type;
}

LocalSocket::~LocalSocket() {
  std::string key;
  {
    LockGuard guard(state_lock_);
    key = key_;
  }
  if (!key.empty()) Registry::instance().unbind(key, *end_);
  end_->close();
}

std::string LocalSocket::describe() { return "socket:[" + std::to_string(number_) + "]"; }

Result<vfs::Attributes> LocalSocket::attributes() {
  vfs::Attributes a;
  a.mode = S_IFSOCK | 0777;
  a.inode = number_;
  a.device = 8;  // sockfs
  return a;
}

vfs::Deadline LocalSocket::deadline(const std::atomic<i64>& timeout_us) const {
  i64 us = timeout_us.load(std::memory_order_relaxed);
  if (us == 0) return {};
  return vfs::Clock::now() + std::chrono::microseconds(us);
}

Result<> LocalSocket::bind(const Address& address, const Caller& caller) {
  LockGuard guard(state_lock_);
  if (!key_.empty()) return err(EINVAL);
  std::string key;
  Address local = address;
  Ref<vfs::Inode> node;
  if (domain_ == AF_UNIX) {
    TRY_VOID(check_unix(address));
    std::string path = unix_path(address);
    if (!path.empty()) {
      guard.unlock();  // making a node takes locks that come before ours
      node = TRY(caller.names.make(path));
      guard.lock();
      if (!key_.empty()) return err(EINVAL);
      key = inode_key(*node);
    } else if (address.size() > 2) {
      key = "a:" + address.substr(2);
    } else {
      // Autobind: an abstract name of five hexadecimal digits.
      char name[8];
      std::snprintf(name, sizeof name, "%05x", next_abstract.fetch_add(1) & 0xfffff);
      local = Address(address.data(), 2) + '\0' + name;
      key = "a:" + local.substr(2);
    }
    TRY_VOID(Registry::instance().bind(key, end_, node));
  } else {
    InetTarget t = TRY(parse_inet(address, domain_));
    if (!t.any && !t.loopback) return err(EADDRNOTAVAIL);
    if (t.port != 0) {
      key = port_key(t.v6, end_->type, t.port);
      TRY_VOID(Registry::instance().bind(key, end_));
    } else {
      for (int tries = 0; key.empty(); ++tries) {
        if (tries == 28000) return err(EADDRINUSE);
        u16 port = static_cast<u16>(32768 + next_port.fetch_add(1) % 28000);
        std::string wanted = port_key(t.v6, end_->type, port);
        if (!Registry::instance().bind(wanted, end_)) continue;
        key = wanted;
        u16 network = htons(port);
        std::memcpy(local.data() + 2, &network, 2);
      }
    }
  }
  key_ = key;
  LockGuard end(end_->lock);
  end_->local = local;
  return {};
}

Result<> LocalSocket::autobind(const Caller& caller) {
  if (domain_ == AF_UNIX) return {};
  {
    LockGuard guard(state_lock_);
    if (!key_.empty()) return {};
  }
  auto bound = bind(make_inet(domain_, htonl(INADDR_LOOPBACK), 0), caller);
  if (!bound && bound.error() != Errno(EINVAL)) return bound;
  return {};
}

Result<Ref<Endpoint>> LocalSocket::find(const Address& address, const Caller& caller) const {
  Ref<Endpoint> found;
  if (domain_ == AF_UNIX) {
    TRY_VOID(check_unix(address));
    std::string path = unix_path(address);
    if (!path.empty()) {
      Ref<vfs::Inode> node = TRY(caller.names.find(path));
      found = Registry::instance().find(inode_key(*node));
    } else if (address.size() > 2) {
      found = Registry::instance().find("a:" + address.substr(2));
    } else {
      return err(EINVAL);
    }
    if (found && found->type != end_->type) return err(EPROTOTYPE);
  } else {
    InetTarget t = TRY(parse_inet(address, domain_));
    if (!t.any && !t.loopback) return err(ENETUNREACH);
    found = Registry::instance().find(port_key(t.v6, end_->type, t.port));
    // A socket bound to [::] takes IPv4 as well.
    if (!found && !t.v6) found = Registry::instance().find(port_key(true, end_->type, t.port));
  }
  if (!found) return err(ECONNREFUSED);
  return found;
}

Result<> LocalSocket::connect(const Address& address, const Caller& caller) {
  if (datagram()) {
    if (family_of(address) == AF_UNSPEC) {
      LockGuard guard(end_->lock);
      end_->peer = nullptr;
      end_->connected = false;
      return {};
    }
    Ref<Endpoint> to = TRY(find(address, caller));
    TRY_VOID(autobind(caller));
    LockGuard guard(end_->lock);
    end_->peer = to;
    end_->connected = true;
    end_->remote = address;
    return {};
  }
  {
    LockGuard guard(end_->lock);
    if (end_->listening) return err(EINVAL);
    if (end_->connected) return err(EISCONN);
  }
  Ref<Endpoint> listener = TRY(find(address, caller));
  TRY_VOID(autobind(caller));
  Ref<Endpoint> server = make_ref<Endpoint>(end_->type);
  // This end first, so that whoever accepts finds it complete; taken back if nobody listens.
  Address own;
  {
    LockGuard guard(end_->lock);
    if (end_->connected) return err(EISCONN);
    end_->peer = server;
    end_->connected = true;
    end_->remote = address;
    end_->own_credentials = caller.credentials;
    own = end_->local;
  }
  auto give_up = [&](Errno e) -> Result<> {
    LockGuard guard(end_->lock);
    end_->peer = nullptr;
    end_->connected = false;
    end_->remote.clear();
    return err(e);
  };
  {
    LockGuard guard(server->lock);
    server->peer = end_;
    server->connected = true;
    server->remote = own;
    server->peer_credentials = caller.credentials;
  }
  ucred theirs{};
  vfs::WaitEntry room(listener->space, vfs::Waiter::current());
  vfs::Deadline until = deadline(send_timeout_us_);
  for (;;) {
    {
      LockGuard guard(listener->lock);
      if (!listener->listening) {
        guard.unlock();
        auto refused = give_up(Errno(ECONNREFUSED));
        guard.lock();
        return refused;
      }
      if (listener->backlog.size() <= listener->backlog_limit) {
        theirs = listener->own_credentials;
        LockGuard fresh(server->lock);  // nobody else knows it yet
        server->local = listener->local;
        server->own_credentials = theirs;
        listener->backlog.push_back(server);
        break;
      }
    }
    if (nonblocking()) return give_up(Errno(EAGAIN));
    if (auto slept = vfs::Waiter::current().sleep(until); !slept)
      return give_up(slept.error() == Errno(ETIMEDOUT) ? Errno(EAGAIN) : slept.error());
  }
  {
    LockGuard guard(end_->lock);
    end_->peer_credentials = theirs;
  }
  listener->events.notify(POLLIN | POLLRDNORM);
  end_->events.notify();
  return {};
}

Result<> LocalSocket::listen(int backlog, const Caller& caller) {
  if (datagram()) return err(EOPNOTSUPP);
  if (domain_ == AF_UNIX) {
    LockGuard guard(state_lock_);
    if (key_.empty()) return err(EINVAL);
  } else {
    TRY_VOID(autobind(caller));
  }
  {
    LockGuard guard(end_->lock);
    if (end_->connected) return err(EINVAL);
    end_->listening = true;
    end_->backlog_limit = static_cast<std::size_t>(std::clamp(backlog, 0, 4096));
    end_->own_credentials = caller.credentials;
  }
  end_->space.notify();
  return {};
}

Result<Ref<Socket>> LocalSocket::accept(Address& peer, int flags) {
  vfs::WaitEntry entry(end_->events, vfs::Waiter::current(), POLLIN | POLLHUP);
  vfs::Deadline until = deadline(receive_timeout_us_);
  for (;;) {
    Ref<Endpoint> next;
    {
      LockGuard guard(end_->lock);
      if (datagram()) return err(EOPNOTSUPP);
      if (!end_->listening) return err(EINVAL);
      if (!end_->backlog.empty()) {
        next = std::move(end_->backlog.front());
        end_->backlog.pop_front();
      }
    }
    if (next) {
      end_->space.notify();
      {
        LockGuard guard(next->lock);
        peer = next->remote;
      }
      if (peer.empty()) {
        sa_family_t family = static_cast<sa_family_t>(domain_);
        peer.assign(reinterpret_cast<const char*>(&family), sizeof family);
      }
      return Ref<Socket>(make_ref<LocalSocket>(domain_, end_->type, protocol_, flags, next));
    }
    if (nonblocking()) return err(EAGAIN);
    if (auto slept = vfs::Waiter::current().sleep(until); !slept)
      return err(slept.error() == Errno(ETIMEDOUT) ? Errno(EAGAIN) : slept.error());
  }
}

Result<Address> LocalSocket::local_address() {
  LockGuard guard(end_->lock);
  if (!end_->local.empty()) return end_->local;
  if (domain_ != AF_UNIX) return make_inet(domain_, 0, 0);
  sa_family_t family = AF_UNIX;
  return Address(reinterpret_cast<const char*>(&family), sizeof family);
}

Result<Address> LocalSocket::peer_address() {
  LockGuard guard(end_->lock);
  if (!end_->connected || (!end_->peer && domain_ != AF_UNIX)) return err(ENOTCONN);
  if (!end_->remote.empty()) return end_->remote;
  sa_family_t family = static_cast<sa_family_t>(domain_);
  return Address(reinterpret_cast<const char*>(&family), sizeof family);
}

Result<> LocalSocket::shutdown(int how) {
  if (how < SHUT_RD || how > SHUT_RDWR) return err(EINVAL);
  {
    LockGuard guard(end_->lock);
    if (!end_->connected && !end_->listening) return err(ENOTCONN);
  }
  end_->shutdown(how);
  return {};
}

Result<std::size_t> LocalSocket::send(SendRequest request) {
  if ((request.flags & MSG_OOB) != 0) return err(EOPNOTSUPP);
  Ref<Endpoint> peer;
  bool connected;
  {
    LockGuard guard(end_->lock);
    if (end_->error != 0) return err(std::exchange(end_->error, 0));
    if (end_->shut_write) return err(EPIPE);
    peer = end_->peer;
    connected = end_->connected;
    if (!request.control.has_credentials && end_->pass_credentials && request.caller != nullptr) {
      request.control.has_credentials = true;
      request.control.credentials = request.caller->credentials;
    }
  }
  if (!datagram()) {
    if (request.to != nullptr && domain_ == AF_UNIX) return err(connected ? EISCONN : EOPNOTSUPP);
    if (!connected) return err(domain_ == AF_UNIX ? ENOTCONN : EPIPE);
    if (!peer) return err(EPIPE);
    return stream() ? send_stream(request, peer) : send_message(request, peer, true);
  }
  if (request.to != nullptr) {
    if (request.caller == nullptr) return err(EINVAL);
    auto to = find(*request.to, *request.caller);
    // UDP to a port nobody has vanishes.
    if (!to && domain_ != AF_UNIX && to.error() == Errno(ECONNREFUSED)) return request.data.remaining();
    if (!to) return err(to.error());
    TRY_VOID(autobind(*request.caller));
    return send_message(request, *to, false);
  }
  if (!connected) return err(domain_ == AF_UNIX ? ENOTCONN : EDESTADDRREQ);
  return send_message(request, peer, true);
}

Result<std::size_t> LocalSocket::send_stream(SendRequest& request, Ref<Endpoint> peer) {
  bool wait = !nonblocking() && (request.flags & MSG_DONTWAIT) == 0;
  vfs::Deadline until = deadline(send_timeout_us_);
  vfs::WaitEntry room(peer->space, vfs::Waiter::current());
  std::size_t sent = 0;
  bool files = !request.control.files.empty();
  if (files) TRY_VOID(count_files_in_flight(request.control.files.size()));
  auto fail = [&](Errno e) -> Result<std::size_t> {
    if (files) uncount_files_in_flight(request.control.files.size());
    if (sent > 0) return sent;
    return err(e);
  };
  std::string data;
  while (request.data.remaining() > 0) {
    if (data.empty()) {
      // Copied before the lock: a guest page may need I/O.
      data.resize(std::min(request.data.remaining(), chunk));
      auto got = request.data.peek(std::as_writable_bytes(std::span(data)));
      if (!got) return fail(got.error());
      data.resize(*got);
    }
    {
      LockGuard guard(peer->lock);
      if (peer->closed || peer->shut_read) return fail(Errno(EPIPE));
      if (peer->incoming_bytes < peer->limit) {
        std::size_t n = data.size();
        bool control = files || request.control.has_credentials;
        if (!control && !peer->incoming.empty() && peer->incoming.back().data.size() < chunk &&
            !peer->incoming.back().has_control()) {
          peer->incoming.back().data += data;
        } else {
          Message m;
          m.data = std::move(data);
          m.control = std::exchange(request.control, {});
          files = false;
          peer->incoming.push_back(std::move(m));
        }
        peer->incoming_bytes += n;
        request.data.advance(n);
        sent += n;
        data.clear();
        guard.unlock();
        peer->events.notify(POLLIN | POLLRDNORM);
        guard.lock();
        continue;
      }
    }
    if (!wait) return fail(Errno(EAGAIN));
    if (auto slept = vfs::Waiter::current().sleep(until); !slept)
      return fail(slept.error() == Errno(ETIMEDOUT) ? Errno(EAGAIN) : slept.error());
    LockGuard guard(end_->lock);
    if (end_->shut_write) return fail(Errno(EPIPE));
  }
  if (files) uncount_files_in_flight(request.control.files.size());  // nothing was sent that could carry them
  return sent;
}

Result<std::size_t> LocalSocket::send_message(SendRequest& request, Ref<Endpoint> to, bool connected) {
  bool wait = !nonblocking() && (request.flags & MSG_DONTWAIT) == 0;
  vfs::Deadline until = deadline(send_timeout_us_);
  vfs::WaitEntry room(to->space, vfs::Waiter::current());
  std::size_t most = domain_ == AF_UNIX ? 212992 - 32 : 65507;
  if (request.data.remaining() > most) return err(EMSGSIZE);
  Message m;
  m.data.resize(request.data.remaining());
  std::size_t got = m.data.empty() ? 0 : TRY(request.data.get(std::as_writable_bytes(std::span(m.data))));
  if (got != m.data.size()) return err(EFAULT);
  if (!request.control.files.empty()) TRY_VOID(count_files_in_flight(request.control.files.size()));
  m.control = std::move(request.control);
  {
    LockGuard guard(end_->lock);
    m.from = end_->local;
  }
  auto fail = [&](Errno e) -> Result<std::size_t> {
    uncount_files_in_flight(m.control.files.size());
    return err(e);
  };
  for (;;) {
    {
      LockGuard guard(to->lock);
      if (to->closed) return fail(Errno(connected && !datagram() ? EPIPE : ECONNREFUSED));
      if (to->shut_read) return fail(Errno(EPIPE));
      // A datagram always fits into an empty queue.
      if (to->incoming.empty() || to->incoming_bytes + m.data.size() <= to->limit) {
        to->incoming_bytes += m.data.size();
        to->incoming.push_back(std::move(m));
        break;
      }
    }
    if (!wait) return fail(Errno(EAGAIN));
    if (auto slept = vfs::Waiter::current().sleep(until); !slept)
      return fail(slept.error() == Errno(ETIMEDOUT) ? Errno(EAGAIN) : slept.error());
  }
  to->events.notify(POLLIN | POLLRDNORM);
  return got;
}

Result<ReceiveResult> LocalSocket::receive(vfs::IoBuffer& data, int flags) {
  if ((flags & MSG_OOB) != 0) return err(domain_ == AF_UNIX ? EOPNOTSUPP : EINVAL);
  {
    LockGuard guard(end_->lock);
    if (!end_->connected && !datagram()) return err(domain_ == AF_UNIX ? EINVAL : ENOTCONN);
  }
  return stream() ? receive_stream(data, flags) : receive_message(data, flags);
}

Result<ReceiveResult> LocalSocket::receive_stream(vfs::IoBuffer& data, int flags) {
  bool wait = !nonblocking() && (flags & MSG_DONTWAIT) == 0;
  bool peek = (flags & MSG_PEEK) != 0;
  vfs::Deadline until = deadline(receive_timeout_us_);
  vfs::WaitEntry entry(end_->events, vfs::Waiter::current(), ~u32{0});
  ReceiveResult result;
  if (data.remaining() == 0 && (flags & MSG_TRUNC) == 0) return result;
  for (;;) {
    Ref<Endpoint> peer;
    std::deque<Message> done;
    std::size_t before = result.length;
    bool stop = false;
    Errno trouble(EAGAIN);
    bool failed = false;
    {
      LockGuard guard(end_->lock);
      std::size_t index = 0;
      while (index < end_->incoming.size() && data.remaining() > 0) {
        Message& m = end_->incoming[index];
        bool fresh = m.at == 0;
        if (fresh && m.has_control() && result.length > 0) {
          stop = true;  // control messages begin a new read
          break;
        }
        if (fresh && m.has_control()) {
          if (peek) {
            result.control = m.control;
          } else {
            uncount_files_in_flight(m.control.files.size());
            result.control = std::exchange(m.control, {});
          }
          stop = true;
        }
        std::span<const char> rest(m.data.data() + m.at, m.data.size() - m.at);
        auto n = data.put(std::as_bytes(rest.first(std::min(rest.size(), data.remaining()))));
        if (!n) {
          trouble = n.error();
          failed = true;
          break;
        }
        result.length += *n;
        if (peek) {
          ++index;
          if (stop) break;
          continue;
        }
        m.at += *n;
        end_->incoming_bytes -= *n;
        if (m.at < m.data.size()) break;
        done.push_back(std::move(m));
        end_->incoming.pop_front();
        if (stop) break;
      }
      peer = end_->peer;
      if (result.length == before && !failed) {
        if (end_->error != 0 && result.length == 0) {
          trouble = Errno(std::exchange(end_->error, 0));
          failed = true;
        } else if (end_->no_more || end_->shut_read || end_->closed) {
          return result;  // end of the stream
        }
      }
    }
    if (!peek && result.length > before) {
      end_->space.notify();
      if (peer) peer->events.notify(POLLOUT | POLLWRNORM);
    }
    drop_messages(std::move(done));
    if (failed && result.length == 0) return err(trouble);
    if (failed || stop || peek || data.remaining() == 0) {
      if (result.length > 0 || failed || stop) return result;
    }
    if (result.length > 0 && (flags & MSG_WAITALL) == 0) return result;
    if (!wait) {
      if (result.length > 0) return result;
      return err(EAGAIN);
    }
    if (auto slept = vfs::Waiter::current().sleep(until); !slept) {
      if (result.length > 0) return result;
      return err(slept.error() == Errno(ETIMEDOUT) ? Errno(EAGAIN) : slept.error());
    }
  }
}

Result<ReceiveResult> LocalSocket::receive_message(vfs::IoBuffer& data, int flags) {
  bool wait = !nonblocking() && (flags & MSG_DONTWAIT) == 0;
  vfs::Deadline until = deadline(receive_timeout_us_);
  vfs::WaitEntry entry(end_->events, vfs::Waiter::current(), ~u32{0});
  for (;;) {
    {
      LockGuard guard(end_->lock);
      if (!end_->incoming.empty()) {
        Message& m = end_->incoming.front();
        ReceiveResult result;
        std::size_t n = std::min(m.data.size(), data.remaining());
        if (n > 0 && TRY(data.put(std::as_bytes(std::span(m.data)).first(n))) != n) return err(EFAULT);
        if (n < m.data.size())
          result.flags |= MSG_TRUNC;
        else if (end_->type == SOCK_SEQPACKET)
          result.flags |= MSG_EOR;
        result.length = (flags & MSG_TRUNC) != 0 ? m.data.size() : n;
        result.from = m.from;
        if ((flags & MSG_PEEK) != 0) {
          result.control = m.control;
          return result;
        }
        uncount_files_in_flight(m.control.files.size());
        result.control = std::move(m.control);
        end_->incoming_bytes -= m.data.size();
        end_->incoming.pop_front();
        Ref<Endpoint> peer = end_->peer;
        guard.unlock();
        end_->space.notify();
        if (peer) peer->events.notify(POLLOUT | POLLWRNORM);
        guard.lock();
        return result;
      }
      if (end_->error != 0) return err(std::exchange(end_->error, 0));
      if (end_->shut_read || (end_->no_more && !datagram())) return ReceiveResult{};
    }
    if (!wait) return err(EAGAIN);
    if (auto slept = vfs::Waiter::current().sleep(until); !slept)
      return err(slept.error() == Errno(ETIMEDOUT) ? Errno(EAGAIN) : slept.error());
  }
}

u32 LocalSocket::poll() {
  u32 events = 0;
  Ref<Endpoint> peer;
  {
    LockGuard guard(end_->lock);
    if (end_->listening) return end_->backlog.empty() ? 0 : POLLIN | POLLRDNORM;
    if (!end_->incoming.empty() || end_->shut_read || (end_->no_more && !datagram()))
      events |= POLLIN | POLLRDNORM;
    if (end_->error != 0) events |= POLLERR;
    if (!datagram()) {
      if (!end_->connected) return events | POLLOUT | POLLWRNORM | POLLHUP;
      if (end_->no_more || end_->shut_read) events |= POLLRDHUP;
      if ((end_->no_more || end_->shut_read) && (end_->shut_write || !end_->peer)) events |= POLLHUP;
    }
    peer = end_->peer;
  }
  if (!peer) return events | POLLOUT | POLLWRNORM;
  LockGuard guard(peer->lock);
  if (peer->incoming_bytes < peer->limit || peer->closed) events |= POLLOUT | POLLWRNORM;
  return events;
}

Result<> LocalSocket::set_option(int level, int name, std::span<const std::byte> value) {
  auto number = [&]() -> Result<int> {
    int v;
    if (value.size() < sizeof v) return err(EINVAL);
    std::memcpy(&v, value.data(), sizeof v);
    return v;
  };
  if (level == SOL_SOCKET) switch (name) {
      case SO_REUSEADDR:
        reuse_address_ = TRY(number()) != 0;
        return {};
      case SO_REUSEPORT:
        return {};
      case SO_KEEPALIVE:
        keep_alive_ = TRY(number()) != 0;
        return {};
      case SO_BROADCAST:
        broadcast_ = TRY(number()) != 0;
        return {};
      case SO_DONTROUTE:
      case SO_OOBINLINE:
      case SO_PRIORITY:
      case SO_TIMESTAMP:
      case SO_NO_CHECK:
      case SO_RCVLOWAT:
      case SO_PASSSEC:
      case SO_LINGER:
        return {};
      case SO_PASSCRED: {
        int on = TRY(number());
        LockGuard guard(end_->lock);
        end_->pass_credentials = on != 0;
        return {};
      }
      case SO_SNDBUF:
        TRY_VOID(number());
        return {};  // room is the receiver's
      case SO_RCVBUF:
      case SO_RCVBUFFORCE: {
        int wanted = TRY(number());
        LockGuard guard(end_->lock);
        end_->limit =
            std::clamp<std::size_t>(static_cast<std::size_t>(std::max(wanted, 0)) * 2, 2304, 425984);
        return {};
      }
      case SO_SNDBUFFORCE:
        return {};
      case SO_RCVTIMEO:
      case SO_SNDTIMEO: {
        timeval t;
        if (value.size() < sizeof t) return err(EINVAL);
        std::memcpy(&t, value.data(), sizeof t);
        if (t.tv_usec < 0 || t.tv_usec >= 1000000) return err(EDOM);
        i64 us = t.tv_sec < 0 ? 1 : std::min<i64>(t.tv_sec, 1 << 30) * 1000000 + t.tv_usec;
        (name == SO_RCVTIMEO ? receive_timeout_us_ : send_timeout_us_) = us;
        return {};
      }
      default:
        return err(ENOPROTOOPT);
    }
  if (domain_ == AF_UNIX) return err(ENOPROTOOPT);
  if (level == IPPROTO_TCP && protocol_ == IPPROTO_TCP) {
    int v = TRY(number());
    if (name == TCP_NODELAY) no_delay_ = v != 0;
    return {};
  }
  if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY) {
    v6_only_ = TRY(number()) != 0;
    return {};
  }
  if (level == IPPROTO_IP || level == IPPROTO_IPV6) return {};
  return err(ENOPROTOOPT);
}

Result<std::string> LocalSocket::get_option(int level, int name) {
  auto bytes = [](const auto& v) { return std::string(reinterpret_cast<const char*>(&v), sizeof v); };
  auto time = [&](i64 us) { return bytes(timeval{us / 1000000, us % 1000000}); };
  if (level == SOL_SOCKET) switch (name) {
      case SO_TYPE:
        return bytes(end_->type);
      case SO_DOMAIN:
        return bytes(domain_);
      case SO_PROTOCOL:
        return bytes(protocol_);
      case SO_ERROR: {
        LockGuard guard(end_->lock);
        return bytes(std::exchange(end_->error, 0));
      }
      case SO_ACCEPTCONN: {
        LockGuard guard(end_->lock);
        return bytes(int{end_->listening});
      }
      case SO_PEERCRED: {
        LockGuard guard(end_->lock);
        return bytes(end_->peer_credentials);
      }
      case SO_PASSCRED: {
        LockGuard guard(end_->lock);
        return bytes(int{end_->pass_credentials});
      }
      case SO_RCVBUF: {
        LockGuard guard(end_->lock);
        return bytes(static_cast<int>(end_->limit));
      }
      case SO_SNDBUF:
        return bytes(212992);
      case SO_REUSEADDR:
        return bytes(reuse_address_.load());
      case SO_KEEPALIVE:
        return bytes(keep_alive_.load());
      case SO_BROADCAST:
        return bytes(broadcast_.load());
      case SO_RCVTIMEO:
        return time(receive_timeout_us_);
      case SO_SNDTIMEO:
        return time(send_timeout_us_);
      case SO_LINGER:
        return bytes(linger{});
      case SO_OOBINLINE:
      case SO_DONTROUTE:
      case SO_PRIORITY:
      case SO_REUSEPORT:
      case SO_TIMESTAMP:
        return bytes(0);
      case SO_RCVLOWAT:
      case SO_SNDLOWAT:
        return bytes(1);
      default:
        return err(ENOPROTOOPT);
    }
  if (level == IPPROTO_TCP && protocol_ == IPPROTO_TCP) {
    if (name == TCP_NODELAY) return bytes(no_delay_.load());
    if (name == TCP_MAXSEG) return bytes(65483);
    return bytes(0);
  }
  if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY) return bytes(v6_only_.load());
  return err(ENOPROTOOPT);
}

Result<u64> LocalSocket::ioctl(mm::AddressSpace& mm, u32 command, u64 argument) {
  switch (command) {
    case FIONREAD: {
      int n = 0;
      {
        LockGuard guard(end_->lock);
        if (datagram())
          n = end_->incoming.empty() ? 0 : static_cast<int>(end_->incoming.front().data.size());
        else
          n = static_cast<int>(end_->incoming_bytes);
      }
      TRY_VOID(mm.write(GuestAddr(argument), n));
      return 0;
    }
    case SIOCOUTQ: {
      int none = 0;
      TRY_VOID(mm.write(GuestAddr(argument), none));
      return 0;
    }
    default:
      return File::ioctl(mm, command, argument);
  }
}

}  // namespace quire::net
