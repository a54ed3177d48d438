"""What tests of pages share: one browser for the whole run, and consoles over a memory broker."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from pipeline.adapters.pillow import PillowDecoder
from pipeline.ports import Decoder
from tests.conftest import had_or_skipped
from tests.console.served import Served, served
from tests.services import ServiceMissingError
from workers import assembly
from workers.assembly.decoding import NO_MODEL
from workers.settings import Settings, load_settings

pytest.importorskip("playwright")
from playwright.sync_api import Browser, Page, expect, sync_playwright

WIDE, NARROW = 1440, 375
SHAPES = [(WIDE, "light"), (WIDE, "dark"), (NARROW, "light"), (NARROW, "dark")]
"""Pixels across and colour scheme, in which pages are looked at."""
LOOKED_AT = SHAPES[::3]
"""Of which pictures are kept: between them they show what the others do."""
STANDARDS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
OF_SHAPES = ("color-contrast", "target-size", "scrollable-region-focusable", "region", "page-has-heading-one")
"""Of axe's rules those that a page may keep in one shape and not in another."""


def _chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        raise ServiceMissingError("Chromium is not installed: apt-get install chromium")
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window; one for the whole run."""
    program = had_or_skipped(_chromium)
    expect.set_options(timeout=60_000)  # a busy machine is slow
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield made
        made.close()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open pages: `opened(address, width=1440, scheme="light")`. A page that breaks its policy or throws fails."""
    contexts, faults = [], list[str]()

    def open_page(address: str, width: int = WIDE, scheme: Any = "light", **how: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **how)
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if "Content Security" in said.text else None)
        page.on("dialog", lambda dialog: faults.append(f"a dialog: {dialog.message}"))
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults


@pytest.fixture(scope="session")
def settings() -> Settings:
    return load_settings({"console_port": "0", "metrics_port": "0"})


@pytest.fixture(scope="session")
def decoder() -> Decoder:
    """One that draws in this process, which is quicker; `test_pictures` has one in processes."""
    return PillowDecoder(NO_MODEL)


@pytest.fixture(scope="session")
def model() -> assembly.Model:
    """The bundled model, loaded once for all who judge by it."""
    said = {"decode_in": "threads", "dtype": "float32", "device": "cpu", "cores": "1"}
    return assembly.load_model(load_settings(said), one_caller=True)


@pytest.fixture
def console(settings: Settings, decoder: Decoder) -> Iterator[Served]:
    """A console of this test's own, which everybody on loopback may edit."""
    with served(settings, decoder) as made:
        yield made


def sound(page: Page, folder: Path, name: str) -> None:
    """See that the open page is accessible and fits in every shape, and keep pictures of it."""
    for number, (width, scheme) in enumerate(SHAPES):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        accessible(page, STANDARDS if number == 0 else OF_SHAPES)
        if (width, scheme) in LOOKED_AT:
            look_at(page, folder, f"{name}-{width}-{scheme}")
        else:
            fits(page, name)


def fits(page: Page, name: str) -> None:
    """See that nothing sticks out at the page's side."""
    across = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert across[0] <= across[1], f"{name} is {across[0]} pixels wide on a screen of {across[1]}"


def look_at(page: Page, folder: Path, name: str) -> Path:
    """Keep a picture of the whole page, for whoever looks at it; and see that it fits."""
    fits(page, name)
    kept = folder / f"{name}.png"
    page.screenshot(path=kept, full_page=True)
    return kept


def accessible(page: Page, rules: Sequence[str] = STANDARDS) -> None:
    """See by axe that the page keeps to WCAG 2.2 AA as far as a program can tell, or to these rules of it."""
    if not page.evaluate("'axe' in window"):
        page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    options = {"runOnly": list(rules)}
    found = page.evaluate(f"axe.run(document, {json.dumps(options)})")
    said = [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for each in found["violations"]
        for node in each["nodes"]
    ]
    assert not said, "\n".join(said)
