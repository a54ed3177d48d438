"""The proxy misbehaves as it is told, for each connection by itself."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

import pytest

from tests.services.deadline import until
from tests.services.processes import HOST
from tests.services.proxy import Mode, Proxy

PATIENT = 30.0


@dataclass
class Echo:
    """A server that sends back what it gets."""

    listener: socket.socket
    accepted: list[socket.socket] = field(default_factory=list)

    def run(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.accepted.append(connection)
                threading.Thread(target=_echo, args=[connection], daemon=True).start()


def _echo(connection: socket.socket) -> None:
    with connection, suppress(OSError):
        while data := connection.recv(1 << 16):
            connection.sendall(data)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with ExitStack() as held:
        listener = held.enter_context(socket.create_server((HOST, 0)))
        echo = Echo(listener)
        threading.Thread(target=echo.run, daemon=True).start()
        passing = held.enter_context(Proxy())
        passing.target = listener.getsockname()[1]
        yield passing
        listener.shutdown(socket.SHUT_RDWR)
        for each in echo.accepted:
            each.close()


def connected(proxy: Proxy) -> socket.socket:
    return socket.create_connection((HOST, proxy.port), timeout=PATIENT)


def echoed(connection: socket.socket, data: bytes) -> bytes:
    connection.sendall(data)
    got = b""
    while len(got) < len(data) and (part := connection.recv(1 << 16)):
        got += part
    return got


def test_bytes_pass_in_both_directions_and_in_order(proxy: Proxy) -> None:
    data = bytes(range(256)) * 8_000
    with connected(proxy) as client:
        sending = threading.Thread(target=client.sendall, args=[data])
        sending.start()
        got = b""
        while len(got) < len(data):
            got += client.recv(1 << 16)
        sending.join()
    assert got == data


def test_latency_makes_everything_late_and_loses_nothing(proxy: Proxy) -> None:
    proxy.latency = 0.3
    with connected(proxy) as client:
        before = time.monotonic()
        assert echoed(client, b"late") == b"late"
        assert time.monotonic() - before >= 0.6


def test_who_reads_nothing_holds_up_nobody_else(proxy: Proxy) -> None:
    with connected(proxy) as deaf, connected(proxy) as other:
        deaf.settimeout(2.0)
        with suppress(TimeoutError):
            deaf.sendall(bytes(64 << 20))
        assert echoed(other, b"still here") == b"still here"


def test_a_cut_ends_what_is_open_and_new_connections_work(proxy: Proxy) -> None:
    with connected(proxy) as before, connected(proxy):
        assert echoed(before, b"x") == b"x"
        proxy.cut()
        assert ended(before)
        with connected(proxy) as after:
            assert echoed(after, b"y") == b"y"


def test_half_open_connections_say_nothing_ever_again(proxy: Proxy) -> None:
    with connected(proxy) as old:
        assert echoed(old, b"x") == b"x"
        proxy.mode = Mode.HALF_OPEN
        with connected(proxy) as new:
            for each in (old, new):
                each.sendall(b"hello?")
            time.sleep(1.0)
            proxy.mode = Mode.PASS
            for each in (old, new):
                each.settimeout(0.5)
                with pytest.raises(TimeoutError):
                    each.recv(1)
    with connected(proxy) as after:
        assert echoed(after, b"y") == b"y"


def test_what_is_swallowed_is_a_hole_in_a_connection_that_goes_on(proxy: Proxy) -> None:
    with connected(proxy) as client:
        proxy.mode = Mode.SWALLOW
        client.sendall(b"gone")
        time.sleep(0.5)
        proxy.mode = Mode.PASS
        assert echoed(client, b"there") == b"there"


def test_who_hangs_up_accepts_first(proxy: Proxy) -> None:
    proxy.hang_up()
    with connected(proxy) as client:
        assert ended(client)
    until(lambda: proxy.accepted == 1, PATIENT, "one connection accepted")


def ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
