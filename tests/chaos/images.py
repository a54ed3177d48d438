"""What is sent: ordinary small pictures, and records that stand for every kind of poison."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO

from tests import hostile_images, images
from tests.e2e.pictures import hostile_pictures, picture
from tests.images import encoded, photograph

NOW_MS = 1_764_000_000_000
DISTINCT = 300


@dataclass(frozen=True)
class Picture:
    """A record to be sent."""

    kind: str
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    keyed: bool = True
    key_tail: bytes = b""
    timestamp_ms: int | None = None


@cache
def ordinary() -> list[Picture]:
    """Small pictures of several formats; most come again and again, as they do in the wild."""
    jpegs = [Picture("jpeg", picture(number)) for number in range(DISTINCT)]
    others = [
        Picture(form.lower(), encoded(photograph(64, 48, seed=number, detail=4), form))
        for number, form in enumerate(["PNG", "WEBP", "GIF", "BMP", "AVIF", "PNG", "WEBP"])
    ]
    return [*jpegs, *others, Picture("animation", images.long_gif(6))]


@cache
def odd_and_hostile() -> Mapping[str, Picture]:
    """One record of every kind that a stranger may send, by its name."""
    made = [*_hostile_files(), *_odd_records()]
    return {each.kind: each for each in made}


def _hostile_files() -> list[Picture]:
    files: dict[str, Callable[[], bytes]] = {
        "a PNG of 64 megapixels of zeros": lambda: hostile_images.zeros_png((8000, 8000), 16, 0),
        "an APNG of large frames": lambda: hostile_images.apng((4000, 4000), 8),
        "a JPEG of many scans": lambda: hostile_images.many_scans(2000, 300),
        "a run-length BMP": lambda: hostile_images.rle_bmp((2_000_000, 1)),
        "an EXIF bomb": lambda: hostile_images.with_segments(
            encoded(photograph(64, 48), "JPEG"), hostile_images.segment(0xE1, hostile_images.exif_bomb(500, 20_000))
        ),
        "a WebP of gigapixels": images.bomb_webp,
        "a GIF of many frames": lambda: images.hand_made_gif(3000, (1500, 1500)),
        "a wrong colour profile": lambda: encoded(photograph(64, 48), "JPEG", icc_profile=b"\xff" * 400),
        "noise behind a JPEG header": lambda: encoded(photograph(64, 48), "JPEG")[:200] + bytes(range(256)) * 8,
        "half of a PNG": lambda: encoded(photograph(64, 48), "PNG")[:700],
        "a large lossless WebP": lambda: _flat_webp(6000),
    }
    made = [Picture(name, make()) for name, make in files.items()]
    return [*made, *(Picture(each.name, each.value) for each in hostile_pictures())]


def _odd_records() -> list[Picture]:
    plain = picture(1)
    claim = (("content-type", b"application/json"),)
    many = tuple((f"x{number}", bytes(200)) for number in range(3000))
    ours = (("sluice.reason", b"theirs"), ("__connect.errors.stage", b"theirs"), ("ce_id", b"theirs"))
    odd_names = (("", b"no name"), ("\x1b[2J", b"screen"), ("x" * 2000, b"long"), ("x-\u202e", b"\xff\xfe"))
    return [
        Picture("microseconds", plain, timestamp_ms=NOW_MS * 1000),
        Picture("nanoseconds", plain, timestamp_ms=NOW_MS * 1_000_000),
        Picture("the last moment", plain, timestamp_ms=2**63 - 1),
        Picture("a huge key", plain, key_tail=b"k" * (2 << 20)),
        Picture("a huge header", plain, (("big", bytes(8 << 20)),)),
        Picture("many headers", plain, many),
        Picture("our own names", plain, ours),
        Picture("odd header names", plain, odd_names),
        Picture("a header without a value", plain, (("nothing", None),)),
        Picture("no key", plain, keyed=False),
        Picture("a tombstone", None),
        Picture("no claim check", b"{", claim),
        Picture("a claim to nowhere", json.dumps({"uri": "ftp://127.0.0.1/x"}).encode(), claim),
        Picture("a claim that nobody allowed", json.dumps({"uri": "https://127.0.0.1:1/x"}).encode(), claim),
        Picture("four megabytes of junk", struct.pack(">I", 7) * (1 << 20)),
    ]


def _flat_webp(side: int) -> bytes:
    out = BytesIO()
    images.flat((9, 9, 9), (side, side)).save(out, "WEBP", lossless=True)
    return out.getvalue()
