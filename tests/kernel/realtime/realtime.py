#!/usr/bin/env python3
"""A task that locked its memory takes no fault, whatever others do, and not after its own forks either.

usage: realtime.py QUIRE LOCKED
"""
import re
import shutil
import subprocess
import sys

QUIRE, LOCKED = sys.argv[1:3]
CLEAN = "children as they should be; faults: 0 by getrusage, 0 by /proc\n"
# cyclictest beside a shell that forks, maps and exits; the faults of all its threads before and after.
CYCLICTEST = r"""
cyclictest -m -q -t2 -p80 -i1000 -D300 >/tmp/cyclictest.out 2>&1 & task=$!
sleep 1
before=$(cut -d' ' -f10,12 /proc/$task/stat)
i=0
while [ $i -lt 40 ]; do
  (busybox dd if=/dev/zero of=/dev/null bs=1M count=4) 2>/dev/null
  i=$((i+1))
done
after=$(cut -d' ' -f10,12 /proc/$task/stat)
kill -INT $task; wait $task
echo "faults: $before, then $after"
cat /tmp/cyclictest.out
"""


def run(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200)
    return done.returncode, done.stdout, done.stderr


failed = 0


def check(name, ok, seen):
    global failed
    print(f"{'ok' if ok else 'FAILED'}: {name}: {seen}")
    failed += not ok


status, out, errors = run([LOCKED, "others"])
if status == 77:
    print(f"natively: {errors.strip()} (no right to lock memory here)")
else:
    check("natively, beside others that fork and unmap", status == 0 and "as they should" in out, out.strip() + errors)
for how in ("others", "own"):
    status, out, errors = run([QUIRE, "run", "--", LOCKED, how])
    check(f"in the sandbox, {how}", (status, out) == (0, CLEAN), f"{status} {out.strip()}{errors}")
if shutil.which("cyclictest") is None:
    print("FAILED: cyclictest is not installed (rt-tests)")
    failed += 1
else:
    status, out, errors = run([QUIRE, "run", "--", "sh", "-c", CYCLICTEST])
    seen = re.search(r"faults: (\d+) (\d+), then (\d+) (\d+)", out)
    check("cyclictest in the sandbox takes no fault once started", bool(seen) and seen[1] == seen[3] and seen[2] == seen[4],
          out.strip() + errors)
    check("cyclictest told its latencies", "Max:" in out, "")
sys.exit(1 if failed else 0)
