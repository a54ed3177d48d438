"""A policy's own page: its file's text, what is wrong with it, and what an edit of it would do."""

from __future__ import annotations

import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import cast
from urllib.parse import quote

from ruamel.yaml.error import YAMLError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from pipeline.rules.policies.edits import with_thresholds
from pipeline.wire import SEVERITY, Action
from workers.console.access.roles import Role
from workers.console.console import Console
from workers.console.pages.page import Page, Show
from workers.console.policies.edits import Edit, Edits, Saved
from workers.console.policies.files import ChangedError, PolicyFile, PolicyFiles
from workers.console.policies.standing import folder_of
from workers.console.routes import Guarded, did, form_of, get, post

AT = "/policies/{policy}"


def routes(console: Console, show: Show) -> Sequence[Guarded]:
    files = PolicyFiles(console.settings.policies)
    edits = Edits(console, files)
    return [*_opened_and_saved(console, show, files, edits), *_tried(show, files, edits)]


def _opened_and_saved(console: Console, show: Show, files: PolicyFiles, edits: Edits) -> Sequence[Guarded]:
    def framed(
        request: Request,
        opened: PolicyFile,
        text: str,
        base: str,
        status: int = 200,
        why: str = "",
        edit: Edit | None = None,
    ) -> Response:
        folder = folder_of(console, time.time())
        return show(
            request,
            "policy.html",
            status,
            title=opened.id,
            file=opened,
            text=text,
            base=base,
            theirs=opened.diff(text) if status == HTTPStatus.CONFLICT else "",
            edit=edit or edits.checked(opened, text),
            writable=files.writable,
            why=why,
            folder=folder,
            states=folder.states_of(opened.id),
            policy=opened.id,
            saved=request.query_params.get("saved", ""),
        )

    def page(request: Request) -> Response:
        opened = _opened(request, files)
        return framed(request, opened, opened.text, opened.digest)

    async def save(request: Request) -> Response:
        form = await _form(request)
        opened = await run_in_threadpool(_opened, request, files)
        base = form.get("over") or form.get("base", "")
        try:
            found = await run_in_threadpool(edits.saved, opened, form["text"], base, form.get("sure", ""))
        except ChangedError as error:
            why = f"{error}; below is your text"
            theirs = await run_in_threadpool(_opened, request, files)
            return await run_in_threadpool(framed, request, theirs, form["text"], base, 409, why)
        if not isinstance(found, Saved):
            return await run_in_threadpool(framed, request, opened, form["text"], base, 422, _refused(found), found)
        did(request, "saved a policy", policy=opened.id, was=opened.digest, now=found.file.digest)
        return RedirectResponse(f"/policies/{quote(opened.id)}?saved=1", 303)

    return [get(AT, page, role=Role.VIEWER), post(f"{AT}/save", save, role=Role.EDITOR)]


def _tried(show: Show, files: PolicyFiles, edits: Edits) -> Sequence[Guarded]:
    """What changes nothing: a text is checked, tried, given another threshold, and made a patch of."""

    async def check(request: Request) -> Response:
        text, opened = (await _form(request))["text"], await run_in_threadpool(_opened, request, files)
        edit = await run_in_threadpool(edits.checked, opened, text)
        return HTMLResponse(show.part("policy_checked.html", edit=edit))

    async def try_out(request: Request) -> Response:
        text, opened = (await _form(request))["text"], await run_in_threadpool(_opened, request, files)
        edit = await run_in_threadpool(edits.tried, opened, text)
        return HTMLResponse(show.part("policy_tried.html", edit=edit, trial=edit.trial))

    async def threshold(request: Request) -> Response:
        """The text with another threshold: what a person drags is written where it stands in the file."""
        form = await _form(request)
        return PlainTextResponse(_with_threshold(form["text"], form.get("action", ""), form.get("value", "")))

    async def patch(request: Request) -> Response:
        text, opened = (await _form(request))["text"], await run_in_threadpool(_opened, request, files)
        said = {"content-disposition": f'attachment; filename="{opened.id}.patch"'}
        return PlainTextResponse(opened.diff(text), headers=said, media_type="text/x-diff")

    return [
        post(f"{AT}/check", check, role=Role.VIEWER),
        post(f"{AT}/try", try_out, role=Role.VIEWER),
        post(f"{AT}/threshold", threshold, role=Role.VIEWER),
        post(f"{AT}/patch", patch, role=Role.VIEWER),
    ]


def _refused(edit: Edit) -> str:
    if edit.asks and edit.trial is not None:
        share = edit.trial.flagged / edit.trial.images
        return f"Not saved yet: it would flag {share:.0%} of what it was tried on, and it is not in shadow mode"
    if edit.asks:
        return f"Not saved yet: it cannot be tried now ({edit.why}), and it is not in shadow mode"
    return "Not saved: the file would not hold. Mend what is said below"


def _opened(request: Request, files: PolicyFiles) -> PolicyFile:
    opened = files.get(request.path_params["policy"])
    if opened is None:
        raise HTTPException(404, f"there is no policy of that name in {files.folder}")
    return opened


async def _form(request: Request) -> dict[str, str]:
    form = await form_of(request)
    if "text" not in form:
        raise HTTPException(400, "the form has no text")
    return form


def _with_threshold(text: str, action: str, value: str) -> str:
    least = _share(value)
    if action not in SEVERITY or least is None:
        raise HTTPException(422, "a threshold is an action and a share of 1")
    try:
        plain = text.replace("\r\n", "\n").encode()
        return with_thresholds(plain, {cast("Action", action): least}, None).decode()
    except (ValueError, LookupError, AttributeError, TypeError, YAMLError) as error:
        raise HTTPException(422, "the threshold cannot be written: the text does not hold as it stands") from error


def _share(value: str) -> float | None:
    try:
        least = round(float(value), 4)
    except ValueError:
        return None
    return least if 0 <= least <= 1 else None


PAGE = Page("/policies/", routes)
