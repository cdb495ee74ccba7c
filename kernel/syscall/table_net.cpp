// Rows of the system calls on sockets.
#include "kernel/syscall/handlers_net.h"
#include "kernel/syscall/table.h"

namespace quire::syscall {
namespace {

using enum task::Support;

constexpr task::SyscallRow rows[] = {
    {41, "socket", sys_socket, partial,
     "AF_UNIX, AF_INET, AF_INET6 (stream, datagram); the internet families reach the sandbox's own loopback, "
     "or with --net host the host's network",
     "ddd"},
    {42, "connect", sys_connect, partial, "internet addresses: loopback", "fpl"},
    {43, "accept", sys_accept, full, "", "fpp"},
    {44, "sendto", sys_sendto, full, "", "fblxpl"},
    {45, "recvfrom", sys_recvfrom, full, "", "fBlxpp"},
    {46, "sendmsg", sys_sendmsg, full, "", "fpx"},
    {47, "recvmsg", sys_recvmsg, full, "", "fpx"},
    {48, "shutdown", sys_shutdown, full, "", "fd"},
    {49, "bind", sys_bind, partial, "internet addresses: loopback and any", "fpl"},
    {50, "listen", sys_listen, full, "", "fd"},
    {51, "getsockname", sys_getsockname, full, "", "fpp"},
    {52, "getpeername", sys_getpeername, full, "", "fpp"},
    {53, "socketpair", sys_socketpair, full, "", "dddp"},
    {54, "setsockopt", sys_setsockopt, partial,
     "common options; buffer sizes and TCP tuning are accepted without effect", "fddpl"},
    {55, "getsockopt", sys_getsockopt, partial, "common options", "fddpp"},
    {288, "accept4", sys_accept4, full, "", "fppx"},
    {299, "recvmmsg", sys_recvmmsg, full, "", "fplxt"},
    {307, "sendmmsg", sys_sendmmsg, full, "", "fplx"},
};

}  // namespace

std::span<const task::SyscallRow> net_rows() { return rows; }

}  // namespace quire::syscall
