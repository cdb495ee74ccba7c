#!/usr/bin/env python3
"""The example programs do what they say, under quire; natively they say how to run them.

usage: examples.py QUIRE DIRECTORY_OF_EXAMPLES
"""
import subprocess
import sys
import unittest

QUIRE, EXAMPLES = sys.argv[1:3]
del sys.argv[1:3]


def run(*command, sandbox=True):
    prefix = [QUIRE, "run", "--"] if sandbox else []
    return subprocess.run(prefix + [f"{EXAMPLES}/{command[0]}", *command[1:]], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60)


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
        done = run("checkpoint_search")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [line.split() for line in done.stdout.splitlines()[:9]]
        for row in rows:
            self.assertEqual(sorted(row), list("123456789"))
        for column in zip(*rows):
            self.assertEqual(sorted(column), list("123456789"))

    def test_native_says_how(self):
        done = run("checkpoint_search", sandbox=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("quire run", done.stderr)


if __name__ == "__main__":
    unittest.main()
