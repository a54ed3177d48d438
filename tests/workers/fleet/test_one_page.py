"""What a platform asks of a whole machine: metrics of all its processes on one page, alive, ready."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
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
from workers.health import HealthServer

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def machine(tmp_path: Path) -> tuple[Role, list[Role]]:
    """An encoder and two moderators."""
    return roles(tmp_path, ["serve"] * 3)


@contextmanager
def serving(
    role: Role, live: str | None = None, ready: str | None = None, registry: CollectorRegistry | None = None
) -> Iterator[None]:
    """That process answers so."""
    server = HealthServer(str(role.health), 0, registry or CollectorRegistry(), lambda: live, lambda: ready)
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
    own = {key for key in found if key[0] == "sluice_restarts_total"}
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


class TestAlive:
    def test_while_all_that_run_make_progress(self, machine: tuple[Role, list[Role]]) -> None:
        """To restart all because one is being started would be no help."""
        encoder, moderators = machine
        vitals = FleetVitals(encoder, moderators)
        assert vitals.live() is None
        with serving(encoder), serving(moderators[0], ready="no partitions are assigned"):
            assert vitals.live() is None

    @pytest.mark.parametrize("stuck", [0, 1, 2])
    def test_not_when_one_makes_none(self, machine: tuple[Role, list[Role]], stuck: int) -> None:
        encoder, moderators = machine
        role = [encoder, *moderators][stuck]
        with serving(role, live="nothing has moved for 130 s"):
            assert FleetVitals(encoder, moderators).live() == f"{role.name}: nothing has moved for 130 s"

    def test_not_when_one_does_not_answer(
        self, machine: tuple[Role, list[Role]], frozen: Callable[[Role], closing]
    ) -> None:
        encoder, moderators = machine
        with serving(encoder), frozen(moderators[0]):
            assert FleetVitals(encoder, moderators).live() == "moderator-1: no answer within 0.2 s"


def test_a_process_that_hangs_up_in_the_middle_is_as_one_that_is_away(tmp_path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()

        def hang_up() -> None:
            connection, _ = listener.accept()
            connection.close()

        Thread(target=hang_up).start()
        assert ask(tmp_path / "socket", "/healthz") is None
