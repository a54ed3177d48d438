"""Templates -> pages. Everything that goes into one is escaped, and what would be obeyed is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from pipeline.wire import SourceRef
from workers.console.pictures.pictures import Wanted
from workers.console.pictures.routes import address
from workers.terminal.plain import one_line

HERE = Path(__file__).parent
LONGEST = 160
"""Characters that are shown of a stranger's words; the rest would only push everything else away."""


class Templates:
    """The templates of the pages. `shared` are names that all of them may use."""

    def __init__(self, **shared: object) -> None:
        self._made = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._made.filters |= FILTERS
        self._made.globals |= {"picture": picture, **shared}

    def html(self, template: str, **values: object) -> str:
        return self._made.get_template(template).render(**values)

    def page(self, template: str, status: int = 200, **values: object) -> HTMLResponse:
        return HTMLResponse(self.html(template, **values), status)


def shown(text: object, most: int = LONGEST) -> str:
    """A stranger's words as one line: what would be obeyed is written out, and a long text lacks its middle."""
    line = one_line(str(text))
    return line if len(line) <= most else f"{line[: most * 2 // 3]}\u2026{line[-(most // 3) :]}"


def clock(seconds: float) -> str:
    """The time of day, in UTC."""
    return f"{_utc(seconds):%H:%M:%S}"


def moment(seconds: float) -> str:
    """RFC 3339, for ``<time datetime>``."""
    return _utc(seconds).isoformat(timespec="seconds").replace("+00:00", "Z")


def figure(value: float | None) -> str:
    """A number as it is read at a glance: three digits that count."""
    if value is None:
        return "\u2013"
    if value == 0 or abs(value) >= 100:  # noqa: PLR2004
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"  # noqa: PLR2004


def duration(seconds: float | None) -> str:
    """A time as people say it."""
    if seconds is None:
        return "\u2013"
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= 2 * size or unit == "s":
            break
    if seconds >= 1:
        return f"{seconds / size:.0f} {unit}"
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"  # noqa: PLR2004


def picture(manner: str, place: SourceRef, event_id: str = "", day: str = "") -> str:
    """The address of a picture, veiled or clear."""
    return address(manner, Wanted(place, event_id, day[:10]))


def _utc(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


FILTERS: Mapping[str, Callable[..., Any]] = {
    "shown": shown,
    "clock": clock,
    "moment": moment,
    "figure": figure,
    "duration": duration,
}
