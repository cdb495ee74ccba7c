#!/usr/bin/env python3
"""libquire-mm as its users get it: installed, found by pkg-config, static and shared, from C and C++.

usage: library.py QUIRE BUILD_DIRECTORY SOURCES
"""
import os
import subprocess
import sys
import tempfile
import unittest

QUIRE, BUILD, SOURCES = sys.argv[1:4]
del sys.argv[1:4]


class Library(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.TemporaryDirectory(dir="/tmp")
        cls.prefix = f"{cls.dir.name}/installed"
        subprocess.run(["cmake", "--install", BUILD, "--prefix", cls.prefix, "--component", "quire-mm"], check=True,
                       stdout=subprocess.DEVNULL)

    @classmethod
    def tearDownClass(cls):
        cls.dir.cleanup()

    def flags(self, *options):
        environment = dict(os.environ, PKG_CONFIG_PATH=f"{self.prefix}/lib/pkgconfig")
        return subprocess.run(["pkg-config", *options, "quire-mm"], check=True, capture_output=True, text=True,
                              env=environment).stdout.split()

    def build_and_run(self, compiler, source, *options):
        program = f"{self.dir.name}/{source.replace('.', '_')}{len(options)}"
        subprocess.run([compiler, "-Wall", "-Wextra", "-Werror", *self.flags("--cflags"), f"{SOURCES}/{source}", "-o", program,
                        *options, *self.flags("--libs")], check=True)
        environment = dict(os.environ, LD_LIBRARY_PATH=f"{self.prefix}/lib")
        native = subprocess.run([program], capture_output=True, text=True, env=environment)
        self.assertEqual((native.returncode, native.stdout), (77, ""), native.stderr)
        self.assertIn("quire run -- PROGRAM", native.stderr)
        ours = subprocess.run([QUIRE, "run", "-e", f"LD_LIBRARY_PATH={self.prefix}/lib", "--", program], capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=60)
        self.assertEqual((ours.returncode, ours.stdout, ours.stderr), (0, "used\n", ""))

    def test_c_shared(self):
        self.build_and_run("cc", "use.c")

    def test_c_static(self):
        self.build_and_run("cc", "use.c", "-static")

    def test_cxx_shared(self):
        self.build_and_run("c++", "use.cpp", "-std=c++20")

    def test_cxx_static(self):
        self.build_and_run("c++", "use.cpp", "-std=c++20", "-static")

    def test_pages_are_installed(self):
        for page in ("man2/create_mm.2", "man2/mm_map.2", "man4/proc_mm.4", "man7/mm_overview.7"):
            self.assertTrue(os.path.exists(f"{self.prefix}/share/man/{page}"), page)


if __name__ == "__main__":
    unittest.main()
