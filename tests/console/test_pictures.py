"""Pictures for browsers: from where they still are, drawn anew, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from threading import Semaphore
from time import sleep
from typing import Any

import httpx2
import pytest
from msgspec.structs import replace
from PIL import Image
from playwright.sync_api import Page, expect

from pipeline.adapters.memory import MemoryFetcher
from pipeline.adapters.memory.store import MemoryStore
from pipeline.archive.archive import Archive
from pipeline.errors import ServiceError
from pipeline.ports import Decoder
from pipeline.rules.archive.denied import Kind, erased
from pipeline.wire import Event, SourceRef
from tests.archive.made import keep, records
from tests.console.served import Served, match, served, until
from tests.images import encoded, photograph
from workers.console.pictures.erased import FRESH
from workers.console.pictures.gone import GoneError
from workers.console.pictures.pictures import Wanted
from workers.console.pictures.reading import Reading
from workers.console.pictures.routes import address
from workers.settings import Settings

PICTURE = encoded(photograph(600, 300), "JPEG", exif=b"Exif\x00\x00<script>alert(1)</script>", comment=b"<script>")


def asked(console: Served, manner: str, place: SourceRef, event_id: str = "") -> httpx2.Response:
    return httpx2.get(f"{console.address}{address(manner, Wanted(place, event_id))}", timeout=60)


def place_of(event: Any) -> SourceRef:
    return SourceRef(event.topic, event.partition, event.offset)


def test_a_picture_is_drawn_anew_small_and_without_what_its_file_said(console: Served) -> None:
    place = place_of(console.sent(PICTURE))
    clear, veiled = (asked(console, manner, place) for manner in ("clear", "veiled"))
    for answer, side in ((clear, 256), (veiled, 10)):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/webp"
        assert b"script" not in answer.content
        with Image.open(BytesIO(answer.content)) as drawn:
            assert max(drawn.size) == side
    with Image.open(BytesIO(veiled.content)) as drawn:
        red, green, blue = drawn.convert("RGB").resize((1, 1)).getpixel((0, 0))  # type: ignore[misc]
        assert max(red, green, blue) - min(red, green, blue) <= 2, "it is grey"


def test_a_claim_check_leads_as_far_as_it_is_allowed(settings: Settings, decoder: Decoder) -> None:
    fetcher = MemoryFetcher(["cdn.example.com"])
    fetcher.images["https://cdn.example.com/far.jpg"] = PICTURE
    with served(settings, decoder, fetcher=fetcher) as console:
        for uri, status in (("https://cdn.example.com/far.jpg", 200), ("https://internal.example/secret", 404)):
            claim = json.dumps({"uri": uri, "sha256": hashlib.sha256(PICTURE).hexdigest()}).encode()
            event = console.sent(claim, headers=[("content-type", b"application/json")])
            assert asked(console, "clear", place_of(event)).status_code == status


@pytest.mark.parametrize("value", [b"", b"<svg onload='alert(1)'/>", b"\x00" * 5000])
def test_what_is_no_picture_is_a_reason_and_never_its_bytes(console: Served, value: bytes) -> None:
    answer = asked(console, "clear", place_of(console.sent(value)))
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/plain")
    assert "cannot be drawn" in answer.text
    assert "alert" not in answer.text


def test_records_of_other_topics_and_such_that_expired_are_not_shown(console: Served) -> None:
    event = console.sent(PICTURE)
    console.broker.delete_before((event.topic, event.partition), event.offset + 1)
    gone = asked(console, "clear", place_of(event))
    assert gone.status_code == 404
    assert "any more" in gone.text
    console.decided(event)
    other = asked(console, "clear", SourceRef(console.settings.decisions_topic, 0, 0))
    assert "no topic of pictures" in other.text


def test_the_sign_says_why_there_is_no_picture_and_one_that_is_away_is_asked_for_again(
    settings: Settings, decoder: Decoder, opened: Callable[..., Page]
) -> None:
    fetcher = MemoryFetcher(["cdn.example.com"])
    fetcher.images["https://cdn.example.com/far.jpg"] = PICTURE
    fetcher.away.add("cdn.example.com")
    sha256 = hashlib.sha256(PICTURE).hexdigest()
    claim = json.dumps({"uri": "https://cdn.example.com/far.jpg", "sha256": sha256}).encode()
    with served(settings, decoder, fetcher=fetcher) as console:
        headers = [("content-type", b"application/json")]
        events = {
            "gone": console.sent(PICTURE, b"gone"),
            "no picture": console.sent(b"<html>", b"page"),
            "not now": console.sent(claim, b"away", headers),
        }
        console.broker.delete_before((events["gone"].topic, events["gone"].partition), events["gone"].offset + 1)
        for event in events.values():
            console.decided(event, match())
        console.read(3)
        page = opened(f"{console.address}/live")
        for sign, event in events.items():
            said = page.get_by_role("button", name=f"{sign}: the picture of {(event.key or b'').decode()}")
            expect(said).to_have_text(sign)
            expect(said).to_be_enabled() if sign == "not now" else expect(said).to_be_disabled()
        expect(page.get_by_title("there is no record")).to_have_count(1)
        expect(page.get_by_title("cannot be drawn")).to_have_count(1)
        away = page.get_by_role("button", name="not now: the picture of away")
        away.click()
        expect(away).to_have_text("not now")
        fetcher.away.clear()
        away.click()
        shown = page.get_by_role("button", name="Show the picture of away")
        expect(shown.locator("img")).to_have_js_property("naturalWidth", 256)
        expect(shown).to_have_attribute("aria-pressed", "true")


def test_a_picture_that_kafka_has_no_more_comes_from_the_archive(settings: Settings, decoder: Decoder) -> None:
    store = MemoryStore()
    [record] = records(1, views=[1])
    keep(store, [replace(record, thumbnail=decoder.thumbnail(PICTURE, 0))])

    @contextmanager
    def opened() -> Iterator[Archive]:
        yield Archive(store)

    with served(settings, decoder, archive=opened) as console:
        gone = SourceRef(settings.images_topic, 0, 99)
        assert asked(console, "clear", gone, record.decision.event_id).status_code == 200
        missing = asked(console, "clear", gone, "f" * 32)
        assert "the archive has no thumbnail" in missing.text
        page = httpx2.get(f"{console.address}/event", params={"id": record.decision.event_id}).text
        assert "the archive, 1 segments" in page


@pytest.mark.parametrize("by", ["image", "sha256", "subject"])
def test_what_is_erased_from_the_archive_is_not_shown_from_kafka_either(
    settings: Settings, decoder: Decoder, by: str
) -> None:
    names = {"image": "someones", "sha256": hashlib.sha256(PICTURE).hexdigest(), "subject": "person-7"}
    store = MemoryStore()

    @contextmanager
    def opened() -> Iterator[Archive]:
        yield Archive(store)

    with served(settings, decoder, archive=opened) as console:
        place = place_of(console.sent(PICTURE, key=b"someones", headers=[("subject", b"person-7")]))
        assert asked(console, "clear", place).status_code == 200
        Archive(store).deny_list.add([erased(Kind(by), names[by])], "2026-01-01T00:00:00.000Z")
        sleep(FRESH)
        for manner in ("clear", "veiled"):
            gone = asked(console, manner, place)
            assert (gone.status_code, "erased" in gone.text) == (404, True)


def test_a_page_of_pictures_is_read_together_and_one_that_does_not_come_keeps_no_other_waiting() -> None:
    """Who asks while somebody reads is served by the next who reads, for all that wait."""
    asked, begun, go = list[list[SourceRef]](), Semaphore(0), Semaphore(0)

    class Slow:
        def at(self, places: Collection[SourceRef], seconds: float) -> dict[SourceRef, Event | None]:
            asked.append(list(places))
            begun.release()
            assert go.acquire(timeout=30)
            if len(asked) == 2:
                raise ServiceError("away")
            return dict.fromkeys((each for each in places if each.offset != 9), None)

        def close(self) -> None:
            """Nothing to free."""

    reading, places = Reading(Slow), [SourceRef("images", 0, offset) for offset in (1, 2, 3, 9)]
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(reading.event, places[0])
        assert begun.acquire(timeout=30)
        others = [pool.submit(reading.event, each) for each in (*places[1:], places[1])]
        until(lambda: reading.waiting == 3)
        go.release(2)
        assert first.result(30) is None
        for each in others:
            with pytest.raises(ServiceError, match="away"):
                each.result(30)
        assert [len(each) for each in asked] == [1, 3]
        go.release(2)
        with pytest.raises(GoneError, match="in time"):
            reading.event(places[3])
        assert reading.event(places[2]) is None
    reading.close()
