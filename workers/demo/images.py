"""What the demo streams: the sample images that ship with the policies, and a handful made to break a pipeline."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from pipeline.errors import ServiceError

PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".gif"}
BOMB_SIDE = 20_000
"""Pixels on a side of the bomb: 400 million, 1.2 GB as RGB, from a file of about 50 KB."""


def sample_images(folder: Path) -> list[tuple[str, bytes]]:
    """The shipped samples by name. Raises `ServiceError` when there are none."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix in PICTURES) if folder.is_dir() else []
    if not paths:
        raise ServiceError(f"no sample images in {folder}; the installation is not complete, install Sluice again")
    return [(path.name, path.read_bytes()) for path in paths]


def hostile_images(samples: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """What a stranger might send: each of these must become a dead letter and stop nothing."""
    jpeg = next(image for name, image in samples if name.endswith(".jpg"))
    return [
        ("hostile/truncated.jpg", jpeg[: len(jpeg) // 2]),
        ("hostile/web-page.jpg", b"<!DOCTYPE html><html><body>404 Not Found</body></html>"),
        ("hostile/empty.png", b""),
        ("hostile/decompression-bomb.png", bomb()),
        ("hostile/noise.webp", bytes(range(256)) * 8),
    ]


def bomb(side: int = BOMB_SIDE) -> bytes:
    """A valid PNG of `side` x `side` black pixels, one bit each, that decodes to a thousand times its size."""
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    row = b"\x00" * (1 + (side + 7) // 8)
    squeeze = zlib.compressobj(9)
    data = b"".join([*(squeeze.compress(row) for _ in range(side)), squeeze.flush()])
    chunks = [_chunk(b"IHDR", header), _chunk(b"IDAT", data), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
