"""What is told to browsers as it happens: made once for all of them, and never waited for by anybody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

EVERY = 1.0
"""Seconds between two messages."""
MOST = 100
"""Browsers that listen to one channel."""
WAITING = 8
"""Messages that may wait for a browser; one that takes them more slowly is dropped, and connects again by itself."""
SENDING = 15.0
"""Seconds that a browser may take to take one message."""
_log = structlog.get_logger(__name__)


class FullError(Exception):
    """So many browsers listen already."""


class Channel:
    """Messages that `make` makes on a thread, once in `EVERY` seconds while anybody listens."""

    def __init__(self, make: Callable[[], str], every: float = EVERY) -> None:
        self._make = make
        self._every = every
        self._listeners: set[asyncio.Queue[str | None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._last = ""

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    async def listen(self) -> AsyncIterator[str]:
        """The last message at once, and then each new one. Raises `FullError`."""
        if len(self._listeners) >= MOST:
            raise FullError
        queue: asyncio.Queue[str | None] = asyncio.Queue(WAITING)
        self._listeners.add(queue)
        if self._task is None or self._task.done():
            self._last = ""
            self._task = asyncio.create_task(self._tell())
        elif self._last:
            queue.put_nowait(self._last)
        try:
            while (message := await queue.get()) is not None:
                yield message
        finally:
            self._listeners.discard(queue)

    async def _tell(self) -> None:
        loop = asyncio.get_running_loop()
        while self._listeners:
            begun = loop.time()
            try:
                self._last = await run_in_threadpool(self._make)
            except Exception:  # noqa: BLE001 - browsers go on listening
                _log.exception("console_message_failed")
                self._last = ": the server could not make a message\n\n"
            for queue in list(self._listeners):
                self._put(queue, self._last)
            await asyncio.sleep(max(0.05, self._every - (loop.time() - begun)))

    def _put(self, queue: asyncio.Queue[str | None], message: str) -> None:
        try:
            queue.put_nowait(message)
        except asyncio.QueueFull:
            self._listeners.discard(queue)
            while not queue.empty():
                queue.get_nowait()
            queue.put_nowait(None)
            _log.info("console_browser_dropped", why="it does not take what it is told")


class Told(StreamingResponse):
    """Server-sent events. A browser that takes nothing for `SENDING` seconds is hung up on."""

    def __init__(self, messages: AsyncIterator[str]) -> None:
        super().__init__(messages, media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def soon(message: object) -> None:
            async with asyncio.timeout(SENDING):
                await send(message)  # type: ignore[arg-type]

        with suppress(TimeoutError):
            await super().__call__(scope, receive, soon)


def message(kind: str, data: str) -> str:
    """One server-sent event."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {kind}\n{lines}\n"
