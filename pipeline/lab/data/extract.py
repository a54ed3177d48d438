"""Makes the signals of a data set by the stages that moderate.

Images are read and decoded in threads, one chunk ahead of the model, so that no more than two chunks of pixels are
held however large the data set is. An image that cannot be read is named with the reason, and the rest go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass

from pipeline.errors import ItemError, Reason
from pipeline.items import Batch, Item
from pipeline.lab.data.dataset import Dataset, Example
from pipeline.path.decode import Decode
from pipeline.path.encode import Encode
from pipeline.ports import Decoder, Encoder, Hooks
from pipeline.signals import Provenance, Signals
from pipeline.wire import Event

CHUNK = 64
"""Images decoded together, as many as a worker's batch has views by default."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An example that could not be read or decoded, and why; ``reason`` is one of `pipeline.errors.Reason`."""

    name: str
    reason: str
    message: str


@dataclass(frozen=True)
class Extracted:
    """The readable examples of a data set, in its order, and the signals of each."""

    examples: tuple[Example, ...]
    signals: tuple[Signals, ...]
    """One for each of `examples`, with one view or more: an animation or a panorama has several."""
    unreadable: tuple[Unreadable, ...] = ()

    def chunks(self, examples: int) -> Iterator[Extracted]:
        """The same in parts of that many examples, for work whose memory grows with the number of views."""
        for start in range(0, len(self.examples), examples):
            part = slice(start, start + examples)
            yield Extracted(self.examples[part], self.signals[part])


def extract(
    dataset: Dataset,
    decoder: Decoder,
    encoder: Encoder,
    *,
    threads: int,
    progress: Callable[[int], object] = lambda _: None,
) -> Extracted:
    """Read, decode and encode every example, in order; `progress` is told how many images each chunk had.

    Raises `EncoderError` when the device fails, and nothing for an image: see `Extracted.unreadable`.
    """
    read: list[tuple[Example, Signals]] = []
    unreadable: list[Unreadable] = []
    encode = Encode(encoder, Provenance(encoder.spec.ref, decoder.name), _NoCache(), Hooks())
    with ThreadPoolExecutor(threads, thread_name_prefix="sluice-extract") as pool:
        for chunk in _decoded(dataset.examples, Decode(decoder), pool):
            encode(Batch([item for _, item in chunk]))
            for example, item in chunk:
                if item.signals is not None:
                    read.append((example, item.signals))
                elif item.failure is not None:
                    unreadable.append(Unreadable(example.name, item.failure.reason, item.failure.message))
            progress(len(chunk))
    return Extracted(tuple(each for each, _ in read), tuple(each for _, each in read), tuple(unreadable))


def _decoded(examples: Sequence[Example], decode: Decode, pool: Executor) -> Iterator[list[tuple[Example, Item]]]:
    """Chunk after chunk; while the caller works on one, the next is decoded in `pool`."""

    def read(example: Example, number: int) -> Item:
        item = Item(Event("", 0, number, None, None))
        try:
            item.image = example.read()
        except OSError as error:
            item.fail("fetch", ItemError(Reason.FETCH_FAILED, error.strerror or str(error)))
        except ItemError as error:  # too large
            item.fail("fetch", error)
        decode(Batch([item]))
        return item

    waiting: list[tuple[Example, Future[Item]]] = []
    for start in range(0, len(examples) + CHUNK, CHUNK):
        chunk = examples[start : start + CHUNK]
        ahead = [(example, pool.submit(read, example, start + at)) for at, example in enumerate(chunk)]
        if waiting:
            yield [(example, future.result()) for example, future in waiting]
        waiting = ahead


class _NoCache:
    """A `FeatureCache` that remembers nothing: a data set is looked at once."""

    def get(self, digests: Sequence[str]) -> dict[str, Signals]:
        del digests
        return {}

    def put(self, signals: Mapping[str, Signals]) -> None:
        pass

    def close(self) -> None:
        pass
