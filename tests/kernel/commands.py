#!/usr/bin/env python3
"""Real programs: each command runs natively and under quire, as root and as nobody where this test
may switch users, with and without namespaces to be had; the output must be byte-identical.

usage: commands.py QUIRE [NAME...]     with names, only those commands; prints what differs.
"""
import os
import pathlib
import subprocess
import sys

TREE = "/usr/share/doc"
COMMANDS = {
    "busybox-true": ["busybox", "true"],
    "busybox-pipeline": ["busybox", "sh", "-c", "seq 1 2000 | grep 7 | sort -rn | head -5; echo $((6*7))"],
    "busybox-fds": ["busybox", "sh", "-c", "exec 3>/tmp/f$$; echo x >&3; cat /tmp/f$$; rm /tmp/f$$; ls /tmp/f$$ 2>&1 | sed s/[0-9]*//g"],
    "bash-script": ["bash", "-c", "for i in {1..20}; do a[$i]=$((i*i)); done; echo ${a[@]}; trap 'echo bye' EXIT; (exit 3); echo $?"],
    "bash-jobs": ["bash", "-c", "sleep 0.05 & wait $!; echo $?; kill -TERM $$"],
    "bash-substitution": ["bash", "-c", "diff <(seq 5) <(seq 2 6); x=$(echo hi | tr a-z A-Z); echo $x"],
    "dash-heredoc": ["sh", "-c", "cat <<EOF | wc -c\nhello\nEOF\n"],
    "find": ["sh", "-c", f"find {TREE}/b* -type f | sort | head -3000"],
    "find-stat": ["find", f"{TREE}/bash", "-printf", "%p %s %m %n %T@ %U %G %y %i\\n"],
    "ls": ["ls", "-la", "/etc"],
    "ls-recursive": ["ls", "-lRn", "/usr/lib/apt"],
    "sort": ["sh", "-c", "sort -R --random-source=/usr/bin/env /etc/passwd | sort | uniq -c"],
    "sort-large": ["sh", "-c", "seq 200000 -1 1 | sort -n | sha256sum"],
    "sha256sum": ["sh", "-c", "find /usr/lib/python3/ /usr/share/perl -type f | sort | head -800 | xargs sha256sum | sha256sum"],
    "tar-pipe": ["sh", "-c", f"mkdir -p /tmp/quire-t && tar c -C {TREE} bash apt | tar x -C /tmp/quire-t && cd /tmp/quire-t && find . -type f | sort | xargs sha256sum | sha256sum; rm -rf /tmp/quire-t"],
    "awk": ["awk", "BEGIN{for(i=0;i<1000;i++)s+=i*i; print s}"],
    "awk-file": ["awk", "-F:", "{n[$7]++} END{for(k in n) print k, n[k]}", "/etc/passwd"],
    "sed": ["sed", "-n", "s/:.*//p", "/etc/passwd"],
    "python": ["python3", "-c", "import os,sys,json,hashlib; print(json.dumps({'a':[1,2,{'b':3}]}), hashlib.md5(b'x').hexdigest(), os.getcwd(), sys.version)"],
    "python-subprocess": ["python3", "-c", "import subprocess; print(subprocess.run(['echo','hi'],capture_output=True).stdout, subprocess.getoutput('exit 3; echo'))"],
    "python-threads": ["python3", "-c", "import threading,queue\nq=queue.Queue()\nts=[threading.Thread(target=lambda i=i:q.put(sum(range(i*1000)))) for i in range(8)]\n[t.start() for t in ts];[t.join() for t in ts]\nprint(sorted(q.queue))"],
    "python-multiprocessing": ["python3", "-c", "import multiprocessing as m\nif __name__=='__main__':\n  m.set_start_method('fork')\n  with m.Pool(3) as p: print(p.map(abs, range(-50,0)))"],
    "python-sockets": ["python3", "-c", "import socket,os\na,b=socket.socketpair()\na.sendall(b'hello'); print(b.recv(9)); r,w=os.pipe()\nsocket.send_fds(a,[b'x'],[r]); m,f,_,_=socket.recv_fds(b,9,1); os.write(w,b'thru'); print(os.read(f[0],9))"],
    "python-signal": ["python3", "-c", "import signal,os,time\nsignal.signal(signal.SIGALRM,lambda *a: print('alarm'))\nsignal.setitimer(signal.ITIMER_REAL,0.02)\ntime.sleep(0.1); print('done'); os.kill(os.getpid(),9)"],
    "python-mmap": ["python3", "-c", "import mmap,os\nm=mmap.mmap(-1,1<<20); m[5:10]=b'abcde'\npid=os.fork()\nif pid==0: m[0:1]=b'Z'; os._exit(7)\nprint(os.waitpid(pid,0)[1], m[0:10])"],
    "perl": ["perl", "-e", "my %h=map{$_=>$_**2}1..10; print join(',',map{\"$_=$h{$_}\"}sort{$a<=>$b}keys %h),\"\\n\"; my $p=fork; if(!$p){exit 5} waitpid $p,0; print $?>>8,\"\\n\""],
    "env": ["env", "-i", "A=b", "env"],
    "id": ["id"],
    "pwd": ["sh", "-c", "pwd; cd /usr; pwd; umask"],
    "missing-file": ["cat", "/no/such/file"],
    "exit-status": ["sh", "-c", "exit 42"],
    "killed": ["sh", "-c", "kill -SEGV $$"],
    "large-output": ["sh", "-c", "head -c 3000000 /dev/zero | od -An -c | head -5; yes | head -c 500000 | md5sum"],
    "dd": ["sh", "-c", "dd if=/dev/zero of=/tmp/quire-dd bs=64k count=40 2>/dev/null; sha1sum </tmp/quire-dd; rm /tmp/quire-dd"],
    "xargs-parallel": ["sh", "-c", "seq 20 | xargs -P4 -n1 sh -c 'echo $0' | sort -n | tr '\\n' ' '"],
    "time-zones": ["sh", "-c", "TZ=Asia/Tokyo date -d @0; date -u -d @1e9 +%F"],
    "gzip": ["sh", "-c", "tar c -C /usr/share/doc bash | gzip -9n | gunzip | sha256sum"],
}
AS_NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs"]

WITHOUT_NAMESPACES = [sys.executable, str(pathlib.Path(__file__).with_name("without_namespaces.py"))]


def run(prefix, command, stdin=subprocess.DEVNULL):
    try:
        done = subprocess.run(prefix + command, stdin=stdin, capture_output=True, timeout=60, cwd="/")
        return done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired as late:
        return "timeout", late.stdout or b"", late.stderr or b""


def main():
    quire, names = sys.argv[1], sys.argv[2:] or list(COMMANDS)
    users = [("self", [])]
    if os.geteuid() == 0:
        users.append(("nobody", AS_NOBODY))
    users += [(f"{name} without namespaces", WITHOUT_NAMESPACES + prefix) for name, prefix in users]
    passed = failed = 0
    for name in names:
        for user, prefix in users:
            native = run(prefix, COMMANDS[name])
            ours = run(prefix + [quire, "run", "--"], COMMANDS[name])
            if native == ours and native[0] != "timeout":
                passed += 1
                continue
            failed += 1
            print(f"FAILED {name} as {user}")
            for title, (status, out, errors) in (("native", native), ("quire", ours)):
                print(f"  {title}: status {status}, stdout {out[-600:]!r}, stderr {errors[-600:]!r}")
            sys.stdout.flush()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
