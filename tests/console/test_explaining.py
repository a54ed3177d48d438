"""An explanation on demand, by the bundled model and the shipped policies."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect

from pipeline.ports import Decoder, Hooks
from pipeline.wire import Decision, SourceRef
from tests.console.served import Served, served, until
from workers import assembly
from workers.console.judges import JudgeWhenAsked
from workers.explain.seen import seen_image
from workers.settings import SHIPPED_POLICIES, Settings, load_settings

KNIFE = (SHIPPED_POLICIES / "samples" / "kitchen-knife-01.jpg").read_bytes()


@pytest.fixture(scope="module")
def judge(model: assembly.Model) -> assembly.Judge:
    return assembly.judge(load_settings({}), model, Hooks())


@pytest.fixture(scope="module")
def explaining(decoder: Decoder, judge: assembly.Judge) -> Iterator[Served]:
    settings: Settings = load_settings({"decode_in": "threads"})
    with served(settings, decoder, judge=lambda: judge) as made:
        yield made


def asked(console: Served, event_id: str, what: str = "explain", *, script: bool = True) -> httpx2.Response:
    headers = {"hx-request": "true"} if script else {}
    return httpx2.post(f"{console.address}/event/{what}", params={"id": event_id}, headers=headers, timeout=120)


def pictures_of(page: str) -> list[str]:
    return [part.split('"')[0] for part in page.split('src="/event/maps/')[1:]]


def decided(console: Served, judge: assembly.Judge, **changed: Any) -> Decision:
    """A decision that a worker of that judge would have made of the knife."""
    before = seen_image(console.settings, judge, KNIFE).decision
    event = console.sent(KNIFE, b"knife.jpg")
    about = {"policy_set": before.policy_set, "model": before.model, "preprocess": before.preprocess}
    made = console.decided(event, *before.matches, scores=before.scores, **(about | changed))
    until(lambda: console.console.feed.of_event(made.event_id))
    return made


def test_the_sentences_come_at_once_and_then_where_in_the_picture_the_score_comes_from(
    explaining: Served, judge: assembly.Judge
) -> None:
    decision = decided(explaining, judge)
    told = asked(explaining, decision.event_id).text
    assert "a kitchen knife" in told
    assert f"By the policy set that decided it, {decision.policy_set}, which is live." in told
    assert 'hx-post="/event/maps' in told
    assert not pictures_of(told)
    mapped = asked(explaining, decision.event_id, "maps").text
    assert "hottest tenth" in mapped
    maps = pictures_of(mapped)
    assert len(maps) == 3
    pictures = [httpx2.get(f"{explaining.address}/event/maps/{each}") for each in maps]
    assert {each.headers["content-type"] for each in pictures} == {"image/jpeg"}
    again = asked(explaining, decision.event_id, script=False).text
    assert pictures_of(again) == maps, "it was made once, and is whole without a script"


def test_an_explanation_that_does_not_come_says_so(
    explaining: Served, judge: assembly.Judge, opened: Callable[..., Page]
) -> None:
    page = opened(f"{explaining.address}/event?id={decided(explaining, judge).event_id}")
    page.context.set_offline(True)
    page.get_by_role("button", name="Show where in the picture").click()
    expect(page.locator("#explained")).to_have_text("It cannot be explained now: the console does not answer")


def test_the_policies_that_explain_follow_the_folder_and_say_which_they_are(
    decoder: Decoder, judge: assembly.Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "policies"
    shutil.copytree(SHIPPED_POLICIES, folder, ignore=shutil.ignore_patterns("samples"))
    for each in folder.glob("[!_]*.yaml"):
        if each.stem != "weapons":
            each.unlink()
    settings = load_settings({"decode_in": "threads", "device": "cpu", "policies": str(folder)})
    monkeypatch.setattr(assembly, "load_model", lambda _: judge.model)  # it takes seconds, and is the same
    with closing(JudgeWhenAsked(settings)) as following, served(settings, decoder, judge=following) as console:
        first = following().live().policy_set.version
        decision = decided(console, following())
        assert f"decided it, {first}, which is live." in asked(console, decision.event_id).text
        weapons = folder / "weapons.yaml"
        text = weapons.read_text(encoding="utf-8")
        weapons.write_text(text.replace("prompts:\n", "prompts:\n  - a toaster\n"), encoding="utf-8")
        until(lambda: following().live().policy_set.version != first)
        told = asked(console, decision.event_id).text
        assert f"By the policies of now, {following().live().policy_set.version}" in told
        assert f"those that decided it, {first}, are not to be had" in told


def test_what_is_in_the_way_of_an_explanation_is_told(explaining: Served) -> None:
    event = explaining.sent(KNIFE)
    other = explaining.decided(event)
    gone = explaining.decided(event, source=SourceRef(event.topic, event.partition, 99), event_id="a" * 32)
    explaining.failed(explaining.sent(b"x"))
    until(lambda: explaining.console.feed.of_event(gone.event_id))
    assert "was decided with the model" in asked(explaining, other.event_id).text
    assert "there is no record" in asked(explaining, gone.event_id).text
    assert asked(explaining, "no such event").status_code == 404
