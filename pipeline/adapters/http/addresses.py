"""Which hosts and which network addresses a claim check may lead to: rules without any I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

from pipeline.adapters.http.ranges import GLOBAL_UNICAST, METADATA, NAT64, PRIVATE, SPECIAL, Network
from pipeline.rules.claims import refused

Address = IPv4Address | IPv6Address

PORTS = {"http": 80, "https": 443}
LONGEST_HOST, LONGEST_LABEL = 253, 63
"""Characters of a name, and of each of its parts, by the rules of the domain name system."""
_V4 = 4
# Single addresses alone: of link-local's 65,536 some would be anybody's by chance.
_METADATA_HOSTS = frozenset(
    map(
        IPv4Address,
        ("169.254.169.254", "169.254.170.2", "169.254.170.23", "168.63.129.16", "192.0.0.192", "100.100.100.200"),
    )
)


def is_public(address: str) -> bool:
    """Whether an address is one of the open internet, in whatever form it is written."""
    parsed = _parsed(address)
    return parsed is not None and not _is_metadata(parsed) and _is_public(parsed)


def is_usable(address: str) -> bool:
    """Whether an address may be asked where private ones are allowed: public or private, and never metadata.

    Whoever reaches a cloud's metadata service through us holds this machine's credentials.
    """
    parsed = _parsed(address)
    return parsed is not None and not _is_metadata(parsed) and (_is_public(parsed) or _within(PRIVATE, parsed))


def _parsed(address: str) -> Address | None:
    """The address; None for what is none, and for one with a zone, which only this machine's own links have."""
    try:
        return None if "%" in address else ip_address(address)
    except ValueError:
        return None


def _is_public(address: Address) -> bool:
    if address in NAT64:  # as public as the address inside, which is where the packet ends up
        return _is_public(_last_32_bits(address))
    return (address.version == _V4 or address in GLOBAL_UNICAST) and not _within(SPECIAL, address)


def _is_metadata(address: Address) -> bool:
    """Any prefix may be a network's own NAT64 or ISATAP, so the last bits of version 6 are looked at as well."""
    if address.version == _V4:
        return _within(METADATA, address)
    return _within(METADATA, address) or _last_32_bits(address) in _METADATA_HOSTS


def _within(networks: Sequence[Network], address: Address) -> bool:
    return any(address in network for network in networks)


def _last_32_bits(address: Address) -> IPv4Address:
    return IPv4Address(int(address) & 0xFFFF_FFFF)


@dataclass(frozen=True, slots=True)
class Hosts:
    """The allow list of hosts: ``example.com``, ``*.example.com`` (any depth, not the bare domain), ``store:9000``.

    A name without a port stands for the usual port of the scheme alone.
    """

    patterns: Sequence[str]

    def allow(self, host: str, port: int, scheme: str) -> bool:
        return any(self._matches(pattern, host, port, scheme) for pattern in self.patterns)

    @staticmethod
    def _matches(pattern: str, host: str, port: int, scheme: str) -> bool:
        parts = urlsplit(f"//{pattern.strip().lower()}")
        name = (parts.hostname or "").rstrip(".")
        if port != (PORTS[scheme] if parts.port is None else parts.port):
            return False
        return host.endswith(name[1:]) and host != name[2:] if name.startswith("*.") else bool(name) and host == name


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be asked for, in the very parts that were checked."""

    url: str
    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port as the request's ``Host`` header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def http_target(url: str, schemes: Sequence[str], hosts: Hosts) -> Target:
    """Check a URL against the allow lists. Raises `ItemError` (FETCH_REFUSED) that names what is not allowed."""
    parts = _split(url)
    if parts.scheme not in schemes or parts.scheme not in PORTS:
        raise refused(f"the scheme {parts.scheme or '(none)'!r} is not one of {', '.join(schemes)}")
    host = (parts.hostname or "").rstrip(".")
    if not host:
        raise refused("the address has no host")
    if parts.username is not None or parts.password is not None:
        raise refused(f"the address of {host} carries a user name or password")
    if len(host) > LONGEST_HOST or not all(0 < len(label) <= LONGEST_LABEL for label in host.split(".")):
        raise refused(f"{host[:100]} can be no host: a part of its name is empty, or it is too long")
    port = PORTS[parts.scheme] if parts.port is None else parts.port
    if port == 0:
        raise refused(f"the address of {host} names port 0, which nobody listens at")
    if not hosts.patterns:
        raise refused(f"no host may be fetched from ({host} was asked for): set fetch_allowed_hosts")
    if not hosts.allow(host, port, parts.scheme):
        raise refused(f"the host {host}:{port} is not in fetch_allowed_hosts")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(url, parts.scheme, host, port, path)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port, parts.hostname  # both are read lazily, and raise then
    except ValueError as error:
        raise refused(f"not an address: {error}") from error
    if any(character <= " " or character == "\\" or character > "~" for character in url):
        raise refused("the address holds blanks, backslashes or characters beyond ASCII; encode them")
    return parts
