"""Answers as HTTP responses."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from pipeline.errors import Reason
from pipeline.rules.flow.brake import SPEAK_OF_US
from pipeline.wire import Answer, Decided, Failed, Failure, dead_letter, dead_letter_json, decision_json
from workers.console.access.door import FORGED, FULL, NOT_OURS
from workers.console.api.models import Problem

JSON = "application/json"
PROBLEM = "application/problem+json"
GONE = 499
"""Stands in the metrics for a client that hung up, as nginx has it; nobody is there to read it."""
NOT_LET_IN = {
    FORGED: "a page of another site made a browser send this; send it from a program, or from a page of this address",
    NOT_OURS: "the API is not called as the Host header says; name it in console_names",
    FULL: "too many connections are open; come back in 1 s",
}
AWAY_RETRY = "5"
"""Seconds after which it is worth asking again for an image whose store did not answer."""


def response_to(answer: Answer) -> Response:
    """The decision, or the dead letter with a status that says whose fault it is."""
    if isinstance(answer, Decided):
        return Response(decision_json(answer.decision), media_type=JSON)
    return failed(answer)


def failed(answer: Failed) -> Response:
    status = status_of(answer.failure)
    again = {"Retry-After": AWAY_RETRY} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return Response(dead_letter_json(dead_letter(answer)), status, again, JSON)


def status_of(failure: Failure) -> HTTPStatus:
    """422 where the image will never be judged, 503 where what it needs is away, 500 where the fault is ours."""
    if failure.passing:
        return HTTPStatus.SERVICE_UNAVAILABLE
    if Reason(failure.reason) in SPEAK_OF_US:
        return HTTPStatus.INTERNAL_SERVER_ERROR
    return HTTPStatus.UNPROCESSABLE_ENTITY


async def as_problem(_request: Request, error: Exception) -> Response:
    """What a refusal answers."""
    if isinstance(error, ClientDisconnect):
        return Response(status_code=GONE)
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for these two alone
    headers, detail = dict(error.headers or {}), error.detail
    if error.status_code == HTTPStatus.UNAUTHORIZED:
        headers.setdefault("WWW-Authenticate", "Bearer")
        detail = "send Authorization: Bearer TOKEN, with a token of console_tokens"
    return problem(error.status_code, detail, headers)


def not_let_in(status: int) -> Response:
    """What the door answers to a request that it keeps out."""
    return problem(status, NOT_LET_IN[status])


def fault_of_ours(_request: Request, _error: Exception) -> Response:
    """What is answered to an exception that nobody foresaw."""
    return problem(500, "the server has a fault of its own; its log says which")


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Why there is no answer, as RFC 9457 has it."""
    said = Problem(HTTPStatus(status).phrase, status, detail)
    return Response(msgspec.json.encode(said), status, headers, PROBLEM)
