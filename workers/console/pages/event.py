"""*Event*: what was decided of one image, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from pipeline.errors import SluiceError
from pipeline.wire import DeadLetter, Decision
from workers.console.access.roles import Role
from workers.console.console import Console
from workers.console.explaining import Answer, Explaining
from workers.console.looking import Looked, answers_called
from workers.console.pages.page import Page, Show
from workers.console.pictures.gone import GoneError
from workers.console.routes import Guarded, did, get, post


def routes(console: Console, show: Show) -> Sequence[Guarded]:
    def page(request: Request) -> Response:
        name = request.query_params.get("id", "").strip()
        if not name:
            return show(request, "event_asked.html", title="Event", name="", why="")
        found = answers_called(console, name, everywhere="everywhere" in request.query_params)
        if not found.answers:
            return show(request, "event_asked.html", 404, title="Event", name=name, why=found.said)
        return show(request, "event.html", **_of(found), explained=None)

    return [get("/event", page, role=Role.VIEWER), *_explained_routes(console, show)]


def _explained_routes(console: Console, show: Show) -> Sequence[Guarded]:
    explaining = Explaining(console)

    def explain(request: Request) -> Response:
        """The sentences at once, where a script then asks for the maps; else all of it."""
        found, decision = _asked_for(console, request)
        did(request, "saw an explanation", event_id=decision.event_id)
        if "hx-request" in request.headers:
            explained = _explained(explaining.words, decision)
            return HTMLResponse(show.part("event_explained.html", explained=explained, decision=decision))
        return show(request, "event.html", **_of(found), explained=_explained(explaining.maps, decision))

    def maps(request: Request) -> Response:
        _, decision = _asked_for(console, request)
        return HTMLResponse(show.part("event_maps.html", explained=_explained(explaining.maps, decision)))

    def picture(request: Request) -> Response:
        made = explaining.picture(request.path_params["name"])
        if made is None:
            raise HTTPException(404, "that explanation was made too long ago; ask for it again")
        return Response(made, media_type="image/jpeg", headers={"cache-control": "private, max-age=60"})

    return [
        post("/event/explain", explain, role=Role.VIEWER),
        post("/event/maps", maps, role=Role.VIEWER),
        get("/event/maps/{name}", picture, role=Role.VIEWER),
    ]


def _asked_for(console: Console, request: Request) -> tuple[Looked, Decision]:
    found = answers_called(console, request.query_params.get("id", "").strip())
    decision = next((each.said for each in found.answers if isinstance(each.said, Decision)), None)
    if decision is None:
        raise HTTPException(404, "there is no decision of that id")
    return found, decision


def _explained(how: Callable[[Decision], Answer], decision: Decision) -> dict[str, Any]:
    try:
        return {"answer": how(decision), "why": ""}
    except (SluiceError, GoneError) as error:
        return {"answer": None, "why": str(error)}


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
