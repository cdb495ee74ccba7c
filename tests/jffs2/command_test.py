#!/usr/bin/env python3
"""The command as people use it: options, exit statuses, what extraction restores and refuses."""

import json
import os
import pathlib
import resource
import stat
import subprocess
import tempfile
import time
import unittest
import xml.etree.ElementTree

import corpus
import craft
from tool import JFFS2, difference, jffs2, listing, mtd, read, run

COMMANDS = ["mkfs", "extract", "list", "check", "stat", "dump", "recover", "mount"]


class Command(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.dir = pathlib.Path(scratch.name)

    def tar(self, entries, name="t.tar"):
        corpus.write_tar(entries, self.dir / name)
        return self.dir / name

    def make(self, *options, entries=None, name="image"):
        jffs2("mkfs", *options, self.tar(entries or corpus.sources(files=30)), self.dir / name)
        return self.dir / name

    def crafted(self, *nodes):
        path = self.dir / "crafted"
        path.write_bytes(b"".join(nodes))
        return path


class Help(Command):
    def test_every_command_explains_itself(self):
        overview = jffs2("--help").decode()
        for command in COMMANDS:
            self.assertIn(command, overview)
            text = jffs2(command, "--help").decode()
            self.assertIn("Usage", text)
        self.assertIn("jffs2", jffs2("--version").decode())

    def test_every_option_is_in_its_man_page(self):
        pages = pathlib.Path(__file__).resolve().parents[2] / "man/man1"
        for command in COMMANDS:
            page = (pages / f"jffs2-{command}.1").read_text().replace("\\-", "-")
            for word in jffs2(command, "--help").decode().replace(",", " ").split():
                if word.startswith("--") and word != "--help":
                    with self.subTest(f"{command} {word}"):
                        self.assertIn(word.split("{")[0].split("=")[0].rstrip(":"), page)

    def test_mistakes(self):
        for arguments in ([], ["nothing"], ["mkfs"], ["mkfs", "only-one"], ["list"], ["list", "--bogus", "x"],
                          ["mkfs", "-e", "nonsense", "a", "b"], ["mkfs", "-y", "zlib", "a", "b"],
                          ["mkfs", "-X", "bzip2", "a", "b"], ["mkfs", "-j", "99999", "a", "b"], ["mkfs", "a", "b", "c"], ["mkfs", "-i", "old", "a", "b"]):
            with self.subTest(arguments):
                self.assertEqual(2, subprocess.run([JFFS2, *arguments], capture_output=True).returncode)
        jffs2("list", self.dir / "absent", status=2)
        jffs2("list", self.dir, status=2)
        jffs2("mkfs", self.dir / "absent", self.dir / "image", status=2)
        self.assertFalse((self.dir / "image").exists())
        self.assertIn(b"no command 'frob'", subprocess.run([JFFS2, "frob"], capture_output=True).stderr)


class ProgressBar(Command):
    def test_is_drawn_on_terminals_only(self):
        (self.dir / "tree").mkdir()
        text = corpus.text(corpus.random.Random(4), 6 << 20)
        for i in range(8):
            (self.dir / f"tree/{i}").write_bytes(text)
        command = [JFFS2, "mkfs", "-j1", "--level", "12", self.dir / "tree", self.dir / "image"]
        self.assertEqual(b"", subprocess.run(command, capture_output=True, check=True).stderr)
        master, slave = os.openpty()
        with subprocess.Popen(command, stderr=slave) as made:
            os.close(slave)
            seen = b""
            try:
                while piece := os.read(master, 4096):
                    seen += piece
            except OSError:  # the other end is closed
                pass
        os.close(master)
        self.assertEqual(0, made.returncode)
        self.assertRegex(seen, rb"compressing \[[#.]+\] +\d+ %")


class Mkfs(Command):
    def test_reading_standard_input_and_writing_standard_output(self):
        path = self.tar(corpus.sources(files=6))
        self.assertEqual(jffs2("mkfs", path, "-"), jffs2("mkfs", "-", "-", input=read(path)))

    def test_the_same_tree_gives_the_same_image(self):
        self.make(entries=corpus.everything(), name="one")
        jffs2("extract", self.dir / "one", self.dir / "tree")
        jffs2("mkfs", self.dir / "tree", self.dir / "two")
        jffs2("list", "--checksum", self.dir / "two")
        self.assertEqual("", difference(listing(self.dir / "one"), listing(self.dir / "two")))
        jffs2("mkfs", self.dir / "tree", self.dir / "three")
        self.assertEqual(read(self.dir / "two"), read(self.dir / "three"))

    def test_as_mkfs_jffs2_is_called(self):
        self.make(name="one")
        jffs2("extract", self.dir / "one", self.dir / "tree")
        for options in (["-r", self.dir / "tree", "-o", self.dir / "two"],
                        ["-d", self.dir / "tree", "-o", self.dir / "two", "-e", "64", "-l", "-p", "-n", "-q"],
                        ["-d", self.dir / "tree", "-o", self.dir / "two", "-p0x180000", "-e0x10000", "-s", "4096", "-c", "12", "-v"],
                        [f"--root={self.dir}/tree", f"--output={self.dir}/two", "--eraseblock=0x20000", "--pad=0x200000"]):
            jffs2("mkfs", *options)
            mtd("jffs2dump", "-c", self.dir / "two")
            if "-v" in options:
                self.assertEqual(0x180000, (self.dir / "two").stat().st_size)
        self.assertEqual(0x200000, (self.dir / "two").stat().st_size)
        # Without -o the image goes to standard output, without -r it is made of the current directory.
        image = jffs2("mkfs", "-r", self.dir / "tree")
        done = subprocess.run([JFFS2, "mkfs", "-o", self.dir / "here"], cwd=self.dir / "tree")
        self.assertEqual((0, image), (done.returncode, read(self.dir / "here")))
        self.assertIn(b"jffs2", jffs2("mkfs", "-V"))

    def test_padding(self):
        self.assertEqual(0, self.make("-p").stat().st_size % 65536)
        self.assertEqual(1 << 20, self.make("--pad=1MiB").stat().st_size)
        jffs2("mkfs", "--pad=8KiB", self.tar(corpus.everything()), self.dir / "small", status=2)

    def test_device_table_as_mkfs_jffs2_has_it(self):
        (self.dir / "tree/dev").mkdir(parents=True)
        (self.dir / "tree/script").write_text("x")
        table = self.dir / "table"
        table.write_text("# a comment\n\n/dev d 750 1 2 - - - - -\n/dev/tty c 666 3 4 4 0 0 1 6\n"
                         "/dev/hda b 640 0 0 3 1 1 1 5\n/dev/mtd c 640 0 0 90 0 0 2 4\n/dev/null c 666 0 0 1 3 0 0 -\n"
                         "/dev/pipe p 600 5 6\n/script f 4755 7 8\n/new/deep d 700 0 0\n")
        (self.dir / "tree/new").mkdir()
        jffs2("mkfs", "-f", "-D", table, self.dir / "tree", self.dir / "ours")
        mtd("mkfs.jffs2", "-f", "-D", table, "-r", self.dir / "tree", "-o", self.dir / "theirs")
        ours, theirs = listing(self.dir / "ours"), listing(self.dir / "theirs")
        del ours["."], theirs["."]
        # The directory that the table only changes keeps its time in theirs; -f sets all to 0 in ours.
        self.assertEqual("", difference(theirs, ours))
        table.write_text("/dev/bad x 1\n")
        jffs2("mkfs", "-D", table, self.dir / "tree", self.dir / "no", status=2)

    def test_layers(self):
        one = self.tar([corpus.Entry("a", data=b"1"), corpus.Entry("d", "d", 0o700), corpus.Entry("d/x", data=b"x")], "1")
        two = self.tar([corpus.Entry("a", data=b"2"), corpus.Entry("d", "d", 0o755), corpus.Entry("d/y", data=b"y")], "2")
        jffs2("mkfs", "-r", one, "-r", two, "-o", self.dir / "image")
        jffs2("extract", self.dir / "image", self.dir / "out")
        self.assertEqual(b"2", read(self.dir / "out/a"))
        self.assertEqual(b"x", read(self.dir / "out/d/x"))
        self.assertEqual(b"y", read(self.dir / "out/d/y"))

    def test_some_attributes_only(self):
        entries = corpus.with_xattrs() + [corpus.Entry("se", xattrs={"security.selinux": b"label"})]
        for option, kept in (("--with-selinux", {"security.selinux", "security.custom"}),
                             ("--with-posix-acl", {"system.posix_acl_access", "system.posix_acl_default"})):
            seen = listing(self.make(option, entries=entries)).values()
            names = {x.split("=")[0] for line in seen for x in line.split("\t")[11].split(",")} - {"-"}
            self.assertEqual(kept, names)

    def test_refusals(self):
        long = self.tar([corpus.Entry("l", "l", 0o777, target="t" * 255)])
        jffs2("mkfs", long, self.dir / "image", status=2)
        evil = self.tar([corpus.Entry("../up", data=b"x")])
        jffs2("mkfs", evil, self.dir / "image", status=2)
        jffs2("mkfs", "-e", "4096", self.tar([]), self.dir / "image", status=2)
        self.assertFalse((self.dir / "image").exists())

    def test_many_names_take_no_longer_each(self):
        def seconds(count):
            path = self.tar([corpus.Entry(f"d/{i}", uid=70000) for i in range(count)])
            start = time.monotonic()
            jffs2("mkfs", path, self.dir / "image")
            return time.monotonic() - start
        few, many = min(seconds(2_000) for _ in range(3)), seconds(40_000)
        self.assertLess(many, 20 * max(few, 0.02) * 3)

    @unittest.skipIf(os.geteuid() != 0, "only root can become somebody else")
    def test_where_the_host_has_no_more_threads(self):
        path = self.tar(corpus.sources(files=200))
        os.chmod(path, 0o644)
        os.chmod(self.dir, 0o755)
        image = jffs2("mkfs", path, "-")
        limit = lambda: resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))  # noqa: E731
        done = subprocess.run([JFFS2, "mkfs", "-j", "4", path, "-"], capture_output=True, user=65534, group=65534,
                              extra_groups=[], preexec_fn=limit)
        self.assertEqual((0, image), (done.returncode, done.stdout), done.stderr)
        (self.dir / "image").write_bytes(image)
        done = subprocess.run([JFFS2, "check", self.dir / "image"], capture_output=True, user=65534, group=65534,
                              extra_groups=[], preexec_fn=limit)
        self.assertEqual(0, done.returncode, done.stderr)

    def test_owner_that_does_not_fit_becomes_nobody(self):
        path = self.make(entries=[corpus.Entry("f", uid=65536, gid=70000, data=b"x")])
        self.assertEqual(["65534", "65534"], listing(path)["f"].split("\t")[3:5])


