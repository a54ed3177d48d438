"""Where the event loop of HTTP meets the threads of the path: a question becomes a future, its answer resolves it.

No thread waits for an answer, and nothing looks for one: whichever thread of the path answers wakes the loop.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from pipeline.errors import StopError
from pipeline.wire import Answer
from workers.console.api.bodies import Question
from workers.console.api.desk import Ticket, stopping

T = TypeVar("T")


def asked(ticket: Ticket, topic: str, key: bytes, question: Question) -> asyncio.Future[Answer]:
    """Ask the path. The future fails with 503 where the process ends before there is an answer."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Answer] = loop.create_future()

    def resolve(answer: Answer | StopError) -> None:
        if future.done():  # its request has left meanwhile
            return
        if isinstance(answer, StopError):
            future.set_exception(stopping())
        else:
            future.set_result(answer)

    def answered(answer: Answer | StopError) -> None:
        with suppress(RuntimeError):  # the loop has ended, and with it whoever asked
            loop.call_soon_threadsafe(resolve, answer)

    ticket.ask(topic, key, question.value, question.headers, answered)
    return future


async def in_time(future: asyncio.Future[T], request: Request, until: float) -> T:
    """What comes of the future, by that moment of the loop's clock and while the client is there.

    Raises 504 when it is over, and `ClientDisconnect` when the client hangs up. The body must have been read.
    """
    loop = asyncio.get_running_loop()

    def give_up(error: Exception) -> None:
        if not future.done():
            future.set_exception(error)

    late = HTTPException(504, "there is no answer within the deadline; it is not worked on any more")
    timer = loop.call_at(until, give_up, late)
    gone = loop.create_task(_hung_up(request))
    gone.add_done_callback(lambda _: give_up(ClientDisconnect()))
    try:
        return await future
    finally:
        timer.cancel()
        gone.cancel()


async def _hung_up(request: Request) -> None:
    """Returns when the client has hung up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
