"""Whether a page of somebody else's made the browser send a request, or called us by a name of its own."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""


def is_forged(method: str, headers: Headers) -> bool:
    """Whether another site made this request: one that changes something, or a part of that site's own page.

    So no page of a stranger's has pictures looked at in somebody's name. A link to a page of ours may be followed
    from anywhere.

    Browsers say in ``Sec-Fetch-Site`` whose page sent it, wherever the connection can be trusted (HTTPS, loopback),
    and in ``Origin`` everywhere. A client that says neither is no browser, and brings no cookie that it was not
    given. So no form needs a token, and none can be forgotten. Go's net/http.CrossOriginProtection has the same rule.
    """
    site = headers.get("sec-fetch-site")
    elsewhere = site is not None and site not in {"same-origin", "none"}
    if method in SAFE:
        return elsewhere and headers.get("sec-fetch-dest") != "document"
    if site is not None:
        return elsewhere
    origin = headers.get("origin")
    return origin is not None and _place(origin) != headers.get("host", "")


def _place(origin: str) -> str | None:
    """The host and port of an origin; None of what is none, which no browser sends."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def is_called(host: str, names: Sequence[str] | None) -> bool:
    """Whether a ``Host`` header is one of these names, whatever its port; None takes any.

    A stranger's page may have its own name resolved to 127.0.0.1 (DNS rebinding), and would then be same-origin.
    """
    if names is None:
        return True
    name = host.rpartition(":")[0] if _has_port(host) else host
    return any(_means(pattern, name.lower()) or pattern.lower() == host.lower() for pattern in names)


def _has_port(host: str) -> bool:
    return host.rpartition(":")[2].isdigit() and not host.endswith("]")


def _means(pattern: str, name: str) -> bool:
    pattern = pattern.lower()
    return name.endswith(pattern[1:]) and name != pattern[1:] if pattern.startswith("*.") else name == pattern
