"""What each check makes of what it finds."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Gauge

from pipeline.adapters.kafka import TopicFacts
from tests.e2e.policies_under_test import write_policies
from tests.services.processes import HOST
from tests.workers.settings.test_cores import UNIFIED
from tests.workers.settings.test_cores import machine as machine_of
from workers.doctor import judging, machine
from workers.doctor.kafka import described
from workers.doctor.machine import _compared
from workers.health.server import HealthServer
from workers.settings import Settings
from workers.settings.resolved import load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., Settings]:
    given = {"metrics_host": HOST, "state": tmp_path / "state", "policies": write_policies(tmp_path / "p")}

    def make(**changed: object) -> Settings:
        return load_settings({**given, **changed})

    return make


@pytest.mark.parametrize(
    ("ahead", "status"), [({"Kafka": 0.2, "Redis": -0.4}, "ok"), ({"Kafka": 0.2, "Redis": -7.0}, "warn")]
)
def test_clocks_that_differ_are_said(ahead: dict[str, float], status: str) -> None:
    finding = _compared(ahead)
    assert finding.status == status
    assert "behind" in finding.found


def test_a_clock_that_is_hours_off_fails() -> None:
    assert _compared({"Kafka": -7200.0}).status == "fail"


def test_a_folder_that_is_not_there_yet_is_judged_by_the_one_above(
    settings: Callable[..., Settings], tmp_path: Path
) -> None:
    assert machine.disk(settings(state=tmp_path / "a" / "b")).status == "ok"
    assert not (tmp_path / "a").exists(), "looking makes nothing"
    assert machine.disk(settings(state="/proc/self/none")).status == "fail"


def test_a_variable_that_is_no_setting_is_a_warning(
    settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = machine.config(settings())
    monkeypatch.setenv("SLUICE_MAX_BACH", "8")
    after = machine.config(settings())
    assert (before.status, after.status) == ("ok", "warn")
    assert "did you mean SLUICE_MAX_BATCH" in after.found


def test_a_port_is_free_or_ours_or_taken(settings: Callable[..., Settings]) -> None:
    registry = CollectorRegistry()
    Gauge("sluice_policies", "...", registry=registry).set(3)
    health = HealthServer(HOST, 0, registry, lambda: "stuck", lambda: None)
    try:
        ours = machine.metrics_port(settings(metrics_port=health.port))
    finally:
        health.close()
    assert (ours.status, "not well: stuck" in ours.found) == ("ok", True)
    assert machine.metrics_port(settings(metrics_port=0)).status == "ok"
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        threading.Thread(target=lambda: other.accept()[0].close(), daemon=True).start()  # noqa: PLW0108 - accepts there
        assert machine.metrics_port(settings(metrics_port=port)).status == "fail"


class _Stranger(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"somebody_else 1\n")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def stranger() -> Iterator[int]:
    """The port of an HTTP server that is none of ours."""
    server = HTTPServer((HOST, 0), _Stranger)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_port_that_another_http_server_has_is_taken(settings: Callable[..., Settings], stranger: int) -> None:
    assert machine.metrics_port(settings(metrics_port=stranger)).status == "fail"


def test_an_address_of_another_machine_fails(settings: Callable[..., Settings]) -> None:
    assert machine.metrics_port(settings(metrics_host="192.0.2.1")).status == "fail"
    assert machine.metrics_port(settings(metrics_host="/proc/self/none/socket")).status == "fail"


def test_policies_are_counted_and_a_bad_one_is_named(settings: Callable[..., Settings]) -> None:
    made = settings()
    good = judging.policies(made)
    assert good.status in {"ok", "warn"}
    (made.policies / "weapons.yaml").write_text("colour: red\n")
    bad = judging.policies(made)
    assert (bad.status, "weapons.yaml" in bad.found) == ("fail", True)


def test_a_topic_is_described_by_what_is_told_of_it() -> None:
    kafkas = {"max.message.bytes": "16777216", "retention.ms": "259200000", "cleanup.policy": "delete"}
    said = described(TopicFacts(6, 3, 0, kafkas))
    assert said == "6 partitions, 3 replicas, records to 16.0 MiB, kept 3 days, delete"
    assert described(TopicFacts(1, 1, 0, {})) == "1 partition, 1 replica"
    assert "for ever" in described(TopicFacts(1, 1, 0, {"retention.ms": "-1"}))


def test_what_a_worker_takes_all_the_same_does_not_fail(settings: Callable[..., Settings]) -> None:
    made = settings()
    weapons = made.policies / "weapons.yaml"
    weapons.write_text(f"{weapons.read_text()}tests:\n  must_flag: [samples/a.png, samples/b.png]\n")
    flat = judging.policies(made)
    assert (flat.status, "none of 2 samples" in flat.found) == ("warn", True)
    (made.policies / "samples").mkdir()
    gone = judging.policies(made)
    assert (gone.status, "and 1 more" in gone.found, "last good" in gone.todo) == ("warn", True, False)


@pytest.mark.parametrize(("limit", "status"), [("4294967296", "ok"), ("2147483648", "warn"), ("max", "ok")])
def test_memory_for_all_decoders_at_once_is_held_against_the_containers_limit(
    settings: Callable[..., Settings], tmp_path: Path, limit: str, status: str
) -> None:
    groups = {"cpu.max": "max 100000", "memory.max": limit}
    root = machine_of(tmp_path / "m", "0::/\n", UNIFIED.format(group="/"), groups)
    made = settings(cores=4, decode_memory=1 << 30)
    assert machine.memory(made, root).status == status
    assert machine.memory(settings(cores=1), root).status == "ok"
    assert machine.memory(settings(cores=64, decode_in="threads"), root).status == "ok"


@pytest.mark.parametrize(("limit", "status"), [("1073741824", "warn"), ("9223372036854771712", "ok")])
def test_a_limit_of_version_1_counts_too(
    settings: Callable[..., Settings], tmp_path: Path, limit: str, status: str
) -> None:
    mount = "30 25 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"
    root = machine_of(tmp_path / "m", "4:memory:/\n", mount, {"memory/memory.limit_in_bytes": limit})
    assert machine.memory(settings(cores=2), root).status == status


def test_what_the_size_of_dev_shm_does_not_bound_is_not_held_against_it(settings: Callable[..., Settings]) -> None:
    """Pixels between processes lie in memory without a name: every ordinary container has 64 MiB of /dev/shm."""
    assert "/dev/shm" not in machine.memory(settings(moderators=4)).found
