#!/usr/bin/env python3
"""jffs2 mount: an image as a directory of the host, read and written by ordinary programs."""

import os
import pathlib
import random
import subprocess
import tempfile
import time
import unittest

import corpus
from tool import JFFS2, by_path, difference, jffs2, listing, run


@unittest.skipUnless(os.path.exists("/dev/fuse"), "this host has no FUSE")
class Mount(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.dir = pathlib.Path(scratch.name)
        self.at = self.dir / "mnt"
        self.at.mkdir()
        self.image = self.dir / "image"
        self.mounted = False
        self.addCleanup(self.unmount)

    def mount(self, *options):
        done = subprocess.run([JFFS2, "mount", *map(str, options), self.image, self.at], capture_output=True, text=True)
        if done.returncode != 0 and "cannot be mounted" in done.stderr and os.geteuid() != 0:
            self.skipTest("this user may not mount")
        self.assertEqual(0, done.returncode, done.stderr)
        self.mounted = True

    def unmount(self):
        if not self.mounted:
            return
        self.mounted = False
        run(*(["umount"] if os.geteuid() == 0 else ["fusermount3", "-u"]), self.at)
        # The image is complete when the server has let go of it.
        for _ in range(200):
            if subprocess.run(["flock", "-n", self.image, "true"]).returncode == 0:
                return
            time.sleep(0.05)
        self.fail("the server does not end")

    def manifest(self):
        program = os.environ["MANIFEST"]
        return by_path(run(program, self.at).decode().splitlines())

    def test_shows_what_the_image_holds(self):
        entries = corpus.everything() if os.geteuid() == 0 else corpus.sources()
        corpus.write_tar(entries, self.dir / "tar")
        for options in ([], ["-b"], ["-n", "-e128KiB"]):
            with self.subTest(options):
                jffs2("mkfs", *options, self.dir / "tar", self.image)
                before = self.image.read_bytes()
                self.mount("--read-only")
                self.assertEqual("", difference(corpus.manifest(entries), self.manifest()))
                self.assertNotEqual(0, subprocess.run(["touch", self.at / "x"], capture_output=True).returncode)
                self.unmount()
                self.assertEqual(before, self.image.read_bytes())

    def test_programs_work_in_it(self):
        self.mount("--create", "--grow", "4MiB", "--eraseblock", "16KiB")
        script = """set -e
            mkdir -p a/b/c; echo one > a/b/c/f; ln a/b/c/f hard; ln -s a/b/c/f soft; cat soft | grep -q one
            for i in $(seq 200); do echo $i > a/$i; done
            test $(ls a | wc -l) = 201; rm a/1*; mv a/b moved; test ! -e a/b; cat moved/c/f > /dev/null
            dd if=/dev/urandom of=big bs=1000 count=500 2>/dev/null; cp big copy; cmp big copy; truncate -s 1000 copy
            dd if=big of=big bs=1 count=100 seek=5000 conv=notrunc 2>/dev/null
            chmod 640 hard; touch -d @1000000000 hard; test $(stat -c %a:%Y:%h hard) = 640:1000000000:2
            mkdir full; rmdir full; mkfifo pipe; echo x >> one-more; echo y >> one-more; test "$(cat one-more | tr -d '\\n')" = xy
            sync"""
        subprocess.run(["bash", "-c", script], cwd=self.at, check=True)
        seen = self.manifest()
        self.unmount()
        self.assertEqual("", difference(without_root(seen), without_root(listing(self.image))))
        jffs2("check", self.image)
        self.mount("--read-only")
        self.assertEqual("", difference(seen, self.manifest()))

    def test_a_full_image_can_be_emptied(self):
        self.mount("--create", "--grow", "512KiB", "--eraseblock", "16KiB")
        rng = random.Random(3)
        with self.assertRaises(OSError):
            for i in range(100):
                (self.at / f"{i}").write_bytes(rng.randbytes(20_000))
        for path in self.at.iterdir():
            path.unlink()
        (self.at / "again").write_bytes(b"room")
        self.unmount()
        self.assertEqual({".", "again"}, set(listing(self.image)))

    def test_a_small_image_grows(self):
        corpus.write_tar([corpus.Entry("f", data=b"x")], self.dir / "tar")
        jffs2("mkfs", self.dir / "tar", self.image)
        self.mount()
        (self.at / "new").write_bytes(b"y" * 10_000)
        self.unmount()
        self.assertEqual({".", "f", "new"}, set(listing(self.image)))

    def test_inside_a_dump(self):
        corpus.write_tar(corpus.sources(files=20), self.dir / "tar")
        jffs2("mkfs", "--pad=1MiB", self.dir / "tar", self.dir / "inner")
        front, back = os.urandom(0x30000), os.urandom(0x10000)
        self.image.write_bytes(front + (self.dir / "inner").read_bytes() + back)
        self.mount()
        (self.at / "new").write_text("in the middle")
        self.unmount()
        data = self.image.read_bytes()
        self.assertEqual(front, data[:len(front)])
        self.assertEqual(back, data[-len(back):])
        self.assertIn("new", listing(self.image))

    def test_refusals(self):
        self.image.write_bytes(os.urandom(100_000))
        jffs2("mount", self.image, self.at, status=2)
        jffs2("mount", "--create", self.image, self.at, status=2)
        jffs2("mount", self.dir / "absent", self.at, status=2)


def without_root(lines):
    """Until the root is changed it has no inode of its own, and readers differ about its time."""
    return {p: line for p, line in lines.items() if p != "."}


if __name__ == "__main__":
    unittest.main()