class Extract(Command):
    def test_modes_whatever_the_umask(self):
        path = self.make(entries=corpus.without_devices(corpus.everything()))
        old = os.umask(0o077)
        try:
            jffs2("extract", path, self.dir / "out")
        finally:
            os.umask(old)
        self.assertEqual(0o751, stat.S_IMODE((self.dir / "out").stat().st_mode))
        for name, mode in (("modes/0777", 0o777), ("modes/0000", 0), ("modes/7777", 0o7777), ("modes", 0o1777)):
            self.assertEqual(mode, stat.S_IMODE((self.dir / "out" / name).lstat().st_mode), name)
        self.assertEqual(corpus.MTIME + 4096, int((self.dir / "out/text-4096").stat().st_mtime))
        self.assertEqual(int((self.dir / "out/deep/0").stat().st_mtime), corpus.MTIME)
        self.assertEqual(40, (self.dir / "out/hard/0").stat().st_nlink)
        if os.geteuid() == 0:
            self.assertEqual((65534, 65535), ((self.dir / "out/owners/big").stat().st_uid,
                                              (self.dir / "out/owners/big").stat().st_gid))

    @unittest.skipIf(os.geteuid() != 0, "only root can become somebody else")
    def test_as_an_ordinary_user(self):
        path = self.make(entries=corpus.everything())
        os.chmod(path, 0o644)
        os.chmod(self.dir, 0o777)
        done = subprocess.run([JFFS2, "extract", path, self.dir / "out"], capture_output=True, user=65534, group=65534,
                              extra_groups=[])
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn(b"only root", done.stderr)
        self.assertEqual(read(self.dir / "out/hole-middle")[:5], b"begin")

    def test_holes_stay_holes(self):
        path = self.make(entries=[corpus.Entry("f", data=b"x" + bytes(8 << 20) + b"y")])
        jffs2("extract", path, self.dir / "out")
        self.assertLess((self.dir / "out/f").stat().st_blocks * 512, 1 << 20)

    def test_not_into_a_full_directory_unless_told(self):
        path = self.make()
        jffs2("extract", path, self.dir / "out")
        jffs2("extract", path, self.dir / "out", status=2)
        jffs2("extract", "--force", path, self.dir / "out")

    def test_never_outside(self):
        outside = self.dir / "outside"
        outside.mkdir()
        (self.dir / "out").mkdir()
        (self.dir / "out/d").symlink_to(outside)
        (self.dir / "out/f").symlink_to(outside / "target")
        path = self.crafted(
            craft.dirent(1, 2, b"..", 4, 1), craft.inode(2, craft.DIR), craft.dirent(2, 3, b"up"),
            craft.inode(3, craft.FILE, b"bad"), craft.dirent(1, 4, b"../outside/a", 8, 2), craft.inode(4, craft.FILE, b"bad"),
            craft.dirent(1, 5, b"/etc/evil", 8, 3), craft.inode(5, craft.FILE, b"bad"),
            craft.dirent(1, 6, b"d", 4, 4), craft.inode(6, craft.DIR), craft.dirent(6, 7, b"inside", 8, 1),
            craft.inode(7, craft.FILE, b"bad"), craft.dirent(1, 8, b"f", 8, 5), craft.inode(8, craft.FILE, b"fine"),
            craft.dirent(1, 9, b"zero\0name", 8, 6), craft.inode(9, craft.FILE, b"bad"), craft.dirent(1, 10, b".", 4, 7),
            craft.inode(10, craft.DIR))
        jffs2("extract", "--force", path, self.dir / "out", status=1)
        self.assertEqual([], list(outside.iterdir()))
        self.assertEqual(b"fine", read(self.dir / "out/f"))
        self.assertFalse((self.dir / "up").exists())
        self.assertEqual(1, subprocess.run([JFFS2, "check", path], capture_output=True).returncode)


