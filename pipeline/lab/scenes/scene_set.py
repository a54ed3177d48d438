"""Rendered emoji scenes as a labelled data set. They are drawn when they are read; only what they show is kept.

The path is that of real use: scenes are drawn larger than the bundled model takes them (80 px) and saved as JPEG
files, which are then read, decoded and preprocessed like anyone's. No training run draws from their seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from pipeline.lab.data.dataset import Dataset, Example
from pipeline.lab.scenes.draw import choose_things, draw_scenes, generator_of
from pipeline.lab.scenes.emoji import Atlas, find_font
from pipeline.lab.scenes.lexicon import NOTHING, index_of, load_lexicon
from pipeline.lab.scenes.recipes import ALONE, AMONG, Recipe
from pipeline.lab.scenes.truth import ABOUT, ARGUABLE
from pipeline.lab.scenes.wear import grey, jpeg_bytes, to_images

SEED = 2**40  # training seeds are small numbers; no run trains on these scenes
SCENE_SIZE = 224
QUALITY = 85
POOR_QUALITY = 20
EMPTY_SHARE = 1 / 11  # the share of empty clutter in the scenes that all policies share

Kind = Literal["alone", "among", "worn", "grey", "poor-jpeg"]
KINDS: dict[Kind, Recipe] = {
    "alone": ALONE,
    "among": AMONG,
    "worn": Recipe(scraps=0.2, worn=True),
    "grey": ALONE,
    "poor-jpeg": ALONE,
}
"""One thing on clutter; one among two or three others; one as in training, with blur, grain and scraps of others;
one without any colour; one as a JPEG file of quality 20."""

BANDS = ((0.35, 0.5), (0.5, 0.65), (0.65, 0.8), (0.8, 0.95))
"""Sizes of things alone as shares of the frame's width; every band has as many scenes as the others."""


@dataclass(frozen=True)
class Scene:
    """One scene as numbers, from which `draw` makes it."""

    kind: Kind
    seed: int
    number: int
    first: int
    """The main thing, an index into the lexicon; `NOTHING` for clutter alone."""
    sizes: tuple[float, float]

    def recipe(self) -> Recipe:
        return replace(KINDS[self.kind], sizes=self.sizes)

    def shown(self, count: int) -> list[int]:
        """Indices of the things it shows, known without drawing it; ``count`` is the size of the lexicon."""
        things = choose_things(count, 1, generator_of(self.seed, self.number), self.recipe(), self._first())
        return [index for index in things[0].tolist() if index != NOTHING]

    def draw(self, atlas: Callable[[], Atlas]) -> bytes:
        """Draw the scene as a JPEG file."""
        drawn = draw_scenes(atlas(), 1, SCENE_SIZE, self.seed, self.number, recipe=self.recipe(), first=self._first())
        pixels = grey(drawn.pixels) if self.kind == "grey" else drawn.pixels
        return jpeg_bytes(to_images(pixels)[0], POOR_QUALITY if self.kind == "poor-jpeg" else QUALITY)

    def _first(self) -> Tensor:
        return torch.tensor([self.first])


def emoji_scenes(
    count: int,
    seed: int = SEED,
    *,
    kind: Kind = "alone",
    font: Path | None = None,
    atlas: Atlas | None = None,
    things: Sequence[int] | None = None,
) -> Dataset:
    """Scenes labelled with the names of what they show; a thing alone has its band of sizes as group.

    Every emoji is the main thing in turn, in a random order; ``things`` (lexicon indices) limits them. ``atlas`` are
    the sprites, by default those of the emoji font at ``font``. Raises `FontError` where there is none.
    """
    names = [emoji.name for emoji in load_lexicon()]
    sprites = _atlas(font, atlas)
    chosen = torch.tensor(list(range(len(names)) if things is None else things))
    order = chosen[torch.randperm(len(chosen), generator=generator_of(seed, -1))].repeat(-(-count // len(chosen)))
    examples = []
    for number, first in enumerate(order[:count].tolist()):
        # A whole round of the things in each band before the next, or bands and things would go in step.
        low, high = BANDS[(number + number // len(chosen)) % len(BANDS)]
        scene = Scene(kind, seed, number, first, (low, high))
        labels = tuple(dict.fromkeys(names[index] for index in scene.shown(len(names))))
        group = f"{low:.0%} to {high:.0%} of the frame" if kind != "among" else None
        examples.append(Example(f"scene {number} ({names[first]})", partial(scene.draw, sprites), labels, group))
    return Dataset(f"emoji scenes ({kind})", examples, tuple(dict.fromkeys(names)))


def policy_scenes(
    positives: int,
    negatives: int,
    seed: int = SEED,
    font: Path | None = None,
    *,
    atlas: Atlas | None = None,
    things: Sequence[int] | None = None,
) -> Dataset:
    """Scenes labelled with the ids of the shipped policies that are about what they show.

    For each policy ``positives`` scenes of its things, each as often as the others, which count for that policy
    alone; and ``negatives`` scenes that all policies share: every emoji in turn, and empty clutter. ``font``,
    ``atlas`` and ``things`` as in `emoji_scenes`; of a policy none of whose things there are nothing is shown.
    """
    things = list(range(len(load_lexicon())) if things is None else things)
    generator = generator_of(seed, -2)
    order = [things[at] for at in torch.randperm(len(things), generator=generator).tolist()]
    empty = round(negatives * EMPTY_SHARE)
    firsts = [order[number % len(order)] for number in range(negatives - empty)] + [NOTHING] * empty
    sprites = _atlas(font, atlas)
    examples = [_shared(scene, sprites) for scene in _scenes(firsts, seed, 0)]
    for block, (policy, names) in enumerate(ABOUT.items(), start=1):
        had = [index for index in map(index_of, names) if index in things]
        own = [had[number % len(had)] for number in range(positives if had else 0)]
        others = tuple(other for other in ABOUT if other != policy)
        examples += [
            Example(_name(scene), partial(scene.draw, sprites), (policy,), None, others)
            for scene in _scenes(own, seed, block * max(positives, negatives))
        ]
    return Dataset("emoji scenes (policies)", examples, tuple(ABOUT))


def _scenes(firsts: Sequence[int], seed: int, start: int) -> list[Scene]:
    sizes = ALONE.sizes
    return [Scene("alone", seed, start + number, first, sizes) for number, first in enumerate(firsts)]


def _shared(scene: Scene, sprites: Callable[[], Atlas]) -> Example:
    """An example that counts for every policy but those under which it may be argued either way."""
    name = load_lexicon()[scene.first].name if scene.first != NOTHING else ""
    labels = tuple(policy for policy, names in ABOUT.items() if name in names)
    arguable = tuple(policy for policy, names in ARGUABLE.items() if name in names)
    return Example(_name(scene), partial(scene.draw, sprites), labels, None, arguable)


def _name(scene: Scene) -> str:
    shown = load_lexicon()[scene.first].name if scene.first != NOTHING else "nothing"
    return f"scene {scene.number} ({shown})"


def _atlas(font: Path | None, given: Atlas | None) -> Callable[[], Atlas]:
    """The sprites, drawn on first use. Raises `FontError` at once where there is no font."""
    if given is not None:
        return lambda: given
    find_font(font)
    return cache(partial(Atlas.build, font))
