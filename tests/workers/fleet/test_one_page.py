"""What a platform asks of a whole machine: metrics of all its processes on one page, alive, ready."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from pipeline.adapters.prometheus import PrometheusHooks
from tests.deploy.traffic import one_batch, start
from tests.workers.fleet.stand_ins import roles
from workers.fleet import asking
from workers.fleet.asking import ask
from workers.fleet.metrics import FleetMetrics
from workers.fleet.process import Role
from workers.fleet.vitals import FleetVitals
from workers.health.server import HealthServer

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def machine(tmp_path: Path) -> tuple[Role, list[Role]]:
    """An encoder and two moderators."""
    return roles(tmp_path, ["serve"] * 3)


@contextmanager
def serving(
    role: Role, alive: str | None = None, ready: str | None = None, registry: CollectorRegistry | None = None
) -> Iterator[None]:
    """The process of that role answers; `alive` and `ready` are what is wrong with it, if anything."""
    server = HealthServer(str(role.health), 0, registry or CollectorRegistry(), lambda: alive, lambda: ready)
    with closing(server):
        yield


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> Callable[[Role], closing]:
    """Makes that process listen and never answer."""
    monkeypatch.setattr(asking, "PATIENCE", 0.2)

    def freeze(role: Role) -> closing:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(role.health))
        listener.listen()
        return closing(listener)

    return freeze


@contextmanager
def saying(role: Role, said: bytes, pause: float = 0.0) -> Iterator[None]:
    """That process says this to whoever asks, in pieces of seven bytes where it pauses."""
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(role.health))
        listener.listen()
        listener.settimeout(10)

        def say() -> None:
            with suppress(OSError), listener.accept()[0] as connection:
                connection.recv(1000)
                for start in range(0, len(said), 7 if pause else len(said)):
                    connection.sendall(said[start : start + (7 if pause else len(said))])
                    time.sleep(pause)

        thread = Thread(target=say)
        thread.start()
        yield
        thread.join(10)


def worked(seed: int) -> PrometheusHooks:
    """The metrics of a process after some ordinary work."""
    hooks = PrometheusHooks()
    start(hooks)
    one_batch(hooks, random.Random(seed))
    return hooks


def series(page: str) -> Series:
    families = text_string_to_metric_families(page)
    return {(each.name, frozenset(each.labels.items())): each.value for one in families for each in one.samples}


def of_sluice(page: Series) -> Series:
    """Those of the process change from one moment to the next."""
    return {key: value for key, value in page.items() if key[0].startswith("sluice_")}


def test_every_series_of_every_process_is_there_with_its_name(machine: tuple[Role, list[Role]]) -> None:
    encoder, moderators = machine
    hooks = {role.name: worked(seed) for seed, role in enumerate([encoder, *moderators])}
    metrics = FleetMetrics([encoder, *moderators])
    expected: Series = {}
    for name, each in hooks.items():
        for (metric, labels), value in of_sluice(series(generate_latest(each.registry).decode())).items():
            expected[metric, labels | {("process", name)}] = value
    with (
        serving(encoder, registry=hooks["encoder"].registry),
        serving(moderators[0], registry=hooks["moderator-1"].registry),
        serving(moderators[1], registry=hooks["moderator-2"].registry),
    ):
        page = generate_latest(metrics.registry).decode()
    found = of_sluice(series(page))
    own = {key for key in found if dict(key[1])["process"] == "supervisor"}
    assert {key: value for key, value in found.items() if key not in own} == expected
    assert page.count("# TYPE sluice_images_total counter") == 1
    assert page.count("# TYPE sluice_end_to_end_seconds histogram") == 1
    assert page.count("process_cpu_seconds_total{") == 4


def test_the_page_can_be_had_as_openmetrics(machine: tuple[Role, list[Role]]) -> None:
    encoder, moderators = machine
    metrics = FleetMetrics([encoder, *moderators])
    with serving(moderators[0], registry=worked(1).registry):
        page = generate_openmetrics(metrics.registry).decode()
    assert {"sluice_images", "sluice_stage_seconds", "sluice_restarts"} <= {
        each.name for each in parse_openmetrics(page)
    }


def test_a_process_that_is_away_or_frozen_is_left_out(
    machine: tuple[Role, list[Role]], frozen: Callable[[Role], closing]
) -> None:
    encoder, moderators = machine
    metrics = FleetMetrics([encoder, *moderators])
    with frozen(moderators[0]), serving(moderators[1], registry=worked(1).registry):
        page = series(generate_latest(metrics.registry).decode())
    processes = {dict(labels)["process"] for _, labels in page}
    assert processes == {"supervisor", "moderator-2"}


def test_restarts_are_counted_from_zero(machine: tuple[Role, list[Role]]) -> None:
    metrics = FleetMetrics([])

    def restarts(kind: str) -> float | None:
        page = series(generate_latest(metrics.registry).decode())
        return page["sluice_restarts_total", frozenset({("process_kind", kind), ("process", "supervisor")})]

    metrics.restarted("moderator")
    metrics.restarted("moderator")
    assert (restarts("encoder"), restarts("moderator")) == (0, 2)


class TestReady:
    def test_with_the_encoder_and_one_moderator(self, machine: tuple[Role, list[Role]]) -> None:
        """The other one may be beyond the number of partitions, or be started again."""
        encoder, moderators = machine
        vitals = FleetVitals(encoder, moderators)
        with serving(encoder), serving(moderators[1]):
            assert vitals.ready() is None
            with serving(moderators[0], ready="no partitions are assigned"):
                assert vitals.ready() is None

    def test_not_without_the_encoder(self, machine: tuple[Role, list[Role]]) -> None:
        encoder, moderators = machine
        vitals = FleetVitals(encoder, moderators)
        with serving(moderators[0]), serving(moderators[1]):
            assert vitals.ready() == "encoder: it is being started"
            assert not vitals.encoder_ready()
            with serving(encoder, ready="the model is loading"):
                assert vitals.ready() == "encoder: the model is loading"
                assert not vitals.encoder_ready()

    def test_not_without_any_moderator(self, machine: tuple[Role, list[Role]]) -> None:
        encoder, moderators = machine
        vitals = FleetVitals(encoder, moderators)
        with serving(encoder), serving(moderators[0], ready="no partitions are assigned"):
            assert vitals.encoder_ready()
            assert vitals.ready() == "moderator-1: no partitions are assigned; moderator-2: it is being started"


@pytest.mark.parametrize(
    "rubbish",
    [b"# TYPE a counter\na_total{x=\n", b"a_total one\n", b"\xff\xfe", b"# HELP\n# TYPE\nsluice_x nonsense\n"],
)
def test_a_page_that_cannot_be_read_costs_the_others_nothing(
    machine: tuple[Role, list[Role]], rubbish: bytes
) -> None:
    encoder, moderators = machine
    metrics = FleetMetrics([encoder, *moderators])
    with (
        saying(moderators[0], b"HTTP/1.0 200 OK\r\n\r\n" + rubbish),
        serving(moderators[1], registry=worked(1).registry),
    ):
        page = series(generate_latest(metrics.registry).decode())
    assert {dict(labels)["process"] for _, labels in page} == {"supervisor", "moderator-2"}


def test_processes_that_hang_cost_the_time_of_one(
    tmp_path: Path, frozen: Callable[[Role], closing], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, moderators = roles(tmp_path, ["serve"] * 13)
    with ExitStack() as held:
        for role in moderators:
            held.enter_context(frozen(role))
        monkeypatch.setattr(asking, "PATIENCE", 1.0)
        before = time.monotonic()
        generate_latest(FleetMetrics([encoder, *moderators]).registry)
        assert time.monotonic() - before < 6
        reason = FleetVitals(encoder, moderators).ready()
        assert reason == "encoder: it is being started"


class TestAnAnswer:
    """Of a process that listens, and does something odd then."""

    @pytest.mark.parametrize(
        ("said", "status"),
        [
            (b"HTTP/1.0 503 Service Unavailable\r\nContent-Length: 5\r\n\r\nstuck", 503),
            (b"nonsense\r\n\r\n", 502),
            (b"HTTP/1.0 200 OK\r\n\r\n\xff", 502),
            (b"HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\nhalf", 502),
        ],
    )
    def test_is_taken_for_what_it_is(self, machine: tuple[Role, list[Role]], said: bytes, status: int) -> None:
        role, _ = machine
        with saying(role, said):
            answer = ask(role.health, "/healthz")
        assert answer is not None
        assert answer[0] == status

    def test_that_drips_is_none(self, machine: tuple[Role, list[Role]], monkeypatch: pytest.MonkeyPatch) -> None:
        """Each byte comes in time, and the whole never."""
        monkeypatch.setattr(asking, "PATIENCE", 0.5)
        role, _ = machine
        with saying(role, b"HTTP/1.0 200 OK\r\n" + b"X: y\r\n" * 1000, pause=0.01):
            assert ask(role.health, "/healthz") == (504, "no answer within 0.5 s")

    def test_that_does_not_end_is_none(
        self, machine: tuple[Role, list[Role]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(asking, "LONGEST", 1000)
        role, _ = machine
        with saying(role, b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 100_000):
            answer = ask(role.health, "/healthz")
        assert answer is not None
        assert answer[0] == 502


def test_a_process_that_hangs_up_in_the_middle_is_as_one_that_is_away(tmp_path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()

        def hang_up() -> None:
            connection, _ = listener.accept()
            connection.close()

        Thread(target=hang_up).start()
        assert ask(tmp_path / "socket", "/healthz") is None
