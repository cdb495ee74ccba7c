#!/usr/bin/env python3
"""Runs a program natively, then under quire; output, exit status and signal must agree.

usage: agree.py QUIRE [QUIRE RUN OPTIONS] -- PROGRAM ARGS...
"""
import subprocess
import sys


def run(command, timeout=100):
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)
        return done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired as late:
        return "timeout", late.stdout or b"", late.stderr or b""


def show(title, result):
    status, out, errors = result
    print(f"--- {title}: status {status}")
    for name, text in (("stdout", out), ("stderr", errors)):
        for line in text.decode(errors="replace").splitlines()[-60:]:
            print(f"    {name}: {line}")


def main():
    split = sys.argv.index("--")
    quire, options, program = sys.argv[1], sys.argv[2:split], sys.argv[split + 1:]
    native = run(program)
    ours = run([quire, "run", *options, "--", *program])
    if native == ours:
        if native[0] == "timeout":
            print("both timed out")
            return 1
        print(f"agree: status {native[0]}, {len(native[1])} bytes of output")
        return 0
    show("native", native)
    show("quire", ours)
    return 1


if __name__ == "__main__":
    sys.exit(main())
