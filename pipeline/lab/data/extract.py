"""Image features of a data set, by the decoder and the encoder that moderate.

Images are read and decoded in threads, one chunk ahead of the model, so that no more than two chunks of pixels are
held however large the data set is. An image that cannot be read is named with the reason, and the rest go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ItemError, Reason
from pipeline.items import Features, Pixels
from pipeline.lab.data.dataset import Dataset, Example
from pipeline.ports import Decoder, Encoder

CHUNK = 64
"""Images decoded together; as many as the worker's own batch by default."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An example that could not be read or decoded, and why; ``reason`` is one of `pipeline.errors.Reason`."""

    name: str
    reason: str
    message: str


@dataclass(frozen=True)
class Extracted:
    """The features of N readable examples, V views in all: an animation or a panorama has several."""

    examples: tuple[Example, ...]
    """The N readable ones, in the data set's order."""
    features: Features
    """``float32[V,D]``, each row L2-normalised; an example's views stand together."""
    offsets: NDArray[np.intp]
    """``int[N+1]``: the views of example n are rows ``offsets[n]`` to ``offsets[n+1]``, and there is at least one."""
    unreadable: tuple[Unreadable, ...]

    def best(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """The greatest value among each example's views: ``[V,K]`` to ``[N,K]``."""
        if not self.examples:
            return values[:0]
        return np.asarray(np.maximum.reduceat(values, self.offsets[:-1], axis=0))

    def chunks(self, examples: int) -> Iterator[Extracted]:
        """The same in parts of so many examples, without copying, for work whose size is that of all views."""
        for start in range(0, len(self.examples), examples):
            part = self.examples[start : start + examples]
            rows = self.offsets[start : start + len(part) + 1]
            yield Extracted(part, self.features[rows[0] : rows[-1]], rows - rows[0], ())


def extract(
    dataset: Dataset,
    decoder: Decoder,
    encoder: Encoder,
    *,
    threads: int,
    progress: Callable[[int], object] = lambda _: None,
) -> Extracted:
    """Read, decode and encode every example, in order; `progress` is told of each number of images done.

    Raises `EncoderError` when the device fails, and nothing for an image: see `Extracted.unreadable`.
    """
    read: list[Example] = []
    features: list[Features] = []
    unreadable: list[Unreadable] = []
    with ThreadPoolExecutor(threads, thread_name_prefix="sluice-extract") as pool:
        for chunk in _decoded(dataset.examples, decoder, pool):
            for example, found in _encoded(chunk, encoder):
                if isinstance(found, Unreadable):
                    unreadable.append(found)
                else:
                    read.append(example)
                    features.append(found)
            progress(len(chunk))
    views = np.array([0, *(len(each) for each in features)], np.intp)
    empty: Features = np.zeros((0, encoder.spec.features), np.float32)
    return Extracted(tuple(read), np.concatenate([empty, *features]), np.cumsum(views), tuple(unreadable))


def _decoded(
    examples: Sequence[Example], decoder: Decoder, pool: Executor
) -> Iterator[list[tuple[Example, Pixels | Unreadable]]]:
    """Chunk after chunk; while one is worked on, the next is being decoded."""

    def decode(example: Example) -> Pixels | Unreadable:
        try:
            return decoder.decode(example.read()).pixels
        except ItemError as error:
            return Unreadable(example.name, error.reason, str(error))
        except OSError as error:
            return Unreadable(example.name, Reason.FETCH_FAILED, error.strerror or str(error))

    waiting: list[tuple[Example, Future[Pixels | Unreadable]]] = []
    for start in range(0, len(examples) + CHUNK, CHUNK):
        ahead = [(example, pool.submit(decode, example)) for example in examples[start : start + CHUNK]]
        if waiting:
            yield [(example, future.result()) for example, future in waiting]
        waiting = ahead


def _encoded(
    chunk: Sequence[tuple[Example, Pixels | Unreadable]], encoder: Encoder
) -> Iterator[tuple[Example, Features | Unreadable]]:
    """Pixels become features, in one call for the chunk."""
    pixels = [found for _, found in chunk if not isinstance(found, Unreadable)]
    features: Iterator[Features] = iter(())
    if pixels:
        ends = np.cumsum([len(views) for views in pixels])
        features = iter(np.split(encoder.encode_images(np.concatenate(pixels)), ends[:-1]))
    for example, found in chunk:
        yield example, found if isinstance(found, Unreadable) else _checked(example, next(features))


def _checked(example: Example, features: Features) -> Features | Unreadable:
    if np.isfinite(features).all():
        return features
    # No comparison with NaN is true, so such an image would count as a miss of every class.
    return Unreadable(example.name, Reason.STAGE_FAILED, "features that are not finite; try dtype float32")
