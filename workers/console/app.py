"""The application: pages, pictures and what they are served with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from pipeline.errors import UsageError
from workers.console.access.door import FORGED, FULL, NOT_OURS, Door
from workers.console.access.roles import Role, Visitor
from workers.console.console import Console
from workers.console.pages.page import Page
from workers.console.pages.registry import PAGES
from workers.console.pictures.routes import routes as picture_routes
from workers.console.rendering import HERE, Templates
from workers.console.routes import Guarded, get, visitor_of

SMALL = 2_000
"""Bytes of an answer below which it is not worth compressing."""
Handler = Callable[[Request, Exception], Response]


class Frame:
    """A `Show`: the frame that all pages share, with the navigation of whoever asked."""

    def __init__(self, console: Console, pages: Sequence[Page]) -> None:
        self._pages = pages
        self._templates = Templates(version=console.version, takes_tokens=console.access.takes_tokens)

    def __call__(self, request: Request, template: str, status: int = 200, **values: object) -> HTMLResponse:
        visitor = visitor_of(request)
        framed = {"visitor": visitor, "here": request.url.path, "navigation": self._navigation(visitor)}
        return HTMLResponse(self.part(template, **framed, **values), status)

    def part(self, template: str, **values: object) -> str:
        return self._templates.html(template, roles=Role, **values)

    def _navigation(self, visitor: Visitor) -> list[Page]:
        return [page for page in self._pages if page.title and visitor.may(page.needs)]


def create(console: Console, more: Iterable[BaseRoute] = (), pages: Sequence[Page] = PAGES) -> Starlette:
    """The application; `more` are routes that are no pages. Raises `TypeError` for a route that asks for no role."""
    frame = Frame(console, pages)
    routes: list[BaseRoute] = [
        get("/", lambda _: RedirectResponse(pages[0].path, 303), role=Role.VIEWER),
        *(route for page in pages for route in page.routes(console, frame)),
        *picture_routes(console.pictures),
        *more,
    ]
    for route in routes:
        if not isinstance(route, Guarded):
            raise TypeError(f"{route} asks for no role: make it with routes.get or routes.post")
    routes.append(Mount("/static", StaticFiles(directory=HERE / "static")))
    door = Middleware(Door, access=console.access, refuse=_not_let_in, broken=partial(_broken, frame))
    app = Starlette(
        routes=routes,
        # Streams of events are left as they are. No page holds a secret that a guess in it could be measured against.
        middleware=[door, Middleware(GZipMiddleware, minimum_size=SMALL)],
        exception_handlers=_handlers(frame),
    )
    app.state.access = console.access
    app.state.journal = console.journal
    app.state.console = console
    return app


def _handlers(frame: Frame) -> dict[type[Exception], Handler]:
    def refused(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return _told(frame, request, status, str(getattr(error, "detail", error)))

    def unusable(request: Request, error: Exception) -> Response:
        return _told(frame, request, 503, str(error))

    return {HTTPException: refused, UsageError: unusable}


NOT_LET_IN = {
    FORGED: "another site made your browser send this; open the console's own page",
    NOT_OURS: "this console is not called so; name it in console_names",
    FULL: "too many connections are open; come back in a second",
}


def _not_let_in(status: int) -> Response:
    return PlainTextResponse(NOT_LET_IN[status], status)


def _broken(frame: Frame, request: Request, error: Exception) -> Response:  # noqa: ARG001
    return _told(frame, request, 500, "this page has a fault of its own; the log says which")


def _told(frame: Frame, request: Request, status: int, why: str) -> Response:
    """What went wrong: as a page for a browser that opens one, as a line for everybody else."""
    if "text/html" in request.headers.get("accept", "") and "hx-request" not in request.headers:
        with suppress(Exception):
            return frame(request, "error.html", status, title=HTTPStatus(status).phrase, why=why)
    return PlainTextResponse(f"{why}\n", status)
