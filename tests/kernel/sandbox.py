#!/usr/bin/env python3
"""What surrounds a run: the host stays untouched, -v and --rw arrive, statuses, redirections, bad
input, terminals, and that nothing is left behind.

usage: sandbox.py QUIRE [unittest arguments]
"""
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

QUIRE = sys.argv.pop(1)


def quire(*args, **kwargs):
    kwargs.setdefault("stdin", subprocess.DEVNULL)
    kwargs.setdefault("timeout", 60)
    return subprocess.run([QUIRE, "run", *args], capture_output=True, **kwargs)


def descendants(pid):
    """Host processes below pid, pid included."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        at = todo.pop()
        found.append(at)
        todo += parents.get(at, [])
    return found


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


class Scratch(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="quire-test-"))
        self.addCleanup(shutil.rmtree, self.dir, True)


class HostUntouched(Scratch):
    def test_writes_land_in_the_overlay(self):
        (self.dir / "kept").write_text("host\n")
        done = quire("--", "sh", "-c", f"cd {self.dir}; echo guest >kept; echo new >new; mkdir d; rm -f gone; cat kept new; ls")
        self.assertEqual(done.stdout, b"guest\nnew\nd\nkept\nnew\n", done.stderr)
        self.assertEqual((self.dir / "kept").read_text(), "host\n")
        self.assertEqual(sorted(p.name for p in self.dir.iterdir()), ["kept"])

    def test_removal_stays_in_the_overlay(self):
        (self.dir / "file").write_text("x")
        (self.dir / "sub").mkdir()
        (self.dir / "sub" / "inner").write_text("y")
        done = quire("--", "sh", "-c", f"rm -r {self.dir}/file {self.dir}/sub && ls -A {self.dir} | wc -l")
        self.assertEqual(done.stdout, b"0\n", done.stderr)
        self.assertTrue((self.dir / "sub" / "inner").exists())

    def test_volume_is_written(self):
        done = quire("-v", f"{self.dir}:/made/by/us", "--", "sh", "-c", "echo hi >/made/by/us/f; mkdir /made/by/us/d; mv /made/by/us/f /made/by/us/d/g")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual((self.dir / "d" / "g").read_text(), "hi\n")

    def test_read_only_volume(self):
        (self.dir / "f").write_text("x\n")
        done = quire("-v", f"{self.dir}:/data:ro", "--", "sh", "-c", "cat /data/f; echo y >/data/f")
        self.assertEqual(done.stdout, b"x\n")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"Read-only file system", done.stderr)
        self.assertEqual((self.dir / "f").read_text(), "x\n")

    def test_rw_root(self):
        root = self.dir / "root"
        (root / "bin").mkdir(parents=True)
        shutil.copy(shutil.which("busybox"), root / "bin" / "busybox")
        done = quire("--root", str(root), "--rw", "--", "/bin/busybox", "sh", "-c", "echo hi >/new; echo done")
        self.assertEqual(done.stdout, b"done\n", done.stderr)
        self.assertEqual((root / "new").read_text(), "hi\n")

    def test_root_directory_with_overlay(self):
        root = self.dir / "root"
        (root / "bin").mkdir(parents=True)
        shutil.copy(shutil.which("busybox"), root / "bin" / "busybox")
        done = quire("--root", str(root), "--", "/bin/busybox", "sh", "-c", "echo hi >/new; cat /new; ls / ; ls /../../..")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.startswith(b"hi\n"))
        self.assertNotIn(b"home", done.stdout)
        self.assertFalse((root / "new").exists())

    def test_no_set_id_through_volume(self):
        quire("-v", f"{self.dir}:/v", "--", "sh", "-c", "echo x >/v/f; chmod 4755 /v/f; mknod /v/n c 1 3; chmod 6777 /v/f")
        for path in self.dir.iterdir():
            self.assertEqual(path.stat().st_mode & 0o6000, 0)
            self.assertFalse(path.is_char_device())


class Statuses(Scratch):
    def test_exit_and_signal(self):
        self.assertEqual(quire("--", "sh", "-c", "exit 7").returncode, 7)
        self.assertEqual(quire("--", "sh", "-c", "kill -TERM $$").returncode, -signal.SIGTERM)

    def one_line(self, done, status):
        self.assertEqual(done.returncode, status, done.stderr)
        lines = done.stderr.decode().splitlines()
        self.assertEqual(len(lines), 1, lines)
        self.assertTrue(lines[0].startswith("quire: "), lines)

    def test_missing_program(self):
        self.one_line(quire("--", "/no/such/program"), 127)
        self.one_line(quire("--", "no-such-program-anywhere"), 127)

    def test_not_executable(self):
        self.one_line(quire("--", "/etc/passwd"), 126)
        self.one_line(quire("--", "/etc"), 126)

    def test_truncated_elf(self):
        whole = pathlib.Path(shutil.which("busybox")).read_bytes()
        for size in (4, 20, 64, 100, 300):
            path = self.dir / f"short{size}"
            path.write_bytes(whole[:size])
            path.chmod(0o755)
            self.assertEqual(quire("--", str(path)).returncode, 126, size)

    def test_bad_option_and_root(self):
        self.one_line(quire("--no-such-option", "true"), 125)
        self.one_line(quire("--root", "/no/such/root", "true"), 125)
        self.one_line(quire("-v", "/no/such/dir:/x", "true"), 125)

    def test_wrong_use_is_one_line(self):
        for words in (["--memory", "x", "true"], ["--memory", "1k", "true"], ["-v", "junk", "true"], ["-v", "/tmp:here", "true"],
                      ["-u", "no-such-user", "true"], ["-u", "0:no-such-group", "true"], ["-w", "/no/such/dir", "true"],
                      ["--net", "some", "true"], ["--env-file", "/no/such/file", "true"], [], ["--root", "/etc/passwd", "true"],
                      ["--root"], ["--strace-output", "/no/such/x", "--strace", "true"], ["--pids-limit", "x", "true"],
                      ["--mm-lock", "x", "true"], ["--cow", "x", "true"], ["--share-tables", "x", "true"],
                      ["--memory-file", "x", "true"], ["-e"]):
            with self.subTest(words=words):
                self.one_line(quire(*words), 125)

    @unittest.skipIf(os.geteuid() != 0, "needs another user")
    def test_unreadable_root(self):
        self.dir.chmod(0o700)
        nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", QUIRE, "run"]
        for option in (["--root", str(self.dir)], ["-v", f"{self.dir}:/x"]):
            self.one_line(subprocess.run([*nobody, *option, "true"], capture_output=True, timeout=60), 125)

    def test_hostile_programs(self):
        # Damaged in the headers: each is refused or ends by a signal, and the kernel goes on.
        whole = bytearray(pathlib.Path(shutil.which("busybox")).read_bytes()[:400000])
        code = """
