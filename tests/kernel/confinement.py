#!/usr/bin/env python3
"""What the host is safe from: capabilities and filters of every Quire process, and what a guest reaches of
the host's files, sockets, devices and terminals. As root, and as nobody where this test may switch users.

usage: confinement.py QUIRE [unittest arguments]
"""
import os
import pathlib
import pty
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest

QUIRE = sys.argv.pop(1)
AS_NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs"]
USERS = [[], AS_NOBODY] if os.geteuid() == 0 else [[]]


def quire(*args, prefix=(), **kwargs):
    kwargs.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([*prefix, QUIRE, "run", *args], capture_output=True, timeout=60, **kwargs)


def processes_below(pid):
    """Host processes below pid, pid included."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        try:
            parents.setdefault(int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]), []).append(int(entry.name))
        except (OSError, ValueError, IndexError):
            pass
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += parents.get(found[-1], [])
    return found


class Scratch(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="quire-test-"))
        self.dir.chmod(0o777)
        self.addCleanup(shutil.rmtree, self.dir, True)


class Processes(Scratch):
    def test_capabilities_and_filters(self):
        cap = lambda *names: sum(1 << {"CHOWN": 0, "DAC_OVERRIDE": 1, "DAC_READ_SEARCH": 2, "FOWNER": 3}[n] for n in names)
        for prefix in USERS:
            for options in ([], ["-v", f"{self.dir}:/v"]):
                allowed = 0
                if os.geteuid() == 0 and not prefix:
                    allowed = cap("DAC_READ_SEARCH") if not options else cap("DAC_READ_SEARCH", "DAC_OVERRIDE", "CHOWN", "FOWNER")
                p = subprocess.Popen([*prefix, QUIRE, "run", *options, "--", "sh", "-c", "echo up; sleep 30 & wait"],
                                     stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                self.assertEqual(p.stdout.readline(), b"up\n")
                try:
                    pids = processes_below(p.pid)
                    self.assertGreater(len(pids), 2)
                    for pid in pids:
                        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                            status = dict(l.split(":\t", 1) for l in (task / "status").read_text().splitlines())
                            name = status["Name"]
                            for field in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb"):
                                own = allowed if field in ("CapEff", "CapPrm") and pid == p.pid else 0
                                if field == "CapBnd" and (prefix or os.geteuid() != 0):
                                    continue  # nothing can be gained with no_new_privs; only root can shrink it
                                self.assertEqual(int(status[field], 16) & ~own, 0, (name, field, status[field]))
                            self.assertEqual(status["NoNewPrivs"], "1", name)
                            self.assertEqual(status["Seccomp"], "2", name)
                finally:
                    p.kill()
                    p.wait()
                    p.stdout.close()

    def test_no_helper_stays_and_no_descriptor_leaks(self):
        p = subprocess.Popen([QUIRE, "run", "--", "sh", "-c", "echo up; sleep 30 & wait"], stdout=subprocess.PIPE)
        self.assertEqual(p.stdout.readline(), b"up\n")
        try:
            for pid in processes_below(p.pid):
                if pid == p.pid:
                    continue
                for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
                    target = os.readlink(fd)
                    # The template's and the agents': memory, control pages, eventfds, their socket.
                    self.assertRegex(target, r"^(/memfd:|anon_inode:|socket:|/.*\(deleted\)|/quire|/$|/memory)", (pid, target))
        finally:
            p.kill()
            p.wait()
            p.stdout.close()


class Files(Scratch):
    def test_writable_root_gets_no_directories(self):
        root = self.dir / "root"
        (root / "bin").mkdir(parents=True)
        root.chmod(0o777)
        shutil.copy(shutil.which("busybox"), root / "bin" / "busybox")
        for prefix in USERS:
            done = quire("--root", str(root), "--rw", "--", "/bin/busybox", "echo", "hi", prefix=prefix)
            self.assertEqual((done.stdout, done.returncode), (b"hi\n", 0), done.stderr)
            self.assertEqual(sorted(p.name for p in root.iterdir()), ["bin"])

    def test_no_set_id_and_no_devices(self):
        root = self.dir / "root"
        (root / "bin").mkdir(parents=True)
        root.chmod(0o777)
        shutil.copy(shutil.which("busybox"), root / "bin" / "busybox")
        volume = self.dir / "volume"
        volume.mkdir()
        volume.chmod(0o777)
        script = """
busybox=/bin/busybox
for d in / /v; do cd $d
  $busybox cp /bin/busybox tool; $busybox chmod 4755 tool; $busybox chmod 6777 tool; $busybox chmod u+s,g+s tool
  $busybox mknod null c 1 3; $busybox mknod disk b 8 0; (umask 0; : >plain; $busybox chmod 2777 plain)
  $busybox ln -s tool link; $busybox chmod 4755 link; $busybox install -m 6755 tool tool2 2>&1
