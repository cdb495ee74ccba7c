// Rows of the system calls on sockets.
#include "kernel/syscall/handlers.h"
#include "kernel/syscall/table.h"

namespace quire::syscall {
namespace {

using enum task::Support;

constexpr task::SyscallRow rows[] = {
    {41, "socket", nullptr, none, "", "ddd"},
    {42, "connect", nullptr, none, "", "fpl"},
    {43, "accept", nullptr, none, "", "fpp"},
    {44, "sendto", nullptr, none, "", "fblxpl"},
    {45, "recvfrom", nullptr, none, "", "fBlxpp"},
    {46, "sendmsg", nullptr, none, "", "fpx"},
    {47, "recvmsg", nullptr, none, "", "fpx"},
    {48, "shutdown", nullptr, none, "", "fd"},
    {49, "bind", nullptr, none, "", "fpl"},
    {50, "listen", nullptr, none, "", "fd"},
    {51, "getsockname", nullptr, none, "", "fpp"},
    {52, "getpeername", nullptr, none, "", "fpp"},
    {53, "socketpair", nullptr, none, "", "dddp"},
    {54, "setsockopt", nullptr, none, "", "fddpl"},
    {55, "getsockopt", nullptr, none, "", "fddpp"},
    {288, "accept4", nullptr, none, "", "fppx"},
    {299, "recvmmsg", nullptr, none, "", "fplxt"},
    {307, "sendmmsg", nullptr, none, "", "fplx"},
};

}  // namespace

std::span<const task::SyscallRow> net_rows() { return rows; }

}  // namespace quire::syscall
