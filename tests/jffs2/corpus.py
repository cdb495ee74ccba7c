"""Trees of files with everything that JFFS2 can hold, as a model from which both the input of mkfs
(a tar, so that no root is needed) and what a reader must see are derived."""

import dataclasses
import io
import random
import struct
import tarfile
import zlib

MTIME = 1_600_000_000


@dataclasses.dataclass
class Entry:
    path: str
    type: str = "f"           # as in the manifest: d f l c b p s
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime: int = MTIME
    data: bytes = b""
    target: str = ""
    device: tuple = None
    link_to: str = ""         # path of the entry that this is a hard link to
    xattrs: dict = dataclasses.field(default_factory=dict)


def escaped(raw):
    if isinstance(raw, str):
        raw = raw.encode("utf-8", "surrogateescape")
    return "".join(chr(c) if 0x20 < c < 0x7F and chr(c) not in "%,=" else f"%{c:02X}" for c in raw)


def manifest(entries, root_mode=0o755, root_mtime=MTIME):
    """The lines that the manifest program prints for a faithful copy, as a dictionary by path."""
    by_path = {e.path: e for e in entries}
    links = {}
    for e in entries:
        links[e.link_to or e.path] = links.get(e.link_to or e.path, 0) + 1
    lines = {}
    if "." not in by_path:
        lines["."] = _line(Entry(".", "d", root_mode, mtime=root_mtime), 0)
    for e in entries:
        original = by_path[e.link_to] if e.link_to else e
        lines[escaped(e.path)] = _line(dataclasses.replace(original, path=e.path),
                                       links[e.link_to or e.path] if original.type != "d" else 0)
    return lines


def _line(e, links):
    size = len(e.data) if e.type == "f" else len(e.target.encode()) if e.type == "l" else 0
    crc = f"{zlib.crc32(e.data):08x}" if e.type == "f" else "-"
    device = f"{e.device[0]}:{e.device[1]}" if e.device else "-"
    xattrs = ",".join(sorted(f"{escaped(k)}={escaped(v)}" for k, v in e.xattrs.items())) or "-"
    return "\t".join([escaped(e.path), e.type, f"{e.mode:04o}", str(e.uid), str(e.gid), str(size), str(e.mtime),
                      str(links), device, crc, escaped(e.target) if e.type == "l" else "-", xattrs])


_TYPES = {"f": tarfile.REGTYPE, "d": tarfile.DIRTYPE, "l": tarfile.SYMTYPE, "c": tarfile.CHRTYPE,
          "b": tarfile.BLKTYPE, "p": tarfile.FIFOTYPE}


