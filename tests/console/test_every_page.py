"""Every page in a real browser, in every shape: that it is accessible, fits its screen, and obeys no stranger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from pipeline.adapters.local.store import FolderStore
from pipeline.archive.archive import Archive
from pipeline.ports import Decoder, Hooks
from tests.archive.made import keep
from tests.console.conftest import NARROW, WIDE, sound
from tests.console.served import Served, match, served
from tests.console.test_live import HOSTILE, PICTURE
from tests.workers.search.conftest import record, seen
from workers import assembly
from workers.console.pages.registry import PAGES
from workers.settings import SHIPPED_POLICIES, load_settings

TOKEN = "e" * 16
KNIFE = "kitchen-knife-01.jpg"


@pytest.fixture(scope="module")
def console(decoder: Decoder, model: assembly.Model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A console that has something on every page: answers, dead letters, an archive, policies, and a model."""
    folder, at = tmp_path_factory.mktemp("policies"), tmp_path_factory.mktemp("archive")
    (folder / "_defaults.yaml").write_text("background: _background.txt\nallow_thin_background: true\n")
    (folder / "_background.txt").write_text("a street\na tree\na plate of food\n")
    (folder / "weapons.yaml").write_text("title: Weapons\nprompts: [a kitchen knife]\nactions: {review: 0.5}\n")
    settings = load_settings({"policies": str(folder), "console_tokens": f"ed:editor:{TOKEN}", "cores": "1"})
    knife = (SHIPPED_POLICIES / "samples" / KNIFE).read_bytes()
    images = {KNIFE: knife, HOSTILE: (SHIPPED_POLICIES / "samples" / "dog-01.jpg").read_bytes()}
    looked = seen(model, images)
    keep(
        FolderStore(at),
        [record(number, name, said, images[name]) for number, (name, said) in enumerate(looked.items())],
    )
    judge = assembly.judge(settings, model, Hooks())
    archive = Archive(FolderStore(at))
    with served(settings, decoder, judge=lambda: judge, archive=lambda: nullcontext(archive)) as made:
        about = {"policy_set": judge.live().policy_set.version, "model": model.provenance.model}
        made.decided(made.sent(knife, KNIFE.encode()), match(), preprocess=model.provenance.preprocess, **about)
        hostile = made.sent(PICTURE, HOSTILE.encode(), [("subject", HOSTILE.encode())])
        matches = match(HOSTILE, prompt=HOSTILE, evidence=None), match("weapons", 0.6, "review")
        made.decided(hostile, *matches, image_id=HOSTILE, notes=[HOSTILE], content_sha256="1" * 64)
        made.failed(made.sent(b"<html>" + HOSTILE.encode(), HOSTILE.encode()), HOSTILE[:90], HOSTILE)
        made.read(3)
        yield made


class Walk:
    """A way through all pages, each of which is looked at in every shape."""

    def __init__(self, page: Page, address: str, folder: Path) -> None:
        self.page = page
        self._address = address
        self._folder = folder
        self.been = set[str]()

    def to(self, path: str) -> Page:
        self.page.set_viewport_size({"width": WIDE, "height": 900})
        self.page.goto(f"{self._address}{path}")
        return self.page

    def look(self, name: str) -> None:
        assert "\u202e" not in self.page.content(), name
        self.been.add(self.page.url.removeprefix(self._address).split("?")[0])
        sound(self.page, self._folder, name)
        self.page.set_viewport_size({"width": WIDE, "height": 900})


def test_every_page_is_sound_in_every_shape_whatever_strangers_write(
    console: Served, opened: Callable[..., Page], tmp_path: Path
) -> None:
    page = opened(f"{console.address}/sign-in")
    walk = Walk(page, console.address, tmp_path)
    walk.look("sign-in")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".answer")).to_have_count(3)
    page.wait_for_selector(".chart .u-wrap, .chart .none")
    expect(page.get_by_role("button", name="No picture: the picture")).to_have_count(1)
    walk.look("live")
    walk.to("/reviews")
    expect(page.get_by_label("Your work")).to_be_visible()
    walk.look("reviews")
    _of_an_event(walk, console)
    _of_a_search(walk)
    _of_dead_letters(walk)
    _of_policies(walk)
    walk.to("/nowhere")
    walk.look("error")
    assert {each.path.rstrip("/") for each in PAGES} <= {each.rsplit("/weapons", 1)[0] for each in walk.been}


def _of_an_event(walk: Walk, console: Served) -> None:
    letter, hostile, knife = (each.event_id for each in console.console.feed.newest(3))
    page = walk.to("/event?id=nobody")
    expect(page.get_by_role("status")).to_contain_text("No answer is called")
    walk.look("event-asked")
    walk.to(f"/event?id={letter}")
    walk.look("event-letter")
    walk.to(f"/event?id={hostile}")
    walk.look("event-hostile")
    walk.to(f"/event?id={knife}")
    page.get_by_role("button", name="Show where in the picture").click()
    expect(page.locator(".maps img")).to_have_count(3)
    walk.look("event-explained")


def _of_a_search(walk: Walk) -> None:
    page = walk.to("/search?words=a+dog&least=0")
    expect(page.locator(".hit").first).to_contain_text("<script>")
    walk.look("search")
    page.locator(".hit").first.get_by_role("checkbox").check()
    page.get_by_role("button", name="Go on with the chosen").click()
    expect(page.get_by_role("heading", name="1 chosen")).to_be_visible()
    walk.look("search-chosen")
    page.get_by_label("Type").fill("erase 1 image")
    page.get_by_role("button", name="Erase").click()
    expect(page.get_by_role("link", name="Download the receipt")).to_be_visible()
    walk.look("search-erased")


def _of_dead_letters(walk: Walk) -> None:
    page = walk.to("/dead-letters")
    walk.look("dead-letters")
    page.locator(".letter").get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("<script>")
    walk.look("dead-letter")
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Replay 1 event?")
    walk.look("dead-letter-sure")


def _of_policies(walk: Walk) -> None:
    page = walk.to("/policies")
    walk.look("policies")
    page.get_by_role("link", name="weapons").click()
    expect(page.get_by_role("figure")).to_be_visible()
    walk.look("policy")
    walk.to("/playground")
    walk.look("playground")
    page.get_by_label("Words").fill("a knife")
    page.get_by_role("button", name="See what it flags").click()
    expect(page.locator("#highest + ol .answer").first).to_be_visible()
    walk.look("played")


def test_the_pages_are_a_menu_on_a_narrow_screen_that_keys_open(console: Served, opened: Callable[..., Page]) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}
    page = opened(f"{console.address}/live", NARROW, extra_http_headers=headers, java_script_enabled=False)
    menu = page.get_by_role("button", name="Pages")
    expect(page.get_by_role("link", name="Playground")).to_be_hidden()
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Live")).to_have_attribute("aria-current", "page")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{console.address}/event")
