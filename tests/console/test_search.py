"""*Search* and what is made of a selection, in a real browser, over an archive that the bundled model has seen."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from threading import Event
from time import sleep

import httpx2
import pytest
from playwright.sync_api import Page, expect

from pipeline.adapters.local.policy_folder import read_policy_folder
from pipeline.adapters.local.store import FolderStore
from pipeline.adapters.memory import MemoryTopic
from pipeline.archive.archive import Archive, Segment
from pipeline.archive.erasing.receipts import parse_receipt
from pipeline.ports import Decoder, Hooks
from pipeline.rules.archive.denied import Kind, erased
from pipeline.wire import parse_review
from tests.archive.made import keep
from tests.console.served import Served, served
from tests.console.test_live import HOSTILE
from tests.workers.search.conftest import record, saved_again, seen
from workers import assembly
from workers.assembly import Judge
from workers.console.pictures.erased import FRESH
from workers.console.search import finder
from workers.search.run import AGAINST
from workers.settings import SHIPPED_POLICIES, Settings, load_settings

TOKENS = "vera:viewer:vvvvvvvvvvvvvvvv,ed:editor:eeeeeeeeeeeeeeee"
VIEWER, EDITOR = ({"authorization": f"Bearer {each * 16}"} for each in "ve")
NAMES = ("kitchen-knife-03.jpg", "kitchen-knife-02.jpg", "bus-01.png", "cactus-01.jpg", "violin-01.jpg")
COPY = "copy-of-bus.jpg"
PART = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
FORM = {"content-type": "multipart/form-data; boundary=x"}
SAMPLES = SHIPPED_POLICIES / "samples"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Policies: the shipped defaults, a short background, and one policy."""
    made = tmp_path_factory.mktemp("policies")
    defaults = (SHIPPED_POLICIES / "_defaults.yaml").read_text(encoding="utf-8")
    (made / "_defaults.yaml").write_text(f"{defaults}allow_thin_background: true\n", encoding="utf-8")
    lines = (SHIPPED_POLICIES / "_background.txt").read_text(encoding="utf-8").splitlines()
    (made / "_background.txt").write_text("\n".join(lines[::25]) + "\n", encoding="utf-8")
    (made / "weapons.yaml").write_text("title: Weapons\nprompts: [a kitchen knife]\nactions: {review: 0.5}\n")
    return made


@pytest.fixture(scope="module")
def settings(folder: Path) -> Settings:
    said = {
        "policies": str(folder),
        "console_tokens": TOKENS,
        "decode_in": "threads",
        "dtype": "float32",
        "cores": "1",
    }
    return load_settings(said)


@pytest.fixture(scope="module")
def judge(settings: Settings, model: assembly.Model) -> Judge:
    return assembly.judge(settings, model, Hooks())


