"""The moderator's loop over memory twins: commit after the answer, drain on stop, repeat what was not answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event as Flag
from threading import Thread

import pytest

import workers.moderator
from pipeline.adapters.memory import MemoryBroker, MemorySource
from pipeline.errors import PublishError, Reason, RetryError, StopError
from pipeline.items import Batch
from pipeline.path.path import Path
from pipeline.path.runner import Runner
from pipeline.path.topology import Section
from pipeline.ports import Hooks
from pipeline.rules.flow.brake import Brake, BrakeLimits
from pipeline.wire import Record
from workers.moderator import Moderator

TOPIC, GROUP = "in", "g"
PATIENCE = 10.0


class Answer:
    """A last stage that answers each event, or fails at the one it is told to."""

    name = "publish"

    def __init__(self, fail_at: int | None = None, gate: Flag | None = None) -> None:
        self.answered: list[int] = []
        self.started = Flag()
        self._fail_at = fail_at
        self._gate = gate

    def __call__(self, batch: Batch) -> Batch:
        self.started.set()
        if self._gate is not None:
            assert self._gate.wait(PATIENCE)
        for item in batch.items:
            if item.event.offset == self._fail_at:
                raise PublishError("not acknowledged")
            self.answered.append(item.event.offset)
        return batch


def broker_with(events: int) -> MemoryBroker:
    broker = MemoryBroker(partitions=1)
    for number in range(events):
        broker.append(Record(TOPIC, b"%d" % number, b"image"))
    return broker


def moderator(broker: MemoryBroker, answer: Answer, hooks: Hooks | None = None, most: int = 4) -> Moderator:
    source = MemorySource(broker, [TOPIC], GROUP)
    runner = Runner([Section((answer.name,))], [answer], Hooks(), time.monotonic, max_batch=most)
    path, brake = Path(runner, None, time.monotonic), Brake(BrakeLimits())
    return Moderator(source, path, brake, hooks or Hooks(), time.monotonic, drain_timeout=PATIENCE)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_every_event_is_answered_once_and_committed() -> None:
    broker, answer, stop = broker_with(50), Answer(), Flag()
    thread = Thread(target=moderator(broker, answer).run, args=(stop,))
    thread.start()
    until(lambda: broker.committed(GROUP, (TOPIC, 0)) == 50)
    stop.set()
    thread.join(PATIENCE)
    assert answer.answered == list(range(50))


def test_a_clean_stop_is_the_end_of_run_and_no_error() -> None:
    """The path is abandoned at every end, also one that it has come to by itself: nothing may be raised for it."""
    gate, stop = Flag(), Flag()
    broker, answer = broker_with(10), Answer(gate=gate)
    made = moderator(broker, answer)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(made.run, stop)
        assert answer.started.wait(PATIENCE)
        stop.set()
        gate.set()
        running.result(PATIENCE)
    assert broker.committed(GROUP, (TOPIC, 0)) == len(answer.answered) > 0
    with pytest.raises(StopError, match="closed"):
        made._source.poll(0.0, 1)


def test_a_failure_leaves_no_thread_behind() -> None:
    """One that is still in a native library while the process ends would bring it down with an abort."""
    before = set(threading.enumerate())
    with pytest.raises(PublishError):
        moderator(broker_with(20), Answer(fail_at=9)).run(Flag())
    assert set(threading.enumerate()) <= before


class Asked(MemorySource):
    """Keeps how many events each poll asks for."""

    def __init__(self, broker: MemoryBroker) -> None:
        super().__init__(broker, [TOPIC], GROUP)
        self.asked = list[int]()

    def poll(self, timeout: float, most: int) -> Batch | None:
        self.asked.append(most)
        return super().poll(timeout, most)


def test_a_poll_asks_for_no_more_than_there_is_room_for() -> None:
    """A full path is polled past, so that the group keeps its member, and nothing comes of it."""
    gate, stop = Flag(), Flag()
    answer = Answer(gate=gate)
    source = Asked(broker_with(100))
    runner = Runner([Section((answer.name,))], [answer], Hooks(), time.monotonic, max_batch=4)
    path = Path(runner, None, time.monotonic)
    made = Moderator(source, path, Brake(BrakeLimits()), Hooks(), time.monotonic, drain_timeout=PATIENCE)
    thread = Thread(target=made.run, args=(stop,))
    thread.start()
    assert answer.started.wait(PATIENCE)
    until(lambda: not path.room())
    before = len(source.asked)
    until(lambda: len(source.asked) > before + 3)
    stop.set()
    gate.set()
    thread.join(PATIENCE)
    assert source.asked[0] == 4
    assert max(source.asked) <= 4
    assert 4 < len(answer.answered) <= 8


class Handed(MemorySource):
    """Keeps what it is handed for partitions that leave; never brings anything."""

    drain: Callable[[], Sequence[Batch]]

    def finish_with(self, drain: Callable[[], Sequence[Batch]]) -> None:
        self.drain = drain

    def poll(self, timeout: float, most: int) -> Batch | None:
        time.sleep(timeout)
        return None


def test_partitions_that_leave_are_waited_for_until_the_worker_is_to_stop() -> None:
    """The source asks for what is through while the loop's thread waits in it."""
    stop = Flag()
    source = Handed(broker_with(0), [TOPIC], GROUP)
    runner = Runner([Section((Answer.name,))], [Answer()], Hooks(), time.monotonic, max_batch=4)
    path = Path(runner, None, time.monotonic)
    made = Moderator(source, path, Brake(BrakeLimits()), Hooks(), time.monotonic, drain_timeout=PATIENCE)
    thread = Thread(target=made.run, args=(stop,))
    thread.start()
    until(lambda: hasattr(source, "drain"))
    assert list(source.drain()) == []
    stop.set()
    with pytest.raises(StopError, match="told to stop"):
        source.drain()
    thread.join(PATIENCE)


