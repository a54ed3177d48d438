"""A policy's own page: its file's text, what is wrong with it, and what an edit of it would do."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import cast
from urllib.parse import quote

from ruamel.yaml.error import YAMLError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from pipeline.errors import UsageError
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

    def saved(request: Request, form: dict[str, str]) -> Response:
        opened, text, base = _opened(request, files), form["text"], form.get("over") or form.get("base", "")
        try:
            found = edits.saved(opened, text, base, form.get("sure", ""))
        except ChangedError as error:
            return framed(request, _opened(request, files), text, base, 409, f"{error}; below is your text")
        except UsageError as error:
            return framed(request, opened, text, base, 503, f"Not saved: {error}")
        if not isinstance(found, Saved):
            return framed(request, opened, text, base, 422, _refused(found), found)
        did(request, "saved a policy", policy=opened.id, was=opened.digest, now=found.file.digest)
        return RedirectResponse(f"/policies/{quote(opened.id)}?saved=1", 303)

    async def save(request: Request) -> Response:
        return await run_in_threadpool(_kept, show, saved, request, await _form(request))

    return [get(AT, page, role=Role.VIEWER), post(f"{AT}/save", save, role=Role.EDITOR)]


def _kept(
    show: Show, saved: Callable[[Request, dict[str, str]], Response], request: Request, form: dict[str, str]
) -> Response:
    """Whatever is answered has the text: a browser that goes back opens the file anew, if there still is one."""
    try:
        return saved(request, form)
    except HTTPException as error:
        status, why = error.status_code, error.detail
    except UsageError as error:
        status, why = 503, str(error)
    return show(request, "policy_unsaved.html", status, title="Not saved", why=why, text=form["text"])


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
        asked = form["text"], form.get("action", ""), form.get("value", "")
        return PlainTextResponse(await run_in_threadpool(_with_threshold, *asked))

    async def patch(request: Request) -> Response:
        text, opened = (await _form(request))["text"], await run_in_threadpool(_opened, request, files)
        said = {"content-disposition": f"attachment; {_named(f'{opened.id}.patch')}"}
        return PlainTextResponse(await run_in_threadpool(opened.diff, text), headers=said, media_type="text/x-diff")

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


def _named(file: str) -> str:
    """A file's name as a header has it, which takes no letters but those of ASCII."""
    return f'filename="{file}"' if quote(file) == file else f"filename*=UTF-8''{quote(file)}"


def _share(value: str) -> float | None:
    try:
        least = round(float(value), 4)
    except ValueError:
        return None
    return least if 0 <= least <= 1 else None


PAGE = Page("/policies/", routes)
