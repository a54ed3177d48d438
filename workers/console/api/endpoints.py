"""``POST /v1/judge`` and ``POST /v1/embeddings``."""

from __future__ import annotations

import asyncio
import math
from base64 import b64encode
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar, cast, get_args

import msgspec
import numpy as np
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pipeline.rules.archive.remembered import signals_of
from pipeline.signals import Features
from pipeline.wire import Failed
from workers.console.api.answers import failed, response_to
from workers.console.api.asking import asked, in_time
from workers.console.api.bodies import (
    BYTES,
    DEADLINE,
    FORM,
    ID,
    JSON,
    LONGEST_ID,
    MOST_JSON,
    body_of,
    kind_of,
    question_of,
)
from workers.console.api.desk import EMBED, JUDGE, Ticket
from workers.console.api.models import Embeddings, Encoding, Sentences, Vector
from workers.console.api.parts import Parts

T = TypeVar("T")
Answering = Callable[[Request], Awaitable[Response]]
IMAGES = ("image/*", BYTES, FORM)
DECIMALS = 8
_ids = Random()
"""Makes up ids without asking the system for each, which gives other threads the interpreter."""


def judging(parts: Parts) -> Answering:
    """Judge one image."""

    async def judge(request: Request) -> Response:
        kind, key, until = kind_of(request, (*IMAGES, JSON)), _image_id(request), _until(request, parts)
        with _ticket(parts) as ticket:
            question = await _read(question_of(request, kind, ticket, parts.max_bytes, parts.subject_header), until)
            answer = await in_time(asked(ticket, JUDGE, key, question), request, until)
        return response_to(answer)

    return judge


def embedding(parts: Parts) -> Answering:
    """Give the features of one image, or of sentences."""

    async def embed(request: Request) -> Response:
        kind, until, encoding = kind_of(request, (*IMAGES, JSON)), _until(request, parts), _encoding(request)
        with _ticket(parts) as ticket:
            work = _of_texts if kind == JSON else _of_image
            return await work(parts, request, ticket, until, encoding)

    return embed


async def _of_image(parts: Parts, request: Request, ticket: Ticket, until: float, encoding: Encoding) -> Response:
    kind, key = kind_of(request, IMAGES), _image_id(request)
    question = await _read(question_of(request, kind, ticket, parts.max_bytes, parts.subject_header), until)
    answer = await in_time(asked(ticket, EMBED, key, question), request, until)
    if isinstance(answer, Failed):
        return failed(answer)
    if answer.features is None:
        raise HTTPException(500, "the path kept no features; this is a bug")
    signals = signals_of(answer.features)
    vectors = [
        Vector(_written(features, encoding), region=signals.region(view))
        for view, features in enumerate(signals.features)
    ]
    return _response(parts, encoding, vectors, signals.made_by.preprocess)


async def _of_texts(parts: Parts, request: Request, ticket: Ticket, until: float, encoding: Encoding) -> Response:
    body = await _read(body_of(request, ticket, MOST_JSON), until)
    try:
        said = msgspec.json.decode(body, type=Sentences)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise HTTPException(422, f"not sentences: {error}") from error
    found = await in_time(parts.texts.features(said.texts, raw=said.raw), request, until)
    vectors = [Vector(_written(found[text], encoding), text=text) for text in said.texts]
    return _response(parts, encoding, vectors, None)


def _response(parts: Parts, encoding: Encoding, vectors: list[Vector], preprocess: str | None) -> Response:
    spec = parts.spec
    given = Embeddings(spec.ref, preprocess, spec.logit_scale, spec.logit_bias, spec.features, encoding, vectors)
    return Response(msgspec.json.encode(given), media_type=JSON)


def _written(features: Features, encoding: Encoding) -> list[float] | str:
    if encoding == "base64":
        return b64encode(features.astype("<f4").tobytes()).decode()
    return cast("list[float]", np.round(features.astype(np.float64), DECIMALS).tolist())


def _ticket(parts: Parts) -> Ticket:
    """A place for the request. Raises 429 and 503, the latter also while only a trial is taken now and then."""
    if (why := parts.braked()) is not None and parts.desk.waiting:
        raise HTTPException(503, f"no images are taken but trials: {why}", {"Retry-After": "10"})
    return parts.desk.ticket()


async def _read(reading: Awaitable[T], until: float) -> T:
    """What is read of the body. Raises 408 where it has not come in by then."""
    try:
        async with asyncio.timeout_at(until):
            return await reading
    except TimeoutError as error:
        raise HTTPException(408, "the body did not come in within the deadline") from error


def _until(request: Request, parts: Parts) -> float:
    """The moment of the loop's clock by which there must be an answer. Raises 400 for what is no deadline."""
    said, seconds = request.headers.get(DEADLINE), parts.deadline
    if said is not None:
        try:
            seconds = float(said)
        except ValueError:
            seconds = math.nan
        if not 0 < seconds <= parts.deadline:
            raise HTTPException(400, f"Sluice-Deadline: must be seconds above 0, and {parts.deadline:g} at most")
    return asyncio.get_running_loop().time() + seconds


def _image_id(request: Request) -> bytes:
    """The caller's id for the image, or one made up. Raises 400 for what nobody could read in a log."""
    said = next((value for name, value in request.headers.raw if name == ID.encode()), None)
    if said is None:
        return b"%032x" % _ids.getrandbits(128)
    text = said.decode("utf-8", "replace")
    if not text or len(said) > LONGEST_ID or not text.isprintable() or "\ufffd" in text:
        raise HTTPException(400, f"Sluice-Image-Id: must be printable UTF-8 of 1 to {LONGEST_ID:,} bytes")
    return said


def _encoding(request: Request) -> Encoding:
    said = request.query_params.get("encoding", "float")
    if said not in get_args(Encoding):
        raise HTTPException(400, f"encoding: must be one of {', '.join(get_args(Encoding))}")
    return cast("Encoding", said)
