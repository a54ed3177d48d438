"""Which hosts and which network addresses a claim check may lead to: rules without any I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from pipeline.errors import ItemError, Reason

Address = IPv4Address | IPv6Address

PORTS = {"http": 80, "https": 443}

# Stands for an address of version 4, which is where the packet ends up (RFC 6052).
_NAT64 = IPv6Network("64:ff9b::/96")
# Metadata services that are not link-local: AWS over version 6, Alibaba.
_METADATA = (IPv6Address("fd00:ec2::254"), IPv4Address("100.100.100.200"))
# Site-local: deprecated, and still routed inside some networks.
_SITE_LOCAL = IPv6Network("fec0::/10")


def is_public(address: str) -> bool:
    """Whether an address is one of the open internet: unicast, global, and not standing for one that is not."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return all(_is_public(each) for each in (parsed, *_embedded(parsed)))


def is_usable(address: str) -> bool:
    """Whether an address may be asked where private ones are allowed: never link-local, multicast or metadata.

    Whoever reaches a cloud's metadata service through us holds this machine's credentials.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return all(_is_usable(each) for each in (parsed, *([mapped] if mapped else []), *_embedded(parsed)))


def _is_usable(address: Address) -> bool:
    return not (address.is_link_local or address.is_multicast or address.is_unspecified or address in _METADATA)


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address in _NAT64:
        return True  # as public as the address inside, which is asked next
    if isinstance(address, IPv6Address) and address in _SITE_LOCAL:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _embedded(address: Address) -> Iterator[IPv4Address]:
    """The addresses of version 4 inside one of version 6.

    But for mapped ones, which Python calls reserved or, in later releases, judges by the address inside.
    """
    if isinstance(address, IPv4Address):
        return
    if address in _NAT64:
        yield IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo


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
        if port != (parts.port or PORTS[scheme]):
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
    port = parts.port or PORTS[parts.scheme]
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


def refused(why: str) -> ItemError:
    return ItemError(Reason.FETCH_REFUSED, f"fetch refused: {why}")
