"""Requests as no probe and no scraper makes them: each is answered, and none writes into the log."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import httpx2
import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.metrics_core import Metric
from structlog.testing import capture_logs

from workers.health.connections import HEAD
from workers.health.server import HealthServer

HOST = "127.0.0.1"


class Broken:
    def collect(self) -> Iterator[Metric]:
        raise ZeroDivisionError("a metric that cannot be had")


@contextmanager
def served(registry: CollectorRegistry, notices: Callable[[], tuple[str, ...]] = tuple) -> Iterator[str]:
    with closing(HealthServer(HOST, 0, registry, lambda: None, lambda: None, notices)) as server:
        yield f"http://{HOST}:{server.port}"


@pytest.fixture
def address() -> Iterator[str]:
    registry = CollectorRegistry()
    Counter("sluice_images", "Images.", registry=registry).inc(3)
    with served(registry) as it:
        yield it


def asked(method: str, url: str, **headers: str) -> httpx2.Response:
    return httpx2.request(method, url, headers=headers, timeout=5, trust_env=False)


def raw(address: str, request: bytes) -> bytes:
    """All that comes back of what no client would send."""
    with socket.create_connection((HOST, int(address.rpartition(":")[2])), timeout=5) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


@pytest.mark.parametrize(
    "accept",
    ["text/plain;version=abc", "text/plain; version=x.y.z", "application/openmetrics-text; version=abc", ";;;=,,"],
)
def test_a_format_that_nobody_knows_is_as_none(address: str, accept: str, capfd: pytest.CaptureFixture[str]) -> None:
    answer = asked("GET", f"{address}/metrics", accept=accept)
    assert answer.status_code == 200
    assert "sluice_images_total 3.0" in answer.text
    assert capfd.readouterr() == ("", "")


def test_a_page_that_cannot_be_made_is_one_line_in_the_answer_and_one_event_in_the_log(
    capfd: pytest.CaptureFixture[str],
) -> None:
    registry = CollectorRegistry()
    registry.register(Broken())  # type: ignore[arg-type]  # as the library takes any that can collect
    with served(registry) as address, capture_logs() as lines:
        answer = asked("GET", f"{address}/metrics")
        assert asked("GET", f"{address}/healthz").status_code == 200
    assert answer.status_code == 500
    assert len(answer.text.splitlines()) == 1
    assert [(each["event"], each["path"]) for each in lines if each["log_level"] == "error"] == [
        ("page_failed", "/metrics")
    ]
    assert capfd.readouterr() == ("", "")


def test_a_notice_that_fails_is_a_notice(capfd: pytest.CaptureFixture[str]) -> None:
    with served(CollectorRegistry(), lambda: (str(1 // 0),)) as address:
        answer = asked("GET", f"{address}/healthz")
    assert answer.status_code == 200
    assert answer.text.splitlines()[0] == "ok"
    assert "ZeroDivisionError" in answer.text
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/elsewhere"])
def test_head_is_answered_as_get_is_without_the_body(address: str, path: str) -> None:
    whole = asked("GET", f"{address}{path}", **{"accept-encoding": "identity"})
    request = f"HEAD {path} HTTP/1.0\r\nAccept-Encoding: identity\r\n\r\n"
    head, _, body = raw(address, request.encode()).partition(b"\r\n\r\n")
    assert f" {whole.status_code} ".encode() in head.splitlines()[0]
    assert f"Content-Length: {len(whole.content)}".encode() in head.splitlines()
    assert body == b""


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE", "OPTIONS", "FOO"])
@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_whoever_wants_more_than_to_look_is_refused(address: str, method: str, path: str) -> None:
    answer = asked(method, f"{address}{path}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"GET /" + b"x" * HEAD, b"414"),
        (b"GET /healthz HTTP/1.1\r\nX: " + b"x" * HEAD, b"431"),
    ],
)
def test_a_head_that_is_too_long_is_told_so_with_the_bound_that_holds(
    address: str, request_head: bytes, status: bytes
) -> None:
    """It sends not a byte more than is read, or the answer could be lost with the connection."""
    answer = raw(address, request_head[: HEAD + 1])
    assert answer.split(b" ")[1] == status
    assert b"65536" not in answer
