"""The limits and the pipeline beside them, in turn and more than once: what efficiency is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from workers.assembly import Judge
from workers.bench import limits, streams
from workers.bench.limits import Cost, Forward
from workers.bench.streams import Clockwork
from workers.settings import Settings

ROUNDS = 3
DECODE_SAMPLE = 200


@dataclass(frozen=True, slots=True)
class Best:
    """The best of several rounds, each for itself: other work on the machine only makes any of them slower."""

    forward: Forward
    """In the dtype that moderates, at the batch size that costs the least an image."""
    decode: Cost
    """On all cores."""
    decode_one_thread: Cost
    memory: Clockwork
    null: Clockwork
    """With a model that costs nothing."""


def best_of_rounds(
    settings: Settings, judge: Judge, null: Judge, images: Sequence[bytes], batch: int, say: Callable[[str], object]
) -> Best:
    """`judge` and `null` remember no image; `batch` is the size of the forward pass."""
    encoder, decoder = judge.model.encoder, judge.model.decoder
    found: list[Best] = []
    for number in range(1, ROUNDS + 1):
        say(f"round {number} of {ROUNDS}: forward pass and decode alone")
        forward = limits.forward(encoder, batch)
        one, all_cores = (limits.decode(decoder, images[:DECODE_SAMPLE], each) for each in (1, settings.cores))
        say(f"round {number} of {ROUNDS}: streaming through memory")
        memory = streams.through_memory(settings, judge, images)
        say(f"round {number} of {ROUNDS}: streaming with a model that costs nothing")
        found.append(Best(forward, all_cores, one, memory, streams.through_memory(settings, null, images)))
    return Best(
        min((each.forward for each in found), key=lambda each: each.cost.cpu_each),
        min((each.decode for each in found), key=_cpu),
        min((each.decode_one_thread for each in found), key=_cpu),
        max((each.memory for each in found), key=lambda run: run.cost().rate),
        min((each.null for each in found), key=lambda run: run.cost().cpu_each),
    )


def _cpu(cost: Cost) -> float:
    return cost.cpu_each
