#!/usr/bin/env python3
"""Counts the cases of each rule of the packs: at least ten that fire and ten that are silent.

usage: count_cases.py METAL PACKS_DIR [-v]

A firing case is one expected finding. A silent case is a function without one, in a file that has cases of
the rule: not static (those are somebody's callees), no caller of a function in which something is due, and
with something in its body. A folder *.case is one program of several files; each rule of a pack that looks
across calls has one.
"""
import pathlib
import re
import subprocess
import sys

LEAST = 10
# What is seen in one function alone: whole-program cases would show nothing.
LOCAL = {"linux.stack", "linux-2.4.stack", "quire.stack", "quire.result", "cxx.discarded-guard", "posix.unchecked"}
ANY = re.compile(r"^[A-Za-z_][\w:<>&*\s,]*?\b(\w+)\s*\([^;{]*\)[^;{]*(?:\{|$)")


def rules(metal):
    listed = subprocess.run([metal, "explain"], stdout=subprocess.PIPE, text=True)
    return [line.split()[0] for line in listed.stdout.splitlines() if "." in line.split()[0]] if listed.returncode == 0 else []


def functions(text):
    """Name, whether static, the body's lines, of each function of a file written as the cases are."""
    out, current = [], None
    for line in text.split("\n"):
        if current is None:
            m = ANY.match(line)
            if m and "{" in line:
                current = [m[1], line.startswith("static"), [line]]
                if line.count("{") == line.count("}"):
                    out.append(current)
                    current = None
        else:
            current[2].append(line)
            if line.startswith("}"):
                out.append(current)
                current = None
    return out


def main():
    metal, packs = sys.argv[1], pathlib.Path(sys.argv[2])
    verbose = "-v" in sys.argv
    firing, silent, across = {}, {}, set()
    programs = {}
    for file in sorted(packs.rglob("*")):
        if file.suffix in (".c", ".cc", ".h") and file.name not in ("kernel.h", "cxx.h", "posix.h", "quire.h"):
            programs.setdefault(file.parent if file.parent.suffix == ".case" else file, []).append(file)
    for program, files in programs.items():
        found = [f for file in files for f in functions(file.read_text())]
        due = {name for name, _, body in found if any("expect:" in line for line in body)}
        ids = set()
        for file in files:
            for line in file.read_text().split("\n"):
                if "expect:" in line:
                    for word in line.split("expect:")[1].replace("*/", "").split():
                        firing[word] = firing.get(word, 0) + 1
                        ids.add(word)
                elif "// silent:" in line:
                    ids.update(line.split("silent:")[1].split())
        if program.suffix == ".case":
            across |= ids
        quiet = 0
        for name, static, body in found:
            text = "\n".join(body)
            if static or name in due or any(re.search(rf"\b{other}\(", text) for other in due):
                continue
            quiet += 1
        for i in ids:
            silent[i] = silent.get(i, 0) + quiet
    bad = 0
    for rule in sorted(set(rules(metal)) | set(firing)):
        f, s = firing.get(rule, 0), silent.get(rule, 0)
        where = "across files too" if rule in across else "one function" if rule in LOCAL else "NOT across files"
        wrong = f < LEAST or s < LEAST or where.startswith("NOT")
        bad += wrong
        if verbose or wrong:
            print(f"{rule:28} {f:4} firing {s:4} silent   {where}{'   TOO FEW' if wrong else ''}")
    print(f"{len(set(firing))} rules, {sum(firing.values())} firing cases, {bad} with too few")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