done
exit 0"""
        for prefix in USERS:
            quire("--root", str(root), "--rw", "-v", f"{volume}:/v", "--", "/bin/busybox", "sh", "-c", script, prefix=prefix)
            for path in [*root.rglob("*"), *volume.rglob("*")]:
                mode = path.lstat().st_mode
                self.assertFalse(stat.S_ISCHR(mode) or stat.S_ISBLK(mode), path)
                if stat.S_ISREG(mode):
                    self.assertEqual(mode & 0o6000, 0, path)

    def test_set_id_by_system_call(self):
        code = """
import os, ctypes
libc = ctypes.CDLL(None, use_errno=True)
os.chdir('/v')
for i, make in enumerate((lambda n: os.open(n, os.O_CREAT | os.O_RDWR, 0o6777), lambda n: os.mknod(n, 0o106777),
             lambda n: (os.open(n, os.O_CREAT | os.O_RDWR), os.fchmod(os.open(n, os.O_RDWR), 0o4755)),
             lambda n: os.mknod(n, 0o020666, os.makedev(1, 3)), lambda n: os.mknod(n, 0o060666, os.makedev(8, 0)))):
    try: make(f'f{i}')
    except OSError: pass
os.umask(0)
fd = os.open('.', os.O_TMPFILE | os.O_RDWR, 0o6777) if hasattr(os, 'O_TMPFILE') else -1
"""
        for prefix in USERS:
            volume = pathlib.Path(tempfile.mkdtemp(dir=self.dir))
            volume.chmod(0o777)
            quire("-v", f"{volume}:/v", "--", "python3", "-c", code, prefix=prefix)
            for path in volume.iterdir():
                mode = path.lstat().st_mode
                self.assertFalse(stat.S_ISCHR(mode) or stat.S_ISBLK(mode), path)
                self.assertEqual(mode & 0o6000, 0, (path, oct(mode)))

    def test_sockets_fifos_and_devices_of_the_host(self):
        path = str(self.dir / "docker.sock")
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        os.chmod(path, 0o777)
        server.listen(1)
        self.addCleanup(server.close)
        abstract = socket.socket(socket.AF_UNIX)
        name = f"quire-test-{os.getpid()}"
        abstract.bind("\0" + name)
        abstract.listen(1)
        self.addCleanup(abstract.close)
        fifo = str(self.dir / "fifo")
        os.mkfifo(fifo)
        os.chmod(fifo, 0o666)
        devices = []
        if os.geteuid() == 0:
            device = str(self.dir / "device")
            os.mknod(device, 0o020666, os.makedev(1, 3))
            os.chmod(device, 0o666)
            devices = [device]
        # Whatever the guest does with the FIFO's name in a volume, the host's own FIFO stays as it is.
        host_end = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        self.addCleanup(os.close, host_end)
        os.write(host_end, b"host")
        code = f"""
import os, socket, stat
def attempt(what, f):
    try: f(); print(what, 'reached')
    except OSError as e: print(what, 'refused')
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
    for where in ({path!r}, '\\0' + {name!r}, '/v/docker.sock'):
        attempt('socket', lambda: socket.socket(socket.AF_UNIX, kind).connect(where))
        attempt('sendto', lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'x', where))
print(stat.S_ISSOCK(os.stat({path!r}).st_mode), stat.S_ISFIFO(os.stat({fifo!r}).st_mode))
for f in [{fifo!r}] + {devices!r}:
    for flags in (os.O_RDONLY | os.O_NONBLOCK, os.O_WRONLY | os.O_NONBLOCK, os.O_RDWR):
        attempt('open', lambda: os.open(f, flags))
    fd = os.open(f, os.O_PATH)
    attempt('reopen', lambda: os.open(f'/proc/self/fd/{{fd}}', os.O_RDWR | os.O_NONBLOCK))
fd = os.open('/v/fifo', os.O_RDWR | os.O_NONBLOCK)
attempt('read', lambda: os.read(fd, 9))
os.write(fd, b'guest')
print(os.read(fd, 9))
"""
        for prefix in USERS:
            done = quire("-v", f"{self.dir}:/v", "--", "python3", "-c", code, prefix=prefix)
            self.assertNotIn(b"reached", done.stdout, done.stdout.decode())
            self.assertIn(b"True True", done.stdout, done.stderr)
            self.assertIn(b"b'guest'", done.stdout, done.stderr)
        self.assertEqual(os.read(host_end, 99), b"host")
        server.setblocking(False)
        self.assertRaises(BlockingIOError, server.accept)

    def test_reopening_grants_nothing(self):
        target = self.dir / "f"
        target.write_text("kept\n")
        target.chmod(0o666)
        code = """
import os
for fd in (0, 7):
    for flags in (os.O_RDWR, os.O_WRONLY, os.O_WRONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND):
        for name in (f'/proc/self/fd/{fd}', f'/dev/fd/{fd}', f'/proc/{os.getpid()}/fd/{fd}', f'/proc/thread-self/fd/{fd}'):
            try: os.write(os.open(name, flags), b'CHANGED'); print('wider')
            except OSError: pass
    try: os.ftruncate(fd, 0); print('cut')
    except OSError: pass
    print(os.read(os.open(f'/proc/self/fd/{fd}', os.O_RDONLY), 9))
