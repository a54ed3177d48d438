"""Brings colours to sRGB as a viewer does, by a picture's profile or PNG's colour chunks.

Scaled pixels are converted, a few tens of thousands, and sRGB and untagged pictures cost nothing. Only a picture with
steep tones is converted before it is scaled, at full size: there the mean of two pixels is far from the mean of what
a viewer makes of them, and a picture may be hidden in the difference. Browsers are the measure: a profile that is
broken, for another kind of picture, or above `MAX_PROFILE` is ignored; a grey picture may have an RGB profile.
Transforms are kept by the profile's hash, as most pictures share a few profiles.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from pipeline.rules.images.headers import SRGB, Colour
from pipeline.rules.images.transfer import Curves, curves

Transform = Callable[[Image.Image], Image.Image]


@dataclass(frozen=True)
class Transforms:
    """What brings a still to sRGB: `early` before it is scaled, `late` afterwards. Neither changes its size."""

    early: Transform | None = None
    late: Transform | None = None


AS_IT_IS = Transforms()
KEPT = 64
"""Profiles whose transforms are kept, up to about 0.3 MB each."""
CLOSE = 3
"""Levels of 255 by which a profile may differ from sRGB and still be taken for it: nobody sees that."""

EARLY = 30e-9
"""Seconds to convert one pixel's colours, for stills that are converted before they are scaled."""
STEEP = 40
"""Tones are steep where the mean of two, converted, is more than this many levels of 255 from the mean of both
converted."""

_SPACES = {"L": {"GRAY", "RGB"}, "RGB": {"RGB"}, "RGBa": {"RGB"}, "CMYK": {"CMYK"}}
_VERSION = 4
_D50, _WHITE_SLACK = (0.9642, 1.0, 0.8249), 0.01
"""The white that a profile's header must name, and how far it may be from it."""
_TAGS = 132
"""Where the table of tags begins. ICC.1, 7.2 and 7.3."""
_SRGB = ImageCms.createProfile("sRGB")
_FLOAT_TAGS = tuple(f"{way}{n}".encode() for way in ("D2B", "B2D") for n in range(4))
_kept: OrderedDict[tuple[bytes, str], Transforms | None] = OrderedDict()
_lock = Lock()


def to_srgb(colour: Colour, mode: str) -> Transforms:
    """What brings stills of `mode` (``L``, ``RGB``, ``RGBa``, ``CMYK``) to sRGB. Any thread may call."""
    if colour.cicp is not None or colour.gamma is not None:
        numbers = curves(colour)
        return AS_IT_IS if numbers is None or mode == "CMYK" else _by_curves(numbers)
    if colour.icc is None:
        return AS_IT_IS
    made = _kept_or_made(colour.icc, mode)
    if made is None:
        return AS_IT_IS if colour.otherwise is None else to_srgb(colour.otherwise, mode)
    return made


def _kept_or_made(icc: bytes, mode: str) -> Transforms | None:
    key = (sha256(icc).digest(), mode)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    made = _by_profile(icc, mode)
    with _lock:
        _kept[key] = made
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return made


def is_steep(colour: Colour) -> bool:
    """Whether stills of those colours, in any mode, must be converted before they are scaled."""
    return colour != SRGB and any(to_srgb(colour, mode).early for mode in ("L", "RGB", "CMYK"))


def is_whole(icc: bytes) -> bool:
    """Whether a profile is one to browsers: all that it says is there, and in reach.

    LittleCMS takes others too. The rules are those of skcms, by which Chromium reads profiles.
    """
    size, count = int.from_bytes(icc[:4], "big"), int.from_bytes(icc[128:132], "big")
    if icc[36:40] != b"acsp" or icc[8] > _VERSION or not _TAGS + 12 * count <= size <= len(icc):
        return False
    white = struct.unpack_from(">3i", icc, 68)
    if any(abs(part / 65536 - ours) > _WHITE_SLACK for part, ours in zip(white, _D50, strict=True)):
        return False
    tags = struct.iter_unpack(">4sII", icc[_TAGS : _TAGS + 12 * count])
    return all(start + length <= size and length >= 4 for _, start, length in tags)  # noqa: PLR2004  a tag's own kind


