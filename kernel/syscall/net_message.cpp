// sendto, recvfrom, sendmsg, recvmsg and their many-message forms.
#include <limits.h>
#include <sys/socket.h>

#include <algorithm>

#include "kernel/syscall/handlers_net.h"
#include "kernel/syscall/net_common.h"

namespace quire::syscall {
namespace {

constexpr u64 max_io = 0x7ffff000;  // MAX_RW_COUNT
constexpr std::size_t max_control = 65536;
constexpr unsigned max_files = 253;  // SCM_MAX_FD

vfs::IoBuffer plain_buffer(Task& task, GuestAddr base, u64 length) {
  return {task.mm(), {{base, std::min(length, max_io)}}};
}

/// The kernel's struct msghdr as x86-64 programs lay it out.
struct GuestMessage {
  u64 name;
  i32 name_length;
  u32 pad;
  u64 vectors, vector_count;
  u64 control, control_length;
  i32 flags;
  u32 pad2;
};
static_assert(sizeof(GuestMessage) == sizeof(msghdr));

Result<vfs::IoBuffer> scattered(Task& task, const GuestMessage& m) {
  if (m.vector_count > IOV_MAX) return err(EMSGSIZE);
  std::vector<iovec> raw(m.vector_count);
  if (!raw.empty()) TRY_VOID(task.mm().copy_in(raw.data(), GuestAddr(m.vectors), raw.size() * sizeof(iovec)));
  std::vector<vfs::GuestIoVec> pieces;
  u64 total = 0;
  for (const iovec& v : raw) {
    if (v.iov_len > static_cast<u64>(SSIZE_MAX)) return err(EINVAL);
    u64 n = std::min<u64>(v.iov_len, max_io - total);
    total += n;
    pieces.push_back({GuestAddr(reinterpret_cast<u64>(v.iov_base)), n});
  }
  return vfs::IoBuffer(task.mm(), std::move(pieces));
}

Result<net::Control> control_in(Task& task, const GuestMessage& m) {
  net::Control control;
  if (m.control_length == 0) return control;
  if (m.control_length > max_control) return err(ENOBUFS);
  std::vector<std::byte> bytes(m.control_length);
  TRY_VOID(task.mm().copy_in(bytes.data(), GuestAddr(m.control), bytes.size()));
  for (std::size_t at = 0; at + sizeof(cmsghdr) <= bytes.size();) {
    cmsghdr head;
    std::memcpy(&head, bytes.data() + at, sizeof head);
    if (head.cmsg_len < sizeof head || head.cmsg_len > bytes.size() - at) return err(EINVAL);
    std::size_t n = head.cmsg_len - sizeof head;
    const std::byte* data = bytes.data() + at + sizeof head;
    if (head.cmsg_level == SOL_SOCKET && head.cmsg_type == SCM_RIGHTS) {
      if (n / sizeof(int) + control.files.size() > max_files) return err(EINVAL);
      for (std::size_t i = 0; i + sizeof(int) <= n; i += sizeof(int)) {
        int fd;
        std::memcpy(&fd, data + i, sizeof fd);
        control.files.push_back(TRY(task.fds().get(fd)));
      }
    } else if (head.cmsg_level == SOL_SOCKET && head.cmsg_type == SCM_CREDENTIALS) {
      if (n != sizeof(ucred)) return err(EINVAL);
      std::memcpy(&control.credentials, data, n);
      ucred own = credentials_of(task);
      bool honest =
          control.credentials.pid == own.pid &&
          (control.credentials.uid == own.uid || control.credentials.uid == task.credentials().uid) &&
          (control.credentials.gid == own.gid || control.credentials.gid == task.credentials().gid);
      if (!honest && task.credentials().euid != 0) return err(EPERM);
      control.has_credentials = true;
    } else if (head.cmsg_level == SOL_SOCKET) {
      return err(EINVAL);
    }
    at += (head.cmsg_len + 7) & ~std::size_t{7};
  }
  return control;
}

/// Writes the control messages that fit; installs the descriptors. Returns MSG_CTRUNC or 0.
Result<int> control_out(Task& task, GuestMessage& m, net::Control control, bool cloexec) {
  std::vector<std::byte> bytes;
  int flags = 0;
  auto append = [&](int type, const void* data, std::size_t n) {
    cmsghdr head{};
    head.cmsg_len = sizeof head + n;
    head.cmsg_level = SOL_SOCKET;
    head.cmsg_type = type;
    std::size_t at = bytes.size();
    bytes.resize(at + ((head.cmsg_len + 7) & ~std::size_t{7}));
    std::memcpy(bytes.data() + at, &head, sizeof head);
    std::memcpy(bytes.data() + at + sizeof head, data, n);
  };
  auto room = [&] { return m.control_length - std::min<u64>(bytes.size(), m.control_length); };
  if (control.has_credentials) {
    if (room() >= CMSG_LEN(sizeof(ucred)))
      append(SCM_CREDENTIALS, &control.credentials, sizeof(ucred));
    else
      flags |= MSG_CTRUNC;
  }
  if (!control.files.empty()) {
    std::size_t fit = room() < sizeof(cmsghdr) ? 0 : (room() - sizeof(cmsghdr)) / sizeof(int);
    std::vector<int> fds;
    for (Ref<vfs::File>& f : control.files) {
      if (fds.size() == fit) break;
      auto fd = task.fds().install(f, cloexec, task.process().limit(RLIMIT_NOFILE).rlim_cur);
      if (!fd) break;
      fds.push_back(*fd);
    }
    if (fds.size() < control.files.size()) flags |= MSG_CTRUNC;
    if (!fds.empty()) append(SCM_RIGHTS, fds.data(), fds.size() * sizeof(int));
  }
  std::size_t n = std::min<std::size_t>(bytes.size(), m.control_length);
  if (n > 0) TRY_VOID(task.mm().copy_out(GuestAddr(m.control), bytes.data(), n));
  m.control_length = n;
  return flags;
}

Result<u64> send_one(Task& task, net::Socket& socket, GuestAddr at, int flags) {
  auto m = TRY(task.mm().read<GuestMessage>(at));
  vfs::IoBuffer data = TRY(scattered(task, m));
  net::Control control = TRY(control_in(task, m));
  net::Address to;
  if (m.name != 0 && m.name_length > 0)
    to = TRY(address_in(task, GuestAddr(m.name),
                        std::min<u64>(static_cast<u32>(m.name_length), sizeof(sockaddr_storage))));
  TaskNames names(task);
  net::Caller caller{credentials_of(task), names};
  return sent(task,
              socket.send({.data = data,
                           .to = to.empty() ? nullptr : &to,
                           .flags = flags,
                           .control = std::move(control),
                           .caller = &caller}),
              flags);
}

Result<u64> receive_one(Task& task, net::Socket& socket, GuestAddr at, int flags) {
  auto m = TRY(task.mm().read<GuestMessage>(at));
  vfs::IoBuffer data = TRY(scattered(task, m));
  net::ReceiveResult got = TRY(socket.receive(data, flags));
  m.flags = got.flags | (flags & MSG_CMSG_CLOEXEC);
  m.flags |= TRY(control_out(task, m, std::move(got.control), (flags & MSG_CMSG_CLOEXEC) != 0));
  if (m.name != 0 && m.name_length >= 0) {
    std::size_t n = std::min<std::size_t>(got.from.size(), static_cast<u32>(m.name_length));
    if (n > 0) TRY_VOID(task.mm().copy_out(GuestAddr(m.name), got.from.data(), n));
    m.name_length = static_cast<i32>(got.from.size());
  }
  TRY_VOID(task.mm().write(at, m));
  return got.length;
}

struct GuestMany {
  GuestMessage message;
  u32 length;
  u32 pad;
};
static_assert(sizeof(GuestMany) == sizeof(mmsghdr));

}  // namespace

QUIRE_SYSCALL(sendto) {
  SocketRef socket = TRY(socket_at(task, args.i(0)));
  vfs::IoBuffer data = plain_buffer(task, args.addr(1), args[2]);
  net::Address to;
  if (args[4] != 0) to = TRY(address_in(task, args.addr(4), args[5]));
  TaskNames names(task);
  net::Caller caller{credentials_of(task), names};
  return sent(task,
              socket->send({.data = data,
                            .to = args[4] != 0 ? &to : nullptr,
                            .flags = args.i(3),
                            .control = {},
                            .caller = &caller}),
              args.i(3));
}

QUIRE_SYSCALL(recvfrom) {
  SocketRef socket = TRY(socket_at(task, args.i(0)));
  vfs::IoBuffer data = plain_buffer(task, args.addr(1), args[2]);
  net::ReceiveResult got = TRY(socket->receive(data, args.i(3)));
  if (args[4] != 0) TRY_VOID(address_out(task, got.from, args.addr(4), args.addr(5)));
  return got.length;
}

QUIRE_SYSCALL(sendmsg) {
  SocketRef socket = TRY(socket_at(task, args.i(0)));
  return send_one(task, *socket.socket, args.addr(1), args.i(2));
}

QUIRE_SYSCALL(recvmsg) {
  SocketRef socket = TRY(socket_at(task, args.i(0)));
  return receive_one(task, *socket.socket, args.addr(1), args.i(2));
}

QUIRE_SYSCALL(sendmmsg) {
  SocketRef socket = TRY(socket_at(task, args.i(0)));
  u32 count = std::min<u32>(args.u(2), IOV_MAX), done = 0;
  for (; done < count; ++done) {
    GuestAddr at = args.addr(1) + done * sizeof(GuestMany);
    auto n = send_one(task, *socket.socket, at, args.i(3));
    if (n) {
      auto stored = task.mm().write(at + offsetof(GuestMany, length), static_cast<u32>(*n));
      if (!stored) n = err(stored.error());
    }
    if (!n) return done > 0 ? Result<u64>(done) : n;
  }
  return done;
}

QUIRE_SYSCALL(recvmmsg) {
  SocketRef socket = TRY(socket_at(task, args.i(0)));
  u32 count = std::min<u32>(args.u(2), IOV_MAX), done = 0;
  int flags = args.i(3) & ~MSG_WAITFORONE;
  std::optional<vfs::Clock::time_point> until;
  if (args[4] != 0) {
    auto t = TRY(task.mm().read<timespec>(args.addr(4)));
    if (t.tv_sec < 0 || t.tv_nsec < 0 || t.tv_nsec > 999'999'999) return err(EINVAL);
    until = vfs::Clock::now() + std::chrono::seconds(std::min<i64>(t.tv_sec, 1 << 30)) +
            std::chrono::nanoseconds(t.tv_nsec);
  }
  for (; done < count; ++done) {
    GuestAddr at = args.addr(1) + done * sizeof(GuestMany);
    auto n = receive_one(task, *socket.socket, at, flags);
    if (n) {
      auto stored = task.mm().write(at + offsetof(GuestMany, length), static_cast<u32>(*n));
      if (!stored) n = err(stored.error());
    }
    if (!n) return done > 0 ? Result<u64>(done) : n;
    if ((args.i(3) & MSG_WAITFORONE) != 0) flags |= MSG_DONTWAIT;
    // As Linux: the time is looked at only after a message came.
    if (until && vfs::Clock::now() >= *until) return done + 1;
  }
  return done;
}

}  // namespace quire::syscall
