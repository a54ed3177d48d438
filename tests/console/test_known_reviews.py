"""Reviews that are known while the broker is away: the archive's, and nobody waits twice for one look."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.adapters.memory import MemoryBroker, MemoryTopic
from pipeline.errors import ServiceError
from pipeline.rules.reviews.recording import review_record
from pipeline.wire import Review
from tests.services.processes import free_port
from workers import services
from workers.console import run
from workers.console.desk.known import LOOK, KnownReviews
from workers.settings import load_settings

OLD = Review(review_id="r", event_id="e", image_id="", policy="weapons", label="yes", at="2026-09-21T12:00:00Z")


class Away:
    """A reach whose broker takes eight seconds to say nothing, with a clock of its own."""

    def __init__(self) -> None:
        self.now, self.asked = 1000.0, 0

    def topic(self, name: str) -> Any:
        self.asked += 1
        self.now += 8
        raise ServiceError(f"no broker has {name}")

    @contextmanager
    def archive(self) -> Any:
        yield self

    def reviews(self, window: object) -> list[Review]:
        del window
        return [OLD]


def test_the_archives_are_there_and_a_look_that_took_long_is_good_for_as_long_as_any() -> None:
    reach: Any = Away()
    known = KnownReviews(reach, "sluice.reviews.v1", lambda: reach.now)
    assert list(known.all()) == [OLD]
    assert known.trouble == "no broker has sluice.reviews.v1"
    assert list(known.all()) == [OLD]
    assert reach.asked == 1
    reach.now += LOOK
    known.all()
    assert reach.asked == 2


def test_a_reviews_topic_that_was_made_anew_is_read_from_its_beginning() -> None:
    """As many were given since, so that no offset tells it."""
    broker, now = MemoryBroker(1), [1000.0]
    reach: Any = SimpleNamespace(archive=None, topic=lambda name: MemoryTopic(broker, name))
    known = KnownReviews(reach, "reviews", lambda: now[0])
    for event in ("before", "since"):
        broker.delete_topic("reviews")
        broker.append(review_record(replace(OLD, review_id=event, event_id=event), "reviews"))
        now[0] += LOOK
        known.all()
        assert known.has_answer(event, "", "weapons")


def test_that_nothing_listens_is_said_before_a_client_is_made() -> None:
    settings = load_settings({"bootstrap_servers": f"127.0.0.1:{free_port()}"})
    made: list[str] = []
    asked = run._at_once(services.kafka_connection(settings), made.append)
    with pytest.raises(ServiceError, match="no Kafka broker answers"):
        asked("sluice.reviews.v1")
    assert made == []
