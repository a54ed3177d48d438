"""How workers are, seen from outside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from pipeline.adapters.prometheus import PrometheusHooks
from pipeline.errors import ServiceError
from pipeline.rules.flow.assignment import Partition, Standing
from tests.services.processes import HOST
from workers.archiver.metrics import ArchiverMetrics
from workers.console.fleet.fleet import Fleet, figures
from workers.console.fleet.pages import WANTED, read_page
from workers.console.fleet.partitions import STILL, Place, places_after
from workers.console.fleet.processes import Process
from workers.console.fleet.prometheus import Prometheus
from workers.console.fleet.samples import Samples
from workers.console.fleet.scraping import pages_of, resolved
from workers.console.stream.changes import Changes
from workers.health.server import HealthServer

AT = ("images", 0)


def looks(*standings: tuple[float, int, int]) -> Place:
    """The partition after looks at these times, that told these committed offsets and lags."""
    places: Mapping[Partition, Place] = {}
    for now, committed, lag in standings:
        places = places_after(places, {AT: Standing(committed, lag)}, now)
    return places[AT]


def test_a_partition_stands_still_while_images_wait_and_nothing_is_committed() -> None:
    assert looks((0, 5, 3), (1, 5, 3)).still_for(1) == 0
    assert looks((0, 5, 3), (5, 5, 9)).still_for(5) == 5
    assert looks((0, 5, 3), (STILL, 6, 9)).still_for(STILL) == 0
    assert looks((0, 5, 0), (60, 5, 0)).still_for(60) == 0
    assert looks((0, 5, 0), (60, 5, 1)).still_for(60) == 0, "it has only just something to do"
    assert looks((0, 5, 3), (1, 5, 0), (2, 5, 1), (3, 5, 1)).still_for(3) == 0


def test_a_partition_stands_still_by_a_clock_that_is_set_back_as_well() -> None:
    back = looks((9_000, 5, 3), (9_003, 5, 3), (100, 5, 3), (100 + STILL, 5, 3))
    assert back.still_for(100 + STILL) == STILL


class _World:
    """A group and processes as a test wants them, at a time that it sets."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pages: dict[str, str | None] = {}
        self.away = False
        self.changes = Changes(lambda: self.now)
        self.fleet = Fleet(self.standings, lambda: list(self.pages.items()), self.changes, lambda: self.now)

    def standings(self) -> Mapping[Partition, Standing]:
        if self.away:
            raise ServiceError("no broker answers")
        return {AT: Standing(1, 2)}


def test_a_broker_that_is_away_is_told_and_what_it_said_last_stays() -> None:
    world = _World()
    world.fleet.ask()
    assert (world.fleet.looked.why, [each.lag for each in world.fleet.places]) == ("", [2])
    world.away = True
    world.fleet.ask()
    assert (world.fleet.looked.why, [each.lag for each in world.fleet.places]) == ("no broker answers", [2])


def test_processes_that_restart_or_fall_silent_are_changes() -> None:
    world = _World()
    started = "process_start_time_seconds {}\nsluice_assigned_partitions 2.0\n"
    for pages in (started.format(5), started.format(90), None, started.format(95)):
        world.pages = {"w:1": pages}
        world.now += 2
        world.fleet.look()
    told = [each.what for each in world.changes.since(0)]
    assert told[0] == "worker w:1 restarted"
    assert any("does not answer" in each for each in told)
    world.pages = {}
    world.now += 10_000
    world.fleet.look()
    world.now += 10_000
    world.fleet.look()
    assert not world.fleet.processes


def test_a_release_is_one_change_however_many_workers_it_restarts() -> None:
    world = _World()
    for versions in (("1.0", "1.0"), ("1.0", "1.1"), ("1.1", "1.1")):
        world.pages = {
            f"w:{at}": f'sluice_build_info{{version="{version}"}} 1.0\n' for at, version in enumerate(versions)
        }
        world.now += 2
        world.fleet.look()
    assert [each.what for each in world.changes.since(0)] == ["version 1.1 of Sluice runs"]
    assert world.fleet.processes[0].version == "1.1"


def test_figures_are_what_changed_between_two_looks_at_a_workers_own_metrics() -> None:
    hooks, process = PrometheusHooks(), Process("w")
    hooks.assigned(3)
    for now in (10.0, 12.0):
        process = process.after(read_page(generate_latest(hooks.registry).decode(), now), now)
        hooks.stage_done("decode", 0.5, 4)
        hooks.stage_done("decode", 0.1, 4)
        hooks.feature_cache("hit", 3)
        hooks.feature_cache("miss", 1)
        hooks.queue_depth("publish", 7)
    found = figures([process])
    assert process.kind == "worker"
    assert process.version == version("sluice")
    assert found["stage decode"] == pytest.approx(0.3)
    assert found["cache feature"] == 0.75
    assert found["queue publish"] == 7
    assert process.rate("sluice_stage_images_total", stage="decode") == 4


