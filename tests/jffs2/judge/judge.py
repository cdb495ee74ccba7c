"""The real Linux as judge of JFFS2 images.

One boot of Debian's kernel in QEMU (no KVM, no root needed) runs a whole batch of jobs:

    results = Judge(manifest_program).run([Job("name", image, erase_kib=64)])
    results["name"].manifest        # what Linux sees, in the manifest program's format

The guest sees the jobs as a tar on one disk and writes results as a tar on a second.
"""

import dataclasses
import io
import pathlib
import shutil
import subprocess
import tarfile
import tempfile

from . import initramfs
from . import kernel as stock
from .errors import JudgeError


@dataclasses.dataclass
class Job:
    name: str
    image: bytes = b""        # empty: erased flash
    erase_kib: int = 64
    kind: str = "nor"         # or "nand": 64 MiB, 2 KiB pages, 128 KiB blocks, 64 spare bytes
    size_kib: int = 0         # 0: as large as the image, at least five blocks
    options: str = ""         # for mount -o
    script: str = ""          # run by sh in the mounted tree
    keep: bool = False        # give the image back
    oob: bool = False         # the image holds the spare bytes, and so does the one given back
    bad: str = ""             # bad blocks of a NAND, as nandsim takes them

    def conf(self):
        size = max(self.size_kib, -(-len(self.image) // 1024), 5 * self.erase_kib)
        size = -(-size // self.erase_kib) * self.erase_kib
        return (f"KIND={self.kind}\nSIZE_KIB={size}\nERASE_KIB={self.erase_kib}\nOPTIONS={self.options}\n"
                f"KEEP={1 if self.keep else ''}\nOOB={1 if self.oob else ''}\nBAD={self.bad}\n")


@dataclasses.dataclass
class Verdict:
    mounted: bool
    status: str
    manifest: list            # lines
    kmsg: str
    script_status: int
    script_out: str
    image: bytes
    files: dict               # everything that came back, by name

    def complaints(self):
        """Lines in which the kernel says that something about the image is wrong."""
        words = ("CRC", "crc", "Eep", "wasted", "rror", "orrupt", "nvalid", "BUG", "WARNING", "Magic",
                 "dead", "doesn't fit", "overlap", "bad ")
        return [l for l in self.kmsg.splitlines()
                if "jffs2" in l and "complete building xattr" not in l and any(w in l for w in words)]


class Judge:
    def __init__(self, manifest_program):
        self.kernel = stock.kernel()
        self.version = (self.kernel / "version").read_text().strip()
        self.initramfs = initramfs.build(self.kernel, manifest_program)

    def run(self, jobs, timeout=1000, memory_mib=768):
        names = [j.name for j in jobs]
        if len(set(names)) != len(names):
            raise JudgeError("two jobs have the same name")
        with tempfile.TemporaryDirectory() as scratch:
            scratch = pathlib.Path(scratch)
            _write_jobs(scratch / "jobs", jobs)
            with open(scratch / "results", "wb") as f:
                f.truncate(1 << 30)
            (scratch / "initramfs").write_bytes(self.initramfs)
            log = self._boot(scratch, timeout, memory_mib)
            return _read_results(scratch / "results", names, log)

    def _boot(self, scratch, timeout, memory_mib):
        qemu = shutil.which("qemu-system-x86_64")
        if qemu is None:
            raise JudgeError("qemu-system-x86_64 is not installed (see the test packages in ./dev)")
        command = [qemu, "-M", "pc", "-accel", "tcg", "-cpu", "max", "-m", str(memory_mib), "-nodefaults",
                   "-nographic", "-serial", "stdio", "-no-reboot",
                   "-kernel", str(self.kernel / "vmlinuz"), "-initrd", str(scratch / "initramfs"),
                   "-append", "console=ttyS0 quiet panic=-1 rdinit=/init",
                   "-drive", f"file={scratch}/jobs,format=raw,if=virtio,readonly=on",
                   "-drive", f"file={scratch}/results,format=raw,if=virtio,cache=unsafe"]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)
        except subprocess.TimeoutExpired as e:
            raise JudgeError(f"the guest did not finish in {timeout} s:\n{(e.stdout or b'').decode()}")
        log = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
        if "JUDGE-DONE" not in log or "JUDGE:" in log:
            raise JudgeError(f"the guest failed:\n{log}")
        return log


def _write_jobs(path, jobs):
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for job in jobs:
            files = {"conf": job.conf().encode()}
            if job.image:
                files["image"] = job.image
            if job.script:
                files["script"] = job.script.encode()
            for name, data in files.items():
                info = tarfile.TarInfo(f"{job.name}/{name}")
                info.size = len(data)
                info.mode = 0o644
                tar.addfile(info, io.BytesIO(data))
    # virtio wants whole sectors, and the guest's tar reads on past the end of the archive.
    with open(path, "ab") as f:
        f.truncate(-(-f.tell() // 65536) * 65536 + 65536)


def _read_results(path, names, log):
    found = {name: {} for name in names}
    with tarfile.open(path, "r:") as tar:
        for entry in tar:
            parts = pathlib.PurePosixPath(entry.name).parts
            if entry.isfile() and len(parts) >= 2 and parts[0] in found:
                found[parts[0]]["/".join(parts[1:])] = tar.extractfile(entry).read()
    results = {}
    for name, files in found.items():
        if "status" not in files:
            raise JudgeError(f"job {name} left no result:\n{log}")
        text = {k: v.decode(errors="replace") for k, v in files.items() if k != "image"}
        status = text["status"].strip()
        results[name] = Verdict(
            mounted=status == "mounted", status=status, manifest=text.get("manifest", "").splitlines(),
            kmsg=text.get("kmsg", ""), script_status=int(text.get("script.status", "0")),
            script_out=text.get("script.out", ""), image=files.get("image", b""), files=files)
    return results
