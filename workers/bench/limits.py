"""The limits of this machine, each measured alone: the bare forward pass, and decode with preprocessing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle

import numpy as np

from pipeline.items import Pixels
from pipeline.path.topology import Where
from pipeline.ports import Decoder, Encoder
from workers.bench.clock import cpu_seconds

VIEWS_SAMPLE = 24
"""Images whose views are counted: as many as there are distinct ones."""
SECONDS = 1.0
"""How long each limit is measured for at a time, after a first call that is not counted."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What `images` of them cost: `wall` seconds, and `cpu` seconds of all threads that did it."""

    images: int
    wall: float
    cpu: float

    def __add__(self, other: Cost) -> Cost:
        """The cost of one after the other."""
        return Cost(self.images + other.images, self.wall + other.wall, self.cpu + other.cpu)

    @property
    def rate(self) -> float:
        """Images a second."""
        return self.images / self.wall

    @property
    def cpu_each(self) -> float:
        """CPU seconds an image."""
        return self.cpu / self.images


@dataclass(frozen=True, slots=True)
class Forward:
    """The bare forward pass in one dtype at one batch size; its "images" are views, of which an image has several."""

    dtype: str
    batch: int
    cost: Cost

    @property
    def seconds(self) -> float:
        """Seconds of one pass over a batch."""
        return self.cost.wall / self.cost.images * self.batch


def measured(work: Callable[[], int]) -> Cost:
    """Call `work`, which returns how many images it did, and take the clocks around it."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    images = work()
    return Cost(images, time.perf_counter() - wall, cpu_seconds() - cpu)


def batch_sizes(most: int) -> list[int]:
    """Sizes at which a forward pass is measured: powers of two, and the largest that the settings allow."""
    return [1 << power for power in range((most - 1).bit_length())] + [most]


def forward(encoder: Encoder, batch: int, callers: int, *, busy: float = 1.0) -> Forward:
    """The encoder alone: pixels that are there already, batches of one size, features thrown away.

    `callers` as in `one_pass`, `busy` as in `repeated`.
    """
    height, width = encoder.spec.image_size
    pixels = np.random.default_rng(0).integers(0, 256, (batch, height, width, 3), np.uint8)
    with one_pass(encoder, pixels, callers) as once:
        return Forward(encoder.spec.dtype, batch, repeated(once, busy))


def callers(where: Where, cores: int) -> int:
    """How many must call at once to keep it busy: on the CPU a call stays on a core, a device takes whole batches."""
    return cores if where is Where.CORES else 1


@contextmanager
def one_pass(encoder: Encoder, pixels: Pixels, callers: int) -> Iterator[Callable[[], int]]:
    """A call that encodes all pixels, by `callers` side by side with a share each, and returns how many there are."""
    shares = np.array_split(pixels, min(callers, len(pixels)))
    with ThreadPoolExecutor(len(shares)) as pool:
        yield lambda: sum(len(features) for features in pool.map(encoder.encode_images, shares))


def views(decoder: Decoder, images: Sequence[bytes]) -> float:
    """How many views the decoder makes of an image, on average: a forward pass is over views."""
    counts = [len(decoder.decode(image).pixels) for image in images[:VIEWS_SAMPLE]]
    return sum(counts) / len(counts)


def decode(decoder: Decoder, images: Sequence[bytes], threads: int) -> Cost:
    """Decode and preprocess alone, on a number of threads, each with a share of its own.

    Cores that are busy together slow each other down (they share caches, memory, a clock, or are two halves of one),
    so an image costs more CPU time on all of them than on one.
    """

    def share(first: int) -> None:
        for image in images[first::threads]:
            decoder.decode(image)

    with ThreadPoolExecutor(threads) as pool:

        def once() -> int:
            list(pool.map(share, range(threads)))
            return len(images)

        return repeated(once)


def decode_one_by_one(decoder: Decoder, images: Sequence[bytes], *, busy: float = 1.0) -> Cost:
    """Decode and preprocess alone, on one thread, an image at a time; `busy` as in `repeated`."""
    source = cycle(images)

    def once() -> int:
        decoder.decode(next(source))
        return 1

    return repeated(once, busy)


def repeated(once: Callable[[], int], busy: float = 1.0) -> Cost:
    """`once` again and again, for `SECONDS`, after a first time that does not count.

    Below 1, `busy` is the share of the time that it is at work: after each call it sleeps, and that is not counted. A
    core that has slept is slower at first. It has lost its caches, and on a virtual machine its turn.
    """
    once()
    total, end = Cost(0, 0.0, 0.0), time.perf_counter() + SECONDS
    while total.images == 0 or time.perf_counter() < end:
        cost = measured(once)
        total += cost
        if busy < 1:
            time.sleep(cost.wall * (1 / busy - 1))
    return total