def test_what_nobody_tells_any_more_is_no_figure_of_now() -> None:
    """A worker that is gone had a latency, and has none."""
    world, hooks = _World(), PrometheusHooks()
    for _ in range(2):
        world.pages = {"w:1": generate_latest(hooks.registry).decode()}
        world.now += 2
        world.fleet.look()
        hooks.stage_done("decode", 0.5, 4)
    assert "stage decode" in world.fleet.samples.latest(world.now - 60)
    world.pages = {"w:1": None}
    world.now += 61
    world.fleet.look()
    assert world.fleet.samples.latest(world.now - 60) == {}


def test_figures_go_on_when_the_clock_is_set_back() -> None:
    samples = Samples()
    for at in (9_000.0, 9_010.0, 9_020.0, 100.0, 110.0):
        samples.add(at, {"lag": at})
    assert [at for at, _ in samples.since(0, 3600)] == [100.0, 110.0]


def test_an_archiver_is_known_by_its_metrics_and_a_policy_that_is_held_is_told() -> None:
    registry = CollectorRegistry()
    ArchiverMetrics(registry, ["features"])
    archiver = Process("a").after(read_page(generate_latest(registry).decode(), 1.0), 1.0)
    assert archiver.kind == "archiver"
    held = read_page('sluice_assigned_partitions 1.0\nsluice_policy_held{policy="weapons"} 1.0\n', 1.0)
    assert any("holds a policy" in each for each in Process("w").after(held, 1.0).cares)


def test_every_series_that_is_looked_for_is_one_that_there_is() -> None:
    documented = Path("deploy/README.md").read_text(encoding="utf-8")
    for name in WANTED:
        if name.startswith("sluice_"):
            assert f"`{name.removesuffix('_sum').removesuffix('_count')}`" in documented


def test_every_address_of_a_name_is_asked_and_what_is_no_page_is_away() -> None:
    health = HealthServer(HOST, 0, CollectorRegistry(), lambda: None, lambda: None)
    try:
        here = f"{HOST}:{health.port}"
        assert pages_of([here, f"{HOST}:1"]) == [(here, ""), (f"{HOST}:1", None)]
    finally:
        health.close()
    assert resolved("[::1]:9") == [("::1", 9)]


class _Prometheus(BaseHTTPRequestHandler):
    """Answers as a Prometheus does: the middle of what is asked for, with a value that is no number, too."""

    def do_GET(self) -> None:
        asked = dict(parse_qsl(urlsplit(self.path).query))
        middle = (float(asked["start"]) + float(asked["end"])) / 2
        metric = {name: "block" for name in ("verdict", "version") if f"by ({name})" in asked["query"]}
        result = [{"metric": metric, "values": [[middle, "2.5"], [middle + float(asked["step"]), "NaN"]]}]
        body = json.dumps({"status": "success", "data": {"result": result}}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


def test_a_prometheus_is_asked_for_longer_and_one_that_is_away_is_told() -> None:
    server = ThreadingHTTPServer((HOST, 0), _Prometheus)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        told = Prometheus(f"http://{HOST}:{server.server_port}/").series(7 * 86_400.0, 1_000_000.0)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    lines = {each["name"]: each["values"] for each in told["answers"]["lines"]}
    assert lines.keys() == {"block", "dead letter"}
    assert lines["block"][180:182] == [2.5, None]
    assert [(each["kind"], each["what"]) for each in told["changes"]] == [
        ("policies", "policy set block decides"),
        ("release", "version block of Sluice runs"),
    ]
    assert {each["at"] for each in told["changes"]} == {told["answers"]["at"][180]}
    assert len(lines["block"]) == len(told["answers"]["at"])
    with pytest.raises(ServiceError, match="does not answer"):
        Prometheus(f"http://{HOST}:1").series(3600.0, 1_000_000.0)


@settings_of(max_examples=60)
@given(st.text(st.sampled_from('sluice_stage_seconds_sum{}="\\,.10e \n#'), max_size=80))
def test_whatever_a_page_says_it_is_read_or_refused(text: str) -> None:
    try:
        read_page(text, 0.0)
    except ValueError:
        return
