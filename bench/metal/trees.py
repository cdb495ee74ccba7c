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
    plan = subprocess.run(["make", "-C", tree, "LLVM=-19", "-n", "-k", "V=1", "-j2", "--output-sync=recurse"], stdout=subprocess.PIPE,
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


# What plain clang takes for errors in C of 2000, and metal does not.
OLD_C = ["-Wno-int-conversion", "-Wno-incompatible-function-pointer-types", "-Wno-implicit-int", "-Wno-return-type",
         "-Wno-invalid-token-paste", "-Wno-implicit-function-declaration", "-Wno-return-mismatch"]


def mended(text):
    """Strings that go on over the end of a line, as compilers of 2000 took them, made into what clang takes."""
    out, i, quote = [], 0, None
    while i < len(text):
        c = text[i]
        if quote is None and text.startswith("/*", i):
            end = text.find("*/", i + 2)
            end = len(text) if end < 0 else end + 2
            out.append(text[i:end])
            i = end
            continue
        if c == "\\" and i + 1 < len(text):
            out.append(text[i:i + 2])
            i += 2
            continue
        if quote is None and c in "\"'":
            quote = c
        elif c == quote:
            quote = None
        elif c == "\n" and quote == "'":
            quote = None  # an apostrophe in an #error or behind #if 0
        if c == "\n" and quote == '"':
            out.append("\\n\\\n")
        else:
            out.append(c)
        i += 1
    return "".join(out)


def overlay(tree, files, flags, scratch):
    """Options that let plain clang read an old tree: the analyzer does not look at what holds errors."""
    entries = []
    headers = (os.path.join(d, n) for top in ("include/linux", "include/asm-i386", "include/net") for d, _, names in os.walk(os.path.join(tree, top)) for n in names)
    for path in [*headers, *(os.path.join(tree, f) for f in files)]:
        text = open(path, encoding="latin-1").read()
        new = mended(text)
        # An array of what is not complete yet: declared again where it is.
        early = "extern struct tss_struct init_tss[NR_CPUS];"
        if early in new:
            new = re.sub(r"(struct tss_struct \{.*?\n\};)", lambda m: m[1] + " " + early, new.replace(early, ""), count=1, flags=re.S)
        if new == text:
            continue
        copy = os.path.join(scratch, f"mended{len(entries)}.c")
        with open(copy, "w", encoding="latin-1") as out:
            out.write(new)
        made = next(f[2:] for f in flags if f.startswith("-I/"))
        for name in {path, path.replace(os.path.join(tree, "include/asm-i386"), os.path.join(made, "asm"))}:
            entries.append({"type": "file", "name": name, "external-contents": copy})
    with open(os.path.join(scratch, "overlay.json"), "w") as out:
        json.dump({"version": 0, "use-external-names": False, "roots": entries}, out)
    return ["-ivfsoverlay", out.name, *OLD_C]