def _by_profile(icc: bytes, mode: str) -> Transforms | None:
    """None where browsers find no profile in it for a picture of that mode."""
    if not is_whole(icc):
        return None
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(_as_read(icc)))
        space = profile.profile.xcolor_space.strip()
        if space not in _SPACES.get(mode, ()):
            return None
        given = {"RGBa": "RGBA", "L": "L" if space == "GRAY" else "RGB"}.get(mode, mode)
        wanted = "RGBA" if mode == "RGBa" else "RGB"
        intent = ImageCms.Intent.PERCEPTUAL
        transform = ImageCms.buildTransform(profile, _SRGB, given, wanted, renderingIntent=intent)
        if given != "CMYK" and _changes_nothing(_applied(transform, given, given)):
            return AS_IT_IS
    except Exception:  # noqa: BLE001  a stranger's profile may break its parser in any way; viewers ignore it then
        return None
    made = _applied(transform, given, mode)
    return Transforms(early=made) if _bends(_applied(transform, given, given), given) else Transforms(late=made)


def _applied(transform: ImageCms.ImageCmsTransform, given: str, mode: str) -> Transform:
    def apply(still: Image.Image) -> Image.Image:
        shown = ImageCms.applyTransform(still if still.mode == given else still.convert(given), transform)
        if shown is None:  # only a transform in place gives None
            return still
        return shown.convert("RGBa") if mode == "RGBa" else shown

    return apply


def _changes_nothing(transform: Transform) -> bool:
    levels = np.linspace(0, 255, 9).astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(27, 27, 3)
    sample = Image.fromarray(grid)
    moved = np.asarray(transform(sample).convert("RGB")).astype(int) - grid
    return bool(np.abs(moved).max() <= CLOSE)


def _bends(transform: Transform, given: str) -> bool:
    """Whether greys, or the tones of one channel, are so steep that they must be converted before scaling."""
    ramp = np.arange(0, 256, 5, dtype=np.uint8)[np.newaxis]
    grey, none = Image.fromarray(ramp), Image.fromarray(np.zeros_like(ramp))
    samples = [grey.convert(given)] if given != "CMYK" else []
    if given != "L":
        inks = "CMYK" if given == "CMYK" else "RGB"
        samples += [Image.merge(inks, [grey if ink == each else none for each in inks]) for ink in inks]
    return any(_is_bent(np.asarray(transform(sample).convert("RGB"))[0].astype(int)) for sample in samples)


def _is_bent(shown: NDArray[np.int_]) -> bool:
    """Whether somewhere in a ramp of colours, ``int[N,3]``, the middle is far from the mean of the ends."""
    ends = shown[np.newaxis, ::2] + shown[::2, np.newaxis]
    at = np.arange(0, len(shown), 2)
    means = shown[(at[np.newaxis] + at[:, np.newaxis]) // 2]
    return bool(np.abs(ends / 2 - means).max() > STEEP)


def _as_read(icc: bytes) -> bytes:
    """The profile as Chromium reads it: of any class, and without multi-process elements, which no browser reads.

    They may chain a transform of any length, and LittleCMS would prefer them to all other tags. ICC.1, 7.3.
    """
    patched = bytearray(icc)
    patched[12:16] = b"mntr"
    for index in range(min(int.from_bytes(icc[128:132], "big"), 100)):
        at = 132 + 12 * index
        if icc[at : at + 4] in _FLOAT_TAGS:
            patched[at : at + 4] = b"zzzz"
    return bytes(patched)


def _by_curves(numbers: Curves) -> Transforms:
    def late(still: Image.Image) -> Image.Image:
        if still.mode != "RGBa":
            return Image.fromarray(numbers.shown(np.asarray(still.convert("RGB"))))
        straight = np.asarray(still.convert("RGBA"))
        shown = np.concatenate([numbers.shown(straight[..., :3]), straight[..., 3:]], axis=-1)
        return Image.fromarray(shown).convert("RGBa")

    if not _bends(late, "RGB"):
        return Transforms(late=late)
    tones, rest = numbers.tones(), numbers.without_tones()
    after = None if rest is None else _by_curves(rest).late

    def early(still: Image.Image) -> Image.Image:
        if still.mode != "RGBa":
            return still.point(tones * len(still.getbands()))
        return still.convert("RGBA").point([*tones * 3, *range(256)]).convert("RGBa")

    return Transforms(early, after)