"""
        for prefix in USERS:
            handle = os.open(target, os.O_RDONLY)
            try:
                done = subprocess.run([*prefix, "sh", "-c", f'exec {QUIRE} run -- sh -c "exec python3 -c \\"\\$CODE\\" 7<&0" <{target}'],
                                      env={**os.environ, "CODE": code}, capture_output=True, timeout=60)
            finally:
                os.close(handle)
            self.assertEqual(done.stdout, b"b'kept\\n'\n" * 2, done.stderr)
            self.assertEqual(target.read_text(), "kept\n")

    def test_up_and_out_of_the_root(self):
        root = self.dir / "root"
        for d in ("bin", "a/b", "tmp"):
            (root / d).mkdir(parents=True)
        (self.dir / "secret").write_text("the host's own")
        (root / "absolute").symlink_to(self.dir / "secret")
        (root / "upward").symlink_to("../" * 20 + str(self.dir / "secret").lstrip("/"))
        (root / "a" / "b" / "upward").symlink_to("../../../secret")
        shutil.copy(shutil.which("busybox"), root / "bin" / "busybox")
        script = ("b=/bin/busybox; for f in absolute upward a/b/upward a/b/../../../secret ../secret /../secret //../../../secret; do "
                  "$b cat $f && $b echo ESCAPED; done 2>/dev/null; cd /a/b && $b cat ../../../secret && $b echo ESCAPED; $b ls /../..")
        for prefix in USERS:
            for options in ([], ["--rw"]):
                done = quire("--root", str(root), *options, "--", "/bin/busybox", "sh", "-c", script, prefix=prefix)
                self.assertNotIn(b"the host's own", done.stdout + done.stderr)
                self.assertNotIn(b"ESCAPED", done.stdout)
                self.assertIn(b"absolute\n", done.stdout)

    def test_directory_renamed_out_of_the_root_during_look_up(self):
        root, outside = self.dir / "root", self.dir / "outside"
        (root / "bin").mkdir(parents=True)
        (root / "deep" / "x" / "y").mkdir(parents=True)
        outside.mkdir()
        (self.dir / "secret").write_text("secret")
        shutil.copy(shutil.which("busybox"), root / "bin" / "busybox")
        # From the directory moved to outside/, ../../secret would be the host's.
        script = ("cd /deep/x/y; i=0; while [ $i -lt 4000 ]; do for f in ../../secret ../secret ../../../secret; do "
                  "read -r line <$f && echo ESCAPED; done; i=$((i+1)); done 2>/dev/null; echo done")
        for options in ([], ["--rw"]):
            p = subprocess.Popen([QUIRE, "run", "--root", str(root), *options, "--", "/bin/busybox", "sh", "-c", script],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            while p.poll() is None:
                os.rename(root / "deep" / "x", outside / "x")
                time.sleep(0.0005)
                os.rename(outside / "x", root / "deep" / "x")
            self.assertEqual(p.stdout.read(), b"done\n")
            p.stdout.close()

    def test_directory_handed_over_is_moved(self):
        volume = self.dir / "top" / "volume"
        (volume / "in").mkdir(parents=True)
        (self.dir / "top" / "secret").write_text("secret")
        script = "cd /v/in; echo up; read go; cat ../../secret ../../../secret && echo ESCAPED; ls / >/dev/null && echo done"
        p = subprocess.Popen([QUIRE, "run", "-v", f"{volume}:/v", "--", "sh", "-c", script], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.assertEqual(p.stdout.readline(), b"up\n")
        os.rename(volume / "in", self.dir / "top" / "in")
        out, _ = p.communicate(b"go\n", timeout=60)
        self.assertEqual(out, b"done\n")


class Terminals(Scratch):
    def test_nothing_is_typed_into_the_callers_terminal(self):
        code = """
import fcntl, os, struct
for number in (0x5412, 0x541c):  # TIOCSTI, TIOCLINUX
    for fd in (0, 1, 2):
        try: fcntl.ioctl(fd, number, b'x'); print('TYPED')
        except OSError as e: print(e.errno, end=' ')
try: fcntl.ioctl(os.open('/dev/tty', os.O_RDWR), 0x5412, b'x'); print('TYPED')
except OSError as e: print(e.errno)
"""
        pid, master = pty.fork()
        if pid == 0:
            os.execv(QUIRE, [QUIRE, "run", "--", "python3", "-c", code])
        seen = b""
        while True:
            try:
                data = os.read(master, 4096)
            except OSError:
                break
            if not data:
                break
            seen += data
        os.waitpid(pid, 0)
        os.close(master)
        self.assertNotIn(b"TYPED", seen)
        self.assertEqual(len(seen.split()), 7, seen)


if __name__ == "__main__":
    unittest.main()
