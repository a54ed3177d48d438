"""What streams by: kept for a while, counted, and told without waiting for anybody."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st

from pipeline.errors import ServiceError
from pipeline.ports import Decoder
from pipeline.wire import Event
from tests.console.served import Served, match, served, until
from workers.console.stream import feed as feeding
from workers.console.stream.answers import passing
from workers.console.stream.counts import MOST_KEYS, Steps
from workers.console.stream.feed import Feed
from workers.console.stream.telling import WAITING, Channel, message
from workers.settings import Settings


def test_old_answers_make_room_and_are_still_counted(console: Served) -> None:
    event = console.sent(b"x")
    for number in range(feeding.KEPT + 20):
        console.decided(event, *([match()] if number % 2 else []), event_id=f"{number:032x}")
    console.read(feeding.KEPT + 20)
    feed = console.console.feed
    assert len(feed.newest(10_000)) == feeding.KEPT
    assert feed.of_event(f"{5:032x}") is None
    assert feed.of_event(f"{feeding.KEPT:032x}") is not None
    steps, since = feed.steps(3600)
    assert sum(step.counts["verdict", "block"] for step in steps.since(since)) == feeding.KEPT // 2 + 10


def test_records_that_are_no_answers_are_left_out(console: Served) -> None:
    from pipeline.wire import Record

    for topic in (console.settings.decisions_topic, console.settings.dead_letters_topic):
        console.broker.append(Record(topic, b"k", b"{not json"))
    console.decided(console.sent(b"x"))
    console.read(1)
    assert console.console.feed.count == 1


class _Answers:
    """Answers that break off as often as they are told to."""

    def __init__(self, faults: list[Exception]) -> None:
        self.faults = faults
        self.opened = 0

    def open(self) -> _Answers:
        self.opened += 1
        return self

    def read(self, seconds: float) -> Sequence[Event]:
        if self.faults:
            raise self.faults.pop(0)
        return []

    def close(self) -> None: ...


def test_reading_begins_again_whatever_broke_it_off() -> None:
    answers = _Answers([ServiceError("no topic"), RuntimeError("a fault of ours")])
    feed = Feed(answers.open, lambda: True, "dead letters")
    feed.start()
    try:
        until(lambda: answers.opened == 3 and feed.condition.well)
    finally:
        feed.close()
    assert any("no topic" in each.what for each in feed.changes.since(0))


def test_another_policy_set_is_a_change_and_two_that_overlap_are_one(settings: Settings, decoder: Decoder) -> None:
    with served(settings, decoder) as console:
        for version in ("a", "a", "b", "a", "b", "b"):
            console.decided(console.sent(b"x"), policy_set=version)
        console.read(6)
        told = [each.what for each in console.console.feed.changes.since(0) if each.kind == "policies"]
        assert told == ["policy set b decides"]


@settings_of(max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 5000), st.sampled_from("abc")), max_size=60))
def test_counts_are_those_of_the_time_that_is_kept(came: list[tuple[float, str]]) -> None:
    came = sorted(came)
    steps = Steps(10.0, 30)
    for at, name in came:
        steps.add(at, iter([("kind", name)]))
    if came:
        begins = (came[-1][0] // 10) * 10 - 290
        kept = sum(sum(step.counts.values()) for step in steps.since(0))
        assert kept == sum(at >= begins for at, _ in came)
        assert len(steps.since(0)) <= 30


def test_a_stranger_cannot_make_it_count_without_bound() -> None:
    steps = Steps(10.0, 30)
    steps.add(0.0, iter([("policy", str(number)) for number in range(10 * MOST_KEYS)]))
    assert len(steps.since(0)[0].counts) == MOST_KEYS


def test_a_slow_browser_is_dropped_and_the_others_are_told_on() -> None:
    made = iter(range(1000))

    async def told() -> tuple[list[str], int]:
        channel = Channel(lambda: message("n", str(next(made))), every=0.0)
        slow, quick = channel.listen(), channel.listen()
        heard = [await anext(quick), await anext(slow)]
        while channel.listeners == 2:
            heard.append(await anext(quick))
        left = [each async for each in slow]
        heard.append(await anext(quick))
        assert len(left) <= WAITING
        await quick.aclose()  # type: ignore[attr-defined]
        until_none = 0
        while channel.listeners and until_none < 100:
            await asyncio.sleep(0.01)
            until_none += 1
        return heard, channel.listeners

    with ThreadPoolExecutor(1) as pool:  # in this thread the browser's driver has a loop of its own
        heard, listeners = pool.submit(lambda: asyncio.run(told())).result()
    assert len(heard) > WAITING
    assert listeners == 0


@given(st.text())
def test_whatever_a_message_says_it_is_one_event(text: str) -> None:
    said = message("answers", text)
    assert said.startswith("event: answers\ndata: ")
    assert said.endswith("\n\n")
    assert "\n\n" not in said[:-2]


@given(st.binary(max_size=200), st.booleans())
def test_whatever_stands_in_the_topics_is_an_answer_or_nothing(value: bytes, letter: bool) -> None:
    passing(1, Event("letters" if letter else "decisions", 0, 0, value, value, [("sluice.reason", value)]), "letters")
