"""Opens bytes whose headers were read as a Pillow image, and makes an `ItemError` of what a decoder raises."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from itertools import islice

from PIL import AvifImagePlugin, Image, UnidentifiedImageError

from pipeline.adapters.pillow.apng import apng_stills
from pipeline.adapters.pillow.gif import gif_stills
from pipeline.adapters.pillow.heic import open_heic
from pipeline.errors import ItemError, Reason
from pipeline.rules.images.exif import UPRIGHT, orientation
from pipeline.rules.images.formats import is_cut_short, sniff
from pipeline.rules.images.headers import Colour, Stored
from pipeline.rules.images.headers.stored import check_profile

# Decoder threads share out the cores already; Pillow would start one more thread for every core, for each image.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


TOO_BRIEF = 10
"""Milliseconds: a frame that is to be shown no longer, or for no time, browsers show for `SHOWN_INSTEAD` seconds."""
SHOWN_INSTEAD = 0.1


@contextmanager
def opened(name: str, stored: Stored) -> Iterator[Image.Image]:
    """The picture, loaded only where it is HEIC or composed; of a composed animation nothing, as it is drawn anew.

    Raises whatever Pillow raises, or `ItemError`.
    """
    if name == "HEIC":
        yield open_heic(stored.data)
        return
    if stored.composed:
        yield next(_composed(stored)) if stored.frames == 1 else Image.new("1", (1, 1))
        return
    with Image.open(BytesIO(stored.data), formats=(name,)) as still:
        if still.size[0] * still.size[1] > stored.size[0] * stored.size[1]:
            raise ItemError(Reason.DECODE_FAILED, f"{name}: two headers that give different sizes")
        if name == "BMP":  # a row longer than a block is put together from blocks, each of which copies all before it
            still.decodermaxblock = max(still.decodermaxblock, 4 * still.width)
        yield still


def frames_of(name: str, stored: Stored, still: Image.Image) -> int:
    """How many frames are to be drawn. Raises `ItemError` where the decoder finds more than the headers told of."""
    if name in {"JPEG", "BMP", "HEIC"}:
        return 1
    if name != "AVIF":
        return stored.frames
    frames = int(getattr(still, "n_frames", 1))
    if frames > stored.frames:
        raise ItemError(Reason.DECODE_FAILED, "AVIF: two headers that give different numbers of frames")
    return frames


def colour_of(stored: Stored, still: Image.Image) -> Colour:
    """What the headers say of colour; for AVIF and HEIC, what their decoders found."""
    if still.format not in {"AVIF", None}:
        return stored.colour
    icc = still.info.get("icc_profile")
    if isinstance(icc, bytes) and icc:
        check_profile("AVIF" if still.format else "HEIC", len(icc))
        return Colour(icc=icc)
    nclx = still.info.get("nclx_profile")
    if isinstance(nclx, dict):
        return Colour(cicp=(int(nclx.get("color_primaries", 2)), int(nclx.get("transfer_characteristics", 2))))
    return stored.colour


def orientation_of(stored: Stored, still: Image.Image) -> int:
    """The still's orientation in EXIF's numbers, into which Pillow translates AVIF's ``irot`` and ``imir``."""
    exif = still.info.get("exif") if still.format == "AVIF" else None
    return orientation(exif) if isinstance(exif, bytes) else stored.orientation


def as_stored(stored: Stored) -> Stored:
    """The same, the way up that its pixels are stored where viewers differ on that."""
    return replace(stored, orientation=UPRIGHT) if stored.either_way_up else stored


def drawn(image: Image.Image, count: int, stored: Stored) -> Iterator[tuple[int, Image.Image]]:
    """Each of the first `count` frames of what was `opened`, with its index."""
    if stored.composed:
        yield from enumerate(islice(_composed(stored), count))
        return
    size = stored.size
    for index in range(count):
        image.seek(index)
        if image.size[0] * image.size[1] > size[0] * size[1]:
            raise ItemError(Reason.DECODE_FAILED, f"{image.format}: frame {index} is larger than the headers say")
        image.load()
        yield index, image


def _composed(stored: Stored) -> Iterator[Image.Image]:
    return apng_stills(stored) if sniff(stored.data) == "PNG" else gif_stills(stored)


def shown_for(frame: Image.Image) -> float:
    """Seconds that browsers show the frame of an animation; 0 for what is none."""
    duration = frame.info.get("duration")
    if not isinstance(duration, (int, float)) or not 0 <= duration < math.inf:
        return 0.0
    return duration / 1000 if duration > TOO_BRIEF else SHOWN_INSTEAD


def typed(name: str, image: bytes, error: Exception) -> ItemError:
    """What a decoder raised as an `ItemError`, its reason told from the type, the words and the end of the file."""
    words = f"{name}: {str(error).strip() or type(error).__name__}"
    if isinstance(error, MemoryError):
        return ItemError(Reason.TOO_MUCH_WORK, f"{name}: more memory than one image may take")
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return ItemError(Reason.TOO_LARGE, words)
    if isinstance(error, UnidentifiedImageError):
        words = f"{name}: the header cannot be read"
    if "truncated" in words.lower() or is_cut_short(name, image):
        return ItemError(Reason.TRUNCATED, f"{words} ({len(image):,} bytes)")
    return ItemError(Reason.DECODE_FAILED, words)
