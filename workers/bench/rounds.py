"""Measures the limits and the pipeline in turn, several times over, for the efficiency that follows from them.

Whoever shares the machine changes the cost of one and the same forward pass by a half within minutes. So the pipeline
is measured between two measurements of its limits, and efficiency is a ratio within one round. Of several rounds the
one in the middle is shown, with the extremes beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pipeline.path.topology import Where
from workers.assembly import Judge
from workers.bench import limits, streams
from workers.bench.budget import Budget
from workers.bench.limits import Cost, Forward
from workers.bench.streams import Clockwork, KafkaCosts
from workers.bench.timed import TimedDecoder
from workers.settings import Settings

ROUNDS = 5
DECODE_SAMPLE = 200


@dataclass(frozen=True, slots=True)
class Bound:
    """What the hardware allows, from limits measured right before and right after the stream that they are for."""

    cores: int
    apart: bool
    """Whether the model computes elsewhere than on the cores that decode."""
    forward: Forward
    decode: Cost
    """Decode and preprocess alone, on all cores."""
    views: float = 1.0
    """Views of an image, on average; `forward` is the cost of one."""
    client: KafkaCosts | None = None
    """What the same bytes cost Kafka's client, where they went through it."""

    @property
    def rate(self) -> float:
        """Images a second.

        On a CPU the cores share out all work: ``cores / CPU seconds of (views x forward + decode + client)``.
        With a device apart, the slower of the two: ``min(forward rate / views, cores / CPU seconds of the rest)``.
        """
        rest = self.decode.cpu_each
        if self.client is not None:
            rest += self.client.publish.cpu_each + self.client.fetch.cpu_each
        if self.apart:
            return min(self.forward.cost.rate / self.views, self.cores / rest)
        return self.cores / (self.views * self.forward.cost.cpu_each + rest)


@dataclass(frozen=True, slots=True)
class Streamed:
    """The pipeline over all images, beside its bound."""

    run: Clockwork
    bound: Bound

    @property
    def efficiency(self) -> float:
        """The measured rate / the bound's rate."""
        return self.run.cost().rate / self.bound.rate

    @property
    def in_neither(self) -> float:
        """CPU seconds an image that are neither forward pass nor decode."""
        model = 0.0 if self.bound.apart else self.bound.views * self.bound.forward.cost.cpu_each
        return self.run.cost().cpu_each - model - self.bound.decode.cpu_each


@dataclass(frozen=True, slots=True)
class Null:
    """The pipeline with a model that costs nothing, and what decoding took of it by the clocks of its own threads."""

    run: Clockwork
    decode: Cost

    @property
    def beside_decode(self) -> float:
        """CPU seconds an image: all that the process spent but decoding."""
        return self.run.cost().cpu_each - self.decode.cpu_each


@dataclass(frozen=True, slots=True)
class Round:
    """What is measured in one round."""

    memory: Streamed
    kafka: Streamed | None
    null: Null


def measured_rounds(
    settings: Settings,
    judge: Judge,
    null: Callable[[TimedDecoder], Judge],
    images: Sequence[bytes],
    size: tuple[int, float],
    *,
    kafka: bool,
    budget: Budget,
) -> Iterator[Round]:
    """Measure as many rounds as the budget affords, up to `ROUNDS`.

    `judge` and `null` must remember no image; `size` is the batch of the forward pass, and the views of an image.
    """
    batch, views = size

    def limit() -> tuple[Forward, Cost]:
        decoder, encoder = judge.model.decoder, judge.model.encoder
        forward = limits.forward(encoder, batch, limits.callers(judge.model.where, settings.cores))
        return forward, limits.decode(decoder, images[:DECODE_SAMPLE], settings.cores)

    def between(before: tuple[Forward, Cost], after: tuple[Forward, Cost], client: KafkaCosts | None = None) -> Bound:
        forward = Forward(before[0].dtype, batch, before[0].cost + after[0].cost)
        apart = judge.model.where is not Where.CORES
        return Bound(settings.cores, apart, forward, before[1] + after[1], views, client)

    def once(number: int) -> Round:
        budget.say(f"round {number} of {ROUNDS}: streaming through memory, between its limits")
        first, run, second = limit(), streams.through_memory(settings, judge, images), limit()
        through = None
        if kafka:
            budget.say(f"round {number} of {ROUNDS}: streaming through Kafka, between its limits")
            clock, client = streams.through_kafka(settings, judge, images)
            through = Streamed(clock, between(second, limit(), client))
        budget.say(f"round {number} of {ROUNDS}: streaming with a model that costs nothing")
        timed = TimedDecoder(judge.model.decoder)
        free = streams.through_memory(settings, null(timed), images)
        return Round(Streamed(run, between(first, second)), through, Null(free, timed.cost()))

    for number in range(1, ROUNDS + 1):
        started = budget.elapsed
        yield once(number)
        taken = budget.elapsed - started
        if number < ROUNDS and not budget.affords(f"rounds {number + 1} to {ROUNDS} of streaming, each", taken):
            return
