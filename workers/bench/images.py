"""JPEGs with a photograph's statistics: as many distinct ones as asked, made of a few distinct stills."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

STILLS = 24
"""Distinct pictures; more would change no figure and take long to make."""
QUALITIES = range(96, 20, -1)


def jpegs(count: int, width: int, height: int, target_bytes: int) -> list[bytes]:
    """`count` JPEGs of about `target_bytes`, each with a comment of its own so that no two have the same hash."""
    stills = [_jpeg(width, height, target_bytes, seed) for seed in range(min(STILLS, count))]
    return [_with_comment(stills[number % len(stills)], b"%d" % number) for number in range(count)]


def _jpeg(width: int, height: int, target_bytes: int, seed: int) -> bytes:
    """One still at the best of `QUALITIES` that stays within the target, or at the last of them."""
    still = _still(width, height, np.random.default_rng(seed))
    for quality in QUALITIES:
        out = BytesIO()
        still.save(out, "JPEG", quality=quality)
        if out.tell() <= target_bytes:
            break
    return out.getvalue()


def _still(width: int, height: int, random: np.random.Generator) -> Image.Image:
    """Octaves of noise, each finer one weaker: the 1/f spectrum of natural images (Field 1987)."""
    total = np.zeros((height, width, 3), np.float32)
    cells, weight = 2, 1.0
    while cells < width // 2:
        grain = random.integers(0, 256, (max(2, cells * height // width), cells, 3), np.uint8)
        scaled = Image.fromarray(grain).resize((width, height), Image.Resampling.BICUBIC)
        total += (np.asarray(scaled, np.float32) - 128) * weight
        cells, weight = cells * 2, weight * 0.6
    return Image.fromarray((total / 1.6 + 128).clip(0, 255).astype(np.uint8))


def _with_comment(jpeg: bytes, text: bytes) -> bytes:
    """A COM segment right after the start-of-image marker (ITU T.81, B.2.4.5)."""
    return jpeg[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + jpeg[2:]
