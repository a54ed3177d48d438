"""Answers by id in topics, without reading more of them than it takes."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pipeline.adapters.memory import MemoryBroker, MemoryTopic
from pipeline.rules.times import ALWAYS, Window
from pipeline.wire import (
    Decided,
    Decision,
    Event,
    Failed,
    Failure,
    ModelRef,
    Record,
    SourceRef,
    Topics,
    record_of,
    rfc3339,
)
from workers.history import in_topics
from workers.history.found import Found, in_order
from workers.history.in_topics import Search, decision_in, letter_in

TOPICS = Topics("decisions", "letters")
START = 1_000_000.0
STEP = 30.0
MODEL = ModelRef("tiny", "f00d", "float32")


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_topics, "CHUNK", 12)


def decision(number: int, image: str, **more: object) -> Decision:
    """On event `number`, `STEP` seconds after it."""
    said = Decision(
        event_id=f"{number:032x}",
        decision_id=f"{number + 1_000_000:032x}",
        image_id=image,
        content_sha256="0" * 64,
        source=SourceRef("images", 0, number),
        verdict="allow",
        policy_set="0" * 12,
        model=MODEL,
        preprocess="fast",
        frames=1,
        event_time=rfc3339(START + STEP * number),
        decided_at=rfc3339(START + STEP * (number + 1)),
    )
    return replace(said, **more)


class Stream:
    """Decisions on 100 events `STEP` seconds apart in three partitions, and a clock that goes with them."""

    def __init__(self) -> None:
        self.now = START
        self.broker = MemoryBroker(partitions=3, clock=lambda: self.now)
        for number in range(100):
            self.publish(decision(number, f"image {number % 30}"))

    def publish(self, said: Decision, **more: object) -> None:
        self.now += STEP
        event = Event("images", 0, said.source.offset, said.image_id.encode(), b"")
        record = record_of(Decided(event, said), TOPICS)
        self.broker.append(replace(record, **more) if more else record)

    def search(self, window: Window = ALWAYS) -> Search:
        return Search(MemoryTopic(self.broker, "decisions"), decision_in, window)


@pytest.fixture
def stream() -> Stream:
    return Stream()


def called(search: Search, name: str) -> list[Found]:
    return list(search.answers(name, lambda _: None))


def ids(found: list[Found]) -> list[str]:
    return [each.said.event_id for each in found]


def test_all_decisions_of_an_image_come_newest_first_from_its_own_partition(stream: Stream) -> None:
    search = stream.search()
    assert ids(called(search, "image 7")) == [f"{number:032x}" for number in (97, 67, 37, 7)]
    assert list(search.searched) == [search.topic.partition_of(b"image 7")]


@pytest.mark.parametrize("wanted", ["event_id", "decision_id"])
def test_a_decision_is_found_by_its_ids_and_nothing_older_than_its_event_is_read(stream: Stream, wanted: str) -> None:
    said = decision(95, "image 5")
    search = stream.search()
    [found] = called(search, getattr(said, wanted))
    assert found.said == said
    assert (found.stored, found.time) == (SourceRef("decisions", *place(stream, said)), rfc3339(START + STEP * 96))
    home = search.topic.partition_of(said.decision_id.encode())
    read = sum(span.end - span.first for number, span in search.searched.items() if number != home)
    assert 0 < read <= in_topics.CHUNK


def place(stream: Stream, said: Decision) -> tuple[int, int]:
    return next(
        (event.partition, event.offset)
        for event in stream.broker.records("decisions")
        if said.decision_id.encode() in (event.value or b"")
    )


def test_what_supersedes_a_decision_is_found_with_it_and_it_says_so(stream: Stream) -> None:
    old = decision(50, "image 20")
    new = replace(old, decision_id="a" * 32, supersedes=old.decision_id, decided_at=rfc3339(START + 5_000))
    newest = replace(old, decision_id="b" * 32, supersedes="a" * 32, decided_at=rfc3339(START + 5_001))
    for each in (new, newest):
        stream.publish(each)
    for name in (old.event_id, old.decision_id, new.decision_id, "image 20"):
        found = [each for each in in_order(called(stream.search(), name)) if each.said.event_id == old.event_id]
        assert [each.said for each in found] == [newest, new, old], name
        assert [each.by for each in found] == ["", newest.decision_id, new.decision_id]


def test_a_decision_that_was_published_twice_is_one(stream: Stream) -> None:
    stream.publish(decision(99, "image 9"))
    assert len(called(stream.search(), f"{99:032x}")) == 2
    assert ids(in_order(called(stream.search(), f"{99:032x}"))) == [f"{99:032x}"]


def test_an_image_is_found_where_no_key_leads(stream: Stream) -> None:
    """As after partitions were added, or where somebody else's partitioner chose."""
    home = stream.search().topic.partition_of(b"moved")
    stream.publish(decision(500, "moved"), partition=(home + 1) % 3)
    stream.publish(decision(501, "moved"), partition=(home + 2) % 3)
    assert set(ids(called(stream.search(), "moved"))) == {f"{500:032x}", f"{501:032x}"}


def test_a_window_bounds_what_is_read(stream: Stream) -> None:
    search = stream.search(Window(since=START + STEP * 90))
    assert called(search, f"{50:032x}") == []
    assert search.records == 11
    assert sum(span.end - span.first for span in search.searched.values()) == search.records


def test_an_unknown_id_is_looked_for_everywhere_and_not_found(stream: Stream) -> None:
    stream.broker.append(Record("decisions", None, b"no decision"))
    search = stream.search()
    assert called(search, "nobody") == []
    assert sum(span.end - span.first for span in search.searched.values()) == search.records == 101


@pytest.fixture
def letters(stream: Stream) -> Search:
    event = Event("images", 0, 7, b"cat", b"junk", (), START)
    record = record_of(Failed(event, "e" * 32, Failure("decode", "truncated", "ItemError", "cut off")), TOPICS)
    for each in (record, Record("letters", b"cat", b"a stranger's")):
        stream.broker.append(each)
    return Search(MemoryTopic(stream.broker, "letters"), letter_in, ALWAYS)


@pytest.mark.parametrize("name", ["cat", "e" * 32])
def test_dead_letters_are_answers_too(letters: Search, name: str) -> None:
    [found] = in_order(called(letters, name))
    assert (found.said.event_id, found.by) == ("e" * 32, "")
