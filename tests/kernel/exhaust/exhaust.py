#!/usr/bin/env python3
"""A process that uses up the sandbox's memory is refused or killed, and nobody with it.

usage: exhaust.py QUIRE EXHAUST
"""
import subprocess
import sys

QUIRE, EXHAUST = sys.argv[1:3]
failed = 0
for way in sys.argv[3:] or ("frames", "shared", "file", "segments", "tables", "forks"):
    try:
        done = subprocess.run([QUIRE, "run", "--memory", "100m", "--", EXHAUST, way], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=100)
        ok = done.returncode == 0 and done.stdout in ("eater: killed, the other: 0\n", "eater: refused, the other: 0\n")
        said = f"status {done.returncode}, {done.stdout.strip()} {done.stderr.strip()[-300:]}"
    except subprocess.TimeoutExpired:
        ok, said = False, "timeout"
    print(f"{'ok' if ok else 'FAILED'}: {way}: {said}", flush=True)
    failed += not ok
sys.exit(1 if failed else 0)
