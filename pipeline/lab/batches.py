"""Training batches, each a function of the plan and its step's number, so that any process can make any of them.

`SceneBatches` renders emoji scenes; `PairBatches` reads pictures and their captions. Torch's ``DataLoader`` runs
either in worker processes, ahead of the device.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from pipeline.lab.captions import captions
from pipeline.lab.emoji import Atlas
from pipeline.lab.pairs import Pair
from pipeline.lab.plan import Plan
from pipeline.lab.scenes import draw_scenes, generator_of, scene_seed

Normalise = Callable[[Tensor], Tensor]
"""``float32[B,3,S,S]`` in [0,1] to what the vision tower takes."""


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """B images and their captions; who is whose negative is told as in `contrast`."""

    pixels: Tensor
    """``float32[B,3,S,S]``, normalised."""
    texts: list[str]
    shown: Tensor
    """``int64[B,T]``"""
    named: Tensor
    """``int64[B,U]``"""
    more_texts: list[str]
    """M captions of no image here."""
    more_named: Tensor
    """``int64[M,U]``"""
    unreadable: tuple[str, ...] = ()
    """Pictures that should have been in it, each with what was wrong."""

    def pin_memory(self) -> TrainingBatch:
        """The same with its pixels where a GPU can fetch them by itself; ``DataLoader`` calls this."""
        return replace(self, pixels=self.pixels.pin_memory())


class SceneBatches(Dataset[TrainingBatch]):
    """Rendered scenes and captions of what they show."""

    def __init__(self, plan: Plan, size: int, normalise: Normalise, font: Path | None = None) -> None:
        self.plan = plan
        self.size = size
        self.normalise = normalise
        self.font = font

    @cached_property
    def atlas(self) -> Atlas:
        """Drawn where it is needed: a worker process has its own."""
        return Atlas.build(self.font)

    def __getitem__(self, step: int) -> TrainingBatch:
        """The scenes of this step."""
        plan = self.plan
        scenes = draw_scenes(self.atlas, plan.batch, plan.size(step, self.size), plan.seed, step)
        seed = scene_seed(plan.seed, step)
        texts, named = captions(scenes.shown.tolist(), seed)
        things = torch.randperm(self.atlas.count, generator=generator_of(seed, 0))[: plan.more_captions]
        more, more_named = captions(things.view(-1, 1).tolist(), seed + 1)
        return TrainingBatch(
            self.normalise(scenes.pixels), texts, scenes.shown, torch.tensor(named), more, _things(more_named)
        )

    def __len__(self) -> int:
        """The plan's steps."""
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
        """The pairs of this step; fewer than the plan's batch where pictures cannot be read."""
        pixels, texts, unreadable = [], [], []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(scene_seed(self.plan.seed, step))  # torchvision's crops draw from the global generator
            for pair in self._chosen(step):
                try:
                    with Image.open(pair.image) as image:
                        pixels.append(self._transform(ImageOps.exif_transpose(image).convert("RGB")))
                except Exception as error:  # noqa: BLE001 - any type can come out of a decoder
                    unreadable.append(f"{pair.image}: {error or type(error).__name__}")
                else:
                    texts.append(pair.caption)
        keys = _things([[thing_of(text)] for text in texts])
        stacked = torch.stack(pixels) if pixels else torch.zeros(0)
        more = self._more(step)
        more_keys = _things([[thing_of(text)] for text in more])
        return TrainingBatch(stacked, texts, keys, keys, more, more_keys, tuple(unreadable))

    def _more(self, step: int) -> list[str]:
        order = torch.randperm(len(self.pairs), generator=generator_of(scene_seed(self.plan.seed, step), 0))
        return [self.pairs[place].caption for place in order[: self.plan.more_captions].tolist()]

    def _chosen(self, step: int) -> Iterator[Pair]:
        count, batch = len(self.pairs), self.plan.batch
        for position in range(step * batch, (step + 1) * batch):
            epoch, place = divmod(position, count)
            yield self.pairs[_order(self.plan.seed, epoch, count)[place]]

    def __len__(self) -> int:
        """The plan's steps."""
        return self.plan.steps


@lru_cache(maxsize=2)  # a batch may end one epoch and begin the next
def _order(seed: int, epoch: int, count: int) -> list[int]:
    shuffled: list[int] = torch.randperm(count, generator=generator_of(seed, -1 - epoch)).tolist()
    return shuffled


def _things(rows: list[list[int]]) -> Tensor:
    """``int64[N,T]``, also of no rows at all."""
    return torch.tensor(rows, dtype=torch.int64).view(len(rows), -1 if rows else 1)


def thing_of(caption: str) -> int:
    """A number for a caption: pairs with the same words are no negatives of each other."""
    words = " ".join(caption.casefold().split())
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:7], "big")


def load_batches(batches: Dataset[TrainingBatch], first: int, steps: int, workers: int) -> Iterator[TrainingBatch]:
    """The batches of the steps from ``first`` on, in order, made ahead by worker processes (0: in this one)."""
    loader: DataLoader[TrainingBatch] = DataLoader(
        batches,
        batch_size=None,
        sampler=_steps(first, steps),
        num_workers=workers,
        prefetch_factor=2 if workers else None,
        # A fork of a process that has used torch's threads may hang.
        multiprocessing_context="spawn" if workers else None,
        pin_memory=torch.cuda.is_available(),
    )
    yield from loader


def _steps(first: int, steps: int) -> Sequence[int]:
    return range(first, steps)
