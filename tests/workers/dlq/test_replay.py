"""Replaying dead letters, on the in-memory twins: what is sent, what is refused, how fast, and how far it comes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.adapters.memory import MemoryBroker, MemoryTopic, MemoryWriter
from pipeline.errors import PublishError
from pipeline.rules.dead_letters import Wanted
from pipeline.wire import (
    REPLAYS_HEADER,
    Event,
    Failed,
    Failure,
    Form,
    Record,
    Topics,
    event_id,
    read_dead_letter,
    record_of,
)
from workers.cli import app
from workers.dlq.filters import wanted_by
from workers.dlq.found import looked_through, spans_for
from workers.dlq.originals import Originals
from workers.dlq.outcomes import REPLAYED
from workers.dlq.replay import CHUNKS_A_SECOND, Progress, Replay, Target, progress_name

DLQ, IMAGES = "dlq", "images"
EVERYTHING = Wanted()


@dataclass
class World:
    """A broker with an images topic of two partitions and a dead-letter topic."""

    broker: MemoryBroker = field(default_factory=lambda: MemoryBroker(partitions=2))
    now: float = 0.0
    said: list[tuple[str, str]] = field(default_factory=list)

    def fails(self, value: bytes, reason: str = "truncated", form: Form = Form.WHOLE, **changed: Any) -> Event:
        """An event that was answered by a dead letter."""
        event = self.broker.append(
            Record(IMAGES, **{"key": b"k", "value": value, "headers": [("h", b"1")], **changed})
        )
        self.dies(event, reason, form)
        return event

    def dies(self, event: Event, reason: str = "truncated", form: Form = Form.WHOLE) -> None:
        failed = Failed(event, id_of(event), Failure("decode", reason, "E", "m"), (), form)
        self.broker.append(record_of(failed, Topics(dead_letters=DLQ)))

    def replay(
        self, wanted: Wanted = EVERYTHING, *, to: str | None = None, again: bool = False, rate: float = 1000.0
    ) -> dict[str, int]:
        """Replay what is meant; returns how many there were of each outcome."""
        topic = MemoryTopic(self.broker, DLQ)
        progress = Progress.of(topic, wanted, to, again=again, keeps=True)
        before = len(self.said)
        replay = Replay(
            Target(IMAGES, 2, to),
            Originals(lambda name: MemoryTopic(self.broker, name)),
            MemoryWriter(self.broker),
            rate,
            lambda found, outcome, _: self.said.append((str(found.letter.stored), outcome)),
            progress.keep,
            clock=lambda: self.now,
            sleep=self.sleep,
        )
        for found in looked_through(topic, spans_for(topic, wanted, progress.done), lambda _: None):
            replay.take(found, meant=wanted.means(found.letter, found.record.timestamp))
        replay.flush()
        outcomes = [outcome for _, outcome in self.said[before:]]
        return {each: outcomes.count(each) for each in dict.fromkeys(outcomes)}

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    @property
    def replays(self) -> list[Event]:
        """The replayed events, as they stand in the images topic."""
        every = self.broker.records(IMAGES)
        return [event for event in every if event.header(REPLAYS_HEADER) is not None]


def id_of(event: Event) -> str:
    return event_id(event, sha256(event.value or b"").hexdigest())


@pytest.fixture
def world() -> World:
    return World()


def test_an_event_is_sent_as_it_was_to_where_it_was_and_keeps_its_id(world: World) -> None:
    first = world.fails(b"a", partition=1)
    assert world.replay() == {REPLAYED: 1}
    [again] = world.replays
    assert (again.topic, again.partition, again.key, again.value) == (IMAGES, 1, b"k", b"a")
    assert again.headers[0] == ("h", b"1")
    assert id_of(again) == id_of(first)


def test_the_same_filters_replay_nothing_twice_and_go_on_with_what_came_since(world: World) -> None:
    world.fails(b"a")
    world.fails(b"b")
    assert world.replay() == {REPLAYED: 2}
    assert world.replay() == {}
    world.fails(b"c")
    assert world.replay() == {REPLAYED: 1}
    assert [event.value for event in world.replays] == [b"a", b"b", b"c"]


def test_what_one_filter_has_replayed_is_not_done_for_another_and_comes_under_the_same_id(world: World) -> None:
    first = world.fails(b"a", "empty")
    world.fails(b"b", "truncated")
    empty = wanted_by(["empty"], None, None, None, None, None, None, None)
    assert world.replay(empty) == {REPLAYED: 1}
    assert world.replay(empty) == {}
    assert world.replay() == {REPLAYED: 2}
    assert [id_of(event) for event in world.replays if event.value == b"a"] == [id_of(first)] * 2


def test_who_names_a_letter_or_says_again_means_it(world: World) -> None:
    first = world.fails(b"a")
    world.replay()
    assert world.replay(Wanted(id=id_of(first))) == {REPLAYED: 1}
    assert world.replay(Wanted(id=id_of(first))) == {REPLAYED: 1}
    assert world.replay(again=True) == {REPLAYED: 1}
    assert len({id_of(event) for event in world.replays}) == 1


def test_an_event_that_fails_after_three_replays_is_refused(world: World) -> None:
    world.fails(b"a")
    for count in (b"1", b"2", b"3"):
        assert world.replay() == {REPLAYED: 1}
        last = world.replays[-1]
        assert last.header(REPLAYS_HEADER) == count.decode()
        world.dies(last)
    assert world.replay() == {"exhausted": 1}
    assert len({id_of(event) for event in world.replays}) == 1
    assert read_dead_letter(world.broker.records(DLQ)[-1]).replays == 3


@pytest.mark.parametrize("kept", ["decisions", "dlq", "features", "reviews", "audit"])
def test_events_are_not_sent_where_answers_are(kept: str) -> None:
    result = CliRunner().invoke(app, ["dlq", "replay", "--dry-run", "--to", f"sluice.{kept}.v1"])
    assert re.match(rf"sluice\.{kept}\.v1 is where .* are: name another topic with --to$", str(result.exception))


def test_an_event_with_too_many_headers_is_not_sent_again_without_them(world: World) -> None:
    event = world.broker.append(Record(IMAGES, b"k", b"a", [("h", b"1")]))
    world.dies(replace(event, headers=(), unread_headers=3_000_000), "too_many_headers")
    assert world.replay() == world.replay(to="kept", again=True) == {"headers": 1}
    assert world.replays == []


def test_foreign_records_and_events_of_other_topics_are_refused_and_break_nothing(world: World) -> None:
    world.broker.append(Record(DLQ, b"x", b"?", [("__connect.errors.topic", b"images")]))
    world.broker.append(Record(DLQ, None, None))
    world.dies(Event("other", 0, 5, b"k", b"theirs", (), 1.0))
    world.fails(b"a")
    assert world.replay() == {"foreign": 2, "elsewhere": 1, REPLAYED: 1}
    assert world.replay(to="kept", again=True) == {"foreign": 2, REPLAYED: 2}
    assert {event.value for event in world.broker.records("kept")} == {b"theirs", b"a"}


@pytest.mark.parametrize("form", [Form.BARE, Form.REFERENCE])
def test_what_the_letter_lacks_comes_from_the_images_topic_or_is_refused(world: World, form: Form) -> None:
    first = world.fails(b"large", form=form, key=None)
    assert world.replay() == {REPLAYED: 1}
    [again] = world.replays
    assert (again.key, again.value, again.headers[0]) == (None, b"large", ("h", b"1"))
    assert id_of(again) == id_of(first)
    world.broker.delete_before((IMAGES, first.partition), first.offset + 1)
    assert world.replay(again=True) == {"gone": 1}


def test_a_key_that_was_made_up_is_not_replayed(world: World) -> None:
    world.fails(b"a", form=Form.KEYED, key=None)
    world.replay()
    assert world.replays[0].key is None


def test_a_partition_that_is_not_there_leaves_it_to_the_key(world: World) -> None:
    world.dies(Event(IMAGES, 77, 5, b"k", b"a", (), 1.0))
    assert world.replay() == {REPLAYED: 1}
    assert world.replays[0].value == b"a"


def test_no_more_events_a_second_than_asked_for(world: World) -> None:
    for _ in range(40):
        world.fails(b"a")
    world.replay(rate=4.0)
    assert len(world.replays) == 40
    assert world.now == pytest.approx(39 / 4.0, abs=0.01)
    world.now = 0.0
    world.replay(again=True, rate=100.0)
    assert 40 / 100 - 1 / CHUNKS_A_SECOND <= world.now <= 40 / 100


def test_a_refused_event_is_named_and_the_others_are_sent(world: World) -> None:
    world.fails(b"a")
    world.fails(b"b" * 1000)
    world.fails(b"c")
    world.broker.limits[IMAGES] = 900
    assert world.replay() == {REPLAYED: 2, "refused": 1}


def test_what_was_not_acknowledged_is_sent_by_the_next_replay(world: World) -> None:
    for value in (b"a", b"b", b"c"):
        world.fails(value)

    class Dying(MemoryWriter):
        def write(self, records: Any) -> None:
            if records[0].value == b"b":
                raise PublishError("the broker is away")
            super().write(records)

    topic, heard = MemoryTopic(world.broker, DLQ), []
    progress = Progress.of(topic, EVERYTHING, None, again=False, keeps=True)
    originals = Originals(lambda name: MemoryTopic(world.broker, name))
    replay = Replay(
        Target(IMAGES, 2),
        originals,
        Dying(world.broker),
        1.0,
        lambda *said: heard.append(said[1]),
        progress.keep,
        clock=lambda: 0.0,
        sleep=lambda _: None,
    )

    def everything() -> None:
        for found in looked_through(topic, spans_for(topic, EVERYTHING), lambda _: None):
            replay.take(found, meant=True)

    with pytest.raises(PublishError):
        everything()
    assert heard == [REPLAYED]
    assert world.replay() == {REPLAYED: 2}
    assert [event.value for event in world.replays] == [b"a", b"b", b"c"]


def test_without_a_writer_nothing_is_sent_and_nothing_kept(world: World) -> None:
    world.fails(b"a")
    topic, heard = MemoryTopic(world.broker, DLQ), []
    progress = Progress.of(topic, EVERYTHING, None, again=False, keeps=False)
    originals = Originals(lambda name: MemoryTopic(world.broker, name))
    replay = Replay(Target(IMAGES, 2), originals, None, 1.0, lambda *said: heard.append(said[1]), progress.keep)
    for found in looked_through(topic, spans_for(topic, EVERYTHING), lambda _: None):
        replay.take(found, meant=True)
    replay.flush()
    assert (heard, world.replays) == ([REPLAYED], [])
    assert topic.progress(progress_name(EVERYTHING, None)) == {}


def test_progress_is_told_apart_by_filters_as_they_were_typed() -> None:
    def named(since: str | None = None, reason: tuple[str, ...] = (), to: str | None = None) -> str:
        return progress_name(wanted_by([*reason], None, None, None, None, since, None, None), to)

    assert named() == "sluice-dlq-replay"
    assert named("2h") == named("2h"), "an hour later it is the same filter"
    assert named(reason=("empty", "truncated")) == named(reason=("truncated", "empty", "empty"))
    assert len({named(), named("2h"), named("3h"), named(reason=("empty",)), named(to="x")}) == 5
