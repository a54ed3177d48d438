"""What every request passes on its way in, and every answer on its way out."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workers.console.access.forgery import is_called, is_forged
from workers.console.access.visitors import Access

POLICY = "; ".join(
    [
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("script", "style", "img", "connect", "font")),
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
"""No script and no style stands in a page itself, so that nothing which a stranger wrote becomes one."""
ALWAYS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
Broken = Callable[[Request, Exception], Response]
"""What is answered where a page has a fault of its own."""
Refuse = Callable[[int], Response]
"""What is answered to what is not let in: with `FORGED`, `NOT_OURS` or `FULL`."""
FORGED, NOT_OURS, FULL = 403, 421, 503
TOO_MANY = "too_many"
"""In a request's state: whether it came over a connection beyond those that are kept."""
LATER = {"retry-after": "1", "connection": "close"}
"""Headers of what is answered with `FULL`."""
_ALWAYS = tuple((name.encode(), value.encode()) for name, value in ALWAYS.items())


class Door:
    """Refuses names that are not ours and requests that other sites made, and gives answers their headers.

    What comes over a connection too many is refused here as well. An answer to a fault of ours is made here, within
    the headers, and the fault goes on to the log.
    """

    def __init__(self, app: ASGIApp, access: Access, refuse: Refuse, broken: Broken) -> None:
        self._app = app
        self._access = access
        self._refuse = refuse
        self._broken = broken

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                said = {name.lower() for name, _ in message["headers"]}
                ours = (*_ALWAYS, (b"cache-control", b"no-cache" if _is_static(scope) else b"no-store"))
                message["headers"] = [*message["headers"], *(each for each in ours if each[0] not in said)]
            await send(message)

        try:
            answer = self._refused(scope) or self._app
            await answer(scope, receive, with_headers)
        except Exception as error:
            if not begun:
                await self._broken(Request(scope), error)(scope, receive, with_headers)
            raise

    def _refused(self, scope: Scope) -> Response | None:
        if scope.get("state", {}).get(TOO_MANY):
            full = self._refuse(FULL)
            full.headers.update(LATER)
            return full
        headers = Headers(scope=scope)
        if not is_called(headers.get("host", ""), self._access.by_name):
            return self._refuse(NOT_OURS)
        return self._refuse(FORGED) if is_forged(scope["method"], headers) else None


def _is_static(scope: Scope) -> bool:
    """Whether it is a script or a style sheet, which a browser may keep and ask whether it is still the same."""
    return str(scope["path"]).startswith("/static/")
