"""``sluice policy compare --html`` of a topic: pictures of events that are there, and why others have none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from pipeline.adapters.local.store import FolderStore
from pipeline.adapters.memory import MemoryBroker, MemoryFetcher, MemoryTopic, MemoryWriter
from pipeline.adapters.memory.records import MemoryRecords
from pipeline.archive.archive import Archive
from pipeline.items import Item
from pipeline.rules.archive.denied import Kind, erased
from pipeline.wire import Record, SourceRef, decision_json, rfc3339
from tests.archive.made import NOON, decision, some_signals
from tests.images import encoded, photograph
from tests.lab.comparing.test_comparing import match
from workers import assembly
from workers.cli import app
from workers.policies import compare, compared_pictures

IMAGES, DECISIONS = "sluice.images.v1", "sluice.decisions.v1"
PICTURE = encoded(photograph(300, 200), "JPEG")
CLAIM = {"uri": "https://cdn.example.com/far.jpg", "sha256": hashlib.sha256(PICTURE).hexdigest()}
AS_JSON = [("content-type", b"application/json")]


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryBroker]:
    """One decision on each of six events that only the policy `a` flags: gone, here, no picture, claims, another."""
    broker, fetcher = MemoryBroker(partitions=1), MemoryFetcher(["cdn.example.com"])
    fetcher.images[CLAIM["uri"]] = PICTURE
    monkeypatch.setattr(compare, "kafka_topic", lambda settings, name: MemoryTopic(broker, name))
    monkeypatch.setattr(compared_pictures, "kafka_single_records", lambda settings: MemoryRecords(broker))
    monkeypatch.setattr(assembly, "claim_fetcher", lambda settings: fetcher)
    far = {**CLAIM, "uri": "https://internal.example/secret"}
    writer = MemoryWriter(broker)
    values = [PICTURE, PICTURE, b"no picture", json.dumps(CLAIM).encode(), json.dumps(far).encode(), PICTURE]
    for number, value in enumerate(values):
        writer.write([Record(IMAGES, f"image-{number}".encode(), value, AS_JSON if number in {3, 4} else [])])
    for number, event in enumerate(broker.read((IMAGES, 0), 0, 10)):
        said = replace(
            decision(number, some_signals(1, np.random.default_rng(0))),
            matches=match("a", "review", 0.5),
            scores={"a": 0.5, "b": 0.0},
            source=SourceRef(IMAGES, 0, number),
            event_id="of another topic" if number == 5 else Item(event).event_id,
        )
        writer.write([Record(DECISIONS, f"image-{number}".encode(), decision_json(said))])
    MemoryTopic(broker, IMAGES).delete_before({0: 1})
    yield broker
    writer.close()


def page(folder: Path, *more: str) -> str:
    given = ["policy", "compare", "a", "b", "--html", str(folder / "page.html"), *more]
    done = CliRunner().invoke(app, given, standalone_mode=False)
    assert done.exception is None, done.exception
    return (folder / "page.html").read_text()


def test_a_page_has_pictures_of_events_that_are_there_and_says_of_others_why_not(
    broker: MemoryBroker, tmp_path: Path
) -> None:
    found = page(tmp_path)
    assert found.count("data:image/webp") == 2, "of one that is there, and of one that a claim check names"
    for why in (
        f"there is no event at {SourceRef(IMAGES, 0, 0)} any more",
        "it cannot be had: ",
        "internal.example",
        f"another event stands at {SourceRef(IMAGES, 0, 5)}: the topic was made anew",
    ):
        assert why in found


def test_what_an_archive_has_erased_is_not_drawn(broker: MemoryBroker, tmp_path: Path) -> None:
    archive = Archive(FolderStore(tmp_path / "archive"))
    archive.deny_list.add([erased(Kind.IMAGE, "image-1")], at=rfc3339(NOON))
    found = page(tmp_path, "--topic", "--archive", str(tmp_path / "archive"))
    assert found.count("data:image/webp") == 1
    assert "it was erased" in found


def test_a_broker_that_no_longer_answers_costs_pictures_and_not_the_page(
    broker: MemoryBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = MemoryBroker(partitions=1)
    empty.available = False
    monkeypatch.setattr(compared_pictures, "kafka_single_records", lambda settings: MemoryRecords(empty))
    assert page(tmp_path).count("no broker answers: it is down") == 6
