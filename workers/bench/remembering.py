"""What a worker pays for remembering: its path with a features record beside each decision, and without.

Both paths have a model that costs nothing, and take turns; what one image costs more is compared with what the model
and decoding take of one. The process's CPU is counted, so Kafka's client is, where it goes through a broker.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any, Literal

from rich.table import Table

from pipeline.adapters.memory import MemoryFeatureCache, MemoryTextCache, NullEncoder
from pipeline.ports import Hooks
from workers import assembly
from workers.assembly import Judge, Model
from workers.bench import limits, streams
from workers.bench.budget import Budget
from workers.bench.timed import TimedDecoder
from workers.bench.watched import watched
from workers.settings import Settings
from workers.terminal.console import Screen
from workers.terminal.plain import say_json

ROUNDS = 9
_US = 1_000_000
_PERCENT = 100


@dataclass
class Remembering:
    """CPU seconds an image. A round that was not ended is in none of the lists."""

    cores: int
    of_model: float = 0.0
    """Of the forward pass, all views of an image together."""
    of_decode: float = 0.0
    without: list[float] = field(default_factory=list)
    """A round each: all that the path spends beside the model and decoding, with the archive off."""
    beside: list[float] = field(default_factory=list)
    """The same with features records."""

    @property
    def more(self) -> list[float]:
        """What an image costs more with them, by round."""
        return [kept - off for kept, off in zip(self.beside, self.without, strict=True)]

    @property
    def share(self) -> float:
        """Of an image's whole cost on the CPU, as throughput loses it where that computes the model as well."""
        more = median(self.more)
        return more / (self.of_model + self.of_decode + median(self.without) + more)

    @property
    def share_beside_device(self) -> float:
        """The same where the model computes elsewhere and is never waited for."""
        more = median(self.more)
        return more / (self.of_decode + median(self.without) + more)


def run(settings: Settings, images: Sequence[bytes], budget: Budget, *, kafka: bool, as_json: bool) -> None:
    """Measure as many rounds as there is time for, and print what came of them."""
    found = Remembering(settings.cores)

    def measure() -> None:
        budget.say("loading the model")
        model = assembly.load_model(settings)
        batch, callers = settings.max_batch, limits.callers(model.where, settings.cores)
        budget.say("measuring the forward pass and decoding")
        views = limits.views(model.decoder, images)
        found.of_model = views * limits.forward(model.encoder, batch, callers).cost.cpu_each
        found.of_decode = limits.decode(model.decoder, images, settings.cores).cpu_each
        for number, (without, beside) in enumerate(rounds(settings, model, images, kafka=kafka), 1):
            found.without.append(without)
            found.beside.append(beside)
            budget.say(f"round {number} of {ROUNDS} is done")
            if budget.left <= 0:
                return

    def show() -> None:
        if found.beside and as_json:
            say_json(json.dumps(as_record(found)))
        elif found.beside:
            Screen().print(as_table(found))

    watched(measure, budget, show)


def rounds(
    settings: Settings, model: Model, images: Sequence[bytes], *, kafka: bool
) -> Iterator[tuple[float, float]]:
    """What the path spends on an image without features records and with them, round by round."""
    once = partial(_once, settings, model, images, kafka=kafka)
    once("features")
    for number in range(ROUNDS):
        if number % 2:
            beside = once("features")
            yield once("off"), beside
        else:
            yield once("off"), once("features")


def _once(
    settings: Settings, model: Model, images: Sequence[bytes], archive: Literal["off", "features"], *, kafka: bool
) -> float:
    timed = TimedDecoder(model.decoder)
    free = Model(NullEncoder(model.encoder.spec), timed, model.where)
    judge = assembly.judge(settings, free, Hooks(), MemoryTextCache())
    forgetful = Judge(judge.model, judge.reading, judge.live, MemoryFeatureCache(0))
    of = settings.model_copy(update={"archive": archive})
    if kafka:
        clock, _ = streams.through_kafka(of, forgetful, images)
    else:
        clock = streams.through_memory(of, forgetful, images)
    return clock.cost().cpu_each - timed.cost().cpu_each


def as_record(found: Remembering) -> dict[str, Any]:
    """What ``--json`` prints; times are CPU us an image."""
    return {
        "rounds": len(found.more),
        "model": round(found.of_model * _US, 1),
        "decode": round(found.of_decode * _US, 1),
        "path_without": round(median(found.without) * _US, 1),
        "path_with_features": round(median(found.beside) * _US, 1),
        "more": round(median(found.more) * _US, 1),
        "more_of_rounds": [round(each * _US, 1) for each in found.more],
        "share_of_throughput": round(found.share, 4),
        "share_where_a_device_computes": round(found.share_beside_device, 4),
    }


def as_table(found: Remembering) -> Table:
    """The costs of an image, and what remembering it takes of them."""
    least, most = min(found.more), max(found.more)
    table = Table("an image", "CPU us", "", box=None)
    for name, seconds, said in (
        ("forward pass", found.of_model, ""),
        ("decode and preprocess", found.of_decode, ""),
        ("the rest of the path, archive = off", median(found.without), ""),
        ("the same, archive = features", median(found.beside), ""),
        ("more, by round", median(found.more), f"({least * _US:.0f} to {most * _US:.0f}), {len(found.more)} rounds"),
    ):
        table.add_row(name, f"{seconds * _US:,.1f}", said)
    table.add_row("of throughput here", f"{found.share * _PERCENT:.2f} %")
    table.add_row("of throughput where a device computes", f"{found.share_beside_device * _PERCENT:.2f} %")
    return table
