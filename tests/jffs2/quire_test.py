#!/usr/bin/env python3
"""JFFS2 images under quire: as the root, as a volume, written to and not, damaged, and left behind by a
quire that was killed.

    usage: quire_test.py QUIRE
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import craft
from tool import jffs2, listing

QUIRE = sys.argv.pop(1)
BUSYBOX = shutil.which("busybox", path=os.environ["PATH"] + ":/bin:/usr/bin")
APPLETS = ["sh", "cat", "ls", "echo", "mkdir", "rm", "mv", "ln", "dd", "sync", "wc", "cp", "cmp", "stat", "seq", "true", "chmod"]


def quire(*args, status=0, timeout=60):
    """Standard output and error of `quire run ARGS`."""
    done = subprocess.run([QUIRE, "run", *map(str, args)], capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL)
    if done.returncode != status:
        raise AssertionError(f"{args}: status {done.returncode}, not {status}\n{done.stdout.decode()}\n{done.stderr.decode()}")
    return done.stdout, done.stderr


@unittest.skipIf(BUSYBOX is None, "needs busybox-static")
class Images(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.TemporaryDirectory()
        cls.tree = pathlib.Path(cls.shared.name) / "tree"
        (cls.tree / "bin").mkdir(parents=True)
        shutil.copy(BUSYBOX, cls.tree / "bin/busybox")
        for name in APPLETS:
            (cls.tree / "bin" / name).symlink_to("busybox")
        (cls.tree / "etc").mkdir()
        (cls.tree / "etc/motd").write_text("from flash\n")
        (cls.tree / "data").mkdir()

    @classmethod
    def tearDownClass(cls):
        cls.shared.cleanup()

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.dir = pathlib.Path(scratch.name)

    def make(self, *options, pad="4MiB", source=None):
        image = self.dir / "image.jffs2"
        jffs2("mkfs", f"--pad={pad}", *options, source or self.tree, image)
        return image

    def data_image(self, *options):
        """A small one, to be shown as a volume."""
        source = self.dir / "data"
        (source / "d").mkdir(parents=True)
        (source / "d/f").write_text("on the volume\n")
        return self.make(*options, pad="1MiB", source=source)

    def refused(self, *args):
        """One clear line and status 125."""
        out, err = quire(*args, "--", "/bin/true", status=125)
        self.assertEqual(b"", out)
        self.assertEqual(1, err.count(b"\n"), err)
        return err.decode()


class Root(Images):
    def test_boots_whatever_the_form(self):
        for options in ([], ["-b"], ["-e128KiB"], ["-e8KiB", "-b"], ["-e256KiB", "-n"], ["--no-summary", "-e128KiB"], ["-X", "lzo", "-x", "zlib"]):
            with self.subTest(options):
                image = self.make(*options)
                out, err = quire("--root", image, "--", "/bin/sh", "-c", "cat /etc/motd; ls /bin | wc -l")
                self.assertEqual((f"from flash\n{len(APPLETS) + 1}\n".encode(), b""), (out, err))

    def test_an_overlay_leaves_the_image_as_it_is(self):
        image = self.make()
        before, modified = image.read_bytes(), image.stat().st_mtime_ns
        image.chmod(0o444)
        out, _ = quire("--root", image, "--", "/bin/sh", "-c",
                       "echo new >/etc/motd; rm /bin/cp; mkdir /made; echo x >/made/x; sync; cat /etc/motd /made/x")
        self.assertEqual(b"new\nx\n", out)
        self.assertEqual(before, image.read_bytes())
        self.assertEqual(modified, image.stat().st_mtime_ns)

    def test_writes_arrive(self):
        for options in ([], ["-b", "-e16KiB"], ["-e128KiB"]):
            with self.subTest(options):
                image = self.make(*options)
                quire("--root", image, "--rw", "--", "/bin/sh", "-c", """set -e
                    echo changed >/etc/motd; mkdir -p /data/a/b; echo deep >/data/a/b/c; ln /data/a/b/c /data/hard
                    mv /etc/motd /etc/message; rm /bin/cmp; chmod 700 /data/a
                    dd if=/bin/busybox of=/data/copy bs=64k 2>/dev/null; ln -s /data/copy /data/link""")
                jffs2("check", image)
                shutil.rmtree(self.dir / "out", ignore_errors=True)
                jffs2("extract", image, self.dir / "out")
                out = self.dir / "out"
                self.assertEqual("changed\n", (out / "etc/message").read_text())
                for gone in ("etc/motd", "bin/cmp"):
                    self.assertFalse(os.path.lexists(out / gone), gone)
                self.assertEqual("deep\n", (out / "data/hard").read_text())
                self.assertTrue(os.path.samefile(out / "data/hard", out / "data/a/b/c"))
                self.assertEqual(0o700, (out / "data/a").stat().st_mode & 0o7777)
                self.assertEqual(pathlib.Path(BUSYBOX).read_bytes(), (out / "data/copy").read_bytes())
                self.assertEqual("/data/copy", os.readlink(out / "data/link"))
                # And the next run sees them.
                self.assertEqual(b"changed\n", quire("--root", image, "--", "/bin/cat", "/etc/message")[0])

    def test_a_full_image_says_so_and_can_be_emptied(self):
        image = self.make(pad="2MiB")
        out, _ = quire("--root", image, "--rw", "--", "/bin/sh", "-c",
                       "dd if=/dev/urandom of=/data/big bs=64k count=64 2>/dev/null; echo $?; rm /data/big && echo removed; echo y >/data/y && cat /data/y")
        self.assertEqual(b"1\nremoved\ny\n", out)
        jffs2("check", image)

    def test_a_small_image_grows(self):
        source = self.dir / "small"
        (source / "bin").mkdir(parents=True)
        shutil.copy(BUSYBOX, source / "bin/busybox")
        image = self.dir / "small.jffs2"
        jffs2("mkfs", "-e256KiB", source, image)
        size = image.stat().st_size
        quire("--root", image, "--rw", "--", "/bin/busybox", "touch", "/new")
        self.assertGreater(image.stat().st_size, size)
        self.assertIn("new", listing(image))


class Volume(Images):
    def test_is_read(self):
        for options in ([], ["-b", "-e128KiB"]):
            with self.subTest(options):
                shutil.rmtree(self.dir / "data", ignore_errors=True)
                image = self.data_image(*options)
                before = image.read_bytes()
                out, _ = quire("-v", f"{image}:/v:ro", "--", "sh", "-c", "cat /v/d/f; echo x >/v/new 2>/dev/null || echo refused")
                self.assertEqual(b"on the volume\nrefused\n", out)
                self.assertEqual(before, image.read_bytes())

    def test_is_written(self):
        image = self.data_image()
        quire("-v", f"{image}:/made/here", "--", "sh", "-c",
              "echo new >/made/here/new; rm /made/here/d/f; mkdir /made/here/e; cat /made/here/new >/made/here/e/copy")
        self.assertEqual({".", "d", "e", "e/copy", "new"}, set(listing(image)))
        jffs2("check", image)

    def test_two_at_once_beside_an_image_as_root(self):
        root = self.make()
        other = self.dir / "other.jffs2"
        source = self.dir / "o"
        source.mkdir()
        (source / "f").write_text("other\n")
        jffs2("mkfs", "--pad=1MiB", source, other)
        os.rename(root, self.dir / "root.jffs2")
        image = self.data_image()
        out, _ = quire("--root", self.dir / "root.jffs2", "-v", f"{image}:/a", "-v", f"{other}:/b:ro", "--", "/bin/sh", "-c",
                       "cat /a/d/f /b/f /etc/motd; cp /b/f /a/from-b")
        self.assertEqual(b"on the volume\nother\nfrom flash\n", out)
        self.assertIn("from-b", listing(image))

    def test_one_writer_at_a_time(self):
        image = self.data_image()
        with subprocess.Popen([QUIRE, "run", "-v", f"{image}:/v", "--", "sh", "-c", "echo ready; read line"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
            self.assertEqual(b"ready\n", first.stdout.readline())
            self.assertIn("somebody else is writing", self.refused("-v", f"{image}:/v"))
            first.stdin.close()


class Damage(Images):
    def test_what_is_no_image_is_refused_and_not_touched(self):
        for name, content in {"empty": b"", "short": b"\x85\x19", "random": os.urandom(300_000), "erased": b"\xff" * 300_000,
                              "zeros": bytes(300_000), "magic": b"\x85\x19" + os.urandom(200_000)}.items():
            with self.subTest(name):
                path = self.dir / name
                path.write_bytes(content)
                self.assertIn("no JFFS2 file system", self.refused("--root", path))
                self.assertIn("no JFFS2 file system", self.refused("--root", path, "--rw"))
                if name == "magic":
                    self.assertIn("no JFFS2 file system", self.refused("-v", f"{path}:/v"))
                self.assertEqual(content, path.read_bytes())

    def test_nodes_that_forbid_a_mount(self):
        image = self.make()
        data = bytearray(image.read_bytes())
        at = len(data) - 0x10000 + 12  # behind a cleanmarker of an empty block
        node = craft.node(0xE0FF, b"")
        data[at:at + len(node)] = node
        image.write_bytes(data)
        self.assertIn("forbid", self.refused("--root", image))

    def test_damage_costs_only_what_it_hits(self):
        image = self.make("-m", "none", "--no-summary")
        data = bytearray(image.read_bytes())
        at = data.index(b"from flash\n")
        data[at] ^= 0xFF
        image.write_bytes(data)
        out, _ = quire("--root", image, "--", "/bin/sh", "-c", "cat /etc/motd >/dev/null 2>&1 || echo damaged; cat /bin/busybox | wc -c")
        self.assertEqual(f"damaged\n{os.path.getsize(BUSYBOX)}\n".encode(), out)

    def test_killed_in_the_midst(self):
        """However far it came, what is left mounts, is sound, and holds what had been synced."""
        image = self.make(pad="6MiB")
        before = None
        for delay in (0.0, 0.05, 0.2, 0.5):
            script = """i=0; while :; do i=$((i+1)); echo $i >/data/n; cp /bin/busybox /data/copy$((i % 3)); sync
                        echo $i; rm -f /data/copy$(((i + 1) % 3)); mv /data/n /data/last; done"""
            run = subprocess.Popen([QUIRE, "run", "--root", image, "--rw", "--", "/bin/sh", "-c", script],
                                   stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, start_new_session=True)
            seen = run.stdout.readline()
            time.sleep(delay)
            os.killpg(run.pid, signal.SIGKILL)
            seen = (seen + run.stdout.read()).split(b"\n")
            run.stdout.close()
            run.wait()
            synced = int([line for line in seen if line][-1])
            jffs2("check", image)
            out, _ = quire("--root", image, "--rw", "--", "/bin/sh", "-c", "cat /data/n /data/last 2>/dev/null; cat /etc/motd; ls /data | wc -l")
            lines = out.split(b"\n")
            self.assertEqual(b"from flash", lines[-3], out)
            self.assertIn(max(int(n) for n in lines[:-3]), (synced, synced + 1), out)
            jffs2("check", image)
            self.assertNotEqual(before, image.read_bytes())
            before = image.read_bytes()


if __name__ == "__main__":
    unittest.main()
