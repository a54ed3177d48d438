"""Metrics and probes over real HTTP on the loopback."""

from __future__ import annotations

import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.metrics_core import Metric
from structlog.testing import capture_logs

from pipeline.errors import ServiceError
from tests.services.deadline import until
from workers.health import connections
from workers.health import server as health
from workers.health.server import HealthServer
from workers.settings import Settings

HOST = "127.0.0.1"


@dataclass
class Worker:
    """What the checks say, and the server that asks them."""

    live: str | None = None
    ready: str | None = None
    notices: tuple[str, ...] = ()
    server: HealthServer | None = None

    def get(self, path: str, **headers: str) -> httpx2.Response:
        assert self.server is not None
        return httpx2.get(f"http://{HOST}:{self.server.port}{path}", headers=headers, timeout=5, trust_env=False)


@pytest.fixture
def worker() -> Iterator[Worker]:
    registry = CollectorRegistry()
    Counter("sluice_images", "Images.", registry=registry).inc(3)
    it = Worker()
    it.server = HealthServer(HOST, 0, registry, lambda: it.live, lambda: it.ready, lambda: it.notices)
    yield it
    it.server.close()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_worker_that_is_well_answers_200(worker: Worker, path: str) -> None:
    answer = worker.get(path)
    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_a_worker_that_is_not_ready_says_why_and_stays_alive(worker: Worker) -> None:
    worker.ready = "no partitions assigned yet"
    answer = worker.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "no partitions assigned yet\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert worker.get("/healthz").status_code == 200


def test_checks_are_asked_anew_each_time(worker: Worker) -> None:
    worker.live = "a batch has been inside for 130 s"
    assert worker.get("/healthz").status_code == 503
    worker.live = None
    assert worker.get("/healthz").status_code == 200


def test_what_people_should_see_stands_below_the_answer_and_changes_none(worker: Worker) -> None:
    worker.notices = ("brake: paused",)
    assert (worker.get("/healthz").status_code, worker.get("/healthz").text) == (200, "ok\nbrake: paused\n")
    worker.ready = "the model is loading"
    assert (worker.get("/readyz").status_code, worker.get("/readyz").text) == (
        503,
        "the model is loading\nbrake: paused\n",
    )


def test_metrics_are_in_the_format_that_the_scraper_prefers(worker: Worker) -> None:
    plain = worker.get("/metrics")
    assert plain.headers["content-type"].startswith("text/plain")
    assert "sluice_images_total 3.0" in plain.text
    modern = worker.get("/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert modern.headers["content-type"].startswith("application/openmetrics-text")
    assert modern.text.endswith("# EOF\n")


@pytest.mark.parametrize("path", ["/", "/metric", "/healthz/", "/../etc/passwd"])
def test_anything_else_is_404(worker: Worker, path: str) -> None:
    assert worker.get(path).status_code == 404


def test_a_slow_scrape_does_not_hold_up_a_probe(worker: Worker) -> None:
    assert worker.server is not None
    with socket.create_connection((HOST, worker.server.port)) as slow:
        slow.sendall(b"GET /metrics HTTP/1.1\r\n")
        assert worker.get("/healthz").status_code == 200


def test_many_at_once_are_all_answered(worker: Worker) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: worker.get("/metrics").status_code, range(40)))
    assert answers == [200] * 40


def crowd(worker: Worker, count: int) -> list[socket.socket]:
    """So many who connect and say nothing."""
    assert worker.server is not None
    return [socket.create_connection((HOST, worker.server.port), timeout=30) for _ in range(count)]


def threads_in(function: str) -> int:
    """How many threads stand in a function of that name."""
    stacks = [traceback.extract_stack(frame) for frame in sys._current_frames().values()]
    return sum(any(each.name == function for each in stack) for stack in stacks)


def threads_of_the_server() -> int:
    return sum("process_request_thread" in thread.name for thread in threading.enumerate())


def test_a_crowd_that_says_nothing_holds_up_nobody_and_takes_no_more_threads(worker: Worker) -> None:
    silent = crowd(worker, 5 * connections.CONNECTIONS)
    for _ in range(3):
        assert worker.get("/healthz").status_code == 200
    until(lambda: threads_of_the_server() <= connections.CONNECTIONS, 60, lambda: str(threads_of_the_server()))
    for each in silent:
        each.close()


def test_five_hundred_that_drip_do_not_keep_a_probe_from_its_answer(worker: Worker) -> None:
    """Half of them send a byte now and then; a probe comes in its time throughout, as a kubelet's must."""
    slow = crowd(worker, 500)
    for turn in range(5):
        for each in slow[turn % 2 :: 2]:
            cut_off(each)
        for path in ("/healthz", "/readyz", "/metrics"):
            assert worker.get(path).status_code == 200
    for each in slow:
        each.close()


