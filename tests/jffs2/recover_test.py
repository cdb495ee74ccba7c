#!/usr/bin/env python3
"""jffs2 recover and extract on raw dumps: at odd offsets, in either byte order, with spare bytes, bad
blocks, end markers, several file systems, damage."""

import json
import pathlib
import random
import tempfile
import unittest

import corpus
from dumps import END_MARKER, erased, noise, with_bad_blocks, with_oob
from tool import difference, jffs2, listing, mtd, read


class Recover(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.dir = pathlib.Path(cls.scratch.name)
        entries = corpus.without_devices(corpus.everything())
        cls.expected = corpus.manifest(entries)
        other = corpus.sources()
        cls.other_expected = corpus.manifest(other)
        corpus.write_tar(entries, cls.dir / "a.tar")
        corpus.write_tar(other, cls.dir / "b.tar")
        for name, options in {"le": [], "be": ["-b"], "nand": ["-n", "-e128KiB", "-p"],
                              "plain": ["--no-summary", "-n"]}.items():
            jffs2("mkfs", *options, cls.dir / "a.tar", cls.dir / name)
        jffs2("mkfs", "-p", cls.dir / "b.tar", cls.dir / "other")
        jffs2("extract", cls.dir / "le", cls.dir / "tree")
        for name, options in {"theirs": ["-b"], "theirs-lzo": ["-X", "lzo", "-x", "zlib"], "theirs-plain": ["-n"]}.items():
            mtd("mkfs.jffs2", "-r", cls.dir / "tree", "-o", cls.dir / name, "-e", "64KiB", *options)
            order = "-b" if "-b" in options else "-l"
            mtd("sumtool", order, "-e", "64KiB", "-i", cls.dir / name, "-o", cls.dir / f"{name}-sum")

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def image(self, name):
        return read(self.dir / name)

    def dump(self, *parts):
        path = self.dir / f"dump-{self.id().rsplit('.', 1)[1]}"
        path.write_bytes(b"".join(parts))
        return path

    def found(self, path, status=0):
        return json.loads(jffs2("recover", "--json", path, status=status))

    def assert_holds(self, path, expected, *options):
        self.assertEqual("", difference(expected, listing(path, *options)))

    def test_behind_a_boot_loader(self):
        for order in ("le", "be"):
            with self.subTest(order):
                path = self.dump(noise(0x50000), erased(0x10000), self.image(order), erased(0x40000))
                systems = self.found(path)
                self.assertEqual([0x60000], [s["offset"] for s in systems])
                self.assertEqual([{"le": "little", "be": "big"}[order]], [s["byte_order"] for s in systems])
                self.assertEqual([65536], [s["erase_size"] for s in systems])
                self.assert_holds(path, self.expected)

    def test_odd_offsets(self):
        for offset in (1, 2, 3, 4097, 65537):
            with self.subTest(offset):
                self.assert_holds(self.dump(noise(offset), self.image("be"), noise(1000)), self.expected)

    def test_without_cleanmarkers_and_summaries(self):
        self.assert_holds(self.dump(noise(70_000), self.image("plain"), erased(100_000)), self.expected)

    def test_by_mkfs_jffs2_at_an_odd_offset(self):
        def told(lines):
            """Type, mode, size, checksum and target; of the root mkfs.jffs2 writes nothing."""
            return {p: [l.split("\t")[i] for i in (1, 2, 5, 9, 10)] for p, l in lines.items() if p != "."}
        for name in ("theirs", "theirs-lzo", "theirs-plain"):
            for image in (name, f"{name}-sum"):
                with self.subTest(image):
                    path = self.dump(noise(12_345), self.image(image), noise(777))
                    self.assertEqual(told(self.expected), told(listing(path)))

    def test_spare_bytes(self):
        for page, spare in ((2048, 64), (512, 16), (4096, 224)):
            with self.subTest(page):
                path = self.dump(with_oob(erased(131072) + self.image("nand"), page, spare))
                self.assert_holds(path, self.expected)
                self.assert_holds(path, self.expected, "--page", page, "--spare", spare)

    def test_spare_bytes_tell_erase_blocks(self):
        """Little in it, so that no summary does; erased blocks in front and behind belong to it."""
        corpus.write_tar(corpus.sources(files=6), self.dir / "few.tar")
        jffs2("mkfs", "-n", "-e128KiB", "--no-summary", self.dir / "few.tar", self.dir / "few")
        data = erased(131072) + read(self.dir / "few").ljust(131072, b"\xff") + erased(3 * 131072)
        path = self.dump(with_oob(noise(131072) + data, marked=range(131072, 6 * 131072, 131072)))
        system, = self.found(path)
        stride = 131072 // 2048 * 2112
        self.assertEqual((131072, stride, 5 * stride), (system["erase_size"], system["offset"], system["size"]))

    def test_bad_blocks_left_in(self):
        path = self.dump(with_oob(with_bad_blocks(self.image("nand"), {0, 2})))
        self.assert_holds(path, self.expected)

    def test_bad_blocks_left_out(self):
        # The dump then is shorter than the chip; the image itself is whole.
        self.assert_holds(self.dump(erased(131072 * 3), self.image("nand")), self.expected)

    def test_end_marker_in_front(self):
        # OpenWrt: the marker stands behind the read-only root, where the overlay will start.
        path = self.dump(noise(0x30000), END_MARKER, erased(0x10000 - 4), self.image("le"))
        self.assert_holds(path, self.expected)

    def test_leftover_behind_an_end_marker(self):
        path = self.dump(noise(0x10000), self.image("other"), END_MARKER, erased(0x10000 - 4), self.image("le"))
        systems = self.found(path)
        self.assertEqual([False, True], [s["leftover"] for s in systems])
        self.assert_holds(path, self.other_expected)
        out = self.dir / "leftover"
        jffs2("recover", path, out)
        names = sorted(p.name for p in out.iterdir())
        self.assertEqual(2, len(names))
        self.assertEqual(b"end", (out / names[1] / "hole-front").read_bytes()[-3:])

    def test_two_file_systems(self):
        for gap in (0, 0x10000):
            with self.subTest(gap):
                path = self.dump(self.image("other"), erased(gap), self.image("le"))
                systems = self.found(path)
                second = len(self.image("other")) + gap
                self.assertEqual([0, second], [s["offset"] for s in systems])
                jffs2("extract", path, self.dir / "neither", status=2)
                self.assert_holds(path, self.expected, "--offset", second)

    def test_two_byte_orders(self):
        path = self.dump(self.image("be"), self.image("other"))
        self.assertEqual(["big", "little"], [s["byte_order"] for s in self.found(path)])
        self.assert_holds(path, self.expected, "-b")

    def test_nothing_there(self):
        path = self.dump(noise(300_000))
        self.assertEqual([], self.found(path, status=2))
        jffs2("extract", path, self.dir / "nothing", status=2)
        self.assertFalse((self.dir / "nothing").exists())
        jffs2("list", self.dump(b""), status=2)

    def test_damage_loses_only_what_was_hit(self):
        data = bytearray(self.image("le"))
        rng = random.Random(5)
        for _ in range(5):
            at = rng.randrange(0, len(data) - 600)
            data[at:at + 500] = rng.randbytes(500)
        path = self.dump(bytes(data))
        seen = listing(path, status=None)
        same = sum(seen.get(p) == line for p, line in self.expected.items())
        self.assertGreater(same, len(self.expected) * 0.8)
        out = self.dir / "damaged"
        jffs2("recover", path, out, status=1)
        # What was read whole is exact.
        whole = [p for p in self.expected if seen.get(p) == self.expected[p] and p.startswith("many/")]
        self.assertTrue(whole)
        for p in whole:
            self.assertEqual(str(int(p[5:])), (out / p).read_text())

    def test_cut_off_dump(self):
        data = self.image("le")
        seen = listing(self.dump(data[:len(data) // 2 + 3]), status=None)
        self.assertGreater(len(seen), 20)

    def test_orphans_go_to_lost_and_found(self):
        # Without its first block the tree has lost names, but files are still there.
        data = self.image("le")
        path = self.dump(erased(0x10000), data[0x10000:])
        out = self.dir / "orphans"
        jffs2("recover", path, out, status=None)
        self.assertTrue((out / "lost+found").is_dir())


if __name__ == "__main__":
    unittest.main()
