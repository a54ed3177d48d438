"""One hand's drawings to measure with: what a model knows of a thing whoever draws it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.lab.data.dataset import Dataset
from pipeline.lab.hands.folder import read_hand
from pipeline.lab.scenes.emoji import Atlas
from pipeline.lab.scenes.scene_set import emoji_scenes

FONT_SUFFIXES = frozenset({".ttf", ".otf"})


def is_hand(path: Path) -> bool:
    """Whether a path is a font, or a folder with drawings in it and not in a subfolder for each class."""
    if path.suffix.lower() in FONT_SUFFIXES:
        return path.is_file()
    return path.is_dir() and not any(each.is_dir() for each in path.iterdir())


@dataclass(frozen=True)
class Shown:
    """The things that one hand draws."""

    name: str
    atlas: Atlas
    things: Sequence[int]
    """Lexicon indices of the things that it has; the other sprites are empty."""
    left_out: tuple[str, ...] = ()
    """The files that were not used, each with the reason."""
    digest: str = ""
    """Tells a folder's drawings from others."""

    def scenes(self, count: int, seed: int) -> Dataset:
        """Those of `emoji_scenes`: each of its things alone on clutter."""
        scenes = emoji_scenes(count, seed, atlas=self.atlas, things=self.things)
        return Dataset(f"emoji scenes ({self.name})", scenes.examples, scenes.classes)


def shown_by(path: Path) -> Shown:
    """What a folder of drawings, or a font of outlines, shows. Raises `UsageError`."""
    if path.suffix.lower() not in FONT_SUFFIXES:
        hand = read_hand(path)
        return Shown(hand.name, hand.atlas, hand.things, hand.left_out, hand.digest)
    try:
        atlas, things = Atlas.outlined(path)
    except OSError as error:
        raise UsageError(f"{path}: not a font that can be drawn with ({error})") from error
    return Shown(path.resolve().stem, atlas, things)
