"""A page that is open while a real Kafka goes away and comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial

import pytest
from playwright.sync_api import Page, expect

from pipeline.ports import Decoder
from pipeline.wire import Decided, Event, Topics, record_of
from tests.console.served import Served, decision_on, served
from tests.console.test_live import PICTURE
from tests.services.kafka import KafkaBroker
from workers import services
from workers.settings import Settings, load_settings


@pytest.fixture
def settings(kafka_of_own: KafkaBroker) -> Settings:
    made = load_settings({"bootstrap_servers": kafka_of_own.bootstrap_servers})
    for topic in (made.images_topic, made.decisions_topic, made.dead_letters_topic):
        kafka_of_own.create_topic(topic)
    return made


@pytest.fixture
def console(settings: Settings, decoder: Decoder) -> Iterator[Served]:
    """A console in this process that reads the real broker as `sluice console` does."""
    connection = services.kafka_connection(settings)
    with ExitStack() as held:
        group = held.enter_context(closing(services.kafka_group(settings)))
        reached = {
            "answers": partial(services.kafka_answers, settings),
            "listening": lambda: bool(connection.listening()),
            "topic": partial(services.kafka_topic, settings),
            "standings": group.standings,
        }
        yield held.enter_context(served(settings, decoder, **reached))


def decided(kafka: KafkaBroker, settings: Settings, name: str) -> None:
    """An image of that name, and a decision on it, in their topics."""
    sent = kafka.produce(settings.images_topic, PICTURE, key=name.encode())
    event = Event(settings.images_topic, 0, sent.offset, sent.key, PICTURE, [], sent.timestamp_ms / 1000)
    topics = Topics(settings.decisions_topic, settings.dead_letters_topic)
    record = record_of(Decided(event, decision_on(event)), topics)
    headers = [(key, value or b"") for key, value in record.headers]
    kafka.produce(record.topic, record.value, key=record.key, headers=headers)


def test_a_page_says_that_the_broker_is_away_and_goes_on_by_itself_when_it_is_back(
    kafka_of_own: KafkaBroker, settings: Settings, console: Served, opened: Callable[..., Page]
) -> None:
    page = opened(f"{console.address}/live")
    decided(kafka_of_own, settings, "before.jpg")
    expect(page.locator(".answer", has_text="before.jpg")).to_be_visible()
    page.evaluate("window.loaded = 'once'")
    kafka_of_own.stop()
    expect(page.get_by_text("No answers are read since")).to_be_visible()
    expect(page.get_by_text("The broker does not say where the workers stand")).to_be_visible()
    kafka_of_own.start()
    expect(page.get_by_text("No answers are read since")).to_have_count(0)
    expect(page.get_by_text("The broker does not say where the workers stand")).to_have_count(0)
    decided(kafka_of_own, settings, "after.jpg")
    page.mouse.move(0, 0)
    expect(page.locator(".answer", has_text="after.jpg")).to_be_visible()
    expect(page.locator("#changes")).to_contain_text("no answers: no broker answers")
    assert page.evaluate("window.loaded") == "once"
