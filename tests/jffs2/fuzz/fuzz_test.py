#!/usr/bin/env python3
"""Runs a fuzz target. Everyday: all kept cases, and some changes of fresh seeds, always the same. With
QUIRE_LONG_TESTS and a libFuzzer build: ten minutes of libFuzzer.

    usage: fuzz_test.py TARGET CASES [LIBFUZZER_TARGET]
           fuzz_test.py --unseeded LIBFUZZER_TARGET CASES     one that makes its images itself
"""

import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import corpus  # noqa: E402
import craft  # noqa: E402
from tool import jffs2, mtd, read  # noqa: E402

EVERYDAY_CHANGES = 60
EVERYDAY_SECONDS = 10
LONG_SECONDS = 600


def small_tree():
    """A little of everything: a fuzzer's seeds should be short."""
    E = corpus.Entry
    rng = corpus.random.Random(11)
    return [E("a", data=corpus.text(rng, 3000)), E("b", data=rng.randbytes(600)), E("d", "d", 0o755),
            E("d/e", "d", 0o700), E("d/e/f", data=b"x" * 5000), E("d/hard", link_to="a"), E("l", "l", 0o777, target="d/e"),
            E("c", "c", device=(1, 3)), E("p", "p"), E("hole", data=bytes(9000) + b"end"), E("empty"),
            E("x", data=b"y", xattrs={"user.n": b"value"})]


def seeds(into):
    corpus.write_tar(small_tree(), into / "tar")
    for name, options in {"le": [], "be": ["-b"], "lzo": ["-X", "lzo"], "rtime": ["-x", "zlib", "-n"],
                          "xattr": ["--with-xattr", "-e8KiB"]}.items():
        jffs2("mkfs", *options, into / "tar", into / name)
    jffs2("mkfs", "-e8KiB", "-p", into / "tar", into / "summary")
    jffs2("extract", into / "le", into.parent / "tree", status=None)
    mtd("mkfs.jffs2", "-r", into.parent / "tree", "-o", into / "theirs", "-e", "8KiB")
    (into / "crafted").write_bytes(craft.dirent(1, 2, b"a", 4) + craft.inode(2, craft.DIR) +
                                   craft.dirent(2, 3, b"b", 8) + craft.inode(3, craft.FILE, b"data" * 20, isize=300) +
                                   craft.dirent(2, 0, b"gone", 0, 2) + craft.inode(3, craft.FILE, b"", 2, 40, 10, 20, 1))
    (into / "router").write_bytes(b"\x27\x05\x19\x56" * 100 + read(into / "be") + b"\xde\xad\xc0\xde" + read(into / "le"))
    (into / "table").write_text("/dev d 755 0 0\n/dev/tty c 666 0 0 4 0 0 1 6\n/dev/p p 600 0 0\n")


def fuzz(target, cases, corpus_dir, seconds, max_len):
    """What it finds is left beside the cases kept, for good. What takes too long the target says itself, by CPU time
    (tests/fuzz/time_limit.cpp), not libFuzzer by the clock."""
    subprocess.run([target, f"-max_total_time={seconds}", f"-max_len={max_len}", "-timeout=0", "-report_slow_units=1000000",
                    "-rss_limit_mb=1024", "-print_final_stats=1", f"-artifact_prefix={cases}/", str(corpus_dir)], check=True, cwd=corpus_dir.parent)


def main():
    long_mode = os.environ.get("QUIRE_LONG_TESTS")
    unseeded = sys.argv[1] == "--unseeded"
    target, cases = sys.argv[1 + unseeded], pathlib.Path(sys.argv[2 + unseeded])
    kept = sorted(cases.glob("*"))
    with tempfile.TemporaryDirectory() as scratch:
        into = pathlib.Path(scratch) / "seeds"
        into.mkdir()
        if unseeded:
            subprocess.run([target, *kept], check=True)
            fuzz(target, cases, into, LONG_SECONDS if long_mode else EVERYDAY_SECONDS, 4096)
            return
        seeds(into)
        if kept:
            subprocess.run([target, *kept], check=True)
        subprocess.run([target, "--mutate", str(EVERYDAY_CHANGES), *sorted(into.iterdir())], check=True)
        if long_mode and len(sys.argv) > 3:
            fuzz(sys.argv[3], cases, into, LONG_SECONDS, 65536)


if __name__ == "__main__":
    main()
