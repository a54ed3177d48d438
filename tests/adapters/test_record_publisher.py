"""What every `Publisher` of records does, on the twin and on a real broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from pipeline.adapters.kafka import KafkaConnection, KafkaWriter
from pipeline.adapters.memory import MemoryBroker, MemoryWriter
from pipeline.adapters.record_publisher import RecordPublisher
from pipeline.errors import PublishError, RefusedError
from pipeline.wire import Answer, Decided, Event, Failed, Failure, Record, Topics, parse_decision
from tests.deploy.traffic import decision

LIMIT = 10_000


@dataclass
class Answered:
    """A publisher whose decisions topic takes `LIMIT` bytes a record, and what it has brought."""

    publisher: RecordPublisher
    topics: Topics
    read: Callable[[str], list[Any]]

    @property
    def decided(self) -> list[str]:
        return sorted(parse_decision(each.value or b"").image_id for each in self.read(self.topics.decisions))

    @property
    def failed(self) -> list[bytes | None]:
        return sorted(each.value for each in self.read(self.topics.dead_letters))


@pytest.fixture(params=["memory", "kafka"])
def answered(request: pytest.FixtureRequest) -> Iterator[Answered]:
    if request.param == "memory":
        twin, topics = MemoryBroker(1), Topics("decisions", "dead-letters")
        twin.limits[topics.decisions] = LIMIT
        yield Answered(RecordPublisher(MemoryWriter(twin), topics), topics, twin.records)
        return
    broker, unique = request.getfixturevalue("kafka"), request.getfixturevalue("unique")
    topics = Topics(unique("decisions"), unique("dead-letters"))
    broker.create_topic(topics.decisions, config={"max.message.bytes": str(LIMIT)})
    broker.create_topic(topics.dead_letters)
    writer = KafkaWriter(KafkaConnection(broker.bootstrap_servers), delivery_timeout=20)
    publisher = RecordPublisher(writer, topics)
    yield Answered(publisher, topics, lambda topic: list(broker.read_all(topic)))
    publisher.close()


def decided(name: str, *, headers: int = 0, **changed: Any) -> Decided:
    made = msgspec.structs.replace(decision({"weapons": 0.1}), image_id=name, **changed)
    return Decided(Event("images", 0, 0, None, b"image", [("own", bytes(headers))]), made)


def failed(value: bytes) -> Failed:
    return Failed(Event("images", 0, 0, b"k", value), "e", Failure("decode", "truncated", "E", "cut off"))


UNWRITABLE = decided("unwritable", frames=object())
"""Its number of frames is none, which no JSON can say."""


def test_every_answer_is_in_its_topic_when_publish_returns(answered: Answered) -> None:
    answered.publisher.publish([decided("a"), failed(b"x"), decided("b"), failed(b"y")])
    assert (answered.decided, answered.failed) == (["a", "b"], [b"x", b"y"])


def test_publishing_nothing_is_fine(answered: Answered) -> None:
    answered.publisher.publish([])
    assert (answered.decided, answered.failed) == ([], [])


def test_what_is_refused_is_named_by_its_place_among_the_answers_and_all_others_are_there(answered: Answered) -> None:
    answers: Sequence[Answer] = [
        UNWRITABLE,
        decided("a"),
        decided("large", headers=2 * LIMIT),
        failed(b"x"),
        UNWRITABLE,
    ]
    with pytest.raises(RefusedError, match="3 records") as raised:
        answered.publisher.publish(answers)
    assert set(raised.value.refused) == {2}
    assert answered.topics.decisions in raised.value.refused[2]
    assert set(raised.value.unwritten) == {0, 4}
    assert all(isinstance(error, TypeError) for error in raised.value.unwritten.values())
    assert (answered.decided, answered.failed) == (["a"], [b"x"])


def test_a_refused_answer_is_taken_in_its_smaller_form(answered: Answered) -> None:
    large = decided("large", headers=2 * LIMIT)
    with pytest.raises(RefusedError):
        answered.publisher.publish([large])
    smaller = large.smaller()
    assert smaller is not None
    answered.publisher.publish([smaller])
    assert answered.decided == ["large"]


def test_a_broker_that_is_away_is_told_whatever_else_is_wrong() -> None:
    broker = MemoryBroker()
    broker.available = False
    with pytest.raises(PublishError, match="down") as raised:
        RecordPublisher(MemoryWriter(broker), Topics()).publish([UNWRITABLE, decided("a")])
    assert not isinstance(raised.value, RefusedError)
    assert broker.records(Topics().decisions) == []


def test_it_closes_its_writer() -> None:
    class Writer:
        closed = 0

        def write(self, records: Sequence[Record]) -> None:
            del records

        def close(self) -> None:
            self.closed += 1

    writer = Writer()
    RecordPublisher(writer, Topics()).close()
    assert writer.closed == 1
