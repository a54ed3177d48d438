"""Files made by hand: costly to decode, damaged in places that no pixel needs, or with colours of their own."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence

from PIL import Image

from tests import images

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png_chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    """Name and body of each chunk."""
    found, at = [], len(SIGNATURE)
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        found.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def png_of(chunks: Iterable[tuple[bytes, bytes] | bytes]) -> bytes:
    """A PNG of (name, body), or of chunks that were put together elsewhere."""
    return SIGNATURE + b"".join(each if isinstance(each, bytes) else images.png_chunk(*each) for each in chunks)


def with_chunks(png: bytes, *more: tuple[bytes, bytes] | bytes, behind: bytes = b"IHDR") -> bytes:
    """A PNG with more chunks behind the first of that name."""
    chunks: list[tuple[bytes, bytes] | bytes] = []
    added = False
    for chunk in png_chunks(png):
        chunks.append(chunk)
        if chunk[0] == behind and not added:
            chunks += more
            added = True
    return png_of(chunks)


def zeros_png(size: tuple[int, int], depth: int, kind: int, *, more: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """A PNG whose rows are all zeros, of any depth and colour type."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    row = bytes(1 + (size[0] * depth * channels + 7) // 8)
    pack = zlib.compressobj(9)
    rows = b"".join(pack.compress(row) for _ in range(size[1])) + pack.flush()
    header = struct.pack(">IIBBBBB", *size, depth, kind, 0, 0, 0)
    return png_of([(b"IHDR", header), *more, (b"IDAT", rows), (b"IEND", b"")])


def apng(size: tuple[int, int], frames: int, *, counted: int | None = None) -> bytes:
    """An APNG of whole black frames, RGBA, each thrown away behind the previous one; it may count them wrongly."""
    still = dict(png_chunks(zeros_png(size, 8, 6)))
    chunks = [(b"IHDR", still[b"IHDR"]), (b"acTL", struct.pack(">II", frames if counted is None else counted, 0))]
    number = 0
    for index in range(frames):
        chunks.append((b"fcTL", struct.pack(">IIIIIHHBB", number, *size, 0, 0, 1, 10, 2, 1)))
        number += 1
        if index:
            chunks.append((b"fdAT", struct.pack(">I", number) + still[b"IDAT"]))
            number += 1
        else:
            chunks.append((b"IDAT", still[b"IDAT"]))
    return png_of([*chunks, (b"IEND", b"")])


def jpeg_segments(jpeg: bytes) -> list[bytes]:
    """The segments of a JPEG in front of its end mark, scans with their coded bytes."""
    at, found = 2, []
    while jpeg[at + 1] != 0xD9:
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if jpeg[at + 1] == 0xDA:
            while not (jpeg[end] == 0xFF and jpeg[end + 1] not in (0, *range(0xD0, 0xD8))):
                end += 1
        found.append(jpeg[at:end])
        at = end
    return found


def with_segments(jpeg: bytes, *more: bytes) -> bytes:
    """A JPEG with more segments in front of its own."""
    return jpeg[:2] + b"".join(more) + jpeg[2:]


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def many_scans(side: int, scans: int, mode: str = "L") -> bytes:
    """A progressive JPEG whose last scan is repeated, which a decoder passes over the whole picture for."""
    jpeg = images.encoded(Image.new(mode, (side, side), 200), "JPEG", progressive=True, quality=50)
    segments = jpeg_segments(jpeg)
    return b"\xff\xd8" + b"".join(segments) + segments[-1] * scans + b"\xff\xd9"


def rle_bmp(size: tuple[int, int], body: bytes = b"\x01\x01\x00\x01", kind: int = 1) -> bytes:
    """A run-length coded BMP: by default one pixel, and all others are skipped."""
    header = struct.pack("<IiiHHIIiiII", 40, *size, 1, 8 if kind == 1 else 4, kind, 0, 0, 0, 2, 0)
    palette = bytes([1, 2, 3, 0, 4, 5, 6, 0])
    start = 14 + len(header) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + header + palette + body


