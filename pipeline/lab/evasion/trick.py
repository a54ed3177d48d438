"""What a trick is: something done to a picture that flags, after which a viewer still sees what it shows.

A trick is a pure function. Whatever it leaves to chance comes from the generator that it is handed, so that the same
seed gives the same bytes.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from PIL import Image

from pipeline.lab.evasion.patterns import pattern


class Seen(StrEnum):
    """How a viewer still sees the thing, judged by eye at the greatest strength."""

    PLAINLY = "plainly"
    LOOKING = "on a closer look"
    FLICKERING = "in a flicker"
    SOMEWHERE = "on dark or light"


@dataclass(frozen=True)
class Aside:
    """What a trick may use beside the picture: harmless pictures (RGB, any number) and a source of chance."""

    others: tuple[Image.Image, ...]
    draw: random.Random

    def decoys(self, count: int, size: tuple[int, int]) -> list[Image.Image]:
        """That many harmless pictures of that size, all different: `others` first, then drawn patterns."""
        given = list(self.others)
        self.draw.shuffle(given)
        shown = [other.resize(size) for other in given[:count]]
        return shown + [pattern(self.draw, size) for _ in range(count - len(shown))]


Make = Callable[[Image.Image, Aside, float], bytes]
"""From an RGB picture, what lies beside it and a strength to an image file that hides the picture."""


@dataclass(frozen=True)
class Trick:
    """A way to hide a picture, with the strengths at which it is tried, from the weakest to the greatest."""

    name: str
    """The family and the trick, such as ``border-white``."""
    make: Make
    strengths: tuple[float, ...]
    says: str
    """What it does, in which ``{}`` stands for the strength."""
    seen: Seen = Seen.PLAINLY

    @property
    def family(self) -> str:
        return self.name.partition("-")[0]

    def words(self, strength: float) -> str:
        """What it does at that strength, for people."""
        return self.says.format(f"{strength:g}")

    def apply(self, picture: Image.Image, others: tuple[Image.Image, ...], strength: float, seed: str) -> bytes:
        """The image file that hides the RGB `picture`; the same arguments give the same bytes.

        Chance depends on the trick's own name too, so that it stays as it is whatever other tricks there are.
        """
        digest = sha256(f"{seed}\0{self.name}\0{strength!r}".encode("utf-8", "surrogatepass")).digest()
        return self.make(picture, Aside(others, random.Random(digest)), strength)
