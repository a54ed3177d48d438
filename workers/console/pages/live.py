"""*Live*: what streams by, and how the workers are."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from workers.console.access.roles import Role
from workers.console.console import Console
from workers.console.fleet.prometheus import Prometheus
from workers.console.pages.live_figures import LONGER, SPANS, figures_of, series_of
from workers.console.pages.page import Page, Show
from workers.console.routes import Guarded, get
from workers.console.stream.answers import Passing
from workers.console.stream.telling import MOST, Channel, Told, message

SHOWN = 24
"""Answers on the page."""
PARTS = ("figures", "changes", "answers", "details")
"""Parts of the page that are told as they change, each with a template."""
SHOW: Mapping[str, Callable[[Passing], bool]] = {
    "all": lambda _: True,
    "flagged": lambda answer: answer.flagged,
    "dead-letters": lambda answer: answer.verdict == "dead letter",
}


def routes(console: Console, show: Show) -> Sequence[Guarded]:
    prometheus = Prometheus(console.settings.prometheus_url) if console.settings.prometheus_url else None
    spans = {**SPANS, **(LONGER if prometheus else {})}

    def span_of(request: Request) -> str:
        span = request.query_params.get("span", "hour")
        return span if span in spans else "hour"

    def page(request: Request) -> Response:
        wanted, span = _wanted(request), span_of(request)
        return show(
            request,
            "live.html",
            title="Live",
            wanted=wanted,
            span=span,
            spans=spans,
            shows=list(SHOW),
            figures=figures_of(console, time.time()),
            answers=console.feed.newest(SHOWN, SHOW[wanted]),
        )

    def series(request: Request) -> Response:
        span, now = span_of(request), time.time()
        if prometheus is not None and span in LONGER:
            return JSONResponse(prometheus.series(LONGER[span], now))
        return JSONResponse(series_of(console, SPANS[span], now))

    return [
        get("/live", page, role=Role.VIEWER),
        get("/live/stream", _stream(console, show), role=Role.VIEWER),
        get("/live/series", series, role=Role.VIEWER),
    ]


def _stream(console: Console, show: Show) -> Callable[[Request], Awaitable[Response]]:
    """A channel for each choice of answers: whoever looks at the same is told the same."""

    def told(wanted: str) -> Callable[[], str]:
        def make() -> str:
            figures, answers = figures_of(console, time.time()), console.feed.newest(SHOWN, SHOW[wanted])
            return "".join(
                message(kind, show.part(f"live_{kind}.html", figures=figures, answers=answers)) for kind in PARTS
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

    return stream


def _wanted(request: Request) -> str:
    wanted = request.query_params.get("show", "all")
    return wanted if wanted in SHOW else "all"


PAGE = Page("/live", routes, title="Live")