def exif(*entries: tuple[int, int, int, int], order: str = "<") -> bytes:
    """An EXIF block whose first directory has these (tag, type, count, value)."""
    mark = b"II*\x00" if order == "<" else b"MM\x00*"
    directory = struct.pack(order + "H", len(entries))
    for tag, kind, count, value in entries:
        inline = struct.pack(order + "HH", value, 0) if kind == 3 else struct.pack(order + "I", value)
        directory += struct.pack(order + "HHI", tag, kind, count) + inline
    return b"Exif\x00\x00" + mark + struct.pack(order + "I", 8) + directory + bytes(4)


def exif_bomb(entries: int, size: int) -> bytes:
    """An EXIF block whose entries all point to the same bytes: a reader that follows them all copies each time."""
    start = 8 + 2 + 12 * entries + 4
    table = b"".join(struct.pack("<HHII", 0x8000 + index % 30_000, 7, size, start) for index in range(entries))
    return b"Exif\x00\x00II*\x00" + struct.pack("<IH", 8, entries) + table + bytes(4 + size)


SRGB_CORNERS = ((0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
P3_CORNERS = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
"""Red, green and blue in XYZ as profiles give them, adapted to D50."""


def icc(gamma: float, corners: Sequence[Sequence[float]] = SRGB_CORNERS, *, space: bytes = b"RGB ") -> bytes:
    """A colour profile: a pure power for its tones, and primaries; ``GRAY`` has tones alone. ICC.1, 7 to 10."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    tags = [(b"desc", b"desc" + bytes(4) + struct.pack(">I", 5) + b"made\x00" + bytes(81)), (b"wtpt", xyz(WHITE))]
    if space == b"RGB ":
        names = (b"r", b"g", b"b")
        tags += [(name + b"XYZ", xyz(corner)) for name, corner in zip(names, corners, strict=True)]
        tags += [(name + b"TRC", curve) for name in names]
    else:
        tags.append((b"kTRC", curve))
    return profile_of(tags, b"mntr", space, b"XYZ ")


def cmyk_icc(corners: Sequence[Sequence[int]]) -> bytes:
    """A profile for print: what each of the 16 mixes of no and full ink looks like, as Lab from 0 to 255."""
    ramp = bytes(range(256))
    unit = b"".join(struct.pack(">i", value) for value in (65536, 0, 0, 0, 65536, 0, 0, 0, 65536))
    table = (
        b"mft1"
        + bytes(4)
        + bytes([4, 3, 2, 0])
        + unit
        + ramp * 4
        + b"".join(bytes(each) for each in corners)
        + ramp * 3
    )
    tags = [(b"desc", b"desc" + bytes(4) + struct.pack(">I", 5) + b"made\x00" + bytes(81)), (b"A2B0", table)]
    return profile_of([*tags, (b"wtpt", xyz(WHITE))], b"prtr", b"CMYK", b"Lab ")


def profile_of(
    tags: Sequence[tuple[bytes, bytes]],
    kind: bytes = b"mntr",
    space: bytes = b"RGB ",
    connection: bytes = b"XYZ ",
    *,
    version: int = 0x02400000,
) -> bytes:
    table, bodies, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, body in tags:
        table += name + struct.pack(">II", start + len(bodies), len(body))
        bodies += body + bytes(-len(body) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(bodies), b"test", version, kind, space, connection)
    head += bytes(12) + b"acsp" + bytes(28) + b"".join(struct.pack(">i", round(part * 65536)) for part in WHITE)
    return head + bytes(128 - len(head)) + struct.pack(">I", len(tags)) + table + bodies


WHITE = (0.9642, 1.0, 0.8249)


def xyz(parts: Sequence[float]) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(struct.pack(">i", round(part * 65536)) for part in parts)
