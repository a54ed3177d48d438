"""Who leaves the editor of a policy with a text that is not saved is asked first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from pipeline.errors import ModelError
from pipeline.ports import Decoder
from tests.console.served import served
from tests.console.test_policies import WEAPONS
from workers import assembly
from workers.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "weapons.yaml").write_text(WEAPONS.replace("enforce", "shadow"))
    return load_settings({"policies": str(tmp_path)})


def _no_judge() -> assembly.Judge:
    raise ModelError("no model here")


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def page(settings: Settings, decoder: Decoder, browser: Browser, asked: list[str]) -> Iterator[Page]:
    """The editor; whoever is asked stays."""

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    with served(settings, decoder, judge=_no_judge) as console, browser.new_context() as context:
        page = context.new_page()
        page.on("dialog", stay)
        page.goto(f"{console.address}/policies/weapons")
        yield page


def away(page: Page) -> None:
    page.get_by_role("link", name="Live", exact=True).click(no_wait_after=True)


def test_an_edit_that_is_not_saved_is_not_lost_without_a_question(page: Page, asked: list[str]) -> None:
    text = page.get_by_label("Text of weapons.yaml")
    text.press("ControlOrMeta+End")
    text.press_sequentially("# mine")
    away(page)
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    expect(text).to_have_value(f"{WEAPONS.replace('enforce', 'shadow')}# mine")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    away(page)
    page.wait_for_url("**/live")
    assert asked == ["beforeunload"]


def test_a_text_that_was_refused_is_still_an_edit_and_a_diff_takes_none_away(page: Page, asked: list[str]) -> None:
    text = page.get_by_label("Text of weapons.yaml")
    text.press("ControlOrMeta+Home")
    text.press_sequentially("x")
    with page.expect_download():
        page.get_by_role("button", name="Download the diff").click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Not saved")
    assert not asked
    page.get_by_label("Text of weapons.yaml").click()
    away(page)
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
