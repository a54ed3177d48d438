"""Pages of metrics over HTTP, from every address that a name stands for."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

TIMEOUT = 1.5
"""Seconds for one page."""
MOST_BYTES = 4 * 1024 * 1024
MOST = 200
"""Addresses that are looked at; more belong before a Prometheus."""
AT_ONCE = 8
PORT = 9108


def pages_of(addresses: Sequence[str]) -> list[tuple[str, str | None]]:
    """The page of metrics at each address, None where there is none; a few seconds at most for each eight of them."""
    found = [each for address in addresses for each in resolved(address)][:MOST]
    if not found:
        return []
    with ThreadPoolExecutor(min(AT_ONCE, len(found))) as pool:
        return list(zip((_written(*each) for each in found), pool.map(_page, found), strict=True))


def resolved(address: str) -> list[tuple[str, int]]:
    """Host and port of each address that the name stands for; the name itself where it stands for none."""
    host, port = _parts(address)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return [(host, port)]
    hosts = dict.fromkeys(str(each[4][0]) for each in found)
    only_one = {"localhost"}
    return [(each, port) for each in (list(hosts)[:1] if host in only_one else hosts)]


def _parts(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return (host.strip("[]"), int(port)) if host and port.isdigit() else (address.strip("[]"), PORT)


def _written(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _page(at: tuple[str, int]) -> str | None:
    try:
        with closing(HTTPConnection(*at, timeout=TIMEOUT)) as connection:
            connection.request("GET", "/metrics")
            answer = connection.getresponse()
            page = answer.read(MOST_BYTES)
            return page.decode("utf-8", "replace") if answer.status == HTTPStatus.OK else None
    except (OSError, HTTPException):
        return None
