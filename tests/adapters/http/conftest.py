"""No test of this room connects to anything but loopback: what would be let through is seen, and goes nowhere."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import httpcore2
import pytest


@pytest.fixture(autouse=True)
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses off this machine that would have been connected to: seen below every check, where sockets open."""
    addresses: list[str] = []
    connect = httpcore2.SyncBackend.connect_tcp

    def checked(self: httpcore2.SyncBackend, host: str, *arguments: Any, **options: Any) -> httpcore2.NetworkStream:
        if ip_address(host).is_loopback:
            return connect(self, host, *arguments, **options)
        addresses.append(host)
        raise httpcore2.ConnectError("nothing is connected to from here")

    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", checked)
    return addresses
