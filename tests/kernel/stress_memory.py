#!/usr/bin/env python3
"""stress-ng's memory class with --verify, natively and under quire: what succeeds natively must succeed here.

usage: stress_memory.py QUIRE [STRESSOR...]

A second each at most; all of the class, and longer, with QUIRE_LONG_TESTS=1. Without vm-segv: it stops itself for a
debugger (ptrace, which there is none of here), and where it gets none it hangs on Linux too.
"""
import os
import shutil
import subprocess
import sys
import time

QUIRE = sys.argv[1]
# What leans on mappings, faults and forks; the rest of the class computes in memory that it has.
SHORT = ("bad-altstack context malloc membarrier memfd mincore misaligned null numa pipe remap rmap stack stackmmap "
         "tlb-shootdown vm vm-addr vm-rw zero").split()
LONG = SHORT + ("tmpfs atomic bsearch full heapsort hsearch judy list lsearch matrix mcontend memcpy mergesort oom-pipe "
                "pipeherd prefetch qsort radixsort randlist resources shellsort skiplist sparsematrix str stream tree "
                "tsearch wcs zlib").split()
SECONDS = "4" if os.environ.get("QUIRE_LONG_TESTS") else "1"
OPERATIONS = {"vm": 600, "malloc": 2000, "memfd": 8, "mincore": 200, "context": 2000, "null": 5000, "zero": 2000, "pipe": 5000, "rmap": 20}


def command(name):
    return ["stress-ng", f"--{name}", "1", f"--{name}-ops", str(OPERATIONS.get(name, 20)), "-t", SECONDS, "--verify", "--vm-bytes", "16m",
            "--temp-path", "/tmp", "--oomable", "-q"]


def run(words):
    begin = time.monotonic()
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr, time.monotonic() - begin
    except subprocess.TimeoutExpired:
        return "timeout", "", time.monotonic() - begin


def main():
    if shutil.which("stress-ng") is None:
        print("FAILED: stress-ng is not installed")
        return 1
    failed = 0
    for name in sys.argv[2:] or (LONG if os.environ.get("QUIRE_LONG_TESTS") else SHORT):
        native, _, native_time = run(command(name))
        ours, out, our_time = run([QUIRE, "run", "--", *command(name)])
        # 3: it found that it cannot run; 4: not supported. What native refuses need not work.
        ok = ours == native or (ours == 0 and native != 0)
        print(f"{'ok' if ok else 'FAILED'}: {name}: {ours} in {our_time:.1f} s, natively {native} in {native_time:.1f} s", flush=True)
        if not ok:
            failed += 1
            print("    " + "\n    ".join(out.splitlines()[-12:]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
