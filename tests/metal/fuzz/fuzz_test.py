#!/usr/bin/env python3
"""Runs one of metal's libFuzzer targets from its seeds: ten seconds, or ten minutes with QUIRE_LONG_TESTS.

    usage: fuzz_test.py TARGET CASES SEEDS...

SEEDS are folders that are read only (a rule pack, say). What is found is left in CASES, for good. What takes too long
the target says itself, by CPU time (tests/fuzz/time_limit.cpp), not libFuzzer by the clock.
"""
import os
import pathlib
import subprocess
import sys
import tempfile


def main():
    target, cases, seeds = sys.argv[1], sys.argv[2], sys.argv[3:]
    seconds = 600 if os.environ.get("QUIRE_LONG_TESTS") else 10
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([target, f"-max_total_time={seconds}", "-max_len=16384", "-timeout=0", "-report_slow_units=1000000", "-rss_limit_mb=2048",
                        "-print_final_stats=1", f"-artifact_prefix={cases}/", scratch, cases, *seeds],
                       check=True, cwd=pathlib.Path(scratch).parent)


main()
