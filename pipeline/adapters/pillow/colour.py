"""Brings colours to sRGB as a viewer does, by a picture's profile or PNG's colour chunks.

Scaled pixels are converted, a few tens of thousands, and sRGB and untagged pictures cost nothing. Only a picture with
steep tones is converted before it is scaled, at full size: there the mean of two pixels is far from the mean of what
a viewer makes of them, and a picture may be hidden in the difference. Browsers are the measure: a profile that they
do not take, or that is for another kind of picture, is ignored; a grey picture may have an RGB profile. Transforms
are kept by the profile's hash, as most pictures share a few profiles.
"""

from __future__ import annotations

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
from pipeline.rules.images.profiles import read_profile
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
_SRGB = ImageCms.createProfile("sRGB")
_kept: OrderedDict[tuple[bytes, str, bool], Transforms | None] = OrderedDict()
_lock = Lock()


def to_srgb(colour: Colour, mode: str) -> Transforms:
    """What brings stills of `mode` (``L``, ``RGB``, ``RGBa``, ``CMYK``) to sRGB. Any thread may call.

    Raises ``ValueError`` for a profile that browsers take and that cannot be applied as they do.
    """
    if colour.cicp is not None or colour.gamma is not None:
        numbers = curves(colour)
        return AS_IT_IS if numbers is None or mode == "CMYK" else _by_curves(numbers)
    if colour.icc is None:
        return AS_IT_IS
    made = _kept_or_made(colour.icc, mode, grey=colour.grey)
    if made is None:
        return AS_IT_IS if colour.otherwise is None else to_srgb(colour.otherwise, mode)
    return made


def _kept_or_made(icc: bytes, mode: str, *, grey: bool) -> Transforms | None:
    key = (sha256(icc).digest(), mode, grey)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    made = _by_profile(icc, mode, grey=grey)
    with _lock:
        _kept[key] = made
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return made


def is_steep(colour: Colour) -> bool:
    """Whether stills of those colours, in any mode, must be converted before they are scaled."""
    return colour != SRGB and any(to_srgb(colour, mode).early for mode in ("L", "RGB", "CMYK"))


def _by_profile(icc: bytes, mode: str, *, grey: bool) -> Transforms | None:
    """None where browsers find no profile in it for a picture of that mode; `grey` says that it was stored so.

    Raises ``ValueError`` where browsers find one and LittleCMS does not, or reads it otherwise.
    """
    read = read_profile(icc)
    if read is None or read.space not in (_SPACES["L"] if grey else _SPACES.get(mode, ())):
        return None
    if read.cicp is not None:
        return _by_cicp(read.cicp, mode)
    if read.tables_to_xyz:
        raise ValueError("a colour profile of tables to XYZ, which programs read differently")
    given = {"RGBa": "RGBA", "L": "RGB"}.get(mode, mode) if read.space != "GRAY" else "L"
    wanted = "RGBA" if given == "RGBA" else "RGB"
    intent = ImageCms.Intent.PERCEPTUAL
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(read.data))
        transform = ImageCms.buildTransform(profile, _SRGB, given, wanted, renderingIntent=intent)
    except Exception as error:  # a stranger's profile may break its parser in any way
        raise ValueError(f"a colour profile that browsers take and LittleCMS does not: {error}") from error
    if given != "CMYK" and _changes_nothing(_applied(transform, given, given)):
        return AS_IT_IS
    made = _applied(transform, given, mode)
    return Transforms(early=made) if _bends(_applied(transform, given, given), given) else Transforms(late=made)


def _by_cicp(codes: tuple[int, int], mode: str) -> Transforms:
    numbers = curves(Colour(cicp=codes))
    if numbers is None:
        return AS_IT_IS
    if mode == "CMYK":
        raise ValueError("a colour profile of inks that says how light is coded")
    return _by_curves(numbers)


def _applied(transform: ImageCms.ImageCmsTransform, given: str, mode: str) -> Transform:
    def apply(still: Image.Image) -> Image.Image:
        plain = still.convert("RGBA") if mode == "RGBa" else still
        shown = ImageCms.applyTransform(plain if plain.mode == given else plain.convert(given), transform)
        if shown is None:  # only a transform in place gives None
            return still
        if mode == "RGBa" and shown.mode == "RGB":  # a profile of greys says nothing of alpha
            shown.putalpha(plain.getchannel("A"))
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
