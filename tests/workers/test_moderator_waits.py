"""A worker that may take nothing waits, and does not ask again and again: its rounds are counted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event as Flag
from threading import Thread

from pipeline.adapters.memory import MemoryBroker, MemorySource
from pipeline.items import Batch
from pipeline.path.claims import ClaimLane
from pipeline.path.path import Path
from pipeline.path.runner import Runner
from pipeline.path.topology import Section
from pipeline.ports import Hooks
from pipeline.rules.flow.brake import Brake, BrakeLimits
from pipeline.wire import Record
from tests.workers.test_moderator import GROUP, PATIENCE, TOPIC, Answer, Failing, broker_with, until
from workers.moderator import POLL_SECONDS, Moderator

LONG = 4 * POLL_SECONDS


class Rounds(MemorySource):
    """Counts polls, of which the loop makes one a round."""

    polls = 0

    def poll(self, timeout: float, most: int) -> Batch | None:
        self.polls += 1
        return super().poll(timeout, most)

    def in_time(self, seconds: float) -> tuple[int, float]:
        """How many polls there were for at least that long, and how many there may be."""
        before, started = self.polls, time.monotonic()
        time.sleep(seconds)
        return self.polls - before, (time.monotonic() - started) / POLL_SECONDS + 2


@contextmanager
def running(made: Moderator) -> Iterator[Moderator]:
    stop = Flag()
    thread = Thread(target=made.run, args=(stop,))
    thread.start()
    try:
        yield made
    finally:
        stop.set()
        thread.join(PATIENCE)


def runner_of(answer: Answer) -> Runner:
    return Runner([Section((answer.name,))], [answer], Hooks(), time.monotonic, max_batch=4)


def test_a_braked_worker_waits_for_its_next_trial() -> None:
    """There is room in its path all the while, and it may take nothing."""
    source, brake = Rounds(broker_with(200), [TOPIC], GROUP), Brake(BrakeLimits(run=10, trial_interval=3600.0))
    path = Path(runner_of(Failing()), None, time.monotonic)
    with running(Moderator(source, path, brake, Hooks(), time.monotonic, drain_timeout=PATIENCE)) as made:
        until(lambda: made.braked() is not None and path.idle())
        polls, most = source.in_time(LONG)
    assert polls <= most


def test_a_worker_whose_lane_of_claims_is_full_waits_for_it() -> None:
    """There is room for images that come inline, and nobody knows before the poll what the next event is."""
    broker, gate, begun = MemoryBroker(partitions=1), Flag(), Flag()
    for number in range(3):
        claim = b'{"uri": "https://store/%d"}' % number
        broker.append(Record(TOPIC, b"%d" % number, claim, [("content-type", b"application/json")]))

    def redeem(_: object) -> None:
        begun.set()
        assert gate.wait(PATIENCE)

    runner, source = runner_of(Answer()), Rounds(broker, [TOPIC], GROUP)
    lane = ClaimLane(
        redeem, runner.push, lambda _: True, Hooks(), time.monotonic, threads=1, most=1, patience=PATIENCE
    )
    path = Path(runner, lane, time.monotonic)
    made = Moderator(source, path, Brake(BrakeLimits()), Hooks(), time.monotonic, drain_timeout=PATIENCE)
    with running(made):
        until(lambda: begun.is_set() and not path.room())
        polls, most = source.in_time(LONG)
        gate.set()
        until(lambda: broker.committed(GROUP, (TOPIC, 0)) == 3)
    assert polls <= most
