#include "kernel/net/host_socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

namespace quire::net {
namespace {

std::atomic<bool> host_network_used{false};
constexpr std::size_t chunk = 65536;

/// Waits for the host socket unless the call must not block.
Result<> wait_for(int fd, short events, bool wait) {
  if (!wait) return err(EAGAIN);
  auto ready = vfs::Waiter::current().sleep_on_host(fd, events);
  if (!ready) return err(ready.error());
  return {};
}

template <typename Get>
Result<Address> name_of(Get get) {
  sockaddr_storage a{};
  socklen_t n = sizeof a;
  if (get(reinterpret_cast<sockaddr*>(&a), &n) != 0) return err(Errno::last());
  return Address(reinterpret_cast<const char*>(&a), std::min<std::size_t>(n, sizeof a));
}
const sockaddr* raw(const Address& a) { return reinterpret_cast<const sockaddr*>(a.data()); }
socklen_t length(const Address& a) { return static_cast<socklen_t>(a.size()); }

}  // namespace

void use_host_network() { host_network_used = true; }
bool host_network() { return host_network_used; }

Result<Ref<Socket>> HostSocket::make(int domain, int type, int protocol, int flags) {
  if (domain != AF_INET && domain != AF_INET6) return err(EAFNOSUPPORT);
  if (type != SOCK_STREAM && type != SOCK_DGRAM) return err(type == SOCK_RAW ? EPERM : ESOCKTNOSUPPORT);
  int fd = ::socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (fd < 0) return err(Errno::last());
  return Ref<Socket>(make_ref<HostSocket>(fd, domain, type, protocol, flags));
}

HostSocket::~HostSocket() {
  poll_.reset();
  ::close(fd_);
}

Result<> HostSocket::bind(const Address& address, const Caller&) {
  if (::bind(fd_, raw(address), length(address)) != 0) return err(Errno::last());
  return {};
}

Result<> HostSocket::connect(const Address& address, const Caller&) {
  if (::connect(fd_, raw(address), length(address)) == 0) return {};
  if (errno != EINPROGRESS || nonblocking()) return err(Errno::last());
  TRY_VOID(wait_for(fd_, POLLOUT, true));
  int error = 0;
  socklen_t n = sizeof error;
  if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &n) != 0) return err(Errno::last());
  if (error != 0) return err(error);
  return {};
}

Result<> HostSocket::listen(int backlog, const Caller&) {
  if (::listen(fd_, backlog) != 0) return err(Errno::last());
  return {};
}

Result<Ref<Socket>> HostSocket::accept(Address& peer, int flags) {
  for (;;) {
    sockaddr_storage a{};
    socklen_t n = sizeof a;
    int fd = ::accept4(fd_, reinterpret_cast<sockaddr*>(&a), &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      peer.assign(reinterpret_cast<const char*>(&a), std::min<std::size_t>(n, sizeof a));
      return Ref<Socket>(make_ref<HostSocket>(fd, domain_, type_, protocol_, flags));
    }
    if (errno != EAGAIN) return err(Errno::last());
    TRY_VOID(wait_for(fd_, POLLIN, !nonblocking()));
  }
}

Result<Address> HostSocket::local_address() {
  return name_of([this](sockaddr* a, socklen_t* n) { return ::getsockname(fd_, a, n); });
}
Result<Address> HostSocket::peer_address() {
  return name_of([this](sockaddr* a, socklen_t* n) { return ::getpeername(fd_, a, n); });
}

Result<> HostSocket::shutdown(int how) {
  if (::shutdown(fd_, how) != 0) return err(Errno::last());
  return {};
}

Result<std::size_t> HostSocket::send(SendRequest request) {
  if (!request.control.files.empty()) return err(EINVAL);
  bool wait = !nonblocking() && (request.flags & MSG_DONTWAIT) == 0;
  constexpr int passed = MSG_OOB | MSG_MORE | MSG_EOR | MSG_CONFIRM | MSG_DONTROUTE;
  if (type_ == SOCK_DGRAM && request.data.remaining() > chunk) return err(EMSGSIZE);
  std::string data;
  std::size_t done = 0;
  do {
    data.resize(std::min(request.data.remaining(), chunk));
    std::size_t n = data.empty() ? 0 : TRY(request.data.peek(std::as_writable_bytes(std::span(data))));
    ssize_t sent = ::sendto(fd_, data.data(), n, (request.flags & passed) | MSG_NOSIGNAL,
                            request.to != nullptr ? raw(*request.to) : nullptr,
                            request.to != nullptr ? length(*request.to) : 0);
    if (sent < 0) {
      if (errno != EAGAIN) return done > 0 ? Result<std::size_t>(done) : err(Errno::last());
      if (auto ready = wait_for(fd_, POLLOUT, wait); !ready)
        return done > 0 ? Result<std::size_t>(done) : err(ready.error());
      continue;
    }
    request.data.advance(static_cast<std::size_t>(sent));
    done += static_cast<std::size_t>(sent);
  } while (type_ == SOCK_STREAM && request.data.remaining() > 0);
  return done;
}

