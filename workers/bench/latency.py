"""How long an answer takes under a load that waits for nobody, beside an ideal batcher under the same load.

Latency is counted from when an image was due, not from when it could be sent: a pipeline that falls behind must not
hide it by being sent less ("coordinated omission").
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Thread

import numpy as np

from pipeline.adapters.memory import MemoryBroker, MemorySource, MemoryWriter
from pipeline.path.topology import Where
from pipeline.wire import Record
from workers import services
from workers.assembly import Judge
from workers.bench import limits
from workers.bench.arrivals import ideal_latencies, interpolated, percentile, poisson, side_by_side
from workers.bench.budget import Budget
from workers.bench.streams import PARTITIONS, Clockwork, run_until_answered
from workers.settings import Settings

SHARES = (0.5, 0.8, 1.0)
"""Loads, as shares of the measured capacity."""
RUNS = 3
"""Runs at each load, with other arrivals; medians are told, as one hiccup makes a 99th percentile."""
SECONDS = 12.0
ARRIVALS = 500
"""The fewest of a run, however long they take: a 99th percentile of fewer is a matter of luck."""
SETTLED = 0.2
"""Share of the arrivals that come before the pipeline has settled, which do not count."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds at one load, and how many times those of an ideal batcher they are."""

    share: float
    rate: float
    images: int
    p50: float
    p95: float
    p99: float
    p50_to_ideal: float
    p99_to_ideal: float
    p50_to_rested: float
    """The ratio to an ideal batcher whose decode and forward pass run on cores that rest as often as at that load."""
    p99_to_rested: float


@dataclass(frozen=True, slots=True)
class Subject:
    """The judge that is put under load, and the images that it is sent."""

    settings: Settings
    judge: Judge
    images: Sequence[bytes]
    views: float
    """Views of an image, on average."""
    passes: Callable[[float], float]
    """About how many seconds it takes to measure the forward pass at every size on cores that are busy (0 to 1)."""


def latencies(subject: Subject, capacity: float, budget: Budget) -> Iterator[Latency]:
    """Measure at each of `SHARES` of ``capacity`` (images a second), in as many of `RUNS` as the budget affords."""
    for share in SHARES:
        rate = share * capacity
        seconds = max(SECONDS, ARRIVALS / rate) + subject.passes(1.0) + (subject.passes(share) if share < 1 else 0.0)
        runs = min(RUNS, int(max(0.0, budget.left) / seconds))
        if runs < RUNS:
            budget.affords(f"latency at {share:.0%} load, {RUNS - runs} of {RUNS} runs", RUNS * seconds)
        if runs:
            budget.say(f"measuring latency at {share:.0%} load, {rate:.0f} images/s, {runs} times {seconds:.0f} s")
            yield _at(subject, share, rate, runs)


def _at(subject: Subject, share: float, rate: float, count: int) -> Latency:
    runs = [_run(subject, share, rate, seed) for seed in range(count)]
    return Latency(
        share, rate, sum(count for count, _ in runs), *np.median([each for _, each in runs], axis=0).tolist()
    )


def _run(subject: Subject, share: float, rate: float, seed: int) -> tuple[int, list[float]]:
    """How many images came, and the figures of a `Latency` from ``p50`` on."""
    due = poisson(rate, max(SECONDS, ARRIVALS / rate), seed)
    tireless = _ideal(subject, due, busy=1.0)
    rested = tireless if share == 1 else _ideal(subject, due, busy=share)
    found = _settled(_under(subject.settings, subject.judge, subject.images, due))
    ratios = [
        percentile(found, part) / percentile(ideal, part) for ideal in (tireless, rested) for part in (0.5, 0.99)
    ]
    return len(due), [*(percentile(found, part) for part in (0.5, 0.95, 0.99)), *ratios]


def _ideal(subject: Subject, due: Sequence[float], busy: float) -> Sequence[float]:
    """Latencies on an ideal batcher; its decode and forward pass are measured now, `busy` as in `limits.repeated`."""
    settings, model, images = subject.settings, subject.judge.model, subject.images
    sizes = limits.batch_sizes(settings.max_batch)
    callers = limits.callers(model.where, settings.cores)
    passes = [(size, limits.forward(model.encoder, size, callers, busy=busy).seconds) for size in sizes]
    decode = partial(
        side_by_side, limits.decode_one_by_one(model.decoder, images, busy=busy).cpu_each, settings.cores
    )
    over_views = interpolated(passes)

    def forward(count: int) -> float:
        return over_views(round(count * subject.views))

    apart = model.where is not Where.CORES
    return _settled(ideal_latencies(due, decode, forward, settings.max_batch, apart=apart))


def _settled(values: Sequence[float]) -> Sequence[float]:
    return values[round(len(values) * SETTLED) :]


def _under(settings: Settings, judge: Judge, images: Sequence[bytes], due: Sequence[float]) -> list[float]:
    """Seconds from when each image was due to its answer, in the order of the answers."""
    now = [0.0]
    broker = MemoryBroker(PARTITIONS, clock=lambda: now[0])
    clock = Clockwork(len(due))
    source = MemorySource(broker, [settings.images_topic], "bench")

    def send() -> None:
        started = time.time()
        for number, offset in enumerate(due):
            time.sleep(max(0.0, started + offset - time.time()))
            now[0] = started + offset
            broker.append(Record(settings.images_topic, b"%d" % number, images[number % len(images)]))

    sender = Thread(target=send, name="bench-sender", daemon=True)
    sender.start()
    run_until_answered(settings, judge, source, services.publisher(settings, MemoryWriter(broker), clock), clock)
    sender.join()
    return clock.latencies
