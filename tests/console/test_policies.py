"""*Policies*, a policy's own page and the *Playground* in a real browser, with the bundled model behind them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from threading import Event
from time import time

import httpx2
import pytest
from msgspec.structs import replace as with_fields
from playwright.sync_api import Page, expect

from pipeline.adapters.local.store import FolderStore
from pipeline.adapters.memory import MemoryFetcher
from pipeline.archive.archive import Archive
from pipeline.ports import Decoder, Hooks
from pipeline.rules.archive.remembered import remembered
from pipeline.signals import Provenance
from pipeline.wire import REVIEWS_TOPIC, Label, Match, ModelRef, Review, review_json, rfc3339
from tests.archive.made import decision, keep, records
from tests.archive.streamed import Stream
from tests.console.conftest import NARROW, WIDE, accessible, look_at
from tests.console.served import Served, served, until
from workers import assembly
from workers.console.policies import trial
from workers.console.policies.trial import Scored, alone, tried_on_recent
from workers.policies.check import check_folder
from workers.policies.watch import PolicyWatch, watched_policies
from workers.settings import SHIPPED_POLICIES, Settings, load_settings

TOKENS = "vera:viewer:vvvvvvvvvvvvvvvv,ed:editor:eeeeeeeeeeeeeeee"
VIEWER, EDITOR = ({"authorization": f"Bearer {each * 16}"} for each in "ve")
PICTURES = ("frog-01", "kitchen-knife-01", "cat-face-01", "pizza-01", "bomb-01")
WEAPONS = """title: Weapons
mode: enforce
prompts:
  - a kitchen knife
actions:
  review: 0.30
  block: 0.90
"""


@dataclass(frozen=True)
class Desk:
    """A policy writer's desk: a folder, a console, and a judge that takes the folder up as a worker does."""

    folder: Path
    console: Served
    judge: assembly.Judge

    @property
    def weapons(self) -> Path:
        return self.folder / "weapons.yaml"

    def at(self, path: str) -> str:
        return f"{self.console.address}{path}"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folder = tmp_path / "policies"
    folder.mkdir()
    for name in ("_defaults.yaml", "_background.txt"):
        shutil.copy(SHIPPED_POLICIES / name, folder)
    (folder / "weapons.yaml").write_text(WEAPONS)
    return load_settings({"policies": str(folder), "console_tokens": TOKENS, "decode_in": "threads"})


@pytest.fixture
def desk(settings: Settings, decoder: Decoder, model: assembly.Model) -> Iterator[Desk]:
    judge, stop = assembly.judge(settings, model, Hooks()), Event()
    watch = PolicyWatch(settings.policies, judge.reading, judge.live, stop, Hooks())
    with served(settings, decoder, judge=lambda: judge) as console, watched_policies(watch, stop, 10):
        for at, name in enumerate(PICTURES):
            [path] = (SHIPPED_POLICIES / "samples").glob(f"{name}.*")
            matches = [_weapons()] if "knife" in name else []
            event = console.sent(path.read_bytes(), path.name.encode())
            console.decided(event, *matches, content_sha256=f"{at:064x}", policy_set=judge.live().policy_set.version)
        console.read(len(PICTURES))
        yield Desk(settings.policies, console, judge)


def _weapons() -> Match:
    return Match("weapons", "v" * 12, "review", 0.5, 0.3, "a kitchen knife", 0.5)


def test_a_newcomer_types_words_sees_what_they_flag_and_keeps_them_in_shadow(
    desk: Desk, opened: Callable[..., Page], tmp_path: Path
) -> None:
    page = opened(desk.at("/playground"), extra_http_headers=EDITOR)
    page.get_by_label("Words").fill("a pizza")
    page.get_by_role("button", name="See what it flags").click()
    expect(page.locator("#highest + ol .answer").first).to_contain_text("pizza-01")
    expect(page.get_by_role("heading", level=2).first).to_have_text(f"Would flag 1 of {len(PICTURES)}")
    look_at(page, tmp_path, "playground")
    page.get_by_label("Words").fill("a snake")
    page.get_by_role("button", name="See what it flags").click()
    expect(page.locator("#highest + ol .answer")).to_have_count(len(PICTURES))
    expect(page.get_by_label("Name")).to_have_value("snake")
    page.get_by_role("button", name="Save in shadow").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_label("Text of snake.yaml")).to_contain_text("mode: shadow")
    until(lambda: "snake" in desk.judge.live().ids)
    [policy] = (each for each in desk.judge.live().policies if each.id == "snake")
    assert (policy.mode, policy.prompts) == ("shadow", ("a snake",))