import os, random, subprocess, sys
whole = bytearray(open('/v/whole', 'rb').read())
random.seed(7)
ends = {}
for n in range(100):
    b = bytearray(whole)
    where = random.choice((range(4, 64), range(64, 64 + 56 * 10), range(16, 64 + 56 * 10)))
    for _ in range(random.choice((1, 1, 2, 8))):
        at = random.choice(where)
        b[at:at + 8] = random.choice((os.urandom(1), b'\\xff' * 8, b'\\0' * 8, b'\\xff' * 7 + b'\\x7f', (1 << 46).to_bytes(8, 'little')))[:8]
    open('/tmp/p', 'wb').write(b); os.chmod('/tmp/p', 0o755)
    try:
        status = subprocess.run(['/tmp/p', 'true'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=1).returncode
    except OSError as e:
        status = 'refused'
    except subprocess.TimeoutExpired:
        status = 'killed'  # it may well do nothing but loop
    os.unlink('/tmp/p')
    ends[status] = ends.get(status, 0) + 1
print(sum(ends.values()), 'refused' in ends)
"""
        (self.dir / "whole").write_bytes(whole)
        done = quire("-v", f"{self.dir}:/v:ro", "--", "python3", "-c", code)
        self.assertEqual((done.stdout, done.returncode), (b"100 True\n", 0), done.stderr)

    def test_quiet(self):
        done = quire("--", "true")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))


class Manual(unittest.TestCase):
    def test_every_option_is_in_the_manual(self):
        text = subprocess.run([QUIRE, "run", "--help"], capture_output=True, timeout=60).stdout.decode()
        options = set(re.findall(r"^ +(?:-\w,)?(--[a-z-]+)", text, re.MULTILINE))
        self.assertGreater(len(options), 20)
        page = (pathlib.Path(__file__).parents[2] / "man" / "man1" / "quire.1").read_text().replace("\\-", "-")
        self.assertEqual([o for o in sorted(options - {"--help"}) if o not in page], [])


class Surroundings(Scratch):
    def test_shared_output_file_keeps_order(self):
        out = self.dir / "f"
        for mode in (">", ">>"):
            script = f"(echo a; {QUIRE} run echo b; echo c) {mode}{out}"
            subprocess.run(["sh", "-c", script], check=True, timeout=60)
        self.assertEqual(out.read_text(), "a\nb\nc\na\nb\nc\n")

    def test_pipes_and_stdin(self):
        done = quire("--", "sh", "-c", "tr a-z A-Z", stdin=None, input=b"through\n")
        self.assertEqual(done.stdout, b"THROUGH\n", done.stderr)

    def test_closed_reader_gives_sigpipe(self):
        script = f"{QUIRE} run yes | head -1; echo ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", script], capture_output=True, timeout=60)
        self.assertEqual(done.stdout, b"y\n141\n", done.stderr)

    def test_environment_directory_umask(self):
        script = 'echo $A $B $C; pwd; umask'
        done = quire("-e", "A=1", "-e", "B", "-w", "/usr", "--", "sh", "-c", script,
                     env={"PATH": os.environ["PATH"], "B": "2", "C": "3"}, umask=0o027)
        self.assertEqual(done.stdout, b"1 2 3\n/usr\n0027\n", done.stderr)

    def test_user(self):
        done = quire("-u", "1234:567", "--", "sh", "-c", "id -u; id -g")
        self.assertEqual(done.stdout, b"1234\n567\n", done.stderr)

    def test_no_network_by_default(self):
        # A server on the host's loopback is out of reach; the sandbox's own loopback works.
        import socket
        server = socket.socket()
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        self.addCleanup(server.close)
        code = f"""
import socket
for host in ('127.0.0.1', '10.0.0.1'):
    try: socket.create_connection((host, {server.getsockname()[1]}), 2); print('reached')
    except OSError as e: print('refused')
own = socket.socket(); own.bind(('127.0.0.1', 0)); own.listen(1)
a = socket.create_connection(own.getsockname()); b, _ = own.accept()
a.sendall(b'hi'); print(b.recv(2))
"""
        done = quire("--", "python3", "-c", code)
        self.assertEqual(done.stdout, b"refused\nrefused\nb'hi'\n", done.stderr)

    def test_host_network_on_request(self):
        import socket
        import threading
        server = socket.socket()
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        self.addCleanup(server.close)
        got = []

        def serve():
            connection, _ = server.accept()
            got.append(connection.recv(100))
            connection.sendall(b"answer")
            connection.close()
        thread = threading.Thread(target=serve)
        thread.start()
        code = f"import socket\ns=socket.create_connection(('127.0.0.1',{server.getsockname()[1]}),5); s.sendall(b'question'); print(s.recv(100), s.recv(100))"
        done = quire("--net", "host", "--", "python3", "-c", code)
        thread.join(10)
        self.assertEqual((done.stdout, got), (b"b'answer' b''\n", [b"question"]), done.stderr)

    def test_host_sockets_cannot_be_reached(self):
        import socket
        path = str(self.dir / "s")
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen(1)
        self.addCleanup(server.close)
        code = f"import socket,os,stat\nprint(stat.S_ISSOCK(os.stat({path!r}).st_mode))\ns=socket.socket(socket.AF_UNIX)\ntry: s.connect({path!r}); print('connected')\nexcept OSError as e: print('refused')"
        self.assertEqual(quire("--", "python3", "-c", code).stdout, b"True\nrefused\n")

    def test_devices(self):
        done = quire("--", "sh", "-c", "ls /dev | tr '\\n' ' '; head -c 4 /dev/zero | od -An -tx1; dd if=/dev/zero of=/dev/full count=1")
        for name in b"null zero full random urandom tty pts ptmx shm fd stdin stdout stderr".split():
            self.assertIn(name, done.stdout.split())
        self.assertIn(b"No space left", done.stderr)

    def test_statistics_by_route(self):
        # The same call from one place many times: the first ones trap, then the site is patched; getpid is
        # answered in the stub.
        code = "import os\nfor i in range(3000): os.getppid(); os.getpid()"
        counts = []
        for options in ([], ["--no-patch"]):
            done = quire("--stats-json", *options, "--", "python3", "-c", code)
            calls = json.loads(done.stderr.splitlines()[-1])["system_calls"]
            self.assertGreaterEqual(calls["by_name"]["getppid"], 3000)
            self.assertEqual(sum(calls["by_name"].values()) + sum(calls["not_supported"].values()), calls["trapped"] + calls["patched"])
            counts.append((calls["trapped"], calls["patched"], calls["in_stub"]))
        self.assertGreater(counts[0][1], 2900)
        self.assertGreater(counts[0][2], 2900)
        self.assertLess(counts[0][0], 1500)
        self.assertEqual(counts[1][1:], (0, 0))
        self.assertGreater(counts[1][0], 6000)

    def test_memory_filled_in_no_order_becomes_huge(self):
        # Backwards, a byte a page, with every byte read again while the windows change.
        code = ("import mmap,time\nm=mmap.mmap(-1,32<<20,mmap.MAP_PRIVATE|mmap.MAP_ANONYMOUS)\n"
                "for i in reversed(range(0,32<<20,4096)): m[i]=i>>12&255\n"
                "end=time.monotonic()+%d\n"
                "while time.monotonic()<end:\n"
                "  assert all(m[i]==i>>12&255 for i in range(0,32<<20,4096))\n"
                "  time.sleep(0.1)")
        counts = []
        for options, seconds in (([], 3), (["--no-collapse"], 1)):
            done = quire("--stats-json", *options, "--", "python3", "-c", code % seconds)
            self.assertEqual(done.returncode, 0, done.stderr)
            stats = json.loads(done.stderr.splitlines()[-1])
            counts.append(stats["windows_collapsed"])
        if stats["memory_file"]["collapse"]:
            self.assertGreater(counts[0], 0)
        self.assertEqual(counts[1], 0)

    def test_strace_is_readable(self):
        trace = self.dir / "trace"
        for options in (["--strace"], ["--strace-output", str(trace)]):
            done = quire("--strace", *options, "--", "sh", "-c", "cat /etc/hostname /no/such; kill -USR1 $$", env={"PATH": os.environ["PATH"]})
            text = done.stderr.decode() if options == ["--strace"] else trace.read_text()
            for part in ('openat(AT_FDCWD, "/etc/hostname", O_RDONLY) = 3\n',
                         'openat(AT_FDCWD, "/no/such", O_RDONLY) = -1 ENOENT (No such file or directory)\n',
                         'execve("/', "mmap(NULL, ", "PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0x0) = 0x", "SIGUSR1",
                         "+++ killed by signal 10 +++\n", "exit_group(1) = ?\n"):
                self.assertIn(part, text)

    def test_unknown_calls_are_counted(self):
        code = "import ctypes; l=ctypes.CDLL(None,use_errno=True); print(l.syscall(999), ctypes.get_errno())"
        done = quire("--stats", "--", "python3", "-c", code)
        self.assertEqual(done.stdout, b"-1 38\n")
        self.assertIn(b"999", done.stderr)


class Terminals(Scratch):
    def talk(self, args, steps, timeout=20, program=(QUIRE, "run")):
        """Runs args on a fresh pty; steps are (text to wait for, text to send). Returns all output."""
        pid, master = pty.fork()
        if pid == 0:
            os.execvp(program[0], [*program, *args])
        seen, at, end = b"", 0, time.time() + timeout
        status = None
        while time.time() < end:
            ready, _, _ = select.select([master], [], [], 0.1)
            if ready:
                try:
                    data = os.read(master, 65536)
                except OSError:
                    data = b""
                if not data:
                    break
                seen += data
            if steps and steps[0][0] in seen[at:]:
                at = len(seen)
                os.write(master, steps.pop(0)[1])
        else:
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        os.close(master)
        return seen, os.waitstatus_to_exitcode(status)

    def test_it_bash(self):
        seen, status = self.talk(
            ["-it", "-e", "PS1=ready> ", "--", "bash", "--norc", "--noprofile"],
            [(b"ready>", b"tty; stty size; echo sum $((40+2))\n"), (b"sum 42", b"sh -c 'echo st''arted; exec sleep 100'\n"),
             (b"started\r\n", b"\x03"), (b"ready>", b"echo after=$?\n"), (b"after=130", b"exit 5\n")])
        self.assertIn(b"/dev/pts/", seen)
        self.assertIn(b"after=130", seen)
        self.assertEqual(status, 5, seen)

    def test_ctrl_c_without_pty(self):
        seen, status = self.talk(["--", "sh", "-c", "echo begin; exec sleep 100"], [(b"begin", b"\x03")])
        self.assertEqual(status, -signal.SIGINT, seen)


    def test_stop_and_continue_from_a_shell(self):
        # What the terminal's Ctrl-Z stops in the sandbox, the shell outside sees stop, and can continue.
        seen, status = self.talk(
            ["--norc", "--noprofile", "-i"],
            [(b"ready> ", f"{QUIRE} run sh -c 'echo be''gin; exec cat'\n".encode()),
             (b"begin", b"\x1a"), (b"Stopped", b"jobs; echo li''sted\n"), (b"listed", b"fg\n"),
             (b"run sh", b"he''re\n"), (b"he''re\r\nhe''re", b"\x03"), (b"ready> ", b"echo after=$?\n"), (b"after=130", b"exit 4\n")],
            program=("env", "PS1=ready> ", "bash"))
        self.assertIn(b"after=130", seen)
        self.assertEqual(status, 4, seen)


class Endings(Scratch):
    def start(self, *command):
        p = subprocess.Popen([QUIRE, "run", "--", *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.assertEqual(p.stdout.readline(), b"up\n")
        return p

    def wait_gone(self, pids, seconds=5):
        end = time.time() + seconds
        while time.time() < end and any(alive(p) for p in pids):
            time.sleep(0.02)
        return [p for p in pids if alive(p)]

    def traces(self):
        """What a run could leave behind on the host: mounts and files."""
        files = {f"{d}/{f}" for d in ("/tmp", "/dev/shm", "/run") if os.path.isdir(d) for f in os.listdir(d) if "quire" in f and "quire-test" not in f}
        return set(pathlib.Path("/proc/self/mounts").read_text().splitlines()), files

    def test_kill_any_process_ends_all(self):
        before = self.traces()
        script = "echo up; sh -c 'while :; do :; done' & sleep 100 & wait"
        first = self.start("sh", "-c", script)
        count = len(descendants(first.pid))
        self.assertGreater(count, 1)
        first.kill()
        first.wait()
        for victim in range(count):
            p = self.start("sh", "-c", script)
            time.sleep(0.1)
            pids = descendants(p.pid)
            if victim < len(pids):
                os.kill(pids[victim], signal.SIGKILL)
            if victim > 0 and not self.wait_gone([p.pid], 1.5) == []:
                p.terminate()  # a guest's own process died; the others may live: end them in good order
            left = self.wait_gone(pids)
            p.kill()
            p.wait()
            p.stdout.close()
            self.assertEqual(left, [], f"after SIGKILL of process {victim} of {pids}")
        first.stdout.close()
        self.assertEqual(self.traces(), before)

    def test_terminate_is_passed_on(self):
        p = self.start("sh", "-c", "trap 'echo got; exit 9' TERM; echo up; while :; do sleep 0.05; done")
        p.terminate()
        out, _ = p.communicate(timeout=20)
        self.assertEqual((p.returncode, out), (9, b"got\n"))

    def test_nothing_left_behind(self):
        before = self.traces()
        quire("--", "sh", "-c", "sleep 0 & (true); exit 0")
        self.assertEqual(self.traces(), before)

    def test_ends_in_the_middle_of_copying_home(self):
        """What was left to the host's copy-on-write is copied back in the background: just then all ends."""
        program = """
import mmap, os, random, signal
m = mmap.mmap(-1, 1 << 28, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for i in range(0, len(m), 1 << 20):
    m[i:i + (1 << 20)] = bytes([1]) * (1 << 20)
child = os.fork()
if child == 0:
    signal.pause()
for i in random.sample(range(0, len(m), 4096), len(m) // 4096):
    m[i] = 2
os.kill(child, signal.SIGKILL)
os._exit(7)
"""
        for _ in range(12):
            self.assertEqual(quire("--", "python3", "-c", program).returncode, 7)

    def test_fork_bomb_is_bounded(self):
        done = quire("--pids-limit", "64", "--", "python3", "-c",
                     "import os,errno,signal\nn=0\ntry:\n while True:\n  if os.fork()==0: signal.pause()\n  n+=1\nexcept OSError as e: print(n<=64, e.errno==errno.EAGAIN)")
        self.assertEqual(done.stdout, b"True True\n", done.stderr)

    def test_many_processes_and_threads_at_once(self):
        # More address spaces than a host likes to have processes: each is there, and none stays behind.
        p = subprocess.Popen([QUIRE, "run", "--", "python3", "-c", """
import os, signal, threading, time
pids = []
try:
    for i in range(400):
        pid = os.fork()
        if pid == 0:
            signal.pause()
        pids.append(pid)
except OSError as e:
    print(e)
print(len(pids) == 400, flush=True)
for pid in pids: os.kill(pid, 9)
print(all(os.waitpid(pid, 0)[1] == 9 for pid in pids))
threading.stack_size(65536)
stop = threading.Event()
threads = [threading.Thread(target=stop.wait) for _ in range(500)]
for t in threads: t.start()
print(threading.active_count(), flush=True)
stop.set()
for t in threads: t.join()
print('well')
"""], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(p.stdout.readline(), b"True\n")
        pids = descendants(p.pid)
        out, errors = p.communicate(timeout=90)
        self.assertEqual((out, p.returncode), (b"True\n501\nwell\n", 0), errors)
        self.assertEqual(self.wait_gone(pids), [])

    def test_crashes_are_the_programs_own(self):
        code = """
import ctypes, os, signal
def end(f):
    pid = os.fork()
    if pid == 0:
        f(); os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
call = lambda code: ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.create_string_buffer(code)))
import mmap
def run(code):
    m = mmap.mmap(-1, 4096, prot=7); m.write(code)
    ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()
print(end(lambda: ctypes.string_at(0)), end(lambda: run(b'\\x0f\\x0b')), end(lambda: run(b'\\xf4')), end(lambda: run(b'\\x31\\xc9\\xf7\\xf1')),
      end(lambda: run(b'\\xcc')), end(os.abort), end(lambda: run(b'\\xcd\\x03')), end(lambda: run(b'\\x48\\xbc\\0\\0\\0\\0\\0\\0\\0\\x80\\x58')))
"""
        native = subprocess.run(["python3", "-c", code], capture_output=True, timeout=60)
        done = quire("--", "python3", "-c", code)
        self.assertEqual((done.stdout, done.returncode), (native.stdout, 0), done.stderr)
        self.assertEqual(len(native.stdout.split()), 8)

    def test_memory_limit_kills_the_eater(self):
        code = "b=[]\nwhile True: b.append(bytearray(1<<22))"
        done = quire("--memory", "200m", "--", "sh", "-c", f"python3 -c '{code}'; echo status $?")
        self.assertIn(done.stdout, (b"status 137\n", b"status 1\n"), done.stderr)

    def test_page_tables_are_shared(self):
        # 256 MiB that seven processes have: 3 MiB of tables natively, where each has its own.
        code = """
import mmap, os, sys
def tables():
    return next(int(line.split()[1]) for line in open('/proc/meminfo') if line.startswith('PageTables:'))
m = mmap.mmap(-1, 256 << 20, flags=(mmap.MAP_SHARED if sys.argv[1] == 'shared' else mmap.MAP_PRIVATE) | mmap.MAP_ANONYMOUS)
for i in range(0, len(m), 4096): m[i] = 1
before, (go, stop), (ready, done) = tables(), os.pipe(), os.pipe()
for _ in range(6):
    if os.fork() == 0:
        os.close(stop)
        total = sum(m[i] for i in range(0, len(m), 4096))
        os.write(done, b'x')
        os.read(go, 1)
        os._exit(0)
for _ in range(6): os.read(ready, 1)
print(before > 0, tables() - before)
"""
        for kind in ("shared", "private"):
            done = quire("--", "python3", "-c", code, kind)
            some, kib = done.stdout.split()
            self.assertEqual((done.returncode, some), (0, b"True"), done.stderr)
            self.assertLess(int(kib), 1024, kind)


if __name__ == "__main__":
    unittest.main()
