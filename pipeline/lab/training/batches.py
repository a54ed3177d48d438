"""Makes training batches, each from the plan and its step's number alone, so that any process can make any of them.

`SceneBatches` renders emoji scenes; `PairBatches` reads pictures and their captions. Torch's ``DataLoader`` runs
either in worker processes, ahead of the device.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from pipeline.disk import read_bytes
from pipeline.lab.data.colours import on_white
from pipeline.lab.data.dataset_files import file_name
from pipeline.lab.data.pairs import Pair
from pipeline.lab.scenes.captions import captions
from pipeline.lab.scenes.draw import Scenes, draw_scenes, generator_of, scene_seed
from pipeline.lab.scenes.emoji import Atlas
from pipeline.lab.scenes.lexicon import NOTHING
from pipeline.lab.scenes.recipes import TRAINING, Recipe
from pipeline.lab.training.interrupts import unheard_by_children
from pipeline.lab.training.moved import moved
from pipeline.lab.training.plan import Plan
from pipeline.rules.images.formats import describe

RUN = 16
"""How many neighbours in the lexicon come into a batch together."""
Normalise = Callable[[Tensor], Tensor]
"""``float32[B,3,S,S]`` in [0,1] to what the vision tower takes."""
EMPTY_TEXTURED = 0.6
"""The share of scenes of nothing that look like photographs; the others are clutter."""
MOST_SHOWN = 16
"""Most captions of one image that keep captions of other images from being its negatives."""


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """B images and their captions; `shown` and `named` tell who is whose negative, as in `contrast`.

    Images of nothing may stand behind those that have a caption.
    """

    pixels: Tensor
    """``float32[B,3,S,S]``, normalised."""
    texts: list[str]
    shown: Tensor
    """``int64[B,T]``, the things that each image shows."""
    named: Tensor
    """``int64[B,U]``, the things that each caption names."""
    unreadable: tuple[str, ...] = ()
    """Pictures that the batch lacks, each with what was wrong."""
    again: bool = False
    """Whether these images were shown before, and are only `moved`."""

    def pin_memory(self) -> TrainingBatch:
        """The same with its pixels in memory that a GPU copies from by itself; ``DataLoader`` calls this."""
        return replace(self, pixels=self.pixels.pin_memory())


def things_with_neighbours(things: int, batch: int, generator: torch.Generator) -> Tensor:
    """``int64[batch]``: main things, half of them at random and half in runs of neighbours in the lexicon.

    Code points stand in groups: clocks by clocks, hearts by hearts, faces by faces. Things that must be told
    apart are seldom in one batch by chance, and always in a run. No thing comes twice unless the batch is larger than
    the lexicon.
    """
    starts = torch.randperm(-(-things // RUN), generator=generator)[: batch // 2 // RUN] * RUN
    shift = int(torch.randint(RUN, (1,), generator=generator))
    runs = (starts.view(-1, 1) + torch.arange(RUN) + shift).flatten() % things
    order = torch.randperm(things, generator=generator)
    others = order[~torch.isin(order, runs)]
    every = torch.cat([runs.unique(), others])
    return every.repeat(-(-batch // len(every)))[:batch]


class SceneBatches(Dataset[TrainingBatch]):
    """Rendered scenes and captions of what they show, and behind them ``plan.empty`` scenes of nothing."""

    def __init__(
        self,
        plan: Plan,
        size: int,
        normalise: Normalise,
        font: Path | None = None,
        *,
        atlas: Atlas | None = None,
        recipe: Recipe = TRAINING,
    ) -> None:
        self.plan = plan
        self.size = size
        self.normalise = normalise
        self.font = font
        self.recipe = recipe
        self._given = atlas
        self._drawn: tuple[int, TrainingBatch] | None = None

    @cached_property
    def atlas(self) -> Atlas:
        """The emoji: as given, or drawn on first use, so that each worker process draws its own."""
        return self._given or Atlas.build(self.font)

    def __getitem__(self, step: int) -> TrainingBatch:
        again = step % self.plan.shown
        if self._drawn is None or self._drawn[0] != step - again:
            self._drawn = step - again, self._draw(step - again)
        batch = self._drawn[1]
        if not again:
            return batch
        return replace(batch, pixels=moved(batch.pixels, generator_of(self.plan.seed, -1 - step)), again=True)

    def _draw(self, step: int) -> TrainingBatch:
        plan, size = self.plan, self.plan.size(step, self.size)
        full = plan.batch - plan.empty
        first = things_with_neighbours(self.atlas.count, full, generator_of(plan.seed, -1 - step))
        scenes = draw_scenes(self.atlas, full, size, plan.seed, step, recipe=self.recipe, first=first)
        texts, named = captions(scenes.shown.tolist(), scene_seed(plan.seed, step))
        pixels, shown = scenes.pixels, scenes.shown
        if plan.empty:
            nothing = self._nothing(step, size)
            pixels, shown = torch.cat([pixels, nothing.pixels]), torch.cat([shown, nothing.shown])
        return TrainingBatch(self.normalise(pixels), texts, shown, torch.tensor(named))

    def _nothing(self, step: int, size: int) -> Scenes:
        """Scenes of nothing, from numbers that no step's other scenes are drawn from."""
        recipe = replace(self.recipe, textured=EMPTY_TEXTURED)
        first = torch.full((self.plan.empty,), NOTHING)
        return draw_scenes(
            self.atlas, len(first), size, self.plan.seed, self.plan.steps + step, recipe=recipe, first=first
        )

    def __len__(self) -> int:
        return self.plan.steps


