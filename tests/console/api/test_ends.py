"""The desk and its two ends: what is on the record before it is answered, who is told, and when it is through."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event as Flag

import pytest
from starlette.exceptions import HTTPException

from pipeline.errors import RefusedError, StopError
from pipeline.wire import Answer, Event, Failed, Failure
from workers.console.api.desk import EMBED, JUDGE, Desk
from workers.console.api.ends import DeskPublisher, DeskSource


class Behind:
    """A publisher that refuses at some indices."""

    def __init__(self, refused: dict[int, str] | None = None) -> None:
        self.published = list[list[int]]()
        self._refused = refused or {}
        self.closed = False

    def publish(self, answers: Sequence[Answer]) -> None:
        self.published.append([each.event.offset for each in answers])
        if self._refused:
            raise RefusedError(self._refused)

    def close(self) -> None:
        self.closed = True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def desk(stop: Flag | None = None, clock: Clock | None = None, most: int = 8) -> Desk:
    return Desk(stop or Flag(), most=most, most_bytes=100, patience=5.0, clock=clock or Clock(), now=lambda: 1.0)


def failed(event: Event) -> Failed:
    return Failed(event, "", Failure("decode", "not_an_image", "E"))


def asked(at: Desk, topics: Sequence[str]) -> tuple[list[Event], list[list[Answer | StopError]]]:
    """What the source gives of that many questions, and where the answer of each goes."""
    told: list[list[Answer | StopError]] = [[] for _ in topics]

    for index, topic in enumerate(topics):
        at.ticket().ask(topic, b"k", b"v", (), told[index].append)
    batch = DeskSource(at).poll(0.0, len(topics))
    assert batch is not None
    return [item.event for item in batch.items], told


def test_judgements_are_on_the_record_first_and_others_never() -> None:
    at, behind = desk(), Behind()
    events, told = asked(at, [EMBED, JUDGE, JUDGE])
    publisher = DeskPublisher(at, behind)
    publisher.publish([failed(event) for event in events])
    assert behind.published == [[1, 2]]
    assert [len(each) for each in told] == [1, 1, 1]
    publisher.close()
    assert behind.closed


def test_what_is_refused_on_the_record_is_not_answered_yet() -> None:
    at, behind = desk(), Behind({1: "too large"})
    events, told = asked(at, [EMBED, JUDGE, EMBED, JUDGE])
    with pytest.raises(RefusedError) as raised:
        DeskPublisher(at, behind).publish([failed(event) for event in events])
    assert raised.value.refused == {3: "too large"}
    assert [len(each) for each in told] == [1, 1, 1, 0]
    DeskPublisher(at).publish([failed(events[3])])
    assert len(told[3]) == 1


def test_an_answer_comes_once_and_to_nobody_who_has_left() -> None:
    at = desk()
    told: list[Answer | StopError] = []
    with at.ticket() as ticket:
        ticket.ask(JUDGE, b"k", b"v", (), told.append)
        [event] = at.take(0.0, 9)
        at.answer([failed(event)])
        at.answer([failed(event)])
    assert len(told) == 1
    with at.ticket() as ticket:
        ticket.ask(JUDGE, b"k", b"v", (), told.append)
        [event] = at.take(0.0, 9)
    at.answer([failed(event)])
    with at.ticket() as ticket:
        ticket.ask(JUDGE, b"k", b"v", (), told.append)
    assert at.take(0.0, 9) == []
    assert (len(told), at.requests) == (1, 0)


def test_room_comes_back_with_the_ticket_and_the_wait_is_as_long_as_answers_take() -> None:
    clock = Clock()
    at = desk(clock=clock, most=1)
    for _ in range(100):
        with at.ticket() as ticket:
            ticket.grow(60)
            ticket.ask(JUDGE, b"k", b"v", (), lambda _: None)
            [event] = at.take(0.0, 1)
            clock.now += 7.5
            at.answer([failed(event)])
            with pytest.raises(HTTPException) as refused:
                at.ticket()
            with pytest.raises(HTTPException):
                ticket.grow(60)
    assert refused.value.status_code == 429
    assert refused.value.headers == {"Retry-After": "8"}


def test_the_path_goes_on_at_a_stop_until_it_has_what_came_before() -> None:
    stop, clock = Flag(), Clock()
    at = desk(stop, clock)
    early, late = at.ticket(), at.ticket()
    stop.set()
    with pytest.raises(HTTPException, match="503"):
        at.ticket()
    assert at.take(0.0, 9) == []
    assert not at.through.is_set()
    early.ask(JUDGE, b"k", b"v", (), lambda _: None)
    assert len(at.take(0.0, 9)) == 1
    assert not at.through.is_set()
    clock.now = 5.0  # a body that takes too long is not waited for
    assert at.take(0.0, 9) == []
    assert at.through.is_set()
    late.__exit__(None, None, None)


def test_a_failed_desk_tells_all_and_ends_its_source() -> None:
    at, told = desk(), list[Answer | StopError]()
    inside, waits = at.ticket(), at.ticket()
    inside.ask(JUDGE, b"k", b"v", (), told.append)
    at.take(0.0, 9)
    waits.ask(JUDGE, b"k", b"v", (), told.append)
    at.fail(StopError("the first"))
    at.fail(StopError("the second"))
    assert [str(each) for each in told] == ["the first"] * 2
    with pytest.raises(StopError, match="the first"):
        DeskSource(at).poll(0.0, 1)
    with pytest.raises(HTTPException):
        at.ticket()
