"""The guest's first file system: busybox, mtd-utils, our manifest program, modules."""

import gzip
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from .errors import JudgeError

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = ["nanddump", "nandwrite", "flash_erase", "setfattr", "getfattr"]


def _libraries(program):
    text = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return re.findall(r"(/\S+) \(0x", text)


def _find(name):
    path = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if path is None:
        raise JudgeError(f"{name} is not installed (see the test packages in ./dev)")
    return path


def build(kernel, manifest_program):
    """The bytes of a compressed cpio archive."""
    with tempfile.TemporaryDirectory() as scratch:
        root = pathlib.Path(scratch)
        (root / "bin").mkdir()
        shutil.copy(_find("busybox"), root / "bin/busybox")
        shutil.copy(manifest_program, root / "bin/manifest")
        for name in PROGRAMS:
            source = _find(name)
            shutil.copy(source, root / "bin" / name)
            for library in _libraries(source):
                target = root / library.lstrip("/")
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(library, target)
        shutil.copytree(kernel / "modules", root / "modules")
        shutil.copy(HERE / "guest_init", root / "init")
        (root / "init").chmod(0o755)
        names = subprocess.run(["find", ".", "-print0"], cwd=root, capture_output=True, check=True).stdout
        made = subprocess.run(["cpio", "-0", "-o", "-H", "newc", "--quiet"], cwd=root, input=names,
                              capture_output=True)
        if made.returncode != 0:
            raise JudgeError(f"cpio: {made.stderr.decode()}")
        return gzip.compress(made.stdout, 1)