class PairBatches(Dataset[TrainingBatch]):
    """Pictures from disk with their captions, in a new order every epoch.

    A step takes the next ``plan.batch`` pairs of the stream of all epochs. Pictures are cropped a little at random,
    as open_clip trains. One that cannot be read is left out of its batch and named.
    """

    def __init__(self, plan: Plan, pairs: Sequence[Pair], preprocess: dict[str, Any]) -> None:
        self.plan = plan
        self.pairs = pairs
        self.preprocess = preprocess

    @cached_property
    def _transform(self) -> Callable[[Image.Image], Tensor]:
        transform: Callable[[Image.Image], Tensor] = image_transform_v2(
            PreprocessCfg(**self.preprocess), is_train=True
        )
        return transform

    def __getitem__(self, step: int) -> TrainingBatch:
        """Has fewer pairs than the plan's batch where pictures cannot be read."""
        pixels, read, unreadable = [], [], []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(scene_seed(self.plan.seed, step))  # torchvision's crops draw from the global generator
            for pair in self._chosen(step):
                try:
                    data = read_bytes(str(pair.image))
                    with Image.open(BytesIO(data)) as image:
                        pixels.append(self._transform(on_white(ImageOps.exif_transpose(image))))
                except UnidentifiedImageError:
                    unreadable.append(f"{file_name(pair.image)}: cannot identify image file, it {describe(data)}")
                except Exception as error:  # noqa: BLE001 - any type can come out of a decoder
                    unreadable.append(f"{file_name(pair.image)}: {error or type(error).__name__}")
                else:
                    read.append(pair)
        texts = [pair.caption for pair in read]
        return TrainingBatch(
            pixels=torch.stack(pixels) if pixels else torch.zeros(0),
            texts=texts,
            shown=_things([self._shown(pair) for pair in read]),
            named=_things([[thing_of(text)] for text in texts]),
            unreadable=tuple(unreadable),
        )

    def _shown(self, pair: Pair) -> list[int]:
        """The things of all captions that its image has, no more than `MOST_SHOWN`, its own first."""
        others = (thing_of(caption) for caption in self._captions[pair.image])
        return list(dict.fromkeys([thing_of(pair.caption), *others]))[:MOST_SHOWN]

    @cached_property
    def _captions(self) -> dict[Path, list[str]]:
        captions: dict[Path, list[str]] = {}
        for pair in self.pairs:
            captions.setdefault(pair.image, []).append(pair.caption)
        return captions

    def _chosen(self, step: int) -> Iterator[Pair]:
        count, batch = len(self.pairs), self.plan.batch
        for position in range(step * batch, (step + 1) * batch):
            epoch, index = divmod(position, count)
            yield self.pairs[_order(self.plan.seed, epoch, count)[index]]

    def __len__(self) -> int:
        return self.plan.steps


@lru_cache(maxsize=2)  # a batch may end one epoch and begin the next
def _order(seed: int, epoch: int, count: int) -> list[int]:
    shuffled: list[int] = torch.randperm(count, generator=generator_of(seed, -1 - epoch)).tolist()
    return shuffled


def _things(rows: Sequence[Sequence[int]]) -> Tensor:
    """``int64[N,T]``, shorter rows filled up with `NOTHING`; also of no rows at all."""
    longest = max(map(len, rows), default=1)
    filled = [[*row, *[NOTHING] * (longest - len(row))] for row in rows]
    return torch.tensor(filled, dtype=torch.int64).view(len(rows), longest)


def thing_of(caption: str) -> int:
    """A 56-bit number for a caption, the same for the same words: such pairs are no negatives of each other."""
    words = " ".join(caption.casefold().split())
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:7], "big")


def load_batches(
    batches: Dataset[TrainingBatch], first: int, steps: int, workers: int, together: int = 1
) -> Iterator[TrainingBatch]:
    """The batches of the steps from ``first`` on, in order, made ahead by worker processes (0: in this one).

    One process makes ``together`` steps that follow each other, such as those that show the same scenes.
    """
    loader: DataLoader[list[TrainingBatch]] = DataLoader(
        _Together(batches, first, steps, together),
        batch_size=None,
        sampler=range(first // together, -(-steps // together)),
        num_workers=workers,
        prefetch_factor=2 if workers else None,
        # A fork of a process that has used torch's threads may hang.
        multiprocessing_context="spawn" if workers else None,
        pin_memory=torch.cuda.is_available(),
    )
    with unheard_by_children():
        batches_ahead = iter(loader)
    for some in batches_ahead:
        yield from some


@dataclass(frozen=True)
class _Together(Dataset[list[TrainingBatch]]):
    """Steps that one process makes, by the number of their group."""

    batches: Dataset[TrainingBatch]
    first: int
    steps: int
    together: int

    def __getitem__(self, group: int) -> list[TrainingBatch]:
        begin = group * self.together
        return [self.batches[step] for step in range(max(begin, self.first), min(begin + self.together, self.steps))]
