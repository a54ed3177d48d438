"""*Dead letters* in a real browser: by reason, closely, sent again, and whatever strangers write."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import httpx2
import pytest
from playwright.sync_api import Page, expect

from pipeline.adapters.memory import MemoryBroker, MemoryTopic
from pipeline.ports import Decoder
from pipeline.wire import Record
from tests.console.served import Served, served
from tests.console.test_live import HOSTILE, PICTURE
from tests.console.test_reviews import TOKENS
from workers.console.letters import shelf
from workers.settings import load_settings


def images_of(console: Served) -> list[bytes | None]:
    topic = MemoryTopic(console.broker, console.settings.images_topic)
    return [each.value for each in topic.read(topic.spans())]


def test_by_reason_one_is_looked_at_and_replayed_after_a_confirmation(
    console: Served, opened: Callable[..., Page]
) -> None:
    for number in range(3):
        console.failed(console.sent(b"cut" + bytes([number]), b"cut.png"))
    console.failed(console.sent(PICTURE, b"late.jpg"), "timed_out", "took too long")
    page = opened(f"{console.address}/dead-letters")
    expect(page.get_by_label("Reasons")).to_contain_text("truncated 3")
    page.get_by_role("link", name="timed_out 1").click()
    expect(page.locator(".letter")).to_have_count(1)
    page.locator(".letter").get_by_role("link").click()
    expect(page.get_by_label("Why")).to_contain_text("took too long")
    expect(page.get_by_text("JPEG of 120 x 90 pixels")).to_be_visible()
    page.get_by_role("button", name="Show the picture").click()
    expect(page.locator(".veil img")).to_have_js_property("naturalWidth", 120)
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Replay 1 event?")
    assert len(images_of(console)) == 4
    page.get_by_role("button", name="Yes, replay").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 replayed")
    assert images_of(console).count(PICTURE) == 2
    page.get_by_role("link", name="To all").click()
    expect(page.locator(".letter", has_text="late.jpg")).to_contain_text("replayed by local")
    page.get_by_label("choose all shown").check()
    page.get_by_role("button", name="Replay what is chosen").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Replay 4 events?")


def test_records_without_a_value_and_headers_of_any_kind_are_shown(
    console: Served, opened: Callable[..., Page]
) -> None:
    headers = [("subject", HOSTILE.encode()), (HOSTILE[:200], b"\xff\xfe"), ("none", None)]
    console.failed(console.sent(b"<html>" + HOSTILE.encode(), HOSTILE.encode(), headers), HOSTILE[:90], HOSTILE)
    console.failed(console.sent(PICTURE, b"late.jpg"), "timed_out", "took too long")
    console.broker.append(Record(console.settings.dead_letters_topic, None, None, headers))
    page = opened(f"{console.address}/dead-letters")
    expect(page.locator(".letter")).to_have_count(3)
    page.locator(".letter", has_text="<script>").get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("<script>")
    assert "\u202e" not in page.content()


def test_a_viewer_looks_and_replays_nothing(decoder: Decoder) -> None:
    with served(load_settings({"console_tokens": TOKENS}), decoder) as made:
        made.failed(made.sent(b"cut"))
        headers = {"authorization": "Bearer " + "v" * 16}
        with httpx2.Client(base_url=made.address, headers=headers) as vera:
            page = vera.get("/dead-letters").text
            assert "truncated" in page
            assert "Replay" not in page
            assert vera.post("/dead-letters/replay", data={"0@0": "on", "sure": "yes"}).status_code == 403
        headers = {"authorization": "Bearer " + "r" * 16}
        with httpx2.Client(base_url=made.address, headers=headers) as rob:
            assert rob.post("/dead-letters/replay", data={"sure": "yes"}).status_code == 400
            gone = rob.post("/dead-letters/replay", data={"7@99": "on", "sure": "yes"})
            assert "0 replayed" in gone.text
            assert rob.get("/dead-letters/7/99").status_code == 404
        assert images_of(made) == [b"cut"]


def test_a_shelf_holds_the_newest_and_goes_on_with_the_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "KEPT", 30)
    monkeypatch.setattr(shelf, "CHUNK", 7)
    broker = MemoryBroker(2, count(1e9).__next__)
    made = shelf.Shelf(lambda: MemoryTopic(broker, "dlq"))

    def come(first: int, end: int) -> None:
        for number in range(first, end):
            broker.append(Record("dlq", f"{number}".encode(), b""))

    def names() -> set[int]:
        return {int(each.image_id) for each in made.look().letters}

    assert not made.look().older
    come(0, 20)
    assert names() == set(range(20))
    come(20, 60)
    held = names()
    assert len(held) <= 30
    assert set(range(45, 60)) <= held
    assert made.look().older
    for partition in (0, 1):
        broker.delete_before(("dlq", partition), broker.end(("dlq", partition)) - 1)
    assert len(names()) == 2
    assert not made.look().older


def test_a_shelf_of_a_topic_that_was_made_anew_holds_the_new_ones_alone() -> None:
    """As many came since, so that no offset tells it."""
    broker = MemoryBroker(1, count(1e9).__next__)
    made = shelf.Shelf(lambda: MemoryTopic(broker, "dlq"))
    for name in ("old", "new"):
        broker.delete_topic("dlq")
        for number in range(3):
            broker.append(Record("dlq", f"{name}-{number}".encode(), b""))
        assert [each.image_id for each in made.look().letters] == [f"{name}-2", f"{name}-1", f"{name}-0"]
        assert not made.replayed((0, 1))
        made.mark((0, 1), "ann")


def test_a_shelf_says_that_newer_ones_are_not_read_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = MemoryBroker(1, count(1e9).__next__)
    made = shelf.Shelf(lambda: MemoryTopic(broker, "dlq"))
    broker.append(Record("dlq", b"first", b""))
    assert not made.look().newer
    broker.append(Record("dlq", b"second", b""))
    monkeypatch.setattr(shelf, "PATIENCE", -1.0)
    assert made.look().newer


def test_another_letter_that_stands_in_the_place_is_not_replayed(console: Served) -> None:
    """The dead-letter topic is made anew while somebody looks at a letter of the one before."""
    console.failed(console.sent(b"seen", b"seen.png"))
    with httpx2.Client(base_url=console.address) as somebody:
        name, event = somebody.get("/dead-letters").text.partition('type="checkbox" name="')[2].split('"')[:3:2]
        console.broker.delete_topic(console.settings.dead_letters_topic)
        place = [int(each) for each in name.split("@")]
        for number in range(9):
            console.failed(console.sent(b"unseen", f"{number}.png".encode()))
        assert somebody.get(f"/dead-letters/{place[0]}/{place[1]}").status_code == 200, "another stands there"
        answer = somebody.post("/dead-letters/replay", data={name: event, "sure": "yes"}).text
    assert "1 stands there no more" in answer
    assert images_of(console).count(b"unseen") == 9


def test_a_confirmation_that_is_sent_twice_replays_once(console: Served) -> None:
    console.failed(console.sent(b"cut", b"cut.png"))
    with httpx2.Client(base_url=console.address) as somebody:
        name = somebody.get("/dead-letters").text.partition('type="checkbox" name="')[2].partition('"')[0]

        def confirmed() -> dict[str, str]:
            asked = somebody.post("/dead-letters/replay", data={name: "on"}).text
            return {name: "on", "sure": "yes", "once": asked.partition('name="once" value="')[2].partition('"')[0]}

        form = confirmed()
        assert [somebody.post("/dead-letters/replay", data=form).status_code for _ in range(2)] == [200, 409]
        assert len(images_of(console)) == 2
        assert "replayed already, by" in somebody.post("/dead-letters/replay", data={name: "on"}).text
        assert somebody.post("/dead-letters/replay", data=confirmed()).status_code == 200
    assert len(images_of(console)) == 3
