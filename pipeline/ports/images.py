"""Where an image's bytes come from, and how they become pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pipeline.items import Pixels
from pipeline.signals import Pdqs, Regions, frames_in
from pipeline.wire import Claim


class Fetcher(Protocol):
    def fetch(self, claim: Claim) -> bytes:
        """The image's bytes; blocks for a bounded time.

        Raises `ItemError` for this claim's own fault (FETCH_REFUSED, FETCH_FAILED, TOO_LARGE, CHECKSUM_MISMATCH), and
        `RetryError`, which is one, when the store seems to be away for now.
        """


@dataclass(frozen=True, slots=True)
class Decoded:
    """An image as the model takes it: `pixels` is ``uint8[V,H,W,3]``, and `regions` say where each view was taken.

    `notes` say what a reader of the decision should know of the file, such as ``truncated``.
    """

    pixels: Pixels
    regions: Regions
    notes: tuple[str, ...] = ()
    unseen: int = 0
    """As in `Signals`."""

    @property
    def frames(self) -> int:
        """How many still pictures the views were taken from."""
        return frames_in(self.regions)


class Decoder(Protocol):
    """Turns a stranger's bytes into pixels. Safe to call from many threads at once."""

    name: str
    """The preprocessing as every decision names it, such as ``fast-64-bicubic``."""

    def decode(self, image: bytes) -> Decoded:
        """Decode, orient, sample frames, resize and crop. Raises `ItemError` for whatever is not an image."""

    def tiles(self, image: bytes) -> Decoded:
        """Parts of a still from nearer, for a second look; otherwise as `decode`."""

    def pdq(self, image: bytes) -> Pdqs:
        """``PDQ[P]`` of the first frame, as a viewer shows it, on black and on white where it is transparent.

        Raises `ItemError`, and `StopError` where the library for it is not installed.
        """

    def thumbnail(self, image: bytes, frame: int) -> bytes:
        """A WebP of at most 256 pixels either way, upright and in sRGB, for people.

        It shows the `frame` of an animation where that is not far from the first, else the first. Raises `ItemError`.
        """
