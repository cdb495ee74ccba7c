"""Nodes put together by hand, for images that no writer would make."""

import struct
import zlib


def crc(data):
    """JFFS2's CRC: no inversion at either end."""
    return zlib.crc32(data, 0xFFFFFFFF) ^ 0xFFFFFFFF


def node(type, body, order="<"):
    head = struct.pack(order + "HHI", 0x1985, type, 12 + len(body))
    out = head + struct.pack(order + "I", crc(head)) + body
    return out + b"\xff" * (-len(out) % 4)


def dirent(pino, ino, name, type=8, version=1, order="<"):
    head = struct.pack(order + "HHI", 0x1985, 0xE001, 40 + len(name))
    fields = struct.pack(order + "IIIIBB2x", pino, version, ino, 0, len(name), type)
    node_crc = crc(head + struct.pack(order + "I", crc(head)) + fields)
    return node(0xE001, fields + struct.pack(order + "II", node_crc, crc(name)) + name, order)


def inode(ino, mode, data=b"", version=1, isize=None, offset=0, dsize=None, compr=0, order="<"):
    head = struct.pack(order + "HHI", 0x1985, 0xE002, 68 + len(data))
    isize = len(data) if isize is None else isize
    dsize = len(data) if dsize is None else dsize
    fields = struct.pack(order + "IIIHHIIIIIIIBBH", ino, version, mode, 0, 0, isize, 0, 0, 0, offset, len(data), dsize,
                         compr, compr, 0)
    node_crc = crc(head + struct.pack(order + "I", crc(head)) + fields)
    # data_crc precedes node_crc, which does not cover it.
    return node(0xE002, fields + struct.pack(order + "II", crc(data), node_crc) + data, order)


FILE, DIR, LINK, FIFO = 0o100644, 0o040755, 0o120777, 0o010644
