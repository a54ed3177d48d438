"""*Reviews*: one image after the other, and whether a policy describes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from secrets import token_hex
from typing import Any, cast, get_args
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from pipeline.errors import PublishError
from pipeline.rules.reviews.waiting import Waiting
from pipeline.wire import Label
from workers.console.access.roles import Role, Visitor
from workers.console.console import Console
from workers.console.desk.desk import Ask, LostError
from workers.console.pages.page import Page, Show
from workers.console.routes import Guarded, did, form_of, get, post, visitor_of

DAYS = (1, 7, 30, 0)
"""How far back the queue goes; 0: all there is."""
LABELS = get_args(Label)
_LABEL, _REST = "label:", "rest"
"""Fields of the form: what is said of a policy, and of all that nothing is said of."""
_BESIDES = 20
_LONGEST = 40
"""Characters that are kept of what a browser calls its page."""


def routes(console: Console, show: Show) -> Sequence[Guarded]:
    pages = _Pages(console, show)
    return [
        get("/reviews", pages.page, role=Role.REVIEWER),
        get("/reviews/next", pages.next, role=Role.REVIEWER),
        post("/reviews/judge", pages.judge, role=Role.REVIEWER),
        post("/reviews/undo", pages.undo, role=Role.REVIEWER),
        post("/reviews/leave", pages.leave, role=Role.REVIEWER),
    ]


class _Pages:
    """With a script, parts are asked for and put in place; without one, each form leads to the page again."""

    def __init__(self, console: Console, show: Show) -> None:
        self._desk = console.desk
        self._show = show

    def page(self, request: Request) -> Response:
        who, ask, page = visitor_of(request), _asked(request.query_params), token_hex(8)
        image = self._desk.next(who.name, ask, page=page)
        return self._show(
            request,
            "reviews.html",
            title="Reviews",
            days=DAYS,
            query=_query(ask),
            page=page,
            image=image,
            **self._shared(who, ask),
        )

    def next(self, request: Request) -> Response:
        """The next image, as a part of the page."""
        who, ask = visitor_of(request), _asked(request.query_params)
        besides = request.query_params.getlist("besides")[:_BESIDES]
        image = self._desk.next(who.name, ask, besides, _page(request.query_params))
        return HTMLResponse(self._part("reviews_image.html", who, ask, image))

    async def judge(self, request: Request) -> Response:
        form = await form_of(request, 100_000)
        return await run_in_threadpool(self._judge, request, form)

    async def undo(self, request: Request) -> Response:
        form = await form_of(request, 10_000)
        return await run_in_threadpool(self._undo, request, form)

    async def leave(self, request: Request) -> Response:
        """Who closes the page gives back what they have not judged."""
        form = await form_of(request, 10_000)
        events = form.get("events", "").split()[:_BESIDES]
        await run_in_threadpool(self._desk.put_down, visitor_of(request).name, events, _page(form))
        return Response(status_code=204)

    def _judge(self, request: Request, form: Mapping[str, str]) -> Response:
        who, ask = visitor_of(request), _asked(form)
        event = form.get("event", "")
        try:
            labels = self._labels(self._desk.held(who.name, event, ask), form)
            self._desk.judge(who.name, event, labels)
        except LostError as error:
            raise HTTPException(409, str(error)) from error
        except PublishError as error:
            raise HTTPException(503, f"the review is not written: {error}") from error
        did(request, "judged", event_id=event, labels=dict(labels))
        if _scripted(request):
            return HTMLResponse(self._part("reviews_progress.html", who, ask))
        return RedirectResponse(f"/reviews?{_query(ask)}", 303)

    def _undo(self, request: Request, form: Mapping[str, str]) -> Response:
        who, ask = visitor_of(request), _asked(form)
        try:
            image = self._desk.undo(who.name, _page(form))
        except PublishError as error:
            raise HTTPException(503, f"it is not taken back: {error}") from error
        if image is None:
            raise HTTPException(409, "nothing that you said at this console is left to take back")
        did(request, "took a judgement back", event_id=image.decision.event_id)
        if _scripted(request):
            parts = ("reviews_image.html", "reviews_progress.html")
            return HTMLResponse("".join(self._part(each, who, ask, image) for each in parts))
        return RedirectResponse(f"/reviews?{_query(Ask(None, ask.days))}", 303)

    def _labels(self, image: Waiting, form: Mapping[str, str]) -> Mapping[str, Label]:
        """What the form says of the policies that the image is asked about. Raises 400 where it says nothing."""
        said = {name.removeprefix(_LABEL): label for name, label in form.items() if name.startswith(_LABEL)}
        rest = form.get(_REST)
        labels = {each: said.get(each, rest) for each in image.policies}
        if not set(labels.values()) <= {*LABELS, None} or not any(labels.values()):
            raise HTTPException(400, f"say of a policy one of {', '.join(LABELS)}")
        return {policy: cast("Label", label) for policy, label in labels.items() if label}

    def _shared(self, who: Visitor, ask: Ask) -> dict[str, Any]:
        asked = self._desk.policies.now()
        return {
            "ask": ask,
            "policies": asked.policies,
            "progress": self._desk.progress(who.name, ask),
        }

    def _part(self, template: str, who: Visitor, ask: Ask, image: Waiting | None = None) -> str:
        return self._show.part(template, image=image, **self._shared(who, ask))


def _asked(said: Mapping[str, str]) -> Ask:
    days = said.get("days", "")
    return Ask(said.get("policy") or None, int(days) if days in {str(each) for each in DAYS} else Ask().days)


def _page(said: Mapping[str, str]) -> str:
    """Which of their pages asks; none where no script does."""
    return said.get("page", "")[:_LONGEST]


def _query(ask: Ask) -> str:
    return urlencode({"policy": ask.policy or "", "days": ask.days})


def _scripted(request: Request) -> bool:
    """Whether the page's script asks, which puts the answer in place."""
    return request.headers.get("x-part") == "1"


PAGE = Page("/reviews", routes, title="Reviews", needs=Role.REVIEWER)