class Damaged(Command):
    def test_cycles_end(self):
        path = self.crafted(craft.dirent(1, 2, b"a", 4), craft.inode(2, craft.DIR), craft.dirent(2, 3, b"b", 4),
                            craft.inode(3, craft.DIR), craft.dirent(3, 2, b"a", 4), craft.dirent(3, 1, b"root", 4, 2))
        jffs2("list", path, status=None)
        jffs2("extract", path, self.dir / "out", status=1)
        jffs2("check", path, status=1)

    def test_diamonds_do_not_multiply(self):
        nodes = [craft.dirent(1, 2, b"top", 4), craft.inode(2, craft.DIR)]
        for i in range(2, 60):
            nodes += [craft.dirent(i, i + 1, b"left", 4, 1), craft.dirent(i, i + 1, b"right", 4, 2),
                      craft.inode(i + 1, craft.DIR)]
        path = self.crafted(*nodes)
        self.assertLess(len(jffs2("list", "-1", path, status=None).splitlines()), 200)
        jffs2("extract", path, self.dir / "out", status=1)

    def test_enormous_claims(self):
        path = self.crafted(
            craft.dirent(1, 2, b"size"), craft.inode(2, craft.FILE, b"x", isize=0xFFFFFFFF),
            craft.dirent(1, 3, b"dsize", 8, 2), craft.inode(3, craft.FILE, b"abcd", isize=0xFFFFFFF0, dsize=0xFFFFFFF0, compr=6),
            craft.dirent(1, 4, b"hole", 8, 3), craft.inode(4, craft.FILE, b"", isize=0xFFFFFFFF, dsize=0xFFFFFFFF, compr=1),
            craft.dirent(1, 5, b"end", 8, 4), craft.inode(5, craft.FILE, b"tail", isize=0xFFFFFFFF, offset=0xFFFFFFFB))
        jffs2("list", "--checksum", path, status=None)
        jffs2("extract", path, self.dir / "out", status=1)
        self.assertEqual(0xFFFFFFFF, (self.dir / "out/hole").stat().st_size)
        self.assertLess((self.dir / "out/size").stat().st_blocks, 100)
        jffs2("check", path, status=1)
        jffs2("stat", path)

    def test_deep_nesting(self):
        nodes = []
        for i in range(1, 3000):
            nodes += [craft.dirent(i, i + 1, b"d" * 100, 4), craft.inode(i + 1, craft.DIR)]
        path = self.crafted(*nodes)
        jffs2("list", "-1", path, status=None)
        jffs2("extract", path, self.dir / "out", status=1)
        # Python's own clean-up would recurse too deeply.
        run("rm", "-rf", self.dir / "out")

    def test_check_finds_and_repairs(self):
        image = self.make(entries=corpus.everything())
        clean = listing(image)
        self.assertIn(b"clean", jffs2("check", image))
        data = bytearray(read(image))
        at = data.index(b"line") if b"line" in data else 40_000
        for hit in (at, 90_000, 140_000):
            data[hit:hit + 40] = b"\x55" * 40
        image.write_bytes(bytes(data))
        repaired = self.dir / "repaired"
        jffs2("check", "--repair", repaired, image, status=1)
        problems = json.loads(jffs2("check", "--json", image, status=1))
        self.assertTrue(any(p["severity"] == "fault" for p in problems))
        self.assertEqual(problems, json.loads(jffs2("check", "--json", "--repair", repaired, image, status=1)))
        jffs2("check", repaired)
        seen = listing(repaired)
        self.assertGreater(sum(seen.get(p) == line for p, line in clean.items()), len(clean) * 0.8)
        mtd("jffs2dump", "-c", repaired)

    def test_repair_of_a_sound_image_changes_nothing_seen(self):
        for options in ([], ["-b", "-e", "16KiB"], ["-n", "-e", "128KiB"]):
            image = self.make(*options, entries=corpus.everything())
            jffs2("check", "--repair", self.dir / "again", image)
            self.assertEqual("", difference(listing(image), listing(self.dir / "again")))


