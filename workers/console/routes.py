"""Routes: each says what visitors must be, so that none can be forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import cast
from urllib.parse import parse_qsl, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from workers.console.access.journal import Journal
from workers.console.access.roles import NOBODY, Role, Visitor
from workers.console.access.visitors import peer_of

MOST_FORM = 1 << 20
"""Bytes of a form."""
MOST_FIELDS = 1000
SLOWEST_BODY = 60.0
"""Seconds in which a body must have come in."""
Answer = Callable[[Request], Response | Awaitable[Response]]


class _Number(IntegerConvertor):
    """A partition or an offset as Kafka may have it. Of thousands of digits Python would refuse to read one."""

    regex = "[0-9]{1,19}"


register_url_convertor("number", _Number())


class Guarded(Route):
    """A route that asks for a role. An answer that is no coroutine function works on a thread, and may block."""

    def __init__(self, path: str, answer: Answer, *, role: Role, methods: list[str]) -> None:
        self.role = role
        super().__init__(path, _guarded(answer, role), methods=methods)


def get(path: str, answer: Answer, *, role: Role) -> Guarded:
    """A page or a part of one."""
    return Guarded(path, answer, role=role, methods=["GET"])


def post(path: str, answer: Answer, *, role: Role) -> Guarded:
    """Something that is done. The answer tells `did` of it."""
    return Guarded(path, answer, role=role, methods=["POST"])


def visitor_of(request: Request) -> Visitor:
    """Who asks."""
    return cast("Visitor", request.scope.get("visitor", NOBODY))


def did(request: Request, what: str, **about: object) -> None:
    """Whoever asks did something that lasts, or saw a picture."""
    _journal(request).did(visitor_of(request), what, **about)


def gave_wrong_token(request: Request) -> None:
    """Whoever asks gave a token that nobody has."""
    _journal(request).unknown(request.url.path, peer_of(request))


async def form_of(request: Request, most: int = MOST_FORM) -> dict[str, str]:
    """The fields of a form; of several of a name, the last. Raises 413 for a longer one, and for more fields."""
    body = await body_of(request, most)
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError as error:
        raise HTTPException(413, f"that is more than the {MOST_FIELDS:,} fields that a form may have") from error


async def body_of(request: Request, most: int) -> bytes:
    """The request's body. Raises 413 as soon as it is longer than `most` bytes, 408 where it does not come in."""
    parts, size = list[bytes](), 0
    try:
        async with asyncio.timeout(SLOWEST_BODY):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise HTTPException(413, f"that is more than the {most:,} bytes that are taken here")
                parts.append(part)
    except TimeoutError as error:
        raise HTTPException(408, f"the body did not come in within {SLOWEST_BODY:g} seconds") from error
    return b"".join(parts)


def _journal(request: Request) -> Journal:
    return cast("Journal", request.app.state.journal)


def _guarded(answer: Answer, role: Role) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        visitor = request.app.state.access.visitor(request)
        request.scope["visitor"] = visitor
        if not visitor.may(role):
            return _refused(request, visitor, role)
        if iscoroutinefunction(answer):
            return cast("Response", await answer(request))
        return cast("Response", await run_in_threadpool(answer, request))

    return guarded


def _refused(request: Request, visitor: Visitor, role: Role) -> Response:
    if visitor is not NOBODY:
        _journal(request).refused(visitor, request.url.path, str(role))
        raise HTTPException(403, f"{visitor.name} is a {visitor.role}, and this is for a {role}")
    if request.app.state.access.is_wrong(request):
        gave_wrong_token(request)
    page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    if page and request.app.state.access.takes_tokens:
        return RedirectResponse(f"/sign-in?{_then(request)}", 303)
    raise HTTPException(401, "sign in first")


def _then(request: Request) -> str:
    query = f"?{request.url.query}" if request.url.query else ""
    return urlencode({"then": f"{request.url.path}{query}"})
