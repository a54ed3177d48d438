"""Connections of clients that are slow, wordy or in a hurry: each has an end, and none costs the others anything."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx2
import pytest

from tests.console.api.served import KNIFE, PATIENCE, Api, see_that_it_is_as_described, serve, until
from workers.assembly import Judge
from workers.console import protocol, serving
from workers.console.access.door import ALWAYS

SOON = 0.3
HEAD = b"POST /v1/judge HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n" % len(KNIFE) + KNIFE


@pytest.fixture(autouse=True)
def _short_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", SOON)
    monkeypatch.setattr(protocol, "LINGERS", SOON)


@contextmanager
def connected(api: Api, *sent: bytes) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", api.port), timeout=PATIENCE) as made:
        for each in sent:
            made.sendall(each)
        yield made


def to_the_end(made: socket.socket) -> bytes:
    """All that comes until the server hangs up."""
    said = bytearray()
    while part := made.recv(1 << 16):
        said += part
    return bytes(said)


def answers(made: socket.socket, count: int) -> bytes:
    """What comes until that many answers have begun and, all being decisions, ended."""
    said = bytearray()
    while said.count(b"HTTP/1.1 200 OK") < count or not said.endswith(b"}"):
        part = made.recv(1 << 16)
        assert part, bytes(said)
        said += part
    return bytes(said)


def send_until_hung_up_on(made: socket.socket, piece: bytes, pause: float) -> int:
    """Send a piece again and again; returns how many bytes of them were taken."""
    ends, count = time.monotonic() + PATIENCE, 0
    with suppress(ConnectionError):
        while True:
            assert time.monotonic() < ends
            made.sendall(piece)
            count += len(piece)
            time.sleep(pause)
    return count


@pytest.mark.parametrize(
    ("sent", "status"),
    [(b"", b""), (b"\r\n", b""), (HEAD, b"HTTP/1.1 408 "), (WHOLE + HEAD, b"HTTP/1.1 200 ")],
    ids=["nothing", "a line end", "half the headers", "half the headers of a second"],
)
def test_who_does_not_go_on_is_hung_up_on(api: Api, sent: bytes, status: bytes) -> None:
    with connected(api, sent) as made:
        assert to_the_end(made).startswith(status)


def test_line_ends_between_requests_keep_no_connection(api: Api) -> None:
    with connected(api, WHOLE) as made:
        answers(made, 1)
        made.sendall(b"\r\n")
        assert to_the_end(made) == b""


def test_headers_that_drip_are_not_waited_for(api: Api) -> None:
    with connected(api, HEAD) as made:
        send_until_hung_up_on(made, b"A: b\r\n", pause=0.05)


def test_headers_without_end_are_not_kept(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 2 * PATIENCE)
    with connected(api, HEAD) as made:
        assert send_until_hung_up_on(made, b"A" * (1 << 14), pause=0.001) < 16 << 20


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"A: %s\r\n\r\n" % (b"b" * 70_000),
        HEAD + (b"A: %s\r\n" % (b"b" * 1000)) * 68 + b"\r\n",
        b"GET /v1/?%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"b" * 70_000),
    ],
    ids=["one header", "many headers", "an address"],
)
def test_headers_are_bounded_in_whichever_read_they_come(api: Api, head: bytes) -> None:
    with connected(api, head) as made:
        assert to_the_end(made).startswith(b"HTTP/1.1 431 ")


def test_headers_below_the_bound_are_taken(api: Api) -> None:
    with connected(api, WHOLE.replace(b"\r\n\r\n", b"\r\nA: %s\r\n\r\n" % (b"b" * 60_000), 1)) as made:
        answers(made, 1)


def test_a_body_that_is_announced_too_large_is_never_asked_for(api: Api) -> None:
    with connected(api, HEAD + b"Content-Length: 200001\r\nExpect: 100-continue\r\n\r\n") as made:
        assert to_the_end(made).startswith(b"HTTP/1.1 413 ")


def test_who_goes_on_sending_what_was_refused_can_read_so_and_is_hung_up_on(api: Api) -> None:
    with connected(api, HEAD + b"Content-Length: 300000000\r\n\r\n") as made:
        assert made.recv(13) == b"HTTP/1.1 413 "
        send_until_hung_up_on(made, b"x" * 1000, pause=0.01)


def test_a_body_is_asked_for_where_the_client_waits_for_that(api: Api) -> None:
    with connected(api, HEAD + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(KNIFE)) as made:
        assert made.recv(1 << 10) == b"HTTP/1.1 100 Continue\r\n\r\n"
        made.sendall(KNIFE)
        assert b'"verdict":"block"' in answers(made, 1)


def test_a_body_in_chunks_is_judged(api: Api) -> None:
    parts = [KNIFE[start : start + 5000] for start in range(0, len(KNIFE), 5000)]
    body = b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in parts)
    with connected(api, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", body, b"0\r\n\r\n") as made:
        assert b'"verdict":"block"' in answers(made, 1)


def test_a_body_that_is_packed_for_its_way_is_refused_as_one_that_is_packed_by_itself(api: Api) -> None:
    with connected(api, HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n") as made:
        assert made.recv(13) == b"HTTP/1.1 415 "


def test_a_body_of_two_lengths_is_refused(api: Api) -> None:
    with connected(api, HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") as made:
        assert to_the_end(made).startswith(b"HTTP/1.1 400 ")


def test_requests_that_follow_each_other_unasked_are_answered_in_order(api: Api) -> None:
    named = [WHOLE.replace(b"\r\n\r\n", b"\r\nSluice-Image-Id: %s\r\n\r\n" % name, 1) for name in (b"a", b"b", b"c")]
    with connected(api, b"".join(named)) as made:
        said = answers(made, 3)
    assert re.findall(rb'"image_id":"(\w)"', said) == [b"a", b"b", b"c"]


def test_a_long_wait_for_an_answer_or_for_the_next_request_ends_nothing(api: Api) -> None:
    api.encoder.gate.clear()
    with connected(api, WHOLE) as made:
        time.sleep(2 * SOON)
        api.encoder.gate.set()
        answers(made, 1)
        time.sleep(2 * SOON)
        made.sendall(WHOLE)
        answers(made, 1)


def test_of_several_requests_at_once_none_is_worked_on_for_who_has_left(api: Api) -> None:
    gone = {"endpoint": "/v1/judge", "status": "499"}
    before = api.metric("sluice_api_requests_total", **gone)
    api.encoder.gate.clear()
    with connected(api, WHOLE * 3):
        until(lambda: api.desk.requests == 1)
    until(lambda: api.desk.requests == 0)
    api.encoder.gate.set()
    until(lambda: api.metric("sluice_api_requests_in_flight") == 0)
    assert api.metric("sluice_api_requests_total", **gone) == before + 1


def test_of_requests_without_end_that_come_at_once_no_more_are_kept_than_a_bound(api: Api) -> None:
    api.encoder.gate.clear()
    ahead = protocol.MOST_AHEAD
    try:
        with connected(
            api, WHOLE + b"GET /v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * (20 * ahead)
        ) as made:
            said = to_the_end(made)
    finally:
        api.encoder.gate.set()
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b"over %d requests came ahead" % ahead in said
    assert said.count(b"HTTP/1.1") == 1


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n" % (len(body), body)


def offering(request: bytes, protocol: bytes) -> bytes:
    return request.replace(b"\r\n\r\n", b"\r\nConnection: keep-alive, Upgrade\r\nUpgrade: %s\r\n\r\n" % protocol, 1)


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket", b"nonsense/9"])
def test_who_offers_another_protocol_is_answered_in_this_one(api: Api, protocol: bytes) -> None:
    """As curl's --http2 and Java's HttpClient do with every request."""
    offer = offering(WHOLE, protocol)
    with connected(api, offer + offer, offer[:-5000]) as made:
        time.sleep(0.05)
        made.sendall(offer[-5000:] + WHOLE)
        assert answers(made, 4).count(b'"verdict":"block"') == 4


def test_who_offers_another_protocol_in_chunks_byte_by_byte_is_answered(api: Api) -> None:
    head = offering(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"h2c")
    with connected(api, *(head[at : at + 1] for at in range(len(head))), chunked(KNIFE) + b"\r\n") as made:
        assert b'"verdict":"block"' in answers(made, 1)


def test_many_offers_at_once_are_all_answered(api: Api) -> None:
    asked = b"GET /v1/page.css HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = asked.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with connected(api, offering(asked, b"h2c") * protocol.MOST_AHEAD + last) as made:
        assert to_the_end(made).count(b"HTTP/1.1 200 OK") == protocol.MOST_AHEAD + 1


def test_a_tunnel_is_refused(api: Api) -> None:
    with connected(api, b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n") as made:
        assert to_the_end(made).startswith(b"HTTP/1.1 400 ")


def test_a_trailer_is_no_header(api: Api) -> None:
    """Whoever takes a header from what strangers send leaves them their trailers."""
    trailer = b"Sluice-Image-Id: a-trailer\r\nSluice-Deadline: nonsense\r\nHost: evil.example\r\n\r\n"
    with connected(api, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(KNIFE) + trailer) as made:
        said = answers(made, 1)
    assert b'"verdict":"block"' in said
    assert b"a-trailer" not in said


def test_a_trailer_without_end_is_not_kept(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "LINGERS", 2 * PATIENCE)
    head = HEAD.replace(b"image/jpeg", b"text/plain")
    for begun in (b"", b"A: "):
        with connected(api, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(KNIFE) + begun) as made:
            assert send_until_hung_up_on(made, b"A" * (1 << 14), pause=0.001) < 16 << 20


@pytest.mark.parametrize(
    "sent",
    [HEAD, b"nonsense\r\n\r\n", HEAD + b"A: b\x7f\r\n\r\n", HEAD + b"A: %s\r\n\r\n" % (b"b" * 70_000)],
    ids=["late", "no HTTP", "no header", "too long"],
)
def test_what_never_was_a_request_is_refused_as_the_document_says_and_with_all_headers(api: Api, sent: bytes) -> None:
    with connected(api, sent) as made:
        answer = http_answer(made)
    see_that_it_is_as_described("/v1/judge", answer)
    for name, value in ALWAYS.items():
        assert answer.headers[name] == value
    assert answer.json()["status"] == answer.status_code


def test_one_connection_more_than_are_kept_is_told_when_to_come_back_and_is_counted(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "CONNECTIONS", 2)
    with serve(judge) as api, connected(api, WHOLE) as first, connected(api, WHOLE) as second:
        answers(first, 1)
        answers(second, 1)
        with connected(api, WHOLE) as third:
            answer = http_answer(third)
        see_that_it_is_as_described("/v1/judge", answer)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert api.metric("sluice_api_requests_total", endpoint="/v1/judge", status="503") == 1
        second.sendall(WHOLE)
        answers(second, 1)


def http_answer(made: socket.socket) -> httpx2.Response:
    """The one answer that comes until the server hangs up."""
    head, _, body = to_the_end(made).partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return httpx2.Response(int(status.split()[1]), headers=[line.split(": ", 1) for line in lines], content=body)
