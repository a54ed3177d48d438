"""*Event*: what was decided of one image, and why."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from pipeline.wire import Decision
from workers.console.access.roles import Role
from workers.console.console import Console
from workers.console.looking import answers_called
from workers.console.pages.page import Page, Show
from workers.console.routes import Guarded, get


def routes(console: Console, show: Show) -> Sequence[Guarded]:
    def page(request: Request) -> Response:
        name = request.query_params.get("id", "").strip()
        if not name:
            return show(request, "event_asked.html", title="Event", name="", why="")
        found = answers_called(console, name)
        if not found.answers:
            return show(request, "event_asked.html", 404, title="Event", name=name, why=found.said)
        newest = found.answers[0]
        letter = newest.said if not isinstance(newest.said, Decision) else None
        return show(
            request,
            "event.html",
            title="Event",
            name=name,
            found=found,
            newest=newest,
            decision=newest.said if letter is None else None,
            letter=letter,
        )

    return [get("/event", page, role=Role.VIEWER)]


PAGE = Page("/event", routes, title="Event")
