"""An explanation on demand, by the bundled model and the shipped policies."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from pipeline.adapters.memory import MemoryTextCache
from pipeline.ports import Decoder, Hooks
from pipeline.wire import SourceRef
from tests.console.served import Served, served, until
from workers import assembly
from workers.explain.seen import seen_image
from workers.settings import SHIPPED_POLICIES, Settings, load_settings

KNIFE = (SHIPPED_POLICIES / "samples" / "kitchen-knife-01.jpg").read_bytes()


@pytest.fixture(scope="module")
def judge() -> assembly.Judge:
    settings = load_settings({"decode_in": "threads", "device": "cpu"})
    return assembly.judge(settings, assembly.load_model(settings, one_caller=True), MemoryTextCache(), Hooks())


@pytest.fixture(scope="module")
def explaining(decoder: Decoder, judge: assembly.Judge) -> Iterator[Served]:
    settings: Settings = load_settings({"decode_in": "threads"})
    with served(settings, decoder, judge=lambda: judge) as made:
        yield made


def asked(console: Served, event_id: str) -> httpx2.Response:
    return httpx2.post(
        f"{console.address}/event/explain", params={"id": event_id}, headers={"hx-request": "true"}, timeout=120
    )


def test_a_decision_is_explained_with_where_in_the_picture_its_score_comes_from(
    explaining: Served, judge: assembly.Judge
) -> None:
    before = seen_image(explaining.settings, judge, KNIFE).decision
    event = explaining.sent(KNIFE, b"knife.jpg")
    about = {"policy_set": before.policy_set, "model": before.model, "preprocess": before.preprocess}
    decision = explaining.decided(event, *before.matches, scores=before.scores, **about)
    explaining.read(1)
    told = asked(explaining, decision.event_id).text
    assert "a kitchen knife" in told
    assert "the policies of now" not in told
    maps = [part.split('"')[0] for part in told.split('src="')[1:]]
    assert len(maps) == 3
    pictures = [httpx2.get(f"{explaining.address}{each}") for each in maps]
    assert {each.headers["content-type"] for each in pictures} == {"image/png"}


def test_what_is_in_the_way_of_an_explanation_is_told(explaining: Served) -> None:
    event = explaining.sent(KNIFE)
    other = explaining.decided(event)
    gone = explaining.decided(event, source=SourceRef(event.topic, event.partition, 99), event_id="a" * 32)
    explaining.failed(explaining.sent(b"x"))
    until(lambda: explaining.console.feed.of_event(gone.event_id))
    assert "was decided with the model" in asked(explaining, other.event_id).text
    assert "there is no record" in asked(explaining, gone.event_id).text
    assert asked(explaining, "no such event").status_code == 404