@pytest.fixture(scope="module")
def kept(judge: Judge, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of samples, one of them by somebody who means harm."""
    images = {name: (SAMPLES / name).read_bytes() for name in NAMES}
    images |= {COPY: saved_again("bus-01.png"), HOSTILE: (SAMPLES / "dog-01.jpg").read_bytes()}
    looked = seen(judge.model, images)
    made = [record(number, name, signals, images[name]) for number, (name, signals) in enumerate(looked.items())]
    at = tmp_path_factory.mktemp("archive")
    keep(FolderStore(at), made[:2])
    keep(FolderStore(at), made[2:], start=2)
    return at


@pytest.fixture
def archive(kept: Path, tmp_path: Path) -> FolderStore:
    """A copy of it, from which a test may erase."""
    return FolderStore(Path(shutil.copytree(kept, tmp_path / "archive")))


@pytest.fixture
def console(settings: Settings, decoder: Decoder, judge: Judge, archive: FolderStore) -> Iterator[Served]:
    with served(settings, decoder, judge=lambda: judge, archive=lambda: nullcontext(Archive(archive))) as made:
        yield made


@pytest.fixture
def as_editor(console: Served, opened: Callable[..., Page]) -> Page:
    return opened(f"{console.address}/search", extra_http_headers=EDITOR)


def asked(page: Page, words: str) -> None:
    page.get_by_label("What does the picture show?").fill(words)
    page.get_by_role("button", name="Search", exact=True).click()


def test_words_find_what_was_planted_and_a_choice_by_keyboard_becomes_a_policy_and_a_list(
    as_editor: Page, folder: Path, judge: Judge
) -> None:
    page = as_editor
    asked(page, "a kitchen knife")
    expect(page.get_by_role("heading", name="2 found")).to_be_visible()
    hits = page.locator(".hit")
    expect(hits.first).to_contain_text("kitchen-knife-0")
    expect(hits.first).to_contain_text("block")
    veil = hits.first.get_by_role("button")
    assert "/pictures/veiled/" in str(veil.locator("img").get_attribute("src"))
    box = hits.first.get_by_role("checkbox")
    box.focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.keyboard.press("v")
    expect(hits.nth(1).get_by_role("button")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Go on with the chosen (2)").click()
    expect(page.get_by_role("heading", name="2 chosen")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("knives")
    page.get_by_role("button", name="Write it").first.click()
    expect(page.get_by_role("status")).to_contain_text("knives.yaml is written")
    written = folder / "knives.yaml"
    try:
        assert "mode: shadow" in written.read_text(encoding="utf-8")
        live = judge.live.offer({str(each): each.read_bytes() for each in folder.iterdir() if each.is_file()})
        assert {each.id for each in live.policies} == {"weapons", "knives"}
    finally:
        written.unlink()
    page.get_by_label("Note").fill("=incident 7")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download it").nth(1).click()
    rows = list(csv.DictReader(download.value.path().read_text(encoding="utf-8").splitlines()))
    digests = {sha256((SAMPLES / name).read_bytes()).hexdigest() for name in NAMES[:2]}
    assert len(rows) == len(digests)
    assert {(row["kind"], row["note"]) for row in rows} == {("sha256", "incident 7")}


def test_the_policies_there_are_need_not_be_known_by_heart(as_editor: Page) -> None:
    expect(as_editor.locator("#policies option[value=weapons]")).to_be_attached()


def test_nothing_like_it_is_an_answer(as_editor: Page) -> None:
    asked(as_editor, "a submarine")
    expect(as_editor.get_by_role("heading", name="Nothing like it")).to_be_visible()
    expect(as_editor.get_by_text("among 7 images")).to_be_visible()
    as_editor.get_by_role("link", name="Show the nearest all the same").click()
    expect(as_editor.locator(".hit")).to_have_count(6)


def test_a_picture_finds_what_is_like_it_and_its_copies_are_one(as_editor: Page) -> None:
    page = as_editor
    page.get_by_label("Or a picture that it is like").set_input_files(SAMPLES / "bus-01.png")
    page.get_by_role("button", name="Search by it").click()
    first = page.locator(".hit").first
    expect(first).to_contain_text("1.000")
    expect(first).to_contain_text("and 1 alike")
    page.locator(".hit", has_text="kitchen-knife-03").get_by_role("link", name="More like this").click()
    expect(page.locator(".hit").first).to_contain_text("kitchen-knife-03")
    page.get_by_label("Or a picture that it is like").set_input_files(
        {"name": "x.png", "mimeType": "image/png", "buffer": b"<html>no picture"}
    )
    page.get_by_role("button", name="Search by it").click()
    expect(page.get_by_role("alert")).to_contain_text("no picture that can be read")


def test_an_editor_erases_once_it_is_typed_and_takes_the_receipt(as_editor: Page, console: Served) -> None:
    page = as_editor
    asked(page, "a violin")
    page.locator(".hit", has_text="violin-01").get_by_role("checkbox").check()
    page.get_by_role("button", name="Go on with the chosen").click()
    page.get_by_label("Type").fill("yes")
    page.get_by_role("button", name="Erase").click()
    expect(page.get_by_role("alert")).to_contain_text("nothing was erased: type erase 1 image")
    page.get_by_label("Type").fill("Erase 1 image")
    page.get_by_role("button", name="Erase").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the receipt").click()
    receipt = parse_receipt(download.value.path().read_bytes(), "receipt")
    assert (receipt.events, receipt.by) == (1, "ed")
    page.goto(f"{console.address}/search?words=a+violin")
    expect(page.get_by_text("among 6 images")).to_be_visible()


def test_pictures_become_a_policy_of_examples_and_erased_ones_never_do(
    console: Served, folder: Path, judge: Judge, archive: FolderStore
) -> None:
    with httpx2.Client(base_url=console.address, headers=EDITOR, timeout=60) as editor:
        page = editor.get("/search", params={"words": "a kitchen knife", "least": "0"}).text
        events = re.findall(r'name="pick" value="(\w+)"', page)[:4]
        form = {"of-words": "a kitchen knife", "of-least": "0", "picks": " ".join(events), "words": "a blade"}
        assert (
            "better four or more"
            in editor.post("/search/examples", data=form | {"name": "blades", "picks": events[0]}).text
        )
        assert "say in words" in editor.post("/search/examples", data=form | {"name": "blades", "words": " "}).text
        assert editor.post("/search/examples", data=form | {"name": "../evil"}).status_code == 422
        assert editor.post("/search/examples", data=form | {"name": "weapons"}).status_code == 422
        assert not (folder / "examples").exists() or not list((folder / "examples").iterdir())
        said = editor.post("/search/examples", data=form | {"name": "blades"}).text
        try:
            assert "blades.yaml is written, in shadow mode, with 4 pictures" in said
            reading = read_policy_folder(folder)
            [policy] = (
                each for each in judge.live.offer(reading.files, reading.assets).policies if each.id == "blades"
            )
            assert (policy.mode, policy.prompts, len(policy.examples.match)) == ("shadow", ("a blade",), 4)
            Archive(archive).deny_list.add([erased(Kind.IMAGE, NAMES[0])], "2026-01-01T00:00:00Z")
            sleep(FRESH)
            said = editor.post("/search/examples", data=form | {"name": "others"}).text
            assert "with 3 pictures" in said
        finally:
            shutil.rmtree(folder / "examples")
            for name in ("blades", "others"):
                (folder / f"{name}.yaml").unlink(missing_ok=True)
    with httpx2.Client(base_url=console.address, headers=VIEWER, timeout=60) as viewer:
        assert viewer.post("/search/examples", data=form | {"name": "blades"}).status_code == 403


def test_an_archive_that_hangs_ends_in_words_and_what_it_finds_is_there_when_asked_again(
    settings: Settings, decoder: Decoder, judge: Judge, archive: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finder, "LIMIT", 0.5)
    hangs, opened = Event(), Archive(archive)

    def hanging(*_: object) -> list[Segment]:
        assert hangs.wait(60)
        return Archive(archive).segments()

    monkeypatch.setattr(opened, "segments", hanging)
    with (
        served(settings, decoder, judge=lambda: judge, archive=lambda: nullcontext(opened)) as made,
        httpx2.Client(base_url=made.address, headers=VIEWER, timeout=60) as viewer,
    ):
        asked = viewer.get("/search", params={"words": "a bus"})
        assert asked.status_code == 422
        assert "longer than 0.5 s; narrow it by days" in asked.text
        hangs.set()
        monkeypatch.setattr(finder, "LIMIT", 60.0)
        assert "bus-01.png" in viewer.get("/search", params={"words": "a bus"}).text


def test_a_viewer_looks_and_changes_nothing_and_a_reviewer_reviews(
    console: Served, archive: FolderStore, folder: Path
) -> None:
    words = {"of-words": "a kitchen knife", "of-least": "0"}
    with httpx2.Client(base_url=console.address, headers=VIEWER, timeout=60) as viewer:
        page = viewer.get("/search", params={"words": "a kitchen knife"})
        events = [part.split('"')[0] for part in page.text.split('name="pick" value="')[1:]]
        form = words | {"picks": " ".join(events)}
        before = list(archive.list()), sorted(folder.rglob("*"))
        chosen = viewer.get("/search/chosen", params={"words": "a kitchen knife", "pick": events}).text
        assert "2 chosen" in chosen
        assert "Erase" not in chosen
        for path, said in {
            "erase": {"confirm": "erase 2 images"},
            "policy": {"name": "mine"},
            "list": {"name": "mine"},
            "reviews": {"policy": "weapons", "label": "yes"},
        }.items():
            assert viewer.post(f"/search/{path}", data=form | said).status_code == 403, path
        assert (list(archive.list()), sorted(folder.rglob("*"))) == before
        assert viewer.post("/search/list.csv", data=form).text.startswith("kind,hash,action,note,expires\nsha256,")
        assert viewer.post("/search/picture", content=PART + b"x" * 17_000_000, headers=FORM).status_code == 413
    with httpx2.Client(base_url=console.address, headers=EDITOR, timeout=60) as editor:
        answer = editor.post("/search/reviews", data=form | {"policy": "weapons", "label": "yes"})
        assert "2 reviews are given" in answer.text
        assert editor.post("/search/policy", data=form | {"name": "../evil"}).status_code == 422
        assert editor.post("/search/list", data=form | {"name": "../evil"}).status_code == 422
    topic = MemoryTopic(console.broker, console.settings.reviews_topic)
    given = [parse_review(each.value or b"") for each in topic.read(topic.spans())]
    assert {(each.event_id, each.label, each.reviewer) for each in given} == {(each, "yes", "ed") for each in events}


def test_a_search_that_takes_too_long_says_how_far_it_came(console: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finder, "ROWS", 0)
    page = httpx2.get(f"{console.address}/search", params={"words": "a bus"}, headers=VIEWER, timeout=60).text
    assert "It took too long" in page
    assert "among 5 images" in page
    assert "bus-01.png" in page


def test_without_an_archive_it_searches_what_has_just_streamed_by(
    settings: Settings, decoder: Decoder, judge: Judge
) -> None:
    with served(settings, decoder, judge=lambda: judge) as made:
        for number, name in enumerate(NAMES[1:4]):
            image = (SAMPLES / name).read_bytes()
            made.decided(made.sent(image, name.encode()), content_sha256=f"{number:064x}")
        made.read(3)
        with httpx2.Client(base_url=made.address, headers=VIEWER, timeout=60) as viewer:
            page = viewer.get("/search", params={"words": "a kitchen knife"}).text
            assert "SLUICE_ARCHIVE" in page
            assert "1 found" in page
            event = page.split('name="pick" value="')[1].split('"')[0]
            alike = viewer.get("/search", params={"like": event}).text
            assert alike.index("kitchen-knife-02.jpg") < alike.index("bus-01.png")
            nothing = viewer.get("/search", params={"words": "a submarine"}).text
            assert "Nothing like it" in nothing
            nearest = nothing.split("the nearest to them: ")[1].split("</p>")[0]
            assert nearest.count('<a href="/search?words=') == AGAINST


def test_of_a_choice_that_is_not_found_as_a_whole_nothing_is_made_until_it_is_asked_again(
    settings: Settings, decoder: Decoder, judge: Judge, folder: Path
) -> None:
    deeds = {
        "list.csv": {},
        "list": {"name": "mine"},
        "policy": {"name": "mine"},
        "policy.yaml": {"name": "mine"},
        "examples": {"name": "mine", "words": "a blade"},
        "reviews": {"policy": "weapons", "label": "yes"},
        "erase": {"confirm": "erase 1 image"},
    }
    with served(settings, decoder, judge=lambda: judge) as made:
        made.decided(made.sent((SAMPLES / NAMES[0]).read_bytes()), content_sha256="1" * 64)
        made.read(1)
        before = sorted(folder.rglob("*"))
        with httpx2.Client(base_url=made.address, headers=EDITOR, timeout=60) as editor:
            page = editor.get("/search", params={"words": "a kitchen knife"}).text
            [event] = re.findall(r'name="pick" value="(\w+)"', page)
            words = {"of-words": "a kitchen knife"}
            for picks, why in {
                f"{event} {'f' * 32}": "1 of the 2 chosen is not found any more; ask again",
                "f" * 32: "none of the chosen is found any more",
                "": "no picture is chosen",
            }.items():
                for deed, said in deeds.items():
                    answer = editor.post(f"/search/{deed}", data=words | said | {"picks": picks})
                    assert answer.status_code == 422, deed
                    assert why in answer.text, deed
            assert sorted(folder.rglob("*")) == before
            topic = MemoryTopic(made.broker, made.settings.reviews_topic)
            assert not list(topic.read(topic.spans()))
            asked = editor.post("/search/list.csv", data=words | {"picks": f"{event} {'f' * 32}"}).text
            again = re.findall(r'name="picks" value="(\w*)"', asked)
            assert set(again) == {event}
            assert editor.post("/search/list.csv", data=words | {"picks": again[0]}).status_code == 200


def test_a_choice_without_a_search_is_refused_in_words(console: Served) -> None:
    with httpx2.Client(base_url=console.address, headers=EDITOR, timeout=60) as editor:
        answers = [editor.post(f"/search/{deed}") for deed in ("list", "list.csv", "policy.yaml", "reviews", "erase")]
        label = {"label": "yes", "policy": "weapons", "picks": "a"}
        answers += [editor.get("/search/chosen"), editor.post("/search/reviews", data=label)]
        for answer in answers:
            assert answer.status_code == 422
            assert "search by words or a picture first" in answer.text
        for least in ("nan", "-nan", "much"):
            asked = {"words": "a bus", "least": least}
            for answer in (editor.get("/search", params=asked), editor.get("/search/chosen", params=asked)):
                assert answer.status_code == 422
                assert f"least score {least}: that is no number" in answer.text


def test_a_list_expires_on_a_day_that_there_is_and_that_is_not_over(console: Served, folder: Path) -> None:
    today = datetime.now(UTC).date()
    with httpx2.Client(base_url=console.address, headers=EDITOR, timeout=60) as editor:
        page = editor.get("/search", params={"words": "a violin"}).text
        [event] = re.findall(r'name="pick" value="(\w+)"', page)
        form = {"of-words": "a violin", "picks": event, "name": "violins"}
        for expires, why in {
            "2126-13-45": "that is no day",
            "21260101": "that is no day",
            "0001-01-01": "that is no day",
            str(today - timedelta(days=2)): "that day is over",
        }.items():
            for path in ("list", "list.csv"):
                answer = editor.post(f"/search/{path}", data=form | {"expires": expires})
                assert answer.status_code == 422
                assert f"expires {expires}: {why}" in answer.text
        assert not (folder / "lists").exists()
        answer = editor.post("/search/list.csv", data=form | {"expires": str(today + timedelta(days=1))})
        assert answer.text.endswith(f",{today + timedelta(days=1)}\n")


def test_what_was_found_before_says_so_and_is_looked_for_anew_when_asked(
    settings: Settings, decoder: Decoder, judge: Judge
) -> None:
    with served(settings, decoder, judge=lambda: judge) as made:
        made.decided(made.sent((SAMPLES / NAMES[0]).read_bytes()), content_sha256="1" * 64)
        made.read(1)
        with httpx2.Client(base_url=made.address, headers=VIEWER, timeout=60) as viewer:
            asked = {"words": "a kitchen knife", "since": "1h"}
            assert "; as of " in viewer.get("/search", params=asked).text
            made.decided(made.sent((SAMPLES / NAMES[1]).read_bytes()), content_sha256="2" * 64)
            made.read(2)
            sleep(1.1)
            before = viewer.get("/search", params=asked).text
            assert "1 found" in before
            assert re.search(r"as of \d s ago", before), re.findall("as of[^<]*", before)
            [anew] = re.findall(r'href="([^"]+)">Look anew', before)
            led = viewer.get(anew.replace("&amp;", "&"))
            assert led.status_code == 303
            after = viewer.get(led.headers["location"]).text
            assert "2 found" in after
            picks = re.findall(r'name="pick" value="(\w+)"', after)
            assert "2 chosen" in viewer.get("/search/chosen", params=asked | {"pick": picks}).text
