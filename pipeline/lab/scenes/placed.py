"""Scenes of any shape with one thing at a known place: what a decoder that crops, cuts or squashes must show.

Each scene is a JPEG file of clutter. The thing stands in the middle, at the middle of a side, or in a corner, so that
what is found there can be compared. Whatever is flagged without a thing is flagged wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import product
from pathlib import Path

import torch
from PIL import Image

from pipeline.lab.data.dataset import Dataset, Example
from pipeline.lab.scenes.clutter import backgrounds
from pipeline.lab.scenes.draw import generator_of, paste
from pipeline.lab.scenes.emoji import Atlas, find_font
from pipeline.lab.scenes.lexicon import NOTHING, index_of, load_lexicon
from pipeline.lab.scenes.placement import TURN, random_placement
from pipeline.lab.scenes.truth import ABOUT, ARGUABLE
from pipeline.lab.scenes.wear import jpeg_bytes, to_images

SEED = 2**42
"""No training, evaluation, sample or calibration draws from this seed."""
SHORT_SIDE = 240
"""Pixels of a picture's short side: a thing half as large fits the largest sprites and is not enlarged."""
QUALITY = 85

Ratio = tuple[int, int]
"""Width to height."""
RATIOS: tuple[Ratio, ...] = ((1, 1), (4, 3), (3, 2), (16, 9), (2, 1), (3, 4), (9, 16))
SIZES = (0.6, 0.25, 1 / 6)
"""Sizes of the thing as shares of the picture's short side."""
PLACES: dict[str, tuple[tuple[float, float], ...]] = {
    "centre": ((0.5, 0.5),),
    "edge": ((0.0, 0.5), (1.0, 0.5), (0.5, 0.0), (0.5, 1.0)),
    "corner": ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)),
}
"""Where the thing stands, across and down: 0 is flush with the left or upper side, 1 with the other."""


@dataclass(frozen=True, slots=True)
class Spot:
    """The shape of a picture, where the thing stands in it, and how large: ``size`` is a share of the short side."""

    ratio: Ratio
    place: str
    size: float

    @property
    def shape(self) -> str:
        """The shape of the picture, as tables name it: ``16:9``."""
        return f"{self.ratio[0]}:{self.ratio[1]}"

    @property
    def name(self) -> str:
        return f"{self.shape} {self.place} {self.size:.2f}"

    @property
    def frame(self) -> tuple[int, int]:
        """Width and height of the picture in pixels."""
        across, down = self.ratio
        return round(SHORT_SIDE * across / min(self.ratio)), round(SHORT_SIDE * down / min(self.ratio))


def spots(
    ratios: Sequence[Ratio] = RATIOS, places: Sequence[str] = tuple(PLACES), sizes: Sequence[float] = SIZES
) -> tuple[Spot, ...]:
    """A spot for every combination of these."""
    return tuple(Spot(*each) for each in product(ratios, places, sizes))


def draw_placed(atlas: Atlas, thing: int, spot: Spot, seed: int, number: int) -> Image.Image:
    """Draw scene ``number`` of ``seed`` with the thing (an index into the lexicon, or `NOTHING`) at `spot`."""
    generator = generator_of(seed, number)
    width, height = spot.frame
    whole = max(width, height)
    canvas = backgrounds(generator, 1, whole)
    if thing != NOTHING:
        side = spot.size * SHORT_SIDE
        ways = PLACES[spot.place]
        way = ways[number % len(ways)]
        centre = [side / 2 + (length - side) * share for length, share in zip((width, height), way, strict=True)]
        at = torch.tensor([centre]) * 2 / whole - 1
        placement = random_placement(generator, torch.tensor([thing]), at, torch.tensor([side / whole]), TURN)
        canvas = paste(canvas, atlas, placement)
    return to_images(canvas[:, :, :height, :width].clamp(0, 1))[0]


def placed_scenes(
    each: int,
    chosen: Sequence[Spot],
    *,
    about: bool,
    seed: int = SEED,
    font: Path | None = None,
    atlas: Atlas | None = None,
) -> Dataset:
    """`each` scenes for every spot, whose name is their group, labelled with the thing's name.

    With `about`, of things that the shipped policies are about, in turn; without, of things that no policy is about
    by any reading, and of clutter alone in every tenth. Raises `FontError` without a font or an `atlas`.
    """
    if atlas is None:
        find_font(font)
    sprites = cache(partial(Atlas.build, font)) if atlas is None else lambda: atlas
    names = tuple(dict.fromkeys(emoji.name for emoji in load_lexicon()))
    things = things_of_policies() if about else harmless_things()
    start = 0 if about else len(chosen) * each
    examples = list(_examples(each, chosen, things, seed, start, sprites))
    return Dataset(f"placed scenes ({'about' if about else 'harmless'})", examples, names)


def _examples(
    each: int, chosen: Sequence[Spot], things: Sequence[int], seed: int, start: int, sprites: Callable[[], Atlas]
) -> Iterator[Example]:
    lexicon = load_lexicon()
    for row, spot in enumerate(chosen):
        for number in range(each):
            thing = things[(row + number) % len(things)]
            labels = () if thing == NOTHING else (lexicon[thing].name,)
            read = partial(_read, sprites, thing, spot, seed, start + row * each + number)
            yield Example(f"{spot.name}, {labels[0] if labels else 'nothing'}", read, labels, spot.name)


def _read(sprites: Callable[[], Atlas], thing: int, spot: Spot, seed: int, number: int) -> bytes:
    return jpeg_bytes(draw_placed(sprites(), thing, spot, seed, number), QUALITY)


def things_of_policies() -> list[int]:
    """Lexicon indices of all things that the shipped policies are about."""
    return [index_of(name) for names in ABOUT.values() for name in names]


def harmless_things() -> list[int]:
    """Things that no policy is about by any reading, shuffled, with clutter alone (`NOTHING`) after every ninth."""
    taken = {name for names in (*ABOUT.values(), *ARGUABLE.values()) for name in names}
    free = [index for index, emoji in enumerate(load_lexicon()) if emoji.name not in taken]
    order = [free[index] for index in torch.randperm(len(free), generator=generator_of(SEED, -1)).tolist()]
    return [thing for at in range(0, len(order), 9) for thing in (*order[at : at + 9], NOTHING)]