def test_one_who_has_asked_stays_though_a_crowd_comes(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a scraper that reads a long page slowly does."""
    monkeypatch.setattr(connections, "REQUEST_TIMEOUT", 120.0)  # a loaded machine takes its time for such a page
    worker.notices = ("x" * 20_000_000,)
    [reader] = crowd(worker, 1)
    with closing(reader):
        reader.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        read = len(reader.recv(1000))
        silent = crowd(worker, 2 * connections.CONNECTIONS)
        while part := reader.recv(1 << 20):
            read += len(part)
    assert read > 20_000_000
    for each in silent:
        each.close()


def test_a_crowd_of_those_who_have_asked_holds_up_no_probe(worker: Worker) -> None:
    """Each has its answer waiting and reads none of it: the oldest makes room."""
    worker.notices = ("x" * 5_000_000,)
    lazy = crowd(worker, 2 * connections.CONNECTIONS)
    for each in lazy:
        with suppress(ConnectionError):
            each.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
    worker.notices = ()
    assert worker.get("/healthz").text == "ok\n"
    for each in lazy:
        each.close()


def test_one_who_is_gone_without_a_word_is_forgotten(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half open: the client's machine has lost its power, so nothing ever comes, not even an end."""
    monkeypatch.setattr(connections, "REQUEST_TIMEOUT", 0.5)
    [gone] = crowd(worker, 1)
    with closing(gone):
        gone.sendall(b"GET /healthz HTTP/1.1\r\n")
        assert gone.recv(1) == b""
        until(lambda: threads_of_the_server() == 0, 60, "the end of its thread")


@pytest.mark.parametrize(
    "request_head",
    [
        b"GET /healthz HTTP/1.1\r\n" + b"X: " + b"y" * 60_000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + b"X: y\r\n" * 5_000 + b"\r\n",
        b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\n\r\n",
        b"G" * 60_000,
    ],
    ids=["a long header", "many headers", "a long path", "no line at all"],
)
def test_a_request_larger_than_any_scrapers_is_refused_or_hung_up_on(worker: Worker, request_head: bytes) -> None:
    [loud] = crowd(worker, 1)
    with closing(loud), suppress(ConnectionError):
        loud.sendall(request_head)
        assert loud.recv(100).split(b" ")[1:2] in ([], [b"431"], [b"414"])
    assert worker.get("/healthz").status_code == 200


def test_a_request_as_large_as_a_scrapers_may_be_is_answered(worker: Worker) -> None:
    assert worker.get("/metrics", authorization="x" * 8_000).status_code == 200


class Slow:
    """A collector that waits until it is let go."""

    def __init__(self) -> None:
        self.go, self.asked = threading.Event(), 0

    def collect(self) -> list[Metric]:
        self.asked += 1
        self.go.wait(30)
        return []


def test_only_so_many_scrapes_are_made_at_once_and_probes_beside_them() -> None:
    slow, registry = Slow(), CollectorRegistry()
    registry.register(slow)  # the registry collects once, to learn the names
    it = Worker(server=HealthServer(HOST, 0, registry, lambda: None, lambda: None))
    with ThreadPoolExecutor(health.PAGES) as scrapers:
        slow.asked = 0
        pages = [scrapers.submit(it.get, "/metrics") for _ in range(health.PAGES)]
        until(lambda: slow.asked == health.PAGES, 60, lambda: str(slow.asked))
        assert it.get("/metrics").status_code == 503
        assert it.get("/healthz").status_code == 200
        slow.go.set()
        assert [each.result().status_code for each in pages] == [200] * health.PAGES
    assert it.get("/metrics").status_code == 200
    it.server.close()


def test_a_check_is_asked_once_for_all_who_ask_at_that_moment() -> None:
    asked, go = [], threading.Event()

    def check() -> str | None:
        asked.append(1)
        go.wait(30)
        return f"round {len(asked)}"

    server = HealthServer(HOST, 0, CollectorRegistry(), lambda: None, check)
    it = Worker(server=server)
    with closing(server), ThreadPoolExecutor(10) as probes:
        first = probes.submit(it.get, "/readyz")
        until(lambda: len(asked) == 1, 60, "the first question")
        more = [probes.submit(it.get, "/readyz") for _ in range(9)]
        until(lambda: threads_in("ask") == 10, 60, lambda: str(threads_in("ask")))
        go.set()
        assert first.result().text == "round 1\n"
        assert {each.result().text for each in more} == {"round 2\n"}


@pytest.mark.parametrize(("host", "alone"), [("127.0.0.1", True), ("0.0.0.0", False)])
def test_where_it_listens_is_logged_and_who_can_reach_it(host: str, alone: bool) -> None:
    server = HealthServer(host, 0, CollectorRegistry(), lambda: None, lambda: None)
    with closing(server), capture_logs() as logged:
        server.announce()
    [line] = logged
    assert (line["event"], line["at"]) == ("health_served", f"http://{host}:{server.port}")
    assert ("this machine alone" in line["to"] and "--metrics-host" in line["to"]) is alone


def test_only_this_machine_reaches_it_unless_a_setting_says_otherwise() -> None:
    assert Settings.model_fields["metrics_host"].default == "127.0.0.1"


def test_a_client_that_drips_is_cut(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, and the request never."""
    monkeypatch.setattr(connections, "REQUEST_TIMEOUT", 0.5)
    [drip] = crowd(worker, 1)
    with closing(drip):
        until(lambda: cut_off(drip), 60, "its end")


def cut_off(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"G")
    except ConnectionError:
        return True
    return False


def test_a_client_that_does_not_read_is_cut(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_TIMEOUT", 0.5)
    worker.notices = ("x" * 50_000_000,)
    [lazy] = crowd(worker, 1)
    with closing(lazy):
        lazy.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        until(lambda: threads_of_the_server() == 1, 60, "its thread")
        until(lambda: threads_of_the_server() == 0, 60, "the end of its thread")


def test_a_check_that_raises_is_an_answer(worker: Worker, capfd: pytest.CaptureFixture[str]) -> None:
    server = HealthServer(HOST, 0, CollectorRegistry(), lambda: str(1 / 0), lambda: None)
    answer = httpx2.get(f"http://{HOST}:{server.port}/healthz", timeout=5, trust_env=False)
    server.close()
    assert (answer.status_code, answer.text) == (
        503,
        "the check failed: ZeroDivisionError: division by zero\n",
    )
    assert tuple(capfd.readouterr()) == ("", "")


def test_nothing_is_logged_for_a_request(worker: Worker, capfd: pytest.CaptureFixture[str]) -> None:
    assert worker.server is not None
    worker.get("/metrics")
    worker.get("/nowhere")
    with socket.create_connection((HOST, worker.server.port)) as rude:
        rude.sendall(b"\xff\xfe nonsense\r\n\r\n")
        rude.recv(1000)
    with socket.create_connection((HOST, worker.server.port)) as gone:
        gone.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
    worker.get("/healthz")
    assert tuple(capfd.readouterr()) == ("", "")


def test_a_taken_port_is_named_with_the_setting(worker: Worker) -> None:
    assert worker.server is not None
    port = worker.server.port
    with pytest.raises(ServiceError, match=rf"port {port} of {HOST} is taken.*--metrics-port") as error:
        HealthServer(HOST, port, CollectorRegistry(), lambda: None, lambda: None)
    assert "\n" not in str(error.value)


def test_a_unix_socket_is_served_in_place_of_what_a_killed_process_left_there(tmp_path: Path) -> None:
    path = tmp_path / "health"
    with closing(socket.socket(socket.AF_UNIX)) as left_behind:
        left_behind.bind(str(path))
    server = HealthServer(str(path), 0, CollectorRegistry(), lambda: None, lambda: "the model is loading")
    with httpx2.Client(transport=httpx2.HTTPTransport(uds=str(path)), timeout=5) as client:
        assert client.get("http://localhost/healthz").text == "ok\n"
        assert client.get("http://localhost/readyz").text == "the model is loading\n"
    server.close()
    assert not path.exists()


def test_a_file_in_the_place_of_a_unix_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("text")
    with pytest.raises(ServiceError, match=r"is taken.*--metrics-"):
        HealthServer(str(path), 0, CollectorRegistry(), lambda: None, lambda: None)
    assert path.read_text() == "text"


@pytest.mark.parametrize("host", ["203.0.113.7", "no-such-host.invalid"])
def test_an_address_that_is_not_ours_is_named_with_the_setting(host: str) -> None:
    with pytest.raises(ServiceError, match=rf"{host} cannot be had.*--metrics-host"):
        HealthServer(host, 0, CollectorRegistry(), lambda: None, lambda: None)


def test_closing_frees_the_port_and_ends_the_thread(worker: Worker) -> None:
    assert worker.server is not None
    before = time.monotonic()
    worker.server.close()
    worker.server.close()
    assert time.monotonic() - before < 10
    assert not [thread for thread in threading.enumerate() if thread.name == "sluice-health"]
    HealthServer(HOST, worker.server.port, CollectorRegistry(), lambda: None, lambda: None).close()


def test_all_addresses_means_no_wait_for_a_name_server() -> None:
    before = time.monotonic()
    server = HealthServer("0.0.0.0", 0, CollectorRegistry(), lambda: None, lambda: None)
    took = time.monotonic() - before
    server.close()
    assert took < 1


def test_ipv6_is_served_where_there_is_any() -> None:
    try:
        server = HealthServer("::1", 0, CollectorRegistry(), lambda: None, lambda: None)
    except ServiceError:
        pytest.skip("no IPv6 loopback on this machine")
    answer = httpx2.get(f"http://[::1]:{server.port}/healthz", timeout=5, trust_env=False)
    server.close()
    assert answer.status_code == 200


def test_what_strangers_wrote_begins_no_line_and_moves_no_cursor(worker: Worker) -> None:
    """The name of a store is a stranger's, and whoever asks by hand reads the answer on a terminal."""
    worker.notices = ("waits for \x1b[2Jstore\nok\u202e", "braked")
    lines = worker.get("/healthz").text.splitlines()
    assert lines == ["ok", "waits for \\x1b[2Jstore\\nok\\u202e", "braked"]
