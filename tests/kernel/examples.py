#!/usr/bin/env python3
"""The example programs do what they say, under quire; natively they say how to run them.

usage: examples.py QUIRE DIRECTORY_OF_EXAMPLES
"""
import re
import subprocess
import sys
import unittest

QUIRE, EXAMPLES = sys.argv[1:3]
del sys.argv[1:3]


def run(*command, sandbox=True):
    prefix = [QUIRE, "run", "--"] if sandbox else []
    return subprocess.run(prefix + [f"{EXAMPLES}/{command[0]}", *command[1:]], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=170)


class Examples(unittest.TestCase):
    def test_plugin(self):
        plugin = f"{EXAMPLES}/plugin"
        done = run("plugin_host", plugin, "rot13", "Hello, world")
        self.assertEqual((done.returncode, done.stdout), (0, "10: Uryyb, jbeyq\n"), done.stderr)
        for function, says in (("crash", "touched 0x1234"), ("escape", "system call 87; refused"), ("spin", "too long")):
            done = run("plugin_host", plugin, function, "x")
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertIn(says, done.stderr)

    def test_minikernel(self):
        done = run("minikernel", "/bin/busybox", "echo", "served", "by", "a", "guest")
        self.assertEqual((done.returncode, done.stdout), (0, "served by a guest\n"), done.stderr)
        done = run("minikernel", "/bin/busybox", "touch", "/tmp/nothing")
        self.assertNotEqual(done.returncode, 0)

    def test_checkpoint_search(self):
        puzzle = "806547231"
        done = run("checkpoint_search", puzzle)
        self.assertEqual(done.returncode, 0, done.stderr)
        path, counts = done.stdout.splitlines()
        board = puzzle
        for direction in path:
            gap = board.index("0")
            tile = gap + {"u": 3, "d": -3, "l": 1, "r": -1}[direction]
            self.assertIn(tile, range(9))
            self.assertTrue(abs(tile - gap) == 3 or tile // 3 == gap // 3)
            board = board.translate({ord("0"): board[tile], ord(board[tile]): "0"})
        self.assertEqual(board, "123456780")
        self.assertEqual(len(path), 27)  # the shortest there is
        at_once = int(re.search(r"at most (\d+) address spaces", counts).group(1))
        self.assertGreater(at_once, 1000)

    def test_checkpoint_search_without_solution(self):
        done = run("checkpoint_search", "1234567")
        self.assertEqual(done.returncode, 2)

    def test_native_says_how(self):
        for command in (("checkpoint_search",), ("minikernel", "/bin/busybox", "true"),
                        ("plugin_host", f"{EXAMPLES}/plugin", "rot13", "x")):
            done = run(*command, sandbox=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("quire run", done.stderr)


if __name__ == "__main__":
    unittest.main()