def test_a_wrong_edit_is_told_by_the_line_and_in_the_words_of_the_check(
    desk: Desk, opened: Callable[..., Page], settings: Settings
) -> None:
    page = opened(desk.at("/policies/weapons"), extra_http_headers=EDITOR)
    expect(page.get_by_text("It holds.")).to_be_visible()
    wrong = WEAPONS.replace("block: 0.90", "blok: 0.90")
    page.get_by_label("Text of weapons.yaml").fill(wrong)
    [problem] = check_folder(settings, {"weapons.yaml": wrong.encode()}).problems
    expect(page.locator("#checked .bad")).to_have_text(str(problem))
    expect(page.locator("#lines .bad")).to_have_text("7")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Not saved")
    expect(page.get_by_label("Text of weapons.yaml")).to_have_value(wrong)
    assert desk.weapons.read_text() == WEAPONS


def test_what_would_flag_nearly_everything_is_saved_by_a_second_yes_and_in_shadow_with_a_word(
    desk: Desk, opened: Callable[..., Page], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(trial, "TELLING", len(PICTURES))
    wide = WEAPONS.replace("review: 0.30", "review: 0")
    page = opened(desk.at("/policies/weapons"), NARROW, extra_http_headers=EDITOR)
    page.get_by_label("Text of weapons.yaml").fill(wide)
    expect(page.locator("#tried .bad")).to_contain_text("5 of 5")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("would flag 100%")
    accessible(page)
    look_at(page, tmp_path, "flags-everything")
    assert desk.weapons.read_text() == WEAPONS
    page.get_by_label("It is meant to flag 5 of 5").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert desk.weapons.read_text() == wide
    with httpx2.Client(base_url=desk.console.address, headers=EDITOR) as ed:
        base = sha256(wide.encode()).hexdigest()
        shadow, wider = wide.replace("enforce", "shadow"), wide.replace("0.90", "0.50")
        said = ed.post("/policies/weapons/save", data={"text": wider, "base": base, "sure": base[:16]}, timeout=60)
        assert said.status_code == 422, "one is sure of a text, and not of the next"
        said = ed.post("/policies/weapons/save", data={"text": shadow, "base": base}, timeout=60)
        assert said.status_code == 303
        tried = ed.post("/policies/weapons/try", data={"text": shadow}, timeout=60).text
        assert "In shadow mode that acts on nothing" in tried
    monkeypatch.setattr(trial, "ABSURD", 0.1)
    page.goto(desk.at("/playground?words=a pizza"))
    expect(page.locator(".warn")).to_contain_text("1 of 5")


@pytest.mark.parametrize(("width", "scheme"), [(WIDE, "light"), (NARROW, "dark")])
def test_a_threshold_is_moved_by_keys_into_the_text_and_what_it_changes_is_seen_and_saved(
    desk: Desk, opened: Callable[..., Page], tmp_path: Path, width: int, scheme: str
) -> None:
    page = opened(desk.at("/policies"), width, scheme, extra_http_headers=EDITOR)
    before = desk.judge.live().policy_set.version
    look_at(page, tmp_path, f"policies-{width}")
    page.get_by_role("link", name="weapons").click()
    threshold = page.get_by_label("Least score for review")
    threshold.focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    edited = WEAPONS.replace("review: 0.30", "review: 0.99").replace("block: 0.90", "block: 1.00")
    page.get_by_label("Least score for block").press("End")
    expect(page.get_by_label("Text of weapons.yaml")).to_have_value(edited)
    expect(page.get_by_role("heading", name="Lets go 1")).to_be_visible()
    expect(page.locator("#let-go + ol .answer")).to_contain_text("kitchen-knife-01")
    look_at(page, tmp_path, f"policy-{width}")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert desk.weapons.read_text() == edited
    until(lambda: desk.judge.live().policy_set.version != before)
    expect(page.locator("#states")).to_have_text("waits")
    version = desk.judge.live().policy_set.version
    desk.console.decided(desk.console.sent(b""), policy_set=version)
    expect(page.locator("#states")).to_have_text("live")


def test_what_another_hand_changed_meanwhile_is_not_overwritten(desk: Desk, opened: Callable[..., Page]) -> None:
    page = opened(desk.at("/policies/weapons"), extra_http_headers=EDITOR)
    mine, theirs = WEAPONS.replace("0.30", "0.40"), WEAPONS.replace("0.30", "0.50")
    page.get_by_label("Text of weapons.yaml").fill(mine)
    desk.weapons.write_text(theirs)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("changed by another hand")
    expect(page.locator(".diff")).to_contain_text("-  review: 0.50")
    assert desk.weapons.read_text() == theirs
    expect(page.get_by_label("Text of weapons.yaml")).to_have_value(mine)
    page.get_by_label("put my text in place of theirs").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert desk.weapons.read_text() == mine


def test_a_picture_whose_store_is_away_is_looked_at_once_it_is_back(
    settings: Settings, decoder: Decoder, model: assembly.Model
) -> None:
    judge, fetcher = assembly.judge(settings, model, Hooks()), MemoryFetcher(["cdn.example.com"])
    [path] = (SHIPPED_POLICIES / "samples").glob("pizza-01.*")
    fetcher.images["https://cdn.example.com/pizza"] = path.read_bytes()
    fetcher.away.add("cdn.example.com")
    claims = [{"uri": f"https://cdn.example.com/{name}"} for name in ("pizza", "never")]
    with served(settings, decoder, judge=lambda: judge, fetcher=fetcher) as console:
        for at, claim in enumerate(claims):
            event = console.sent(json.dumps(claim).encode(), headers=[("content-type", b"application/json")])
            console.decided(event, content_sha256=f"{at:064x}")
        console.read(len(claims))
        away = console.console.recent.sample()
        assert (len(away.signals), away.waiting, away.gone) == (0, 2, 0)
        fetcher.away.clear()
        back = console.console.recent.sample()
        assert (len(back.signals), back.waiting, back.gone) == (1, 0, 1)


def test_an_archive_says_of_an_edit_what_the_stream_says_and_no_more_than_its_bounds_allow(
    desk: Desk, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workers.console.policies import past

    sample, made_by = desk.console.console.recent.sample(), desk.judge.model.provenance
    kept = [
        remembered(decision(at, signals, image_id=answer.said.image_id), signals)
        for at, (answer, signals) in enumerate(zip(sample.answers, sample.signals, strict=True))
    ]
    store = FolderStore(tmp_path / "archive")
    keep(store, kept[:3])
    keep(store, kept[3:], start=3)
    was = alone(desk.judge.live().policy_set, "weapons")
    edited = replace(was.policies[0], prompts=("a pizza",), actions={"review": 0.3})
    now, before = (desk.judge.live.compiled(each) for each in (replace(was, policies=(edited,)), was))
    streamed = tried_on_recent(sample, now, before)
    found = past.tried_on_archive(settings, Archive(store), made_by, now, before)
    assert found is not None
    assert (found.images, found.counts, found.reach) == (streamed.images, streamed.counts, streamed.reach)
    assert (found.news, found.lets_go) == (streamed.news, streamed.lets_go) == (1, 1)
    for one, other in ((found.top, streamed.top), (found.new, streamed.new), (found.let_go, streamed.let_go)):
        assert [each.score for each in one] == [each.score for each in other]
        assert _said(one) == _said(other)
    monkeypatch.setattr(past, "ROWS", 1)
    bounded = past.tried_on_archive(settings, Archive(store), made_by, now, before)
    assert bounded is not None
    assert bounded.images == len(kept) - 3
    assert "the newest of the archive" in bounded.where
    other = Provenance(ModelRef("other", "f" * 16, "float32"), made_by.preprocess)
    assert past.tried_on_archive(settings, Archive(store), other, now, before) is None


def test_the_list_tells_precision_by_the_reviews_of_an_archive(settings: Settings, decoder: Decoder) -> None:
    stream, at = Stream(), time() - 3600
    made = records(4, at=at)
    keep(
        stream.store, [with_fields(each, decision=with_fields(each.decision, matches=[_weapons()])) for each in made]
    )
    labels: list[Label] = ["yes", "yes", "yes", "no"]
    reviews = [
        Review(
            review_id=str(number),
            event_id=each.decision.event_id,
            image_id="",
            policy="weapons",
            label=label,
            at=rfc3339(at + 60),
        )
        for number, (each, label) in enumerate(zip(made, labels, strict=True))
    ]
    stream.put(*map(review_json, reviews), topic=REVIEWS_TOPIC)
    stream.archived()
    archive = Archive(stream.store)
    with (
        served(settings, decoder, archive=lambda: nullcontext(archive)) as console,
        httpx2.Client(base_url=console.address, headers=VIEWER) as client,
    ):
        assert 'hx-get="/policies-table"' in client.get("/policies").text
        table = client.get("/policies-table").text
        assert "75 %" in table
        assert "by reviews of what was decided in the last 28 days" in table
        assert "75 %" in client.get("/policies").text


def test_what_stands_in_a_file_is_text_and_never_a_page(desk: Desk) -> None:
    hostile = WEAPONS.replace("Weapons", "'</textarea><script>alert(1)</script>'")
    desk.weapons.write_text(hostile)
    with httpx2.Client(base_url=desk.console.address, headers=EDITOR) as client:
        form = {"text": hostile.replace("review:", "<script>:"), "words": "<script>alert(1)</script>"}
        answers = [client.get("/policies"), client.get("/policies/weapons"), client.get("/playground", params=form)]
        answers += [client.post(f"/policies/weapons/{each}", data=form) for each in ("check", "try", "save")]
    for answer in answers:
        assert "<script>alert" not in answer.text
        assert "<script>:" not in answer.text
    assert "&lt;script&gt;alert(1)" in answers[1].text


def _said(scored: Sequence[Scored]) -> set[tuple[str, str, str]]:
    return {(each.answer.said.image_id, each.action, each.before) for each in scored}


def test_a_viewer_tries_and_takes_the_diff_but_writes_nothing(desk: Desk) -> None:
    form = {"text": WEAPONS.replace("0.30", "0.40"), "base": "x", "words": "a snake", "name": "snake"}
    with httpx2.Client(base_url=desk.console.address, headers=VIEWER) as client:
        assert "Save<" not in client.get("/policies/weapons").text
        assert "It holds." in client.post("/policies/weapons/check", data=form).text
        patch = client.post("/policies/weapons/patch", data=form)
        assert 'filename="weapons.patch"' in patch.headers["content-disposition"]
        assert "--- a/policies/weapons.yaml\n+++ b/policies/weapons.yaml\n" in patch.text
        assert "-  review: 0.30\n+  review: 0.40\n" in patch.text
        for path in ("/policies/weapons/save", "/playground/save"):
            assert client.post(path, data=form).status_code == 403
    assert sorted(each.name for each in desk.folder.glob("*.yaml")) == ["_defaults.yaml", "weapons.yaml"]


@pytest.mark.parametrize(
    "name", ["../evil", "/tmp/evil", "..%2fevil", "_defaults", "a\x00b", "", "Weapons", "weapons"]
)
def test_a_name_that_leads_elsewhere_or_is_taken_writes_nothing(desk: Desk, name: str) -> None:
    before = {path: path.read_bytes() for path in desk.folder.parent.rglob("*") if path.is_file()}
    with httpx2.Client(base_url=desk.console.address, headers=EDITOR) as client:
        kept = client.post("/playground/save", data={"name": name, "words": "a snake"})
        assert kept.status_code == 422
        if name != "weapons":
            quoted = name.replace("/", "%2f").replace("\x00", "%00")
            saved = client.post(f"/policies/{quoted}/save", data={"text": WEAPONS, "base": ""})
            assert saved.status_code in {404, 405}
    assert {path: path.read_bytes() for path in desk.folder.parent.rglob("*") if path.is_file()} == before


def test_a_save_keeps_line_breaks_and_the_mark_at_the_beginning(desk: Desk) -> None:
    written = b"\xef\xbb\xbf" + WEAPONS.replace("\n", "\r\n").encode()
    desk.weapons.write_bytes(written)
    with httpx2.Client(base_url=desk.console.address, headers=EDITOR) as client:
        base = client.get("/policies/weapons").text.partition('name="base" value="')[2][:64]
        browsers = WEAPONS.replace("0.30", "0.40").replace("\n", "\r\n")
        assert client.post("/policies/weapons/save", data={"text": browsers, "base": base}).status_code == 303
    assert desk.weapons.read_bytes() == written.replace(b"0.30", b"0.40")