class Show(Command):
    def test_json_is_json(self):
        image = self.make(entries=corpus.everything())
        self.assertEqual("little", json.loads(jffs2("stat", "--json", image))["byte_order"])
        nodes = json.loads(jffs2("dump", "--json", image))
        self.assertIn("cleanmarker", {n["type"] for n in nodes})
        self.assertTrue(all(n["ino"] == 2 or n.get("pino") == 2 for n in json.loads(jffs2("dump", "--json", "--ino", 2, image))))
        self.assertEqual([], json.loads(jffs2("check", "--json", image)))
        self.assertEqual(1, len(json.loads(jffs2("recover", "--json", image))))
        self.assertEqual(len(corpus.everything()) - 1, json.loads(jffs2("extract", "--json", "-v", image, self.dir / "x"))["entries"])
        found = json.loads(jffs2("recover", "--json", "-v", image, self.dir / "y"))
        self.assertEqual([], found[0]["extracted"]["problems"])
        names = {e["path"] for e in json.loads(jffs2("list", "--json", image))}
        self.assertIn("names/new\nline", names)
        for padding in ([], ["-p"], ["--pad=0x300000"], ["--pad=0x2fe000"]):
            made = json.loads(jffs2("mkfs", "--json", *padding, self.dir / "t.tar", image))
            self.assertEqual(len(corpus.everything()), made["files"] + 40)
            self.assertEqual(image.stat().st_size, made["image_bytes"])

    def test_stat_accounts_for_every_byte(self):
        for options in ([], ["-p"], ["-n", "--pad=2MiB"]):
            image = self.make(*options)
            s = json.loads(jffs2("stat", "--json", image))
            self.assertEqual(s["size"], sum(s["bytes"].values()))
            self.assertEqual(s["size"], sum(sum(v for k, v in b.items() if k != "summary") for b in s["blocks"]))
            self.assertEqual(0, s["bytes"]["damaged"] + s["bytes"]["obsolete"])
            self.assertEqual(s["wear"]["nodes_written"], s["wear"]["nodes_left"])

    def test_picture(self):
        image = self.make()
        jffs2("stat", "--svg", self.dir / "p.svg", image)
        root = xml.etree.ElementTree.parse(self.dir / "p.svg").getroot()
        self.assertTrue(root.tag.endswith("svg"))
        self.assertIn("Blocks:", jffs2("stat", image).decode())

    def test_dump_agrees_with_jffs2dump(self):
        image = self.make()
        ours = [n for n in json.loads(jffs2("dump", "--json", image)) if n["type"] in ("inode", "dirent")]
        theirs = [l for l in mtd("jffs2dump", "-c", image).decode().splitlines()
                  if l.lstrip().startswith(("Inode  ", "Dirent  ")) and "node at" in l]
        self.assertEqual(len(theirs), len(ours))
        for line, node in zip(theirs, ours):
            self.assertIn(f"node at {node['offset']:#010x}, totlen {node['totlen']:#010x}", line)

    def test_no_control_bytes_reach_the_terminal(self):
        image = self.make(entries=[corpus.Entry("a\x1b[31mred", data=b"x"), corpus.Entry("\x9b31m", data=b"y")])
        for command in ("list", "dump"):
            self.assertNotIn(b"\x1b", jffs2(command, image))


if __name__ == "__main__":
    unittest.main()
