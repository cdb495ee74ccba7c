"""Raw flash dumps as people have them: an image among other things, with what dumping adds."""

import random


def noise(size, seed=7):
    """Bytes that look like compressed firmware, magic numbers included now and then."""
    rng = random.Random(seed)
    data = bytearray(rng.randbytes(size))
    for at in range(0, size - 2, 4096):
        data[at:at + 2] = rng.choice([b"\x85\x19", b"\x19\x85"])
    return bytes(data)


def erased(size):
    return b"\xff" * size


def with_oob(data, page=2048, spare=64, seed=8, marked=()):
    """Each page followed by spare bytes that hold an ECC of sorts; erased pages have erased spares. Pages at
    `marked` offsets have a cleanmarker in theirs."""
    rng = random.Random(seed)
    out = bytearray()
    for at in range(0, len(data), page):
        piece = data[at:at + page].ljust(page, b"\xff")
        front = b"\xff\xff" + (b"\x85\x19\x03\x20\x08\x00\x00\x00" if at in marked else erased(8))
        blank = piece.count(0xFF) == page
        out += piece + front + (erased(spare - 10) if blank else rng.randbytes(spare - 10))
    return bytes(out)


def with_bad_blocks(data, blocks, erase=131072, seed=9):
    """Bad blocks left in the dump: the image goes on behind each."""
    rng = random.Random(seed)
    out = bytearray()
    for i, at in enumerate(range(0, len(data), erase)):
        if i in blocks:
            out += rng.randbytes(erase)
        out += data[at:at + erase]
    return bytes(out)


END_MARKER = b"\xde\xad\xc0\xde"
