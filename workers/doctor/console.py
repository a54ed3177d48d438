"""The console and the API: who may come in, where they listen, and what the console sees and keeps.

A worker needs neither, so what is in their way alone is a warning.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPException

from pipeline.errors import SettingsError
from workers.doctor.finding import Finding, fail, ok, warn
from workers.doctor.machine import nearest, taken, unwritable
from workers.settings import Settings

OPEN = {"console": "/sign-in", "api": "/v1/openapi.json"}
"""Pages that everybody may see, by role."""
_ANSWER = 3.0


def console(settings: Settings) -> Finding:
    """What `sluice console` would start with; whether it reaches the archive, that one's own check says."""
    found = list[str]()
    for each in (_door(settings), _address(settings), _kept(settings), _workers(settings)):
        if each.status != "ok":
            return each
        found.append(each.found)
    return ok("; ".join(found))


def api(settings: Settings) -> Finding:
    """What `sluice serve` would start with."""
    door = _door(settings, "api_host")
    return door if door.status != "ok" else _address(settings, "api")


def _door(settings: Settings, at: str = "console_host") -> Finding:
    from workers.console.access.visitors import access_of, is_loopback  # only where it is looked at: Starlette

    try:
        access = access_of(settings, at)
    except SettingsError as error:
        what, _, todo = str(error).partition(": ")
        return fail(what, todo)
    if is_loopback(getattr(settings, at)):
        return ok("this machine alone comes in" if not access.takes_tokens else "by tokens, from this machine alone")
    how = "tokens" if access.takes_tokens else "a proxy"
    return ok(f"others come in by {how}, which want TLS in front")


def _address(settings: Settings, role: str = "console") -> Finding:
    host, port = getattr(settings, f"{role}_host"), getattr(settings, f"{role}_port")
    if found := taken(host, port, f"{role}-host"):
        return found
    where = f"{host}:{port}"
    if not _ours(settings, role, host, port):
        return warn(f"{where} is taken by something else", f"for a {role} end it, or take another with --{role}-port")
    return ok(f"{where} is a Sluice process's own")


def _ours(settings: Settings, role: str, host: str, port: int) -> bool:
    """Whether what listens there is one of ours, by a page that needs no visitor."""
    there = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    named = {"Host": next(iter(settings.console_names), "localhost")}
    try:
        with closing(HTTPConnection(there, port, timeout=_ANSWER)) as connection:
            connection.request("GET", OPEN[role], headers=named)
            return b"Sluice" in connection.getresponse().read(1 << 20)
    except (OSError, HTTPException):
        return False


def _kept(settings: Settings) -> Finding:
    if settings.state is None:
        return warn("no folder for the state", "set --state, or charts begin anew when the console starts")
    if why := unwritable(nearest(settings.state)):
        return warn(
            f"{settings.state} cannot be written: {why}", "let its user write it, or charts begin anew at each start"
        )
    return ok(f"what it sees is kept in {settings.state}")


def _workers(settings: Settings) -> Finding:
    """None that answers is no fault where nobody said where they are."""
    from workers.console.fleet.scraping import pages_of

    pages = pages_of(settings.console_workers)
    away = [address for address, page in pages if page is None]
    usual = settings.console_workers == Settings.model_fields["console_workers"].default
    if away and not usual:
        most = ", ".join(_first(away))
        found = f"{len(away)} of {len(pages)} console_workers do not answer: {most}"
        return warn(found, "see that they are up, and serve metrics there")
    return ok(f"{len(pages) - len(away)} of console_workers answer")


def _first(names: list[str], most: int = 3) -> Iterator[str]:
    yield from names[:most]
    if len(names) > most:
        yield "..."
