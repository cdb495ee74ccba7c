"""The kernel trees that the benchmarks of metal read, and how their files are compiled."""
import json
import os
import re
import shlex
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DROP = ("-Wp,", "-W", "-fplugin", "-c", "-mno-fp-ret-in-387", "-mskip-rax-setup")


def modern():
    """Linux 6.1, defconfig: file to (directory, flags); or None and why not."""
    tree = os.environ.get("METAL_LINUX_61", "/tmp/quire-linux-6.1")
    archive = "/usr/src/linux-source-6.1.tar.xz"
    if not os.path.exists(tree + "/Makefile"):
        if not os.path.exists(archive):
            return None, "no " + archive + " (package linux-source-6.1)"
        os.makedirs(tree, exist_ok=True)
        subprocess.run(["tar", "-C", tree, "--strip-components=1", "-xf", archive], check=True)
    if not os.path.exists(tree + "/include/generated/autoconf.h"):
        subprocess.run(["make", "-C", tree, "LLVM=-19", "defconfig", "prepare", "modules_prepare", "-j2"], check=True,
                       stdout=subprocess.DEVNULL)
    plan = subprocess.run(["make", "-C", tree, "LLVM=-19", "-n", "-k", "V=1"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True).stdout
    commands = {}
    for m in re.finditer(r";\s+(clang-19 [^;\n]*-D__KERNEL__[^;\n]* -c -o \S+ (\S+\.c))\s", plan):
        words = shlex.split(m[1].replace("'\\''", "'"))[1:]
        flags, skip = [], False
        for word in words:
            if skip:
                skip = False
            elif word == "-o":
                skip = True
            elif word != m[2] and not word.startswith(DROP):
                flags.append(word)
        commands[m[2]] = (tree, flags)
    return commands, None


def old():
    """The same for Linux 2.4.0, i386."""
    tree = os.environ.get("METAL_LINUX_24")
    if not tree:
        return None, "METAL_LINUX_24 names no tree"
    out = tempfile.mkdtemp(prefix="quire-linux-2.4-")
    subprocess.run([os.path.join(ROOT, "bench/metal/prepare-linux-2.4"), tree, out], check=True, stdout=subprocess.DEVNULL)
    commands = {}
    for entry in json.load(open(out + "/compile_commands.json")):
        if entry["file"].startswith(("drivers/net/", "fs/", "kernel/", "mm/", "net/")):
            commands[entry["file"]] = (entry["directory"], entry["arguments"][1:-2])
    return commands, None
