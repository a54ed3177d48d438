"""The editor of policies while files come and go beneath it, of names and texts that no policy should have."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from threading import Event

import httpx2
import pytest
from playwright.sync_api import Page, Route, expect

from pipeline.rules.policies.files import FILE_LIMIT
from tests.console.conftest import NARROW, sound
from tests.console.test_policies import EDITOR, VIEWER, WEAPONS, Desk, desk, settings
from workers.console.pages import policy
from workers.console.policies import files

__all__ = ["desk", "settings"]
EDITED = WEAPONS.replace("0.30", "0.40")
FORM = {"text": EDITED, "base": sha256(WEAPONS.encode()).hexdigest()}


def editor(desk: Desk, headers: dict[str, str] = EDITOR) -> httpx2.Client:
    return httpx2.Client(base_url=desk.console.address, headers=headers, timeout=60)


def _link(path: Path) -> None:
    path.symlink_to("nowhere")


def test_what_is_typed_after_the_file_went_is_not_said_to_hold_and_is_not_lost(
    desk: Desk, opened: Callable[..., Page]
) -> None:
    page = opened(desk.at("/policies/weapons"), extra_http_headers=EDITOR)
    expect(page.locator("#tried")).to_contain_text("It would flag")
    desk.weapons.unlink()
    page.get_by_label("Text of weapons.yaml").fill(f"{WEAPONS}bogus: 1\n")
    expect(page.locator("#checked")).to_contain_text("It cannot be checked now: there is no policy of that name")
    expect(page.locator("#checked")).not_to_contain_text("It holds.")
    expect(page.locator("#tried")).to_contain_text("It cannot be tried now: there is no policy of that name")
    expect(page.locator("#tried")).not_to_contain_text("It would flag")
    with page.expect_response("**/weapons/check"):
        page.get_by_role("button", name="Save").click()
    expect(page.locator("#checked")).to_contain_text("It cannot be checked now: there is no policy of that name")
    expect(page.get_by_label("Text of weapons.yaml")).to_have_value(f"{WEAPONS}bogus: 1\n")
    assert not desk.weapons.exists()


def test_whoever_must_sign_in_anew_keeps_what_they_typed(desk: Desk, opened: Callable[..., Page]) -> None:
    page = opened(desk.at("/policies/weapons"), extra_http_headers=EDITOR)
    expect(page.locator("#tried")).to_contain_text("It would flag")
    page.get_by_label("Text of weapons.yaml").fill(EDITED)
    expect(page.locator("#tried")).to_contain_text("Lets go")
    page.context.set_extra_http_headers({})
    for button in ("Save", "Download the diff"):
        with page.expect_response("**/weapons/check"):
            page.get_by_role("button", name=button).click()
        expect(page.locator("#checked")).to_have_text("It cannot be checked now: sign in first")
        expect(page.get_by_label("Text of weapons.yaml")).to_have_value(EDITED)
    page.context.set_extra_http_headers(EDITOR)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert desk.weapons.read_text() == EDITED


def test_a_threshold_is_moved_after_a_save_that_was_refused(desk: Desk, opened: Callable[..., Page]) -> None:
    page = opened(desk.at("/policies/weapons"), extra_http_headers=EDITOR)
    page.get_by_label("Text of weapons.yaml").fill(EDITED)
    desk.weapons.write_text(WEAPONS.replace("0.30", "0.50"))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("changed by another hand")
    page.get_by_label("Least score for block").press("End")
    moved = EDITED.replace("block: 0.90", "block: 1.00")
    expect(page.get_by_label("Text of weapons.yaml")).to_have_value(moved)


def test_what_is_typed_while_a_threshold_is_written_stays(desk: Desk, opened: Callable[..., Page]) -> None:
    page = opened(desk.at("/policies/weapons"), extra_http_headers=EDITOR)
    text, typed = page.get_by_label("Text of weapons.yaml"), f"{WEAPONS}# mine\n"
    expect(page.locator("#tried")).to_contain_text("It would flag")

    def typing(route: Route) -> None:
        if "mine" not in (route.request.post_data or ""):
            text.fill(typed)
        route.continue_()

    page.route("**/weapons/threshold", typing)
    page.get_by_label("Least score for block").press("End")
    expect(text).to_have_value(typed.replace("block: 0.90", "block: 1.00"))


def test_a_text_whose_file_went_comes_back_also_where_no_script_holds_it(
    desk: Desk, opened: Callable[..., Page], tmp_path: Path
) -> None:
    page = opened(desk.at("/policies/weapons"), NARROW, extra_http_headers=EDITOR)
    page.get_by_label("Text of weapons.yaml").fill(EDITED)
    desk.weapons.unlink()
    with page.expect_response("**/weapons/save") as answered:
        page.evaluate("sent = true; document.getElementById('edit').submit()")  # as if there were no script
    assert answered.value.status == 404
    expect(page.get_by_role("alert")).to_contain_text("nothing was written")
    expect(page.get_by_label("Your text")).to_have_value(EDITED)
    sound(page, tmp_path, "unsaved")
    assert not desk.weapons.exists()


def test_what_is_typed_while_the_console_is_away_is_not_said_to_hold(desk: Desk, opened: Callable[..., Page]) -> None:
    page = opened(desk.at("/policies/weapons"), extra_http_headers=EDITOR)
    expect(page.locator("#checked")).to_contain_text("It holds.")
    page.context.set_offline(True)
    page.get_by_label("Text of weapons.yaml").fill(EDITED)
    expect(page.locator("#checked")).to_have_text("It cannot be checked now: the console does not answer")
    page.context.set_offline(False)
    page.get_by_label("Text of weapons.yaml").fill(WEAPONS)
    expect(page.locator("#checked")).to_contain_text("It holds.")


def test_a_text_that_could_not_be_written_comes_back(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "write_atomically", full)
    with editor(desk) as ed:
        said = ed.post("/policies/weapons/save", data=FORM | {"text": EDITED.replace("enforce", "shadow")})
    assert said.status_code == 503
    assert "No space left on device" in said.text
    assert "review: 0.40" in said.text
    assert desk.weapons.read_text() == WEAPONS


@pytest.mark.parametrize("broken", [_link, Path.mkdir, os.mkfifo])
def test_a_neighbour_that_cannot_be_read_keeps_nobody_from_editing_or_searching(
    desk: Desk, broken: Callable[[Path], object]
) -> None:
    broken(desk.folder / "odd.yaml")
    shadow = FORM | {"text": EDITED.replace("enforce", "shadow")}
    with editor(desk) as ed:
        assert "review: 0.30" in ed.get("/policies/weapons").text
        assert "odd.yaml" in ed.post("/policies/weapons/check", data=shadow).text
        assert "It would flag" in ed.post("/policies/weapons/try", data=shadow).text
        assert ed.post("/policies/weapons/save", data=shadow).status_code == 303
        itself = ed.get("/policies/odd")
        assert itself.status_code == 503
        assert "odd.yaml" in itself.text
        assert ed.get("/search", params={"words": "a knife"}).status_code == 200
        assert ed.get("/playground", params={"words": "a knife"}).status_code == 200
    assert desk.weapons.read_text() == shadow["text"]


def test_a_file_of_which_only_the_begin_was_read_is_not_replaced(desk: Desk) -> None:
    whole = WEAPONS.encode() + b"# more\n" * (FILE_LIMIT // 7)
    desk.weapons.write_bytes(whole)
    base = sha256(whole[: FILE_LIMIT + 1]).hexdigest()
    with editor(desk) as ed:
        page = ed.get("/policies/weapons")
        assert "split it" in page.text
        assert "# more" not in page.text
        said = ed.post("/policies/weapons/save", data={"text": WEAPONS.replace("enforce", "shadow"), "base": base})
        assert said.status_code == 503
        assert "split it" in said.text
    assert desk.weapons.read_bytes() == whole


@pytest.mark.parametrize("text", ["[" * 5_000, "a: " + "{a: " * 3_000, "- " * 50_000, "? " * 20_000])
def test_a_threshold_of_a_text_that_is_nested_too_deeply_is_refused(desk: Desk, text: str) -> None:
    with editor(desk, VIEWER) as viewer:
        form = {"text": text, "action": "review", "value": "0.5"}
        assert viewer.post("/policies/weapons/threshold", data=form).status_code == 422


def test_others_are_answered_while_a_threshold_is_written(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = Event(), Event()

    def slow(content: bytes, *_: object) -> bytes:
        begun.set()
        assert go_on.wait(60)
        return content

    monkeypatch.setattr(policy, "with_thresholds", slow)
    with editor(desk, VIEWER) as one, editor(desk, VIEWER) as other, ThreadPoolExecutor(1) as pool:
        form = {"text": WEAPONS, "action": "review", "value": "0.5"}
        asked = pool.submit(one.post, "/policies/weapons/threshold", data=form)
        try:
            assert begun.wait(60)
            assert other.get("/policies", timeout=30).status_code == 200
        finally:
            go_on.set()
        assert asked.result().text == WEAPONS


@pytest.mark.parametrize("name", ["日本", "größe", 'we"ird', "two words"])
def test_the_diff_of_a_file_that_is_named_wrongly_can_be_had(desk: Desk, name: str) -> None:
    (desk.folder / f"{name}.yaml").write_text(WEAPONS)
    with editor(desk, VIEWER) as viewer:
        patch = viewer.post(f"/policies/{name}/patch", data={"text": EDITED})
    assert patch.status_code == 200
    assert patch.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
    assert "+  review: 0.40" in patch.text


@pytest.mark.parametrize(
    "written",
    [WEAPONS.replace("\n", "\r"), f"{WEAPONS}# a\u2028b\n", f"{WEAPONS}# a\u0085b\n", f"{WEAPONS}# a\fb\n"],
    ids=["carriage returns", "line separator", "next line", "form feed"],
)
def test_git_takes_the_diff_whatever_parts_the_lines(desk: Desk, written: str) -> None:
    desk.weapons.write_bytes(written.encode())
    with editor(desk, VIEWER) as viewer:
        patch = viewer.post("/policies/weapons/patch", data={"text": written.replace("0.30", "0.40")}).content
    subprocess.run(["git", "apply", "-"], cwd=desk.folder.parent, input=patch, check=True)
    assert desk.weapons.read_bytes() == written.replace("0.30", "0.40").encode()
