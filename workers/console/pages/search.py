"""*Search*: words or a picture, and the archive's images that are nearest to them, as a contact sheet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pipeline.errors import PolicyError, UsageError
from pipeline.wire import SEVERITY
from workers.console.access.roles import Role
from workers.console.console import Console
from workers.console.pages.page import Page, Show
from workers.console.pages.search_selection import selection_routes
from workers.console.routes import Guarded, did, get, post
from workers.console.search.tools import Tools
from workers.settings import variable

if TYPE_CHECKING:
    from workers.console.search.query import Query
    from workers.console.search.result import Result

MOST_UPLOAD = 16 * 1024 * 1024
"""Bytes of a form with a picture."""
SLOWEST_UPLOAD = 300.0
"""Seconds in which it must have come in: half a megabit a second is enough for the largest."""


def routes(console: Console, show: Show) -> Sequence[Guarded]:
    pages = _Pages(console, show)
    return [
        get("/search", pages.page, role=Role.VIEWER),
        post("/search/picture", pages.picture, role=Role.VIEWER),
        *selection_routes(console, show, pages.tools),
    ]


class _Pages:
    def __init__(self, console: Console, show: Show) -> None:
        self._archived = console.reach.archive is not None
        self._policies = console.desk.policies
        self._show = show
        self.tools = Tools(console)

    def page(self, request: Request) -> Response:
        from workers.console.search.query import Query  # noqa: PLC0415 - torch comes with it

        query = Query.of(dict(request.query_params))
        result, why = None, ""
        if not query.empty:
            try:
                result = self.tools.finder.result(query, anew="anew" in request.query_params)
            except (UsageError, PolicyError) as error:
                why = str(error)
            did(request, "searched", words=query.wordings, like=query.like, picture=query.picture)
            # Who loads that page again need not search again.
            if result is not None and "anew" in request.query_params:
                return RedirectResponse(query.address(), 303)
        return self._shown(request, query, result, why)

    async def picture(self, request: Request) -> Response:
        """Take an uploaded picture, and lead to what is like it."""
        form = await _with_file(request)
        return await run_in_threadpool(self._taken, request, *form)

    def _taken(self, request: Request, fields: dict[str, str], image: bytes) -> Response:
        from workers.console.search.query import Query  # noqa: PLC0415 - as above

        query = Query.of(fields)
        try:
            name = self.tools.finder.upload(image)
        except UsageError as error:
            return self._shown(request, query, None, str(error))
        did(request, "uploaded a picture", sha256=name)
        return RedirectResponse(query.address(picture=name, like="", day="", words="", unless="", most=""), 303)

    def _shown(self, request: Request, query: Query, result: Result | None, why: str) -> Response:
        from workers.console.search.query import MOST  # noqa: PLC0415 - as above

        return self._show(
            request,
            "search.html",
            422 if why else 200,
            title="Search",
            query=query,
            result=result,
            age=0.0 if result is None else self.tools.finder.age(query),
            why=why,
            picked=frozenset(request.query_params.getlist("pick")),
            verdicts=list(SEVERITY),
            policies=list(self._policies.now().policies),
            archived=self._archived,
            setting=variable("archive_at"),
            most=MOST,
        )


async def _with_file(request: Request) -> tuple[dict[str, str], bytes]:
    """The fields of a form and the bytes of its file.

    Raises 413 for a larger one, 400 for what is none, and 408 for one that does not come in.
    """
    size = 0

    async def bounded() -> AsyncIterator[bytes]:
        nonlocal size
        async for part in request.stream():
            size += len(part)
            if size > MOST_UPLOAD:
                raise HTTPException(413, f"that picture is more than the {MOST_UPLOAD:,} bytes that are taken here")
            yield part

    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise HTTPException(400, "that is no form with a picture")
    parser = MultiPartParser(request.headers, bounded(), max_files=1, max_fields=40)  # type: ignore[arg-type]
    try:
        async with asyncio.timeout(SLOWEST_UPLOAD):
            form = await parser.parse()
        fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        return fields, await files[0].read() if files else b""
    except TimeoutError as error:
        raise HTTPException(408, f"the picture did not come in within {SLOWEST_UPLOAD:g} seconds") from error
    except (MultiPartException, KeyError, ValueError) as error:
        raise HTTPException(400, "that form cannot be read") from error
    finally:
        for file in parser._files_to_close_on_error:  # noqa: SLF001 - one that was cut off is none of the form's
            file.close()


PAGE = Page("/search", routes, title="Search")
