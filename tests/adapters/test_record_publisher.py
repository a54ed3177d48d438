"""What every `Publisher` of records does, on the twin and on a real broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pytest

from pipeline.adapters.kafka import KafkaConnection, KafkaWriter
from pipeline.adapters.memory import MemoryBroker, MemoryWriter
from pipeline.adapters.record_publisher import RecordPublisher
from pipeline.errors import PublishError, RefusedError
from pipeline.ports import Hooks
from pipeline.rules.archive.remembered import remembered
from pipeline.wire import (
    Answer,
    Decided,
    Event,
    Failed,
    Failure,
    FeaturesRecord,
    Record,
    Topics,
    parse_archive_record,
    parse_decision,
)
from tests.deploy.traffic import decision
from tests.signals_made import signals

LIMIT = 10_000


class Heard(Hooks):
    """What the publisher told of features records."""

    def __init__(self) -> None:
        self.records = self.bytes = 0
        self.refused: dict[str, int] = {}

    def remembered(self, records: int, size: int) -> None:
        self.records += records
        self.bytes += size

    def features_refused(self, what: str, records: int) -> None:
        self.refused[what] = self.refused.get(what, 0) + records


@dataclass
class Answered:
    """A publisher whose decisions and features topics take `LIMIT` bytes a record, and what it has brought."""

    publisher: RecordPublisher
    topics: Topics
    read: Callable[[str], list[Any]]
    heard: Heard

    @property
    def decided(self) -> list[str]:
        return sorted(parse_decision(each.value or b"").image_id for each in self.read(self.topics.decisions))

    @property
    def failed(self) -> list[bytes | None]:
        return sorted(each.value for each in self.read(self.topics.dead_letters))

    @property
    def remembered(self) -> list[FeaturesRecord]:
        read = [parse_archive_record(each.value or b"") for each in self.read(self.topics.features)]
        kept = [each for each in read if isinstance(each, FeaturesRecord)]
        return sorted(kept, key=lambda each: each.decision.image_id)


@pytest.fixture(params=["memory", "kafka"])
def answered(request: pytest.FixtureRequest) -> Iterator[Answered]:
    if request.param == "memory":
        twin, topics, heard = MemoryBroker(1), Topics("decisions", "dead-letters", "features"), Heard()
        twin.limits[topics.decisions] = twin.limits[topics.features] = LIMIT
        yield Answered(RecordPublisher(MemoryWriter(twin), topics, heard), topics, twin.records, heard)
        return
    broker, unique = request.getfixturevalue("kafka"), request.getfixturevalue("unique")
    topics, heard = Topics(unique("decisions"), unique("dead-letters"), unique("features")), Heard()
    broker.create_topic(topics.decisions, config={"max.message.bytes": str(LIMIT)})
    broker.create_topic(topics.features, config={"max.message.bytes": str(LIMIT)})
    broker.create_topic(topics.dead_letters)
    writer = KafkaWriter(KafkaConnection(broker.bootstrap_servers), delivery_timeout=20)
    publisher = RecordPublisher(writer, topics, heard)
    yield Answered(publisher, topics, lambda topic: list(broker.read_all(topic)), heard)
    publisher.close()


def decided(name: str, *, headers: int = 0, **changed: Any) -> Decided:
    made = msgspec.structs.replace(decision({"weapons": 0.1}), image_id=name, **changed)
    return Decided(Event("images", 0, 0, None, b"image", [("own", bytes(headers))]), made)


def failed(value: bytes) -> Failed:
    return Failed(Event("images", 0, 0, b"k", value), "e", Failure("decode", "truncated", "E", "cut off"))


def with_features(answer: Decided, *, thumbnail: int = 0, **changed: Any) -> Decided:
    """The answer with what is to be remembered of it, and a thumbnail of that many bytes."""
    record = remembered(answer.decision, signals(np.eye(4)[:1]), thumbnail=bytes(thumbnail) or None)
    return msgspec.structs.replace(answer, features=msgspec.structs.replace(record, **changed))


UNWRITABLE = decided("unwritable", frames=object())
"""Its number of frames is none, which no JSON can say."""


def test_every_answer_is_in_its_topic_when_publish_returns(answered: Answered) -> None:
    answered.publisher.publish([decided("a"), failed(b"x"), decided("b"), failed(b"y")])
    assert (answered.decided, answered.failed) == (["a", "b"], [b"x", b"y"])


def test_an_answer_that_no_broker_takes_is_named_by_its_event() -> None:
    """Whoever is to mend it looks for the event, and the writer knows the record alone."""
    twin = MemoryBroker(1)
    twin.available = False
    publisher = RecordPublisher(MemoryWriter(twin), Topics("decisions", "dead-letters", "features"))
    answer = Failed(Event("images", 3, 17, b"k", b"y"), "e", Failure("decode", "truncated", "E", "cut off"))
    with pytest.raises(PublishError, match=r"the answer to images\[3\]@17 is not published: .*it is down"):
        publisher.publish([UNWRITABLE, answer, failed(b"x")])


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


class TestAFeaturesRecord:
    def test_is_there_when_publish_returns_under_the_key_of_its_decision(self, answered: Answered) -> None:
        answers = [with_features(decided("a")), decided("b"), failed(b"x"), with_features(decided("c"), thumbnail=9)]
        answered.publisher.publish(answers)
        kept = [each.features for each in answers if isinstance(each, Decided) and each.features]
        assert answered.remembered == kept
        keys = sorted(each.key for each in answered.read(answered.topics.features))
        assert keys == [b"a", b"c"]
        sizes = [len(each.value) for each in answered.read(answered.topics.features)]
        assert (answered.heard.records, answered.heard.bytes, answered.heard.refused) == (2, sum(sizes), {})

    def test_that_is_refused_goes_without_its_thumbnail(self, answered: Answered) -> None:
        small, large = with_features(decided("a"), thumbnail=9), with_features(decided("b"), thumbnail=2 * LIMIT)
        answered.publisher.publish([small, large, failed(b"x")])
        assert [each.thumbnail for each in answered.remembered] == [bytes(9), None]
        assert (answered.decided, answered.failed) == (["a", "b"], [b"x"])
        assert (answered.heard.records, answered.heard.refused) == (2, {"thumbnail": 1})

    def test_that_is_refused_even_so_is_given_up_and_its_decision_is_not(self, answered: Answered) -> None:
        huge = {"subject": "s" * 2 * LIMIT}
        answers = [with_features(decided("a"), **huge), with_features(decided("b"), thumbnail=2 * LIMIT, **huge)]
        answered.publisher.publish([*answers, with_features(decided("c"))])
        assert answered.decided == ["a", "b", "c"]
        assert [each.decision.image_id for each in answered.remembered] == ["c"]
        assert (answered.heard.records, answered.heard.refused) == (1, {"thumbnail": 1, "record": 2})

    def test_that_cannot_be_written_is_given_up_likewise(self, answered: Answered) -> None:
        answered.publisher.publish([with_features(decided("a"), bar=object())])
        assert (answered.decided, answered.remembered, answered.heard.refused) == (["a"], [], {"record": 1})

    def test_that_is_refused_leaves_the_places_of_refused_answers_as_they_are(self, answered: Answered) -> None:
        answers: Sequence[Answer] = [
            with_features(decided("a"), subject="s" * 2 * LIMIT),
            UNWRITABLE,
            with_features(decided("b"), thumbnail=2 * LIMIT),
            with_features(decided("large", headers=2 * LIMIT)),
            failed(b"x"),
        ]
        with pytest.raises(RefusedError, match="2 records") as raised:
            answered.publisher.publish(answers)
        assert (set(raised.value.refused), set(raised.value.unwritten)) == ({3}, {1})
        # On a busy machine a record's acknowledgement is lost with the refused one's, and it is written again.
        assert list(dict.fromkeys(answered.decided)) == ["a", "b"]
        assert set(answered.failed) == {b"x"}

    def test_of_an_answer_that_is_published_in_a_smaller_form_is_there_once(self, answered: Answered) -> None:
        large = with_features(decided("large", headers=2 * LIMIT))
        with pytest.raises(RefusedError):
            answered.publisher.publish([large])
        smaller = large.smaller()
        assert smaller is not None
        answered.publisher.publish([smaller])
        assert answered.decided == ["large"]
        assert [each.decision.image_id for each in answered.remembered] == ["large"]

    def test_of_an_answer_that_cannot_be_written_is_not_written_either(self, answered: Answered) -> None:
        with pytest.raises(RefusedError):
            answered.publisher.publish([with_features(UNWRITABLE)])
        assert (answered.remembered, answered.heard.refused) == ([], {})


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
