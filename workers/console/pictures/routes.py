"""``/pictures/veiled/...`` and ``/pictures/clear/...``: what a page's pictures are addresses of."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pipeline.wire import SourceRef
from workers.console.access.roles import Role
from workers.console.pictures.gone import GoneError
from workers.console.pictures.pictures import Pictures, Wanted
from workers.console.routes import did, get
from workers.terminal.plain import one_line

SIGN = "sluice-sign"
"""The header of an answer without a picture that has a word for why."""
KEEPS = {"cache-control": "private, max-age=60"}


def routes(pictures: Pictures) -> list[Route]:
    """Where there is no picture the answer is a reason, and the page says so in its place (`console.js`).

    Its status is 503 where asking again may help, and else 404.
    """

    def veiled(request: Request) -> Response:
        return _answer(pictures.veiled, request)

    def clear(request: Request) -> Response:
        wanted = _wanted(request)
        answer = _answer(pictures.clear, request)
        if answer.status_code == HTTPStatus.OK:
            did(request, "saw a picture", picture=str(wanted.place), event_id=wanted.event_id)
        return answer

    place = "{topic}/{partition:number}/{offset:number}"
    return [
        get(f"/pictures/veiled/{place}", veiled, role=Role.VIEWER),
        get(f"/pictures/clear/{place}", clear, role=Role.VIEWER),
    ]


def address(manner: str, wanted: Wanted) -> str:
    """Where a browser has it from; `manner` is veiled or clear."""
    place = wanted.place
    about = {name: value for name, value in {"event": wanted.event_id, "day": wanted.day}.items() if value}
    query = f"?{urlencode(about)}" if about else ""
    return f"/pictures/{manner}/{quote(place.topic, safe='')}/{place.partition}/{place.offset}{query}"


def _wanted(request: Request) -> Wanted:
    of = request.path_params
    place = SourceRef(of["topic"], of["partition"], of["offset"])
    return Wanted(place, request.query_params.get("event", "")[:100], request.query_params.get("day", "")[:10])


def _answer(draw: Callable[[Wanted], bytes], request: Request) -> Response:
    try:
        return Response(draw(_wanted(request)), media_type="image/webp", headers=KEEPS)
    except GoneError as error:
        return PlainTextResponse(one_line(str(error)[:300]), error.status, {SIGN: error.sign})
