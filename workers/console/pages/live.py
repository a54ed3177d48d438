"""*Live*: what streams by, and how the workers are."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from workers.console.access.roles import Role
from workers.console.console import Console
from workers.console.pages.live_figures import SPANS, figures_of, series_of
from workers.console.pages.page import Page, Show
from workers.console.routes import Guarded, get
from workers.console.stream.answers import Passing
from workers.console.stream.telling import MOST, Channel, Told, message

SHOWN = 24
"""Answers on the page."""
SHOW: Mapping[str, Callable[[Passing], bool]] = {
    "all": lambda _: True,
    "flagged": lambda answer: answer.flagged,
    "dead-letters": lambda answer: answer.verdict == "dead letter",
}


def routes(console: Console, show: Show) -> Sequence[Guarded]:
    def page(request: Request) -> Response:
        wanted, span = _wanted(request), _span(request)
        return show(
            request,
            "live.html",
            title="Live",
            wanted=wanted,
            span=span,
            spans=SPANS,
            shows=list(SHOW),
            figures=figures_of(console, time.time()),
            answers=console.feed.newest(SHOWN, SHOW[wanted]),
        )

    def told(wanted: str) -> Callable[[], str]:
        def make() -> str:
            figures, answers = figures_of(console, time.time()), console.feed.newest(SHOWN, SHOW[wanted])
            parts = {"figures": "live_figures.html", "answers": "live_answers.html", "details": "live_details.html"}
            return "".join(
                message(kind, show.part(template, figures=figures, answers=answers))
                for kind, template in parts.items()
            )

        return make

    channels: dict[str, Channel] = {}

    async def stream(request: Request) -> Response:
        wanted = _wanted(request)
        if wanted not in channels:
            channels[wanted] = Channel(told(wanted))
        if channels[wanted].listeners >= MOST:
            raise HTTPException(503, "so many browsers listen already; close a page")
        return Told(channels[wanted].listen())

    def series(request: Request) -> Response:
        return JSONResponse(series_of(console, SPANS[_span(request)], time.time()))

    return [
        get("/live", page, role=Role.VIEWER),
        get("/live/stream", stream, role=Role.VIEWER),
        get("/live/series", series, role=Role.VIEWER),
    ]


def _wanted(request: Request) -> str:
    wanted = request.query_params.get("show", "all")
    return wanted if wanted in SHOW else "all"


def _span(request: Request) -> str:
    span = request.query_params.get("span", "hour")
    return span if span in SPANS else "hour"


PAGE = Page("/live", routes, title="Live")
