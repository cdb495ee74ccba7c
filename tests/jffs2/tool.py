"""Runs the `jffs2` command and mtd-utils, and puts what they say in the manifest's form."""

import json
import os
import pathlib
import shutil
import subprocess

from corpus import escaped

JFFS2 = os.environ.get("JFFS2", "jffs2")
_LETTER = {"directory": "d", "file": "f", "symlink": "l", "character": "c", "block": "b", "fifo": "p", "socket": "s"}


def run(*argv, status=0, input=None):
    """Standard output of a command that must end with `status` (None: any)."""
    done = subprocess.run([str(a) for a in argv], capture_output=True, input=input)
    if status is not None and done.returncode != status:
        raise AssertionError(f"{' '.join(map(str, argv))}: status {done.returncode}, expected {status}\n"
                             f"{done.stdout.decode(errors='replace')[-2000:]}\n"
                             f"{done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout


def jffs2(*argv, status=0, input=None):
    return run(JFFS2, *argv, status=status, input=input)


def mtd(name, *argv):
    return run(shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin") or name, *argv)


def _bytes(entry, key):
    return bytes.fromhex(entry[key + "_hex"]) if key + "_hex" in entry else entry[key].encode()


def listing(image, *options, status=0):
    """What `jffs2 list` sees, as the manifest's lines by path."""
    lines = {}
    for e in json.loads(jffs2("list", "--json", "--checksum", *options, image, status=status)):
        if e["type"] == "missing":  # a name whose file is lost
            continue
        path, letter = escaped(_bytes(e, "path")), _LETTER[e["type"]]
        attributes = {k: bytes.fromhex(v) for k, v in e.get("xattrs_hex", {}).items()}
        xattrs = ",".join(sorted(f"{escaped(k)}={escaped(v)}" for k, v in attributes.items())) or "-"
        target = escaped(_bytes(e, "target")) if "target" in e else "-"
        lines[path] = "\t".join([path, letter, e["mode"], str(e["uid"]), str(e["gid"]), str(e["size"]),
                                 str(e["mtime"]), str(0 if letter == "d" else e["links"]), e.get("device", "-"),
                                 e.get("crc32", "-"), target, xattrs])
    return lines


def by_path(lines):
    return {line.split("\t", 1)[0]: line for line in lines}


def difference(expected, seen):
    """Text that says how two manifests differ; empty when they do not."""
    out = [f"missing: {expected[p]}" for p in sorted(expected.keys() - seen.keys())]
    out += [f"unexpected: {seen[p]}" for p in sorted(seen.keys() - expected.keys())]
    out += [f"expected: {expected[p]}\n    seen: {seen[p]}"
            for p in sorted(expected.keys() & seen.keys()) if expected[p] != seen[p]]
    return "\n".join(out[:20]) + (f"\n... {len(out)} differences" if len(out) > 20 else "")


def read(path):
    return pathlib.Path(path).read_bytes()
