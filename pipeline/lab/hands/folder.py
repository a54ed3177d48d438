"""Reads a hand: a folder of drawings, SVG or PNG, each named for the emoji that it draws.

Everything else is left out and told: a drawing that names no known emoji, a second one of the same, a broken one, an
SVG that asks for a script or for something outside itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from pipeline.disk import read_bytes
from pipeline.errors import ItemError, UsageError
from pipeline.lab.data.colours import rgba
from pipeline.lab.data.dataset_files import file_name
from pipeline.lab.hands.naming import thing_of
from pipeline.lab.hands.renderer import Renderer
from pipeline.lab.hands.svg import DrawingError, fitted
from pipeline.lab.scenes.emoji import LEVELS, Atlas
from pipeline.lab.scenes.lexicon import load_lexicon

SIZE = LEVELS[0]
MOST_PIXELS = 4096 * 4096
_SUFFIXES = frozenset({".svg", ".png"})
Advance = Callable[[int], object]
"""Called with how many drawings were read since the last call."""


@dataclass(frozen=True)
class Hand:
    """The emoji that one hand draws."""

    name: str
    atlas: Atlas
    """The lexicon in this hand; sprites that it lacks are empty."""
    things: tuple[int, ...]
    """The lexicon indices of those that it has."""
    left_out: tuple[str, ...]
    """The files that were not used, each with the reason."""

    @property
    def digest(self) -> str:
        """8 hex digits of SHA-256 over the sprites, which tell this hand from another of its name."""
        return hashlib.sha256(self.atlas.levels[-1].numpy().tobytes()).hexdigest()[:8]


def read_hand(folder: Path, progress: Advance = lambda _: None) -> Hand:
    """The hand in a folder. Raises `UsageError` where there is no folder, or not one drawing that can be used."""
    if not folder.is_dir():
        raise UsageError(
            f"{folder}: no such folder; give one of drawings named for emoji, as 1f52a.svg or kitchen-knife.png"
        )
    pictures: dict[int, Image.Image] = {}
    left_out: list[str] = []
    taken: dict[int, Path] = {}
    with Renderer(SIZE) as renderer:
        for path in _drawings(folder):
            progress(1)
            try:
                thing = _thing(path, taken)
                picture = _picture(path, renderer)
            except (DrawingError, ItemError, OSError) as error:
                left_out.append(f"{file_name(path)}: {_reason(error)}")
            else:
                pictures[thing], taken[thing] = picture, path
    if not pictures:
        why = left_out[0] if left_out else "no .svg and no .png file in it"
        raise UsageError(f"{folder}: not one drawing that can be used; {why}")
    empty = Image.new("RGBA", (SIZE, SIZE))
    atlas = Atlas.of([pictures.get(index, empty) for index in range(len(load_lexicon()))])
    return Hand(file_name(folder.resolve().name), atlas, tuple(sorted(pictures)), tuple(left_out))


def _drawings(folder: Path) -> Iterator[Path]:
    """The files directly in the folder that look like drawings, by name; whatever else lies there is no matter."""
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith("."):
            yield path


def _thing(path: Path, taken: dict[int, Path]) -> int:
    thing = thing_of(path.stem)
    if thing is None:
        raise DrawingError(
            "its name says no known emoji, neither by code point (1f52a) nor by CLDR name (kitchen-knife)"
        )
    if thing in taken:
        raise DrawingError(f"{load_lexicon()[thing].name} is drawn by {taken[thing].name} already")
    return thing


def _picture(path: Path, renderer: Renderer) -> Image.Image:
    data = read_bytes(str(path))
    picture = renderer.render(data) if path.suffix.lower() == ".svg" else _png(data)
    if picture.getbbox() is None:
        raise DrawingError("nothing can be seen in it")
    return picture


def _png(data: bytes) -> Image.Image:
    try:
        with Image.open(BytesIO(data), formats=["PNG"]) as image:
            wide, high = image.size
            picture = rgba(image) if wide * high <= MOST_PIXELS else None
    except Exception as error:  # any type can come out of a decoder
        raise DrawingError(f"a broken PNG ({error or type(error).__name__})") from error
    if picture is None:
        raise DrawingError(f"{wide} x {high} pixels, where {MOST_PIXELS:,} in all are the most")
    return fitted(picture, SIZE)


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
