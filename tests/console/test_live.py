"""*Live* and *Event* in a real browser."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.console.served import Served, match
from tests.images import encoded, photograph

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>\"'\u202egnp.exe\x00\x1b[31m" + "\u202e" + "x" * 10_000
)
PICTURE = encoded(photograph(120, 90), "JPEG")


def test_answers_stream_by_and_one_is_opened_and_unveiled_by_keyboard(
    console: Served, opened: Callable[..., Page]
) -> None:
    page = opened(f"{console.address}/")
    expect(page.get_by_text("Nothing has come by yet.")).to_be_visible()
    console.decided(console.sent(PICTURE, b"knife.jpg"), match())
    answer = page.locator(".answer", has_text="knife.jpg")
    expect(answer).to_contain_text("block")
    expect(answer).to_contain_text("'a kitchen knife'")
    answer.get_by_role("link").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="knife.jpg")).to_be_visible()
    page.wait_for_load_state()
    veil = page.get_by_role("button", name="Show the picture of knife.jpg")
    veil.focus()
    page.keyboard.press("Enter")
    expect(veil).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".veil img")).to_have_js_property("naturalWidth", 120)


def test_a_partition_that_stands_still_and_a_stream_that_dies_are_seen_on_the_open_page(
    console: Served, opened: Callable[..., Page]
) -> None:
    page = opened(f"{console.address}/live")
    console.sent(PICTURE)
    expect(page.get_by_text("stands still").first).to_be_visible(timeout=30_000)
    console.broker.commit(console.settings.group, {(console.settings.images_topic, number): 1 for number in (0, 1)})
    expect(page.get_by_text("stands still")).to_have_count(0)
    console.broker.available = False
    expect(page.get_by_text("No answers are read since")).to_be_visible()
    console.broker.available = True
    console.decided(console.sent(PICTURE, b"after.jpg"))
    expect(page.locator(".answer", has_text="after.jpg")).to_be_visible()
    expect(page.get_by_text("No answers are read since")).to_have_count(0)
