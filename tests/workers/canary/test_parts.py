"""The parts of `sluice canary`, each with stand-ins for the broker: what they send, count, log and survive."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from pipeline.adapters.pillow import PillowDecoder
from pipeline.errors import PublishError, RefusedError, ServiceError, SettingsError
from pipeline.rules.canaries import Canary
from pipeline.rules.flow.assignment import Standing
from pipeline.wire import CANARY_HEADER, Event, Record, marked
from tests.deploy.traffic import SPEC
from tests.images import encoded, photograph
from tests.services.deadline import until
from workers.canary.flights import KEYS, Flights
from workers.canary.images import read_canaries
from workers.canary.loop import Loop
from workers.canary.metrics import CanaryMetrics, GroupMetrics
from workers.canary.reading import Reading
from workers.canary.sending import Sending

KNIFE, CAT = Canary("knife.webp", 10.0, "block"), Canary("cat.jpg", 25.0, "allow")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Writer:
    """Keeps what it is given; raises `error` instead while there is one."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.error: Exception | None = None
        self.made = self.closed = 0

    def make(self) -> Writer:
        self.made += 1
        return self

    def write(self, records: Sequence[Record]) -> None:
        if self.error is not None:
            raise self.error
        self.records += records

    def close(self) -> None:
        self.closed += 1


class Topics:
    """Answers that wait to be read; an error among them is raised."""

    def __init__(self) -> None:
        self.waiting: list[Event | Exception] = []
        self.made = self.closed = 0

    def make(self) -> Topics:
        self.made += 1
        return self

    def read(self, seconds: float) -> Sequence[Event]:
        waiting, self.waiting = self.waiting, []
        for each in waiting:
            if isinstance(each, Exception):
                raise each
        return [each for each in waiting if isinstance(each, Event)]

    def close(self) -> None:
        self.closed += 1


class Outside:
    """All parts around one registry, driven by hand."""

    def __init__(self) -> None:
        self.clock, self.writer, self.topics = Clock(), Writer(), Topics()
        self.registry = CollectorRegistry()
        metrics = CanaryMetrics(self.registry, [KNIFE, CAT])
        flights = Flights(30.0, metrics, self.clock)
        canaries = [(KNIFE, b"knife"), (CAT, b"cat")]
        self.sending = Sending(canaries, "images", self.writer.make, flights, metrics, self.clock)
        self.reading = Reading(self.topics.make, flights)

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)

    def outcomes(self) -> dict[tuple[str, str], float]:
        return {
            (sample.labels["canary"], sample.labels["outcome"]): sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == "sluice_canary_total" and sample.value
        }

    def dead_letter(self, sent: Record) -> None:
        headers = [*sent.headers, ("sluice.reason", b"truncated")]
        self.topics.waiting.append(Event("dlq", 0, 3, sent.key, sent.value, headers))


@pytest.fixture
def outside() -> Outside:
    return Outside()


def test_each_is_sent_when_it_is_due_and_none_is_made_up_for(outside: Outside) -> None:
    assert outside.sending.step() == 10.0
    assert len(outside.writer.records) == 2
    outside.clock.now += 9.9
    assert outside.sending.step() == pytest.approx(0.1)
    outside.clock.now += 0.1
    outside.sending.step()
    outside.clock.now += 1000.0  # the broker was away, say
    outside.sending.step()
    keys = [record.key for record in outside.writer.records]
    assert [b"knife" in (key or b"") for key in keys] == [True, False, True, True, False]
    assert outside.value("sluice_canary_sent_total", canary="knife.webp") == 3


def test_no_two_have_the_same_bytes_or_nonce_and_image_ids_go_round(outside: Outside) -> None:
    for _ in range(2 * KEYS):
        outside.sending.step()
        outside.clock.now += 10.0
    knives = [record for record in outside.writer.records if b"knife" in (record.value or b"")]
    assert len({record.value for record in knives}) == len(knives) == 2 * KEYS
    assert len({value for record in knives for _, value in record.headers}) == 2 * KEYS
    assert len({record.key for record in knives}) == KEYS
    assert all(record.value == marked(b"knife", record.headers[0][1].decode()) for record in knives)


@pytest.mark.parametrize("error", [PublishError("away"), RefusedError({0: "too large"}), ServiceError("no broker")])
def test_one_that_cannot_be_sent_is_missing_and_the_next_is_tried_by_a_new_writer(
    outside: Outside, error: Exception
) -> None:
    outside.writer.error = error
    with capture_logs() as logged:
        outside.sending.step()
        outside.clock.now += 30.1
        outside.reading.step()
    assert outside.outcomes() == {("knife.webp", "missing"): 1, ("cat.jpg", "missing"): 1}
    assert [line["event"] for line in logged] == [*["canary_not_sent"] * 2, *["canary_missing"] * 2]
    assert outside.value("sluice_canary_sent_total", canary="knife.webp") == 0
    outside.writer.error = None
    outside.sending.step()
    assert (outside.writer.made, len(outside.writer.records)) == (3, 2)