Result<ReceiveResult> HostSocket::receive(vfs::IoBuffer& data, int flags) {
  bool wait = !nonblocking() && (flags & MSG_DONTWAIT) == 0;
  constexpr int passed = MSG_OOB | MSG_PEEK | MSG_TRUNC | MSG_ERRQUEUE;
  std::size_t size = std::min(data.remaining(), chunk);
  const auto bytes = std::make_unique_for_overwrite<std::byte[]>(size);
  ReceiveResult result;
  for (;;) {
    sockaddr_storage from{};
    iovec v{bytes.get(), size};
    msghdr m{};
    m.msg_name = &from;
    m.msg_namelen = sizeof from;
    m.msg_iov = &v;
    m.msg_iovlen = 1;
    ssize_t n = ::recvmsg(fd_, &m, flags & passed);
    if (n < 0) {
      if (errno != EAGAIN) return result.length > 0 ? Result<ReceiveResult>(result) : err(Errno::last());
      if (auto ready = wait_for(fd_, POLLIN, wait); !ready)
        return result.length > 0 ? Result<ReceiveResult>(result) : err(ready.error());
      continue;
    }
    std::size_t got = std::min(static_cast<std::size_t>(n), size);
    if (got > 0) TRY_VOID(data.put(std::span(bytes.get(), got)));
    result.length += static_cast<std::size_t>(n);
    result.flags = m.msg_flags & (MSG_TRUNC | MSG_OOB | MSG_EOR);
    if (m.msg_namelen > 0)
      result.from.assign(reinterpret_cast<const char*>(&from),
                         std::min<std::size_t>(m.msg_namelen, sizeof from));
    bool more = type_ == SOCK_STREAM && (flags & MSG_WAITALL) != 0 && (flags & MSG_PEEK) == 0 && n > 0 &&
                data.remaining() > 0;
    if (!more) return result;
    size = std::min(size, data.remaining());
  }
}

Result<> HostSocket::set_option(int level, int name, std::span<const std::byte> value) {
  // Nothing that reaches beyond the socket itself: filters, binding to devices, marks.
  if (level == SOL_SOCKET &&
      (name == SO_ATTACH_FILTER || name == SO_ATTACH_BPF || name == SO_BINDTODEVICE || name == SO_MARK))
    return err(EPERM);
  if (::setsockopt(fd_, level, name, value.data(), static_cast<socklen_t>(value.size())) != 0)
    return err(Errno::last());
  return {};
}

Result<std::string> HostSocket::get_option(int level, int name) {
  std::string value(256, '\0');
  socklen_t n = static_cast<socklen_t>(value.size());
  if (::getsockopt(fd_, level, name, value.data(), &n) != 0) return err(Errno::last());
  value.resize(n);
  return value;
}

Result<u64> HostSocket::ioctl(mm::AddressSpace& mm, u32 command, u64 argument) {
  if (command != FIONREAD && command != TIOCOUTQ) return File::ioctl(mm, command, argument);
  int n = 0;
  if (::ioctl(fd_, command, &n) != 0) return err(Errno::last());
  TRY_VOID(mm.write(GuestAddr(argument), n));
  return 0;
}

u32 HostSocket::poll() {
  pollfd p{fd_, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0};
  ::poll(&p, 1, 0);
  u32 events = static_cast<u16>(p.revents);
  if ((events & POLLIN) != 0) events |= POLLRDNORM;
  if ((events & POLLOUT) != 0) events |= POLLWRNORM;
  return events;
}

vfs::WaitQueue* HostSocket::wait_queue() {
  std::call_once(poll_once_, [this] { poll_.emplace(fd_); });
  return &poll_->queue();
}

Result<vfs::Attributes> HostSocket::attributes() {
  vfs::Attributes a;
  a.mode = S_IFSOCK | 0777;
  a.inode = reinterpret_cast<std::uintptr_t>(this) >> 4;
  a.device = 8;
  return a;
}

std::string HostSocket::describe() {
  return "socket:[" + std::to_string(reinterpret_cast<std::uintptr_t>(this) >> 4) + "]";
}

}  // namespace quire::net
