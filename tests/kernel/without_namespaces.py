#!/usr/bin/env python3
"""Runs a command where the host refuses user and mount namespaces, as hardened hosts do: a filter answers
EPERM to unshare and to clone with CLONE_NEWUSER or CLONE_NEWNS. Sets no_new_privs.

usage: without_namespaces.py COMMAND ARGS...
"""
import ctypes
import os
import struct
import sys

LD, JEQ, JSET, RET = 0x20, 0x15, 0x45, 0x06
ALLOW, EPERM, ENOSYS = 0x7FFF0000, 0x00050001, 0x00050026
CLONE, UNSHARE, CLONE3 = 56, 272, 435
NEW = 0x10000000 | 0x00020000  # CLONE_NEWUSER, CLONE_NEWNS

PROGRAM = [
    (LD, 0, 0, 0),          # the call's number
    (JEQ, 4, 0, UNSHARE),   # to: EPERM
    (JEQ, 4, 0, CLONE3),    # to: ENOSYS, so that the C library uses clone, whose flags can be seen
    (JEQ, 0, 4, CLONE),     # else: allow
    (LD, 0, 0, 16),         # its flags
    (JSET, 0, 2, NEW),      # without them: allow
    (RET, 0, 0, EPERM),
    (RET, 0, 0, ENOSYS),
    (RET, 0, 0, ALLOW),
]


def main():
    libc = ctypes.CDLL(None, use_errno=True)
    code = b"".join(struct.pack("=HBBI", *i) for i in PROGRAM)
    memory = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(struct.pack("=H6xQ", len(PROGRAM), ctypes.addressof(memory)))
    if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, program, 0, 0) != 0:
        sys.exit(f"cannot install the filter: {os.strerror(ctypes.get_errno())}")
    if libc.unshare(NEW) == 0 or libc.unshare(0x10000000) == 0:
        sys.exit("namespaces are still allowed")
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
