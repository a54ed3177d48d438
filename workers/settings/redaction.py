"""Secrets in URLs: found wherever they may stand, and never shown."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from pydantic_core import PydanticCustomError

HIDDEN = "**********"

_OPEN = frozenset(
    {
        *(
            "db",
            "protocol",
            "client_name",
            "max_connections",
            "health_check_interval",
            "decode_responses",
            "encoding",
        ),
        *("timeout", "socket_timeout", "socket_connect_timeout", "socket_keepalive", "retry_on_timeout"),
        *("ssl_cert_reqs", "ssl_ca_certs", "ssl_ca_path", "ssl_check_hostname", "ssl_min_version"),
    }
)
"""Options of a Redis URL that are no secrets. Whatever else stands in a query may be one."""

_SECRET = frozenset({"password", "username", "ssl_password", "ssl_keyfile", "ssl_certfile"})
"""Options whose names may be shown. Any other name may be a part of a password that holds a question mark."""


def redacted(url: str) -> str:
    """The URL with its secrets hidden, for people to read: password, a user without one, and most of the query.

    A user name beside a password is shown. Of what does not parse nothing is shown but its scheme: a password with
    ``/``, ``#`` or ``?`` in it makes the rest of it look like a path.
    """
    scheme, mark, rest = url.partition("://")
    if not mark:
        return HIDDEN
    if not parses(url):
        return f"{scheme}://{HIDDEN}"
    query_at = rest.find("?")
    address, query = (rest, "") if query_at < 0 else (rest[:query_at], rest[query_at + 1 :])
    return f"{scheme}://{_without_user(address)}{_without_values(query)}"


def parses(url: str) -> bool:
    """Whether each part of it is what it looks like: ``redis://HOST:PORT/NUMBER?name=value`` or ``unix://...``."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    local = parts.scheme == "unix"
    number = parts.path.strip("/")
    sound = bool(parts.hostname) and (not number or number.isdigit())
    plain = not parts.fragment and "@" not in parts.path
    return plain and (local or sound) and all("=" in pair for pair in parts.query.split("&") if parts.query)


def _without_user(address: str) -> str:
    before, mark, host = address.rpartition("@")
    if not mark:
        return address
    user, colon, _ = before.partition(":")
    return f"{user}:{HIDDEN}@{host}" if colon else f"{HIDDEN}@{host}"


def _without_values(query: str) -> str:
    if not query:
        return ""
    shown = []
    for pair in query.split("&"):
        name, _, _ = pair.partition("=")
        if unquote(name) in _OPEN:
            shown.append(pair)
        else:
            shown.append(f"{name if unquote(name) in _SECRET else HIDDEN}={HIDDEN}")
    return "?" + "&".join(shown)


def check_redis_url(url: str) -> None:
    """See that a connection can be made by the URL; connects to nothing.

    Raises what pydantic takes for a reason, without a piece of the URL in it: any piece may be the password.
    """
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise PydanticCustomError("redis_url", "must begin with redis://, rediss:// or unix://")
    if not parses(url):
        advice = "in a password write / as %2F, # as %23, ? as %3F and @ as %40, or give it as redis_password"
        raise PydanticCustomError("redis_url", "is no redis://HOST:PORT/NUMBER; {advice}", {"advice": advice})
    from pipeline.adapters.redis import url_problem  # noqa: PLC0415 - a quarter of a second, for a URL

    if problem := url_problem(url):
        raise PydanticCustomError("redis_url", "{problem}", {"problem": problem})