def test_stopping_finishes_and_commits_what_is_in_flight_and_takes_no_more() -> None:
    gate, stop = Flag(), Flag()
    broker, answer = broker_with(100), Answer(gate=gate)
    thread = Thread(target=moderator(broker, answer).run, args=(stop,))
    thread.start()
    assert answer.started.wait(PATIENCE)
    stop.set()
    gate.set()
    thread.join(PATIENCE)
    assert broker.committed(GROUP, (TOPIC, 0)) == len(answer.answered) < 100


def test_what_hangs_holds_up_the_end_for_the_time_to_drain_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers.moderator, "LAST_MOMENT", 0.1)
    gate, stop = Flag(), Flag()
    broker, answer = broker_with(4), Answer(gate=gate)
    made, ended = moderator(broker, answer), []
    made._drain_timeout = 3.0

    def run() -> None:
        started = time.monotonic()
        with pytest.raises(StopError, match="still inside"):
            made.run(stop)
        ended.append(time.monotonic() - started)

    stop.set()
    made._feed()
    assert answer.started.wait(10)
    thread = Thread(target=run)
    thread.start()
    thread.join(10)
    gate.set()
    assert 3.0 <= ended[0] < 5.5, "it waited twice"
    assert not broker.committed(GROUP, (TOPIC, 0))


def test_what_could_not_be_answered_is_not_committed_and_comes_again() -> None:
    broker, answer = broker_with(20), Answer(fail_at=9)
    with pytest.raises(PublishError):
        moderator(broker, answer).run(Flag())
    committed = broker.committed(GROUP, (TOPIC, 0))
    assert committed <= 9
    again, stop = Answer(), Flag()
    thread = Thread(target=moderator(broker, again).run, args=(stop,))
    thread.start()
    until(lambda: broker.committed(GROUP, (TOPIC, 0)) == 20)
    stop.set()
    thread.join(PATIENCE)
    assert again.answered == list(range(committed, 20))


def test_a_batch_that_sticks_shows_as_a_stall_while_the_loop_goes_on() -> None:
    gate, stop = Flag(), Flag()
    made = moderator(broker_with(4), Answer(gate=gate))
    thread = Thread(target=made.run, args=(stop,))
    thread.start()
    until(lambda: made.stalled() > 0.3)
    gate.set()
    until(lambda: made.stalled() < 0.3)
    stop.set()
    thread.join(PATIENCE)


def test_what_comes_in_is_counted_with_its_bytes() -> None:
    class Told(Hooks):
        events = size = 0

        def polled(self, events: int, value_bytes: int) -> None:
            self.events += events
            self.size += value_bytes

    told, stop, answer = Told(), Flag(), Answer()
    thread = Thread(target=moderator(broker_with(6), answer, told).run, args=(stop,))
    thread.start()
    until(lambda: len(answer.answered) == 6)
    stop.set()
    thread.join(PATIENCE)
    assert (told.events, told.size) == (6, 30)


class Failing(Answer):
    """Answers each event with a dead letter that speaks of us, until it is mended."""

    mended = False

    def __call__(self, batch: Batch) -> Batch:
        for item in batch.items:
            if not self.mended:
                item.fail("fetch", RetryError(Reason.FETCH_FAILED, "the store is gone"))
        return super().__call__(batch)


class Braked(Hooks):
    """Why the worker takes no more, each time that this changes."""

    def __init__(self) -> None:
        self.reasons: list[str | None] = []

    def braked(self, reason: str | None) -> None:
        self.reasons.append(reason)


def test_a_person_lets_a_braked_worker_go_on_at_once() -> None:
    broker, answer, hooks, stop = broker_with(200), Failing(), Braked(), Flag()
    source = MemorySource(broker, [TOPIC], GROUP)
    runner = Runner([Section((answer.name,))], [answer], Hooks(), time.monotonic, max_batch=4)
    path, brake = Path(runner, None, time.monotonic), Brake(BrakeLimits(run=10, trial_interval=3600.0))
    made = Moderator(source, path, brake, hooks, time.monotonic, drain_timeout=PATIENCE)
    thread = Thread(target=made.run, args=(stop,))
    thread.start()
    until(lambda: made.braked() is not None)
    until(path.idle)
    before = len(answer.answered)
    assert before < 200
    answer.mended = True
    made.release_brake()
    until(lambda: len(answer.answered) == 200)
    stop.set()
    thread.join(PATIENCE)
    assert [reason is None for reason in hooks.reasons] == [False, True]
    assert broker.committed(GROUP, (TOPIC, 0)) == 200


def test_a_broker_that_refuses_a_commit_leaves_no_thread_of_the_path_behind() -> None:
    """Nothing inside has failed, so the path goes on until it is abandoned."""

    def refuse(_: Batch) -> None:
        raise StopError("the broker refuses")

    before = set(threading.enumerate())
    made = moderator(broker_with(3), Answer())
    made._source.commit = refuse  # type: ignore[method-assign]
    with pytest.raises(StopError, match="refuses"):
        made.run(Flag())
    assert set(threading.enumerate()) <= before
