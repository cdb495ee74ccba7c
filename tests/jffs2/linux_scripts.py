"""What the judge's Linux is told to write, for us to read back."""

# Debian's kernel compresses with LZO by default; compr= chooses other ways.
_BASIC = """
set -e
mkdir d d/e; echo hello > d/f; ln d/f d/e/hard; ln -s ../f d/e/sym
mknod c c 4 64; mknod wide b 300 70000; mknod p p
dd if=/dev/urandom of=random bs=1000 count=77 2>/dev/null
i=0; while [ $i -lt 3000 ]; do echo "line $i of a text that compresses"; i=$((i+1)); done > text
dd if=/dev/zero of=zeros bs=4096 count=20 2>/dev/null
: > empty
chmod 4755 text; chown 1000:100 random
touch -d '2001-02-03 04:05:06' empty
"""

_OVERWRITE = _BASIC + """
j=0
while [ $j -lt 30 ]; do
  dd if=/dev/urandom of=random bs=100 count=3 seek=$((j * 23)) conv=notrunc 2>/dev/null
  echo "round $j" >> text
  j=$((j+1))
done
dd if=/dev/zero of=sparse bs=1 count=1 seek=300000 2>/dev/null
truncate -s 1234 zeros; truncate -s 50000 zeros
truncate -s 10 text; truncate -s 9000 text
"""

_NAMES = """
set -e
mkdir many; i=0
while [ $i -lt 400 ]; do echo $i > many/$i; i=$((i+1)); done
i=0
while [ $i -lt 400 ]; do rm many/$i; i=$((i+3)); done
i=1
while [ $i -lt 400 ]; do mv many/$i many/renamed-$i; i=$((i+3)); done
mkdir a b; mv a b/a; mv b c; rmdir c/a; ln many/2 two; rm many/2
echo 1 > over; echo 2 > onto; mv over onto
"""

_XATTRS = """
set -e
echo 1 > f; mkdir d
setfattr -n user.one -v first f
setfattr -n user.two -v second f
setfattr -n user.one -v changed f
setfattr -n user.gone -v x d
setfattr -n user.kept -v y d
setfattr -x user.gone d
setfattr -n trusted.t -v root f
"""

# Fills the flash, deletes and fills again, so that nodes have been moved by garbage collection.
_CHURN = """
mkdir x; n=0
while [ $n -lt 6 ]; do
  i=0
  while [ $i -lt 12 ]; do dd if=/dev/urandom of=x/$i bs=4096 count=6 2>/dev/null || true; i=$((i+1)); done
  rm -f x/1 x/5 x/7
  n=$((n+1))
done
echo done > x/end
sync
"""

JOBS = {
    "default": dict(script=_BASIC, size_kib=1024),
    "none": dict(script=_OVERWRITE, size_kib=2048, options="compr=none"),
    "zlib": dict(script=_OVERWRITE, size_kib=2048, options="compr=zlib"),
    "lzo": dict(script=_OVERWRITE, size_kib=2048, options="compr=lzo"),
    "names": dict(script=_NAMES, size_kib=1024, erase_kib=16),
    "xattrs": dict(script=_XATTRS, size_kib=512),
    "churn": dict(script=_CHURN, size_kib=640),
    "nand": dict(script=_OVERWRITE, kind="nand"),
    "nand-oob": dict(script=_BASIC, kind="nand", oob=True, bad="2"),
}
