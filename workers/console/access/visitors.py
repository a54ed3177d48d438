"""Who a request comes from: by a token, by what a trusted proxy says, or by being on this very machine."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from secrets import randbelow
from threading import Lock

from starlette.requests import HTTPConnection

from pipeline.errors import SettingsError
from workers.console.access.roles import NOBODY, Role, Visitor
from workers.settings import Settings
from workers.settings.console_access import check_token

COOKIE = "sluice-console"
SIGNED_IN = 12 * 3600
"""Seconds after which somebody who signed in by a token does so again."""
MOST_SIGNED_OUT = 10_000
"""Cookies that are remembered as signed out until they end; beyond them the first is forgotten."""
_DRAWN = 10**18
LOCAL = Visitor("local", Role.EDITOR)
"""Whoever reaches a console that only this machine can reach."""


@dataclass(frozen=True, slots=True)
class Token:
    name: str
    role: Role
    secret: str

    @property
    def visitor(self) -> Visitor:
        return Visitor(self.name, self.role)


@dataclass(frozen=True)
class Proxies:
    """Which proxies are believed, in which header they name a visitor, and which roles those have."""

    networks: Sequence[IPv4Network | IPv6Network] = ()
    header: str = "X-Forwarded-User"
    roles: Mapping[str, Role] | None = None

    def visitor(self, connection: HTTPConnection) -> Visitor | None:
        """Whom a trusted proxy names; None where none does, or where that person has no role."""
        try:
            peer = ip_address(peer_of(connection))
        except ValueError:
            return None
        named = connection.headers.getlist(self.header)
        if len(named) != 1 or not named[0] or not any(peer in network for network in self.networks):
            return None
        name, roles = _text(named[0]), self.roles or {}
        role = roles.get(name, roles.get("*"))
        return None if role is None else Visitor(name, role)


def peer_of(connection: HTTPConnection) -> str:
    """The address that it comes from; an IPv4 one as such, also where it was taken in by a socket for IPv6."""
    said = connection.client.host if connection.client else ""
    try:
        address = ip_address(said)
    except ValueError:
        return said
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return said if mapped is None else str(mapped)


def _text(value: str) -> str:
    """A header's value as its sender means it, which is UTF-8."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeDecodeError:
        return value


class Access:
    """Tells who a request comes from.

    A cookie is made of the name, when it ends, and a code of both under the token's secret. So it needs no store,
    holds on every replica and after a restart, and ends with the token. The fraction of its end is drawn, so that no
    two are the same. Those that were signed out are kept in mind by this process alone. Safe to share.
    """

    def __init__(
        self,
        tokens: Sequence[Token] = (),
        proxies: Proxies | None = None,
        *,
        by_name: Sequence[str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Without tokens and proxies everybody is `LOCAL`. `by_name` are the hosts to be called by; None: any."""
        self.by_name = by_name
        self._tokens = {token.name: token for token in tokens}
        self._proxies = proxies or Proxies()
        self._clock = clock
        self._lock = Lock()
        self._signed_out = dict[str, float]()
        """When cookies end that were signed out, by their codes; the first of them the longest ago."""

    @property
    def takes_tokens(self) -> bool:
        return bool(self._tokens)

    def is_wrong(self, connection: HTTPConnection) -> bool:
        """Whether it brings a token that nobody has. What else a proxy leaves in that header is none."""
        secret = _bearer(connection)
        return self.takes_tokens and secret is not None and self._token(secret) is None

    def visitor(self, connection: HTTPConnection) -> Visitor:
        if not self._tokens and not self._proxies.networks:
            return LOCAL
        if (secret := _bearer(connection)) is not None:
            token = self._token(secret)
        else:
            token = self._of_cookie(connection.cookies.get(COOKIE, ""))
        if token is not None:
            return token.visitor
        return self._proxies.visitor(connection) or NOBODY

    def cookie(self, secret: str) -> tuple[Visitor, str] | None:
        """Who has that token, and the cookie to know them by from now on; None where nobody has."""
        token = self._token(secret)
        if token is None:
            return None
        ends = f"{int(self._clock()) + SIGNED_IN}.{randbelow(_DRAWN)}"
        return token.visitor, f"{token.name}~{ends}~{_code(token, ends)}"

    def sign_out(self, connection: HTTPConnection) -> Visitor | None:
        """Take the cookie of whoever asks no more, whoever has a copy; returns whose it was, where it was good."""
        cookie = connection.cookies.get(COOKIE, "")
        token = self._of_cookie(cookie)
        if token is None:
            return None
        _, ends, code = cookie.split("~")[:3]
        now = self._clock()
        with self._lock:
            kept = {code: at for code, at in self._signed_out.items() if at > now}
            while len(kept) >= MOST_SIGNED_OUT:
                del kept[next(iter(kept))]
            self._signed_out = kept | {code: float(ends)}
        return token.visitor

    def _token(self, secret: str) -> Token | None:
        """Every token is compared, and each in the same time, so that none can be guessed by its parts."""
        given = secret.strip().encode()
        right = [each for each in self._tokens.values() if hmac.compare_digest(each.secret.encode(), given)]
        return right[0] if right else None

    def _of_cookie(self, cookie: str) -> Token | None:
        name, ends, code = [*cookie.split("~"), "", "", ""][:3]
        token = self._tokens.get(name)
        if token is None or not hmac.compare_digest(_code(token, ends).encode(), code.encode()):
            return None
        return token if float(ends) > self._clock() and code not in self._signed_out else None


def _bearer(connection: HTTPConnection) -> str | None:
    scheme, space, secret = connection.headers.get("authorization", "").partition(" ")
    return _text(secret) if space and scheme.lower() == "bearer" else None


def _code(token: Token, ends: str) -> str:
    return hmac.new(token.secret.encode(), f"{token.name}~{ends}".encode(), sha256).hexdigest()


def access_of(settings: Settings, at: str = "console_host") -> Access:
    """The rules that the settings make for what is served `at` that setting's address.

    Raises `SettingsError` for what others could reach unasked.
    """
    host = getattr(settings, at)
    tokens = [_token_of(each) for each in _entries(settings)]
    networks = [ip_network(each) for each in settings.console_trusted_proxies]
    roles = {name: Role[role.upper()] for name, _, role in (each.rpartition(":") for each in settings.console_roles)}
    alone = is_loopback(host)
    if not alone and not tokens and not networks:
        raise SettingsError(
            f"{at} {host} can be reached by others: say who may come in by console_tokens,"
            " or which proxy says so by console_trusted_proxies"
        )
    names = settings.console_names or ((*LOOPBACK_NAMES, f"[{host}]" if ":" in host else host) if alone else None)
    return Access(tokens, Proxies(networks, settings.console_user_header, roles), by_name=names)


LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _entries(settings: Settings) -> list[str]:
    said = settings.console_tokens
    return said.get_secret_value().split(",") if said else []


def _token_of(entry: str) -> Token:
    name, role, secret = check_token(entry)
    return Token(name, Role[role.upper()], secret)
