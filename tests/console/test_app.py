"""What the console is made of: vendored scripts as their authors published them, and what a page weighs."""

from __future__ import annotations

import tomllib
from hashlib import sha256

import httpx2

from tests.console.served import Served
from workers.console.rendering import HERE

STATIC = HERE / "static"
MOST = 200_000
"""Bytes of a page with all that it loads but pictures."""


def test_vendored_files_are_what_their_authors_published_and_say_under_which_licence() -> None:
    vendored = tomllib.loads((STATIC / "vendored.toml").read_text(encoding="utf-8"))
    for name, told in vendored.items():
        assert sha256((STATIC / name).read_bytes()).hexdigest() == told["sha256"], name
        assert (STATIC / told["licence_file"]).read_text(encoding="utf-8").strip()
    minified = {each.name for each in STATIC.glob("*.min.*")}
    assert minified == set(vendored)


def test_no_template_holds_a_script_a_style_or_html_that_is_not_escaped() -> None:
    for template in (HERE / "templates").glob("*.html"):
        text = template.read_text(encoding="utf-8")
        assert "<style" not in text, template.name
        assert " style=" not in text, template.name
        assert " onclick" not in text, template.name
        assert "| safe" not in text, template.name
        assert text.count("<script") == text.count("<script src="), template.name


def test_a_page_is_light(console: Served) -> None:
    page = httpx2.get(f"{console.address}/live").text
    loaded = [part.split('"')[0] for part in page.split('"/static/')[1:]]
    assert "console.css" in loaded
    weighs = len(page.encode()) + sum((STATIC / name).stat().st_size for name in loaded)
    assert weighs < MOST


def test_what_is_large_comes_compressed_and_a_stream_of_events_does_not(console: Served) -> None:
    with httpx2.Client(base_url=console.address, headers={"accept-encoding": "gzip"}) as browser:
        assert browser.get("/static/htmx.min.js").headers["content-encoding"] == "gzip"
        assert browser.get("/live").headers["content-encoding"] == "gzip"
        with browser.stream("GET", "/live/stream") as told:
            assert "content-encoding" not in told.headers
            assert next(told.iter_lines()) == "event: figures"


def test_the_wheel_holds_templates_and_static_files() -> None:
    from hatchling.builders.wheel import WheelBuilder

    included = {each.relative_path for each in WheelBuilder(str(HERE.parent.parent)).recurse_included_files()}
    for name in ("static/console.css", "static/vendored.toml", "templates/base.html"):
        assert f"workers/console/{name}" in included
