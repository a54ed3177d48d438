"""*Event*: what was decided of one image, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pipeline.errors import UsageError
from pipeline.wire import DeadLetter, Decision
from workers.console.access import journal
from workers.console.access.roles import Role
from workers.console.console import Console
from workers.console.explaining import Explaining
from workers.console.looking import Looked, answers_called
from workers.console.pages.page import Page, Show
from workers.console.pictures.gone import GoneError
from workers.console.routes import Guarded, get, post, visitor_of


def routes(console: Console, show: Show) -> Sequence[Guarded]:
    explaining = Explaining(console)

    def page(request: Request) -> Response:
        name = request.query_params.get("id", "").strip()
        if not name:
            return show(request, "event_asked.html", title="Event", name="", why="")
        found = answers_called(console, name, everywhere="everywhere" in request.query_params)
        if not found.answers:
            return show(request, "event_asked.html", 404, title="Event", name=name, why=found.said)
        return show(request, "event.html", **_of(found), explained=None)

    def explain(request: Request) -> Response:
        found = answers_called(console, request.query_params.get("id", "").strip())
        decision = next((each.said for each in found.answers if isinstance(each.said, Decision)), None)
        if decision is None:
            raise HTTPException(404, "there is no decision of that id")
        journal.did(visitor_of(request), "saw an explanation", event_id=decision.event_id)
        try:
            answer, why = explaining.of(decision), ""
        except (UsageError, GoneError) as error:
            answer, why = None, str(error)
        explained = {"answer": answer, "why": why}
        if "hx-request" in request.headers:
            return Response(show.part("event_explained.html", explained=explained), media_type="text/html")
        return show(request, "event.html", **_of(found), explained=explained)

    def picture(request: Request) -> Response:
        made = explaining.picture(request.path_params["name"])
        if made is None:
            raise HTTPException(404, "that explanation was made too long ago; ask for it again")
        return Response(made, media_type="image/png", headers={"cache-control": "private, max-age=60"})

    return [
        get("/event", page, role=Role.VIEWER),
        post("/event/explain", explain, role=Role.VIEWER),
        get("/event/maps/{name}", picture, role=Role.VIEWER),
    ]


def _of(found: Looked) -> dict[str, Any]:
    newest = found.answers[0]
    said = newest.said
    return {
        "title": "Event",
        "found": found,
        "newest": newest,
        "decision": said if isinstance(said, Decision) else None,
        "letter": said if isinstance(said, DeadLetter) else None,
    }


PAGE = Page("/event", routes, title="Event")
