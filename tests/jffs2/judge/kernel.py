"""Debian's stock kernel for the judge: downloaded once, unpacked, never installed."""

import fcntl
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from .errors import JudgeError

# In the guest these are loaded at boot, in an order that modules.dep decides; the simulators of flash
# are loaded by each job with parameters of its own.
BOOT_MODULES = ["virtio_pci", "virtio_blk", "jffs2", "bch", "nandcore", "nand"]
JOB_MODULES = ["mtdram", "nandsim"]


def cache_dir():
    base = os.environ.get("QUIRE_JUDGE_CACHE")
    if not base:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        base = os.path.join(base, "quire-judge")
    path = pathlib.Path(base)
    path.mkdir(parents=True, exist_ok=True)
    return path


def _run(*argv, cwd=None):
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True)
    if done.returncode != 0:
        raise JudgeError(f"{' '.join(argv)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _package_name():
    text = _run("apt-cache", "depends", "linux-image-amd64")
    found = re.search(r"Depends: (linux-image-\S+)", text)
    if not found:
        raise JudgeError("apt knows no linux-image-amd64; run apt-get update")
    return found.group(1)


def _download(into):
    with tempfile.TemporaryDirectory() as scratch:
        name = _package_name()
        _run("apt-get", "download", name, cwd=scratch)
        package = next(pathlib.Path(scratch).glob("*.deb"))
        root = pathlib.Path(scratch) / "root"
        _run("dpkg", "-x", str(package), str(root))
        version = next((root / "lib/modules").iterdir()).name
        _run("/sbin/depmod", "-b", str(root), version)
        keep = pathlib.Path(scratch) / "keep"
        keep.mkdir()
        shutil.copy(root / f"boot/vmlinuz-{version}", keep / "vmlinuz")
        _copy_modules(root / "lib/modules" / version, keep / "modules")
        (keep / "version").write_text(version + "\n")
        shutil.move(str(keep), str(into))


def _copy_modules(tree, into):
    depends = {}
    for line in (tree / "modules.dep").read_text().splitlines():
        path, _, rest = line.partition(":")
        depends[pathlib.Path(path).stem] = (path, [pathlib.Path(p).stem for p in rest.split()])
    into.mkdir()
    order = []

    def add(name):
        if name in order or name not in depends:  # not in depends: built in
            return
        for needed in depends[name][1]:
            add(needed)
        order.append(name)
        shutil.copy(tree / depends[name][0], into / f"{name}.ko")

    for name in BOOT_MODULES:
        add(name)
    boot = list(order)
    for name in JOB_MODULES:
        add(name)
    missing = [n for n in ["jffs2"] + JOB_MODULES if n not in order]
    if missing:
        raise JudgeError(f"the kernel package lacks modules: {missing}")
    boot += [n for n in order if n not in boot and n not in JOB_MODULES]
    (into / "boot").write_text("\n".join(boot) + "\n")


def kernel():
    """The directory with vmlinuz, version and modules/; downloads them the first time."""
    cache = cache_dir()
    with open(cache / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ready = cache / "kernel"
        if not ready.exists():
            _download(ready)
        return ready
