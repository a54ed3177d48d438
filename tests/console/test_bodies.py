"""Bodies of forms: neither their size nor the time that they take is the sender's choice."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from workers.console import routes


def request(*parts: bytes) -> Request:
    """One that brings these parts, and never says that they are all."""
    waiting = list(parts)

    async def receive() -> Message:
        if not waiting:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": waiting.pop(0), "more_body": True}

    return Request({"type": "http", "headers": []}, receive)


def read(body: Request, most: int) -> bytes:
    """In a thread of its own, since a browser that other tests have opened keeps a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(routes.body_of(body, most))).result()


def test_a_body_that_does_not_end_is_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "SLOWEST_BODY", 0.05)
    with pytest.raises(HTTPException) as refused:
        read(request(b"a", b"b"), 10)
    assert refused.value.status_code == 408


def test_a_body_that_is_too_long_is_413_before_its_end() -> None:
    with pytest.raises(HTTPException) as refused:
        read(request(b"123456", b"789012"), 10)
    assert refused.value.status_code == 413
