#!/usr/bin/env python3
"""What our own file system writes, judged by Linux: workloads run to their end, and the flash as 200
power cuts left it, before and after our own recovery. Linux then writes on, and we read that.

    usage: survivors_test.py MANIFEST SCRIBBLE
"""

import os
import pathlib
import sys
import tempfile
import unittest

from judge.judge import Job, Judge
from tool import by_path, difference, jffs2, listing, read, run

SCRIBBLE = sys.argv.pop(2)
MANIFEST = sys.argv.pop(1)
CUTS = 200
# Every third, and with QUIRE_LONG_TESTS every one, is also compared file by file after our recovery.
RECOVERED_EACH = 1 if os.environ.get("QUIRE_LONG_TESTS") else 3

# seed, steps, erase KiB, blocks, compression
WORKLOADS = {
    "short": (1, 60, 64, 16, "zlib"),
    "long": (2, 1500, 8, 48, "zlib"),  # collects garbage many times over
    "lzo": (3, 800, 16, 32, "lzo"),
    "rtime": (4, 800, 16, 32, "rtime"),
}

# On nandsim's chip, with the spare bytes as we leave them: seed, steps, blocks of 128 KiB
NAND_WORKLOADS = {"nand-short": (5, 80, 8), "nand-long": (6, 6000, 9)}

_WRITE_ON = """
mkdir linux; echo more > linux/new; echo appended >> f1 2>/dev/null
dd if=/dev/urandom of=linux/random bs=1000 count=9 2>/dev/null
mv f2 linux/moved 2>/dev/null; rm -f f3 2>/dev/null
true
"""


def without_root_time(lines):
    """Our file system writes no inode for the root until it is changed; its time is then that of the
    newest name in it for us, as for any directory, and 0 for Linux."""
    out = dict(lines)
    out["."] = "\t".join(f if i != 6 else "?" for i, f in enumerate(out["."].split("\t")))
    return out


def disagreement(expected, seen):
    return difference(without_root_time(by_path(expected)), without_root_time(by_path(seen)))


class Survivors(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.dir = pathlib.Path(cls.scratch.name)
        seed = os.environ.get("QUIRE_SEED", "1")
        run(SCRIBBLE, "survivors", cls.dir, seed, CUTS)
        cls.manifests = {}
        jobs = []
        for n in range(CUTS):
            jobs.append(Job(f"{n}-raw", read(cls.dir / f"{n}-raw"), 8))
        for n in range(0, CUTS, RECOVERED_EACH):
            jobs.append(Job(f"{n}-recovered", read(cls.dir / f"{n}-recovered"), 8))
        for name, (seed, steps, erase, blocks, compression) in WORKLOADS.items():
            image = cls.dir / name
            cls.manifests[name] = run(SCRIBBLE, "image", image, seed, steps, erase, blocks, compression).decode().splitlines()
            jobs.append(Job(name, read(image), erase))
            jobs.append(Job(f"{name}-on", read(image), erase, script=_WRITE_ON, keep=True))
        for name, (seed, steps, blocks) in NAND_WORKLOADS.items():
            image = cls.dir / name
            cls.manifests[name] = run(SCRIBBLE, "nand-image", image, seed, steps, blocks).decode().splitlines()
            jobs.append(Job(name, read(image), kind="nand", oob=True))
            jobs.append(Job(f"{name}-on", read(image), kind="nand", oob=True, script=_WRITE_ON, keep=True))
        cls.verdicts = Judge(MANIFEST).run(jobs)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def test_linux_sees_what_we_see(self):
        for name, lines in self.manifests.items():
            with self.subTest(name):
                self.assertTrue(self.verdicts[name].mounted, self.verdicts[name].kmsg)
                self.assertGreater(len(lines), 10)
                self.assertEqual("", disagreement(lines, self.verdicts[name].manifest))
                self.assertEqual([], self.verdicts[name].complaints())

    def test_the_command_sees_it_too(self):
        for name, lines in self.manifests.items():
            with self.subTest(name):
                self.assertEqual("", disagreement(lines, listing(self.dir / name).values()))
                jffs2("check", self.dir / name)

    def test_we_read_what_linux_wrote_on(self):
        for name, (_, _, erase, _, _) in WORKLOADS.items():
            with self.subTest(name):
                verdict = self.verdicts[f"{name}-on"]
                self.assertTrue(verdict.mounted, verdict.status + verdict.kmsg)
                path = self.dir / f"{name}-on"
                path.write_bytes(verdict.image)
                ours = run(SCRIBBLE, "manifest", path, erase).decode().splitlines()
                self.assertEqual("", disagreement(verdict.manifest, ours))
                self.assertEqual("", disagreement(verdict.manifest, listing(path).values()))
        for name in NAND_WORKLOADS:
            with self.subTest(name):
                verdict = self.verdicts[f"{name}-on"]
                self.assertTrue(verdict.mounted, verdict.status + verdict.kmsg)
                path = self.dir / f"{name}-on"
                path.write_bytes(verdict.image)
                ours = run(SCRIBBLE, "nand-manifest", path).decode().splitlines()
                self.assertIn("linux/new", by_path(ours))
                self.assertEqual("", disagreement(verdict.manifest, ours))
                self.assertEqual("", disagreement(verdict.manifest, listing(path).values()))

    def test_linux_mounts_every_survivor(self):
        for n in range(CUTS):
            with self.subTest(n):
                self.assertTrue(self.verdicts[f"{n}-raw"].mounted, self.verdicts[f"{n}-raw"].kmsg)
                self.assertFalse([l for l in self.verdicts[f"{n}-raw"].kmsg.splitlines() if "BUG" in l or "Oops" in l])

    def test_linux_agrees_after_our_recovery(self):
        for n in range(0, CUTS, RECOVERED_EACH):
            with self.subTest(n):
                verdict = self.verdicts[f"{n}-recovered"]
                self.assertTrue(verdict.mounted, verdict.kmsg)
                expected = (self.dir / f"{n}.manifest").read_text().splitlines()
                self.assertEqual("", disagreement(expected, verdict.manifest))
                self.assertEqual("", disagreement(expected, listing(self.dir / f"{n}-recovered", status=None).values()))


if __name__ == "__main__":
    unittest.main()
