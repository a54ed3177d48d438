"""How long an answer takes under a load that waits for nobody, beside an ideal batcher under the same load.

Latency is counted from when an image was due, not from when it could be sent: a pipeline that falls behind must not
hide it by being sent less ("coordinated omission").
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Thread

from pipeline.adapters.memory import MemoryBroker, MemoryPublisher, MemorySource
from pipeline.wire import Record
from workers.assembly import Judge
from workers.bench.arrivals import ideal_latencies, percentile, poisson
from workers.bench.streams import PARTITIONS, Clockwork, run_until_answered
from workers.settings import Settings

SHARES = (0.5, 0.8, 1.0)
"""Loads, as shares of the measured capacity."""
SECONDS = 12.0
ARRIVALS = 800
"""At least so many, however long they take: a 99th percentile of fewer is a matter of luck."""
SETTLED = 0.2
"""Share of the arrivals that come before the pipeline has settled, which do not count."""


@dataclass(frozen=True, slots=True)
class Ideal:
    """What an ideal batcher is told of the machine."""

    decode: Callable[[int], float]
    """Seconds for n images."""
    forward: Callable[[int], float]
    """Seconds of a pass over n images."""
    apart: bool
    """Whether the model runs on a device of its own."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds at one load: measured, and of the ideal batcher."""

    share: float
    rate: float
    images: int
    p50: float
    p95: float
    p99: float
    ideal_p50: float
    ideal_p99: float


def latencies(
    settings: Settings, judge: Judge, images: Sequence[bytes], capacity: float, ideal: Ideal
) -> list[Latency]:
    """At each of `SHARES` of ``capacity`` (images a second)."""
    return [_at(settings, judge, images, share, share * capacity, ideal) for share in SHARES]


def _at(
    settings: Settings, judge: Judge, images: Sequence[bytes], share: float, rate: float, ideal: Ideal
) -> Latency:
    due = poisson(rate, max(SECONDS, ARRIVALS / rate), seed=round(share * 100))
    measured = _settled(_under(settings, judge, images, due))
    wanted = _settled(ideal_latencies(due, ideal.decode, ideal.forward, settings.max_batch, apart=ideal.apart))
    return Latency(
        share,
        rate,
        len(due),
        *(percentile(measured, part) for part in (0.5, 0.95, 0.99)),
        *(percentile(wanted, part) for part in (0.5, 0.99)),
    )


def _settled(values: Sequence[float]) -> Sequence[float]:
    return values[round(len(values) * SETTLED) :]


def _under(settings: Settings, judge: Judge, images: Sequence[bytes], due: Sequence[float]) -> list[float]:
    """Seconds from when each image was due to its answer, in the order of the answers."""
    now = [0.0]
    broker = MemoryBroker(PARTITIONS, clock=lambda: now[0])
    clock = Clockwork(len(due))
    source = MemorySource(broker, [settings.images_topic], "bench", max_poll=settings.max_batch)

    def send() -> None:
        started = time.time()
        for number, offset in enumerate(due):
            time.sleep(max(0.0, started + offset - time.time()))
            now[0] = started + offset
            broker.append(Record(settings.images_topic, b"%d" % number, images[number % len(images)]))

    sender = Thread(target=send, name="bench-sender", daemon=True)
    sender.start()
    run_until_answered(settings, judge, source, MemoryPublisher(broker), clock)
    sender.join()
    return clock.latencies
