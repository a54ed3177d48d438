"""*Playground*: words, and what they would flag among what has just streamed by."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pipeline.errors import PolicyError, UsageError
from workers.console.access.roles import Role
from workers.console.console import Console
from workers.console.pages.page import Page, Show
from workers.console.policies.files import PolicyFiles
from workers.console.routes import Guarded, did, form_of, get, post
from workers.console.wordings import check_wordings, wordings_of

if TYPE_CHECKING:
    from workers.console.policies.words import Words


def routes(console: Console, show: Show) -> Sequence[Guarded]:
    files = PolicyFiles(console.settings.policies)

    @cache
    def tools() -> Words:
        from workers.console.policies.words import Words  # noqa: PLC0415 - torch

        return Words(console)

    def played(request: Request, asked: str, name: str = "", why: str = "") -> Response:
        words, trial = list[str](), None
        try:
            words = words_in(asked)
            trial = tools().tried(words) if words else None
        except (UsageError, PolicyError) as error:
            why = why or str(error)
        return show(
            request,
            "playground.html",
            422 if why else 200,
            title="Playground",
            asked=asked,
            words=words,
            trial=trial,
            name=name or name_of(words),
            writable=files.writable,
            why=why,
            passed=console.feed.count,
        )

    def page(request: Request) -> Response:
        return played(request, request.query_params.get("words", ""))

    def keep(request: Request, form: dict[str, str]) -> Response:
        name, asked = form.get("name", ""), form.get("words", "")
        try:
            words = words_in(asked)
            text = tools().new_policy(name, words)
            files.create(files.folder / f"{name}.yaml", text)
        except (UsageError, PolicyError) as error:
            return played(request, asked, name, str(error))
        did(request, "wrote a policy", policy=name, words=words)
        return RedirectResponse(f"/policies/{quote(name)}?saved=1", 303)

    async def save(request: Request) -> Response:
        return await run_in_threadpool(keep, request, await form_of(request, 20_000))

    return [get("/playground", page, role=Role.VIEWER), post("/playground/save", save, role=Role.EDITOR)]


def words_in(asked: str) -> list[str]:
    """The wordings between semicolons. Raises `UsageError` for more than are taken, and for a longer one."""
    words = wordings_of(asked.split(";"))
    check_wordings(words)
    return words


def name_of(words: Sequence[str]) -> str:
    """A policy's id, from its first words."""
    plain = re.sub(r"^(a|an|the|some) ", "", words[0].lower()) if words else ""
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-")


PAGE = Page("/playground", routes, title="Playground")