def write_tar(entries, path):
    """Sockets do not fit a tar; a corpus with them is laid over with a device table."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for e in entries:
            if e.type == "s":
                continue
            info = tarfile.TarInfo("./" if e.path == "." else e.path)
            info.mode, info.uid, info.gid, info.mtime = e.mode, e.uid, e.gid, e.mtime
            if e.link_to:
                info.type, info.linkname = tarfile.LNKTYPE, e.link_to
            else:
                info.type, info.linkname = _TYPES[e.type], e.target
                info.size = len(e.data)
                if e.device:
                    info.devmajor, info.devminor = e.device
                info.pax_headers = {f"SCHILY.xattr.{k}": v.decode("utf-8", "surrogateescape")
                                    for k, v in e.xattrs.items()}
            tar.addfile(info, io.BytesIO(e.data) if info.isreg() else None)


def text(rng, size):
    words = [bytes(rng.choices(b"etaoinshrdlu", k=rng.randint(2, 9))) for _ in range(200)]
    out = bytearray()
    while len(out) < size:
        out += rng.choice(words) + b" "
    return bytes(out[:size])


def everything(seed=1):
    """One of each thing, and awkward sizes."""
    rng = random.Random(seed)
    entries = [Entry(".", "d", 0o751, 3, 4, MTIME - 5)]

    def add(path, type="f", **more):
        more.setdefault("mode", 0o755 if type == "d" else 0o644)
        entries.append(Entry(path, type, **more))

    add("empty")
    for size in (1, 2, 3, 4, 5, 67, 68, 127, 128, 129, 4095, 4096, 4097, 8192, 12345, 65536, 100_000):
        add(f"text-{size}", data=text(rng, size), mtime=MTIME + size)
        add(f"random-{size}", data=rng.randbytes(size))
    add("zeros", data=bytes(50_000))
    add("hole-front", data=bytes(40_000) + b"end")
    add("hole-middle", data=b"begin" + bytes(70_000) + b"end")
    add("runs", data=b"".join(bytes([rng.randrange(256)]) * rng.randrange(1, 300) for _ in range(300)))
    add("modes", "d", mode=0o1777)
    for mode in (0, 0o111, 0o400, 0o644, 0o777, 0o1644, 0o2755, 0o4755, 0o7777):
        add(f"modes/{mode:04o}", mode=mode, data=b"m")
    add("owners", "d", mode=0o2750, uid=1000, gid=100)
    add("owners/big", uid=65534, gid=65535, data=b"x")
    add("names", "d")
    add("names/" + "n" * 254, data=b"longest")
    add("names/" + "d" * 254, "d")
    add("names/" + "d" * 254 + "/inside", data=b"i")
    add("names/ü日本\U0001F600", data="ü".encode())
    add("names/with space", data=b"s")
    add("names/back\\slash", data=b"b")
    add("names/-dash", data=b"d")
    add("names/quote'\"`$", data=b"q")
    add("names/new\nline", data=b"l")
    add("links", "d")
    add("links/short", "l", mode=0o777, target="x")
    add("links/longest", "l", mode=0o777, target="t/" * 126 + "ab")
    add("links/absolute", "l", mode=0o777, target="/etc/passwd")
    add("links/up", "l", mode=0o777, target="../../../../outside")
    add("hard", "d")
    add("hard/0", data=text(rng, 5000))
    for i in range(1, 40):
        add(f"hard/{i}", link_to="hard/0")
    add("modes/hard-to-device", "c", device=(1, 3), mode=0o666)
    add("hard/device", link_to="modes/hard-to-device")
    add("dev", "d")
    for major, minor in ((0, 0), (1, 3), (255, 255), (5, 256), (256, 1), (4095, 0xFFFFF)):
        add(f"dev/c{major}-{minor}", "c", device=(major, minor), mode=0o660, gid=5)
        add(f"dev/b{major}-{minor}", "b", device=(major, minor), mode=0o600)
    add("dev/fifo", "p", mode=0o622)
    deep = "deep"
    add(deep, "d")
    for i in range(40):
        deep += f"/{i}"
        add(deep, "d", mtime=MTIME + i)
    add(deep + "/file", data=b"down here")
    add("many", "d")
    for i in range(300):
        add(f"many/{i:04}", data=f"{i}".encode(), mtime=MTIME + i)
    add("times-0", data=b"0", mtime=0)
    add("times-max", data=b"1", mtime=0xFFFFFFFF)
    return entries


def acl(*items):
    """A POSIX ACL as Linux's attribute: (tag, perm, id)."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", t, p, i) for t, p, i in items)


NO_ID = 0xFFFFFFFF


def without_devices(entries):
    """jffs2dump turns all of a node around but its data, of which device numbers are a part."""
    gone = {e.path for e in entries if e.device}
    return [e for e in entries if e.path not in gone and e.link_to not in gone]


def with_xattrs(seed=2):
    rng = random.Random(seed)
    shared = {"user.shared": b"the same value for many"}
    # The user bits of an ACL's mode must agree with the mode: rw-r-x--- with a mask.
    access = acl((1, 6, NO_ID), (2, 7, 1000), (4, 5, NO_ID), (8, 7, 50), (16, 5, NO_ID), (32, 0, NO_ID))
    entries = [Entry(".", "d", 0o755, mtime=MTIME),
               Entry("one", data=b"1", xattrs={"user.a": b"value"}),
               Entry("bytes", data=b"2", xattrs={"user.bin": bytes(range(1, 128)), "user.empty": b""}),
               Entry("large", data=b"3", xattrs={"user.large": text(rng, 3000)}),
               Entry("spaces", data=b"4", xattrs={"trusted.t": b"1", "security.custom": b"label"}),
               Entry("acl", mode=0o650, data=b"5", xattrs={"system.posix_acl_access": access}),
               Entry("dir", "d", 0o755, xattrs={
                   "user.on.dir": b"d",
                   "system.posix_acl_default": acl((1, 7, NO_ID), (4, 5, NO_ID), (32, 5, NO_ID))})]
    entries += [Entry(f"dir/{i}", data=b"s", xattrs=dict(shared)) for i in range(30)]
    entries += [Entry("dir/hard", link_to="one")]
    return entries


def sources(seed=3, files=120):
    """Plain files that compress well, over many erase blocks."""
    rng = random.Random(seed)
    entries = [Entry(".", "d", 0o755, mtime=MTIME)]
    for d in range(6):
        entries.append(Entry(f"d{d}", "d"))
        for f in range(files // 6):
            entries.append(Entry(f"d{d}/f{f}", data=text(rng, rng.randrange(0, 20_000))))
    return entries
