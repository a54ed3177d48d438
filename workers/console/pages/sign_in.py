"""*Sign in*: a token becomes a cookie."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from workers.console.access.roles import Role
from workers.console.access.visitors import COOKIE, SIGNED_IN
from workers.console.console import Console
from workers.console.pages.page import Page, Show
from workers.console.routes import Guarded, did, form_of, gave_wrong_token, get, post


def routes(console: Console, show: Show) -> Sequence[Guarded]:
    def ask(request: Request) -> Response:
        return show(request, "sign_in.html", then=_within(request.query_params.get("then", "/")), wrong=False)

    async def sign_in(request: Request) -> Response:
        form = await form_of(request, 10_000)
        then = _within(form.get("then", "/"))
        known = console.access.cookie(form.get("token", ""))
        if known is None:
            gave_wrong_token(request)
            return show(request, "sign_in.html", 401, then=then, wrong=True)
        visitor, cookie = known
        request.scope["visitor"] = visitor
        did(request, "signed in")
        answer = RedirectResponse(then, 303)
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, cookie, max_age=SIGNED_IN, httponly=True, samesite="strict", secure=secure)
        return answer

    def sign_out(request: Request) -> Response:
        visitor = console.access.sign_out(request)
        if visitor is not None:
            request.scope["visitor"] = visitor
            did(request, "signed out")
        answer = RedirectResponse("/sign-in", 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer

    return [
        get("/sign-in", ask, role=Role.ANYBODY),
        post("/sign-in", sign_in, role=Role.ANYBODY),
        post("/sign-out", sign_out, role=Role.ANYBODY),
    ]


def _within(path: str) -> str:
    """A path of this console; whatever leads elsewhere leads to its beginning."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"


PAGE = Page("/sign-in", routes)