def test_an_answer_is_counted_by_what_it_says_and_where_it_stands_is_logged(outside: Outside) -> None:
    outside.sending.step()
    outside.dead_letter(outside.writer.records[0])
    outside.clock.now += 2.0
    with capture_logs() as logged:
        assert outside.reading.step() == 0.0
    assert outside.outcomes() == {("knife.webp", "dead_letter"): 1}
    assert outside.value("sluice_canary_latency_seconds_sum", canary="knife.webp") == 2.0
    [line] = logged
    assert (line["event"], line["verdict"], line["answer"]) == ("canary_not_right", "dead letter", "dlq[0]@3")


def test_a_late_answer_was_missing_and_tells_how_late_it_was(outside: Outside) -> None:
    outside.sending.step()
    outside.clock.now += 40.0
    outside.reading.step()
    before = outside.outcomes()
    outside.dead_letter(outside.writer.records[0])
    with capture_logs() as logged:
        outside.reading.step()
    assert outside.outcomes() == before
    assert outside.value("sluice_canary_latency_seconds_sum", canary="knife.webp") == 40.0
    assert [line["event"] for line in logged] == ["canary_late"]


def test_other_peoples_answers_and_forged_ones_count_for_nothing(outside: Outside) -> None:
    outside.sending.step()
    sent = outside.writer.records[0]
    outside.topics.waiting += [
        Event("decisions", 0, 0, b"k", b"{}", ()),
        Event("dlq", 0, 1, b"k", b"x", [(CANARY_HEADER, b"0" * 32), ("sluice.reason", b"x")]),
        Event("dlq", 0, 2, b"k", b"x", [*sent.headers, ("sluice.reason", b"x")]),
    ]
    outside.reading.step()
    assert outside.outcomes() == {}


def test_reading_that_is_refused_begins_anew_and_what_is_missing_is_counted_meanwhile(outside: Outside) -> None:
    outside.sending.step()
    outside.clock.now += 40.0
    outside.topics.waiting.append(ServiceError("not authorized"))
    with pytest.raises(ServiceError):
        outside.reading.step()
    assert set(outside.outcomes()) == {("knife.webp", "missing"), ("cat.jpg", "missing")}
    outside.reading.step()
    assert (outside.topics.made, outside.topics.closed) == (2, 1)


def test_a_loop_goes_on_through_what_fails_for_now_and_says_when_it_first_worked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("workers.canary.loop.REST", 0.01)
    stop, fine = threading.Event(), threading.Event()

    def step() -> float:
        if not fine.is_set():
            raise ServiceError("no broker")
        return 0.01

    loop = Loop("lag", step, stop)
    with capture_logs() as logged:
        loop.start()
        until(lambda: len(logged) > 2, 60, "some failures")
        assert loop.not_ready() == "lag has not succeeded yet"
        fine.set()
        until(lambda: loop.not_ready() is None, 60, "a success")
        assert loop.stalled() < 10
        stop.set()
        loop.join(10)
    assert {line["event"] for line in logged} == {"canary_step_failed_for_now"}


def test_a_step_that_hangs_shows() -> None:
    stop, go, inside = threading.Event(), threading.Event(), threading.Event()

    def step() -> float:
        inside.set()
        go.wait(30)
        return 1000.0

    loop = Loop("sending", step, stop)
    loop.start()
    assert inside.wait(10)
    until(lambda: loop.stalled() > 0.2, 60, "a step that hangs")
    go.set()
    until(lambda: loop.stalled() == 0.0, 60, "a pause, which is no hang")
    stop.set()
    loop.join(10)


def test_lag_is_shown_by_partition_and_forgotten_with_it() -> None:
    registry = CollectorRegistry()
    metrics = GroupMetrics(registry, "sluice")
    metrics.stands({("images", 0): Standing(7, 3), ("images", 1): Standing(0, 0)})
    labels = {"group": "sluice", "topic": "images", "partition": "0"}
    assert registry.get_sample_value("sluice_group_lag_images", labels) == 3
    assert registry.get_sample_value("sluice_group_committed_offset", labels) == 7
    metrics.stands({("images", 1): Standing(5, 1)})
    assert registry.get_sample_value("sluice_group_lag_images", labels) is None
    assert registry.get_sample_value("sluice_group_committed_offset", labels) is None


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat.png").write_bytes(encoded(photograph(64, 64)))
    (tmp_path / "page.png").write_text("<html>")
    (tmp_path / "half.jpg").write_bytes(encoded(photograph(200, 200), "JPEG")[:3000])
    return tmp_path


def test_images_are_read_from_where_the_command_is_run(in_folder: Path) -> None:
    [(canary, image)] = read_canaries(["cat.png every 5 s expect allow"], PillowDecoder(SPEC))
    assert (canary, image) == (Canary("cat.png", 5.0, "allow"), (in_folder / "cat.png").read_bytes())


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("dog.png", lambda folder: f"dog.png is not there; name a picture, from {folder}"),
        (".", lambda _: ". is a folder"),
        ("page.png", lambda _: "page.png: "),
        ("half.jpg", lambda _: "half.jpg: "),
    ],
)
def test_a_file_that_is_no_picture_is_named_before_anything_is_sent(
    in_folder: Path, file: str, says: Callable[[Path], str]
) -> None:
    with pytest.raises(SettingsError) as refused:
        read_canaries([f"{file} every 5 s expect allow"], PillowDecoder(SPEC))
    assert str(refused.value).startswith(f"canary: {says(in_folder)}")
    assert "name a picture" in str(refused.value)
