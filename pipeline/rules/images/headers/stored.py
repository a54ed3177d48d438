"""What the headers of a file of any format say."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.errors import ItemError, Reason
from pipeline.rules.images.work import Work

MAX_PROFILE = 4 * 1024 * 1024
"""Bytes of a colour profile that are read; large CMYK profiles have two million."""


@dataclass(frozen=True, slots=True)
class Colour:
    """Which colours the numbers in a file stand for; where all fields are None, sRGB's, as for viewers.

    The first that is not None counts: `cicp` (H.273's codes of primaries and transfer), then `icc` (a profile), then
    `gamma` (PNG's, such as 0.45455) with `chromaticities` (white, red, green, blue as x, y).
    """

    icc: bytes | None = None
    cicp: tuple[int, int] | None = None
    gamma: float | None = None
    chromaticities: tuple[float, ...] | None = None
    otherwise: Colour | None = None
    """What counts where `icc` turns out to be no profile of such a picture."""
    grey: bool = False
    """Whether a picture that is decoded into colours, for the sake of its alpha, was stored as greys."""


SRGB = Colour()


def check_profile(name: str, length: int) -> None:
    """Raises `ItemError` for a profile above `MAX_PROFILE`, which browsers show colours by."""
    if length > MAX_PROFILE:
        raise ItemError(Reason.TOO_MUCH_WORK, f"{name}: a colour profile of over {MAX_PROFILE:,} bytes")


@dataclass(frozen=True, slots=True)
class Stored:
    """A file as its decoder is to get it: `data` lacks what no pixel needs, such as text and thumbnails.

    `size` is (width, height) as stored, before `orientation` (EXIF's) turns it. `frames` counts what is really there.
    """

    data: bytes
    size: tuple[int, int]
    work: Work
    frames: int = 1
    orientation: int = 1
    colour: Colour = field(default=SRGB)
    lacks_end: bool = False
    """Whether the end mark is missing, which is no proof that pixels are."""
    composed: bool = False
    """Whether its frames are drawn onto their canvas one by one: of GIF and APNG, which Pillow composes otherwise."""
    either_way_up: bool = False
    """Whether viewers differ on the orientation: some show the picture as it is stored."""
