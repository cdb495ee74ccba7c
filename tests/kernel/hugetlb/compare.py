#!/usr/bin/env python3
"""What a program sees of huge pages must be what Linux showed it (expected.txt, recorded natively); where
the host lets us have huge pages, natively once more.

usage: compare.py QUIRE PROGRAM
"""
import difflib
import pathlib
import subprocess
import sys

quire, program = sys.argv[1:]
expected = (pathlib.Path(__file__).parent / "expected.txt").read_text()


def check(title, command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=50)
    if title == "native" and done.returncode == 77:
        print("native: no huge pages to be had on this host")
        return True
    if done.returncode == 0 and done.stdout == expected:
        print(f"{title}: as expected")
        return True
    print(f"{title}: status {done.returncode} {done.stderr}")
    print("\n".join(difflib.unified_diff(expected.splitlines(), done.stdout.splitlines(), "expected", title, "", "", 1)))
    return False


native = check("native", [program])
ours = check("quire", [quire, "run", "-u", "0", "--", program])
sys.exit(0 if native and ours else 1)
