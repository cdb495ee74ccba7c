#!/usr/bin/env python3
"""Interoperation with Linux and mtd-utils, both ways.

All images are made first, one boot of the real Linux judges them all, then the verdicts are compared
with what the corpus says and with what our own reader says.
"""

import os
import pathlib
import sys
import tempfile
import unittest

import corpus
import linux_scripts
from dumps import noise
from judge.judge import Job, Judge
from tool import by_path, difference, jffs2, listing, mtd, read

MANIFEST = sys.argv.pop(1)


class Image:
    """An image file to be judged, with what must be in it."""

    def __init__(self, path, expected, erase_kib=64, **job):
        self.path, self.expected, self.erase_kib, self.job = path, expected, erase_kib, job


def masked(lines, wide_devices):
    """Without what mkfs.jffs2 does otherwise: it writes no root inode, device numbers above 255 wrongly,
    and into names the time of the file, which Linux takes for the directory's."""
    out = {}
    for path, line in lines.items():
        f = line.split("\t")
        if path in wide_devices:
            f[8] = "?"
        if f[1] == "d":
            f[6] = "?"
        if path != ".":
            out[path] = "\t".join(f)
    return out


class Interoperation(unittest.TestCase):
    maxDiff = None
    JUDGED_THEIRS = {"theirs-default": 64, "theirs-lzo": 64, "theirs-size": 64, "theirs-pagesize": 64,
                     "theirs-sum-default": 64, "theirs-sum-padded-by-it": 64, "theirs-sum-erase-128": 128, "theirs-no-cleanmarkers": 64}

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.dir = pathlib.Path(cls.scratch.name)
        cls.images = {}
        everything = corpus.everything()
        cls.trees = {"everything": everything, "plain": corpus.without_devices(everything),
                     "xattrs": corpus.with_xattrs(), "sources": corpus.sources()}
        cls.expected = {}
        for name, entries in cls.trees.items():
            corpus.write_tar(entries, cls.dir / f"{name}.tar")
            cls.expected[name] = corpus.manifest(entries)
        cls.make_ours()
        cls.make_theirs()
        cls.make_swapped()
        jobs = [Job(name, read(i.path), i.erase_kib, **i.job) for name, i in cls.images.items()]
        jobs += [Job(name, read(cls.dir / name), e) for name, e in cls.JUDGED_THEIRS.items()]
        jobs += [Job(f"linux-{name}", keep=True, **job) for name, job in linux_scripts.JOBS.items()]
        cls.verdicts = Judge(MANIFEST).run(jobs)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    @classmethod
    def ours(cls, name, tree, *options, erase_kib=64, **job):
        path = cls.dir / f"ours-{name}"
        jffs2("mkfs", *options, f"-e{erase_kib}KiB", cls.dir / f"{tree}.tar", path)
        cls.images[f"ours-{name}"] = Image(path, cls.expected[tree], erase_kib, **job)

    @classmethod
    def make_ours(cls):
        for name, options in {
            "default": [], "none": ["-m", "none"], "rtime": ["-x", "zlib"], "lzo": ["-X", "lzo"],
            "zlib": ["-x", "rtime"], "size": ["-m", "size", "-X", "lzo"], "favourlzo": ["-m", "favourlzo", "-X", "lzo"],
            "lzo-first": ["-X", "lzo", "-y", "100:lzo", "-y", "90:rtime"], "no-summary": ["--no-summary"],
            "padded": ["-p"], "padded-size": ["--pad=0x400000"], "no-cleanmarkers": ["-n"],
            "64k-nodes": ["-s", "64KiB"], "level-12": ["--level", "12"], "tested": ["-t"],
        }.items():
            cls.ours(name, "everything", *options)
        for erase in (8, 16, 128, 256):
            cls.ours(f"erase-{erase}", "everything", erase_kib=erase)
        cls.ours("sources", "sources")
        cls.ours("xattrs", "xattrs", "--with-xattr")
        cls.ours("nand", "everything", "-n", "-s", "2048", erase_kib=128, kind="nand")
        cls.ours("nand-bad", "everything", "-n", "-p", erase_kib=128, kind="nand", bad="1,3")

    @classmethod
    def make_theirs(cls):
        # mtd-utils take directories; what they are given is extracted by us from our own image, and
        # the expectation still comes from the corpus. As a plain user owners and devices are lost.
        source = cls.dir / "tree"
        jffs2("extract", cls.images["ours-default"].path, source)
        for name, options in {
            "default": ["-l", "-v"], "big-endian": ["-b"], "none": ["-m", "none"], "rtime": ["-x", "zlib"],
            "lzo": ["-X", "lzo", "-x", "zlib", "-x", "rtime"], "size": ["-m", "size", "-X", "lzo"],
            "favourlzo": ["-m", "favourlzo", "-X", "lzo"], "padded": ["-p"], "pad-size": ["-p0x400000"],
            "no-cleanmarkers": ["-n"], "cleanmarker": ["-c", "20"], "erase-8": ["-e", "8KiB"], "erase-128": ["-e", "128KiB"],
            "pagesize": ["-s", "65536"], "pagesize-2k": ["-s", "2048"], "rtime-first": ["-t", "-y", "90:rtime"],
        }.items():
            path = cls.dir / f"theirs-{name}"
            mtd("mkfs.jffs2", "-r", source, "-o", path, *options)
            order = "-b" if "-b" in options else "-l"
            erase = [o for o in options if o.endswith("KiB")] or ["64KiB"]
            mtd("sumtool", order, "-e", erase[0], "-i", path, "-o", cls.dir / f"theirs-sum-{name}",
                *(["-n"] if "-n" in options else []), *(["-c", "20"] if "-c" in options else []))
        mtd("sumtool", "-p", "-v", "-e", "64KiB", "-i", cls.dir / "theirs-default", "-o", cls.dir / "theirs-sum-padded-by-it")
        for squash in ("-q", "-U", "-P", "-f"):
            mtd("mkfs.jffs2", "-r", source, "-o", cls.dir / f"squash{squash}", squash)
            jffs2("mkfs", squash, source, cls.dir / f"our-squash{squash}")

    @classmethod
    def make_swapped(cls):
        """Big-endian images of ours, turned around by jffs2dump so that Linux on x86 can judge."""
        jffs2("mkfs", "-b", cls.dir / "everything.tar", cls.dir / "big-everything")
        jffs2("mkfs", "-b", "--with-xattr", cls.dir / "xattrs.tar", cls.dir / "big-xattrs")
        for name, options in (("swapped", []), ("swapped-no-summary", ["--no-summary"])):
            big, little = cls.dir / f"big-plain-{name}", cls.dir / name
            jffs2("mkfs", "-b", *options, cls.dir / "plain.tar", big)
            mtd("jffs2dump", "-b", "-r", "-e", little, big)
            cls.images[name] = Image(little, cls.expected["plain"])

    def masked(self, lines):
        return masked(lines, {e.path for e in self.trees["everything"] if e.device and max(e.device) > 255})

    # --- the tests ---

    def test_linux_reads_ours(self):
        for name, image in self.images.items():
            with self.subTest(name):
                verdict = self.verdicts[name]
                self.assertTrue(verdict.mounted, verdict.status + verdict.kmsg)
                self.assertEqual("", difference(image.expected, by_path(verdict.manifest)))
                self.assertEqual([], verdict.complaints())

    def test_we_read_ours(self):
        for name, image in self.images.items():
            with self.subTest(name):
                self.assertEqual("", difference(image.expected, listing(image.path)))

    def test_we_read_our_big_endian(self):
        for tree in ("everything", "xattrs"):
            with self.subTest(tree):
                self.assertEqual("", difference(self.expected[tree], listing(self.dir / f"big-{tree}")))

    def test_we_read_theirs(self):
        for path in sorted(self.dir.glob("theirs-*")):
            with self.subTest(path.name):
                self.assertEqual("", difference(self.masked(self.expected["everything"]), self.masked(listing(path))))

    @unittest.skipIf(os.geteuid() != 0, "only root sets trusted attributes for mkfs.jffs2 to find")
    def test_we_read_their_attributes(self):
        source, image = self.dir / "xattr-tree", self.dir / "xattr-theirs"
        jffs2("extract", self.images["ours-xattrs"].path, source)
        mtd("mkfs.jffs2", "--with-xattr", "-r", source, "-o", image)
        self.assertEqual("", difference(self.masked(self.expected["xattrs"]), self.masked(listing(image))))
        os.setxattr(source / "one", "security.selinux", b"label")
        for option in ("--with-selinux", "--with-posix-acl"):
            with self.subTest(option):
                ours = self.dir / "xattr-ours"
                mtd("mkfs.jffs2", option, "-r", source, "-o", image)
                jffs2("mkfs", option, source, ours)
                self.assertEqual("", difference(self.masked(listing(image)), self.masked(listing(ours))))
                self.assertTrue(any(line.split("\t")[11] != "-" for line in listing(ours).values()))

    def test_we_read_theirs_as_linux_does(self):
        for name in self.JUDGED_THEIRS:
            with self.subTest(name):
                self.assertTrue(self.verdicts[name].mounted, self.verdicts[name].kmsg)
                self.assertEqual("", difference(by_path(self.verdicts[name].manifest), listing(self.dir / name)))

    def test_squash_as_they_do(self):
        for squash in ("-q", "-U", "-P", "-f"):
            with self.subTest(squash):
                theirs, ours = listing(self.dir / f"squash{squash}"), listing(self.dir / f"our-squash{squash}")
                self.assertEqual("", difference(self.masked(theirs), self.masked(ours)))

    def test_we_read_what_linux_writes(self):
        for name in linux_scripts.JOBS:
            with self.subTest(name):
                verdict = self.verdicts[f"linux-{name}"]
                self.assertTrue(verdict.mounted, verdict.status + verdict.kmsg)
                self.assertEqual(0, verdict.script_status, verdict.script_out)
                image = self.dir / f"linux-{name}"
                image.write_bytes(verdict.image)
                self.assertEqual("", difference(by_path(verdict.manifest), listing(image)))
                if name != "nand-oob":
                    image.write_bytes(noise(12_345) + verdict.image)
                    self.assertEqual("", difference(by_path(verdict.manifest), listing(image)))

    def test_we_read_what_linux_writes_turned_around(self):
        """As a big-endian kernel would have written it: jffs2dump turns all but data and attributes around."""
        for name in ("none", "zlib", "lzo", "names", "churn"):
            with self.subTest(name):
                verdict = self.verdicts[f"linux-{name}"]
                little, big = self.dir / f"little-{name}", self.dir / f"turned-{name}"
                little.write_bytes(verdict.image)
                mtd("jffs2dump", "-l", "-r", "-e", big, little)
                expected = {p: line for p, line in by_path(verdict.manifest).items() if line.split("\t")[1] not in "cb"}
                seen = {p: line for p, line in listing(big, "-b").items() if line.split("\t")[1] not in "cb"}
                self.assertEqual("", difference(expected, seen))

    def test_jffs2dump_accepts_ours(self):
        for path in sorted(self.dir.glob("ours-*")) + sorted(self.dir.glob("big-*")):
            with self.subTest(path.name):
                text = mtd("jffs2dump", "-c", "-b" if path.name.startswith("big") else "-l", path).decode(errors="replace")
                bad = [l for l in text.splitlines() if "Wrong" in l or "wrong" in l or "CRC" in l or "Unknown" in l]
                self.assertEqual([], bad[:5])

    def test_images_do_not_depend_on_threads(self):
        one = jffs2("mkfs", "-j", "1", self.dir / "everything.tar", "-")
        for threads in (2, 7):
            self.assertEqual(one, jffs2("mkfs", "-j", str(threads), self.dir / "everything.tar", "-"))


if __name__ == "__main__":
    unittest.main(verbosity=1)
