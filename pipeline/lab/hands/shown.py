"""Scenes of one hand's drawings as a labelled data set: what a model knows of a thing whoever draws it."""

from __future__ import annotations

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


def hand_scenes(path: Path, count: int, seed: int) -> tuple[Dataset, tuple[str, ...]]:
    """``count`` scenes of the things that a folder of drawings, or a font of outlines, has; and what was left out.

    They are those of `emoji_scenes`, things alone on clutter. Raises `UsageError`.
    """
    if path.suffix.lower() in FONT_SUFFIXES:
        try:
            atlas, things = Atlas.outlined(path)
        except OSError as error:
            raise UsageError(f"{path}: not a font that can be drawn with ({error})") from error
        left_out: tuple[str, ...] = ()
    else:
        hand = read_hand(path)
        atlas, things, left_out = hand.atlas, list(hand.things), hand.left_out
    scenes = emoji_scenes(count, seed, atlas=atlas, things=things)
    return Dataset(f"emoji scenes ({path.resolve().stem})", scenes.examples, scenes.classes), left_out
