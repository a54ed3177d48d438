"""Reviews and dead letters at the console beside a real Kafka, judged and replayed as without a script."""

from __future__ import annotations

from collections.abc import Callable

import httpx2
import numpy as np

from pipeline.items import Item
from pipeline.wire import (
    Decided,
    Event,
    Failed,
    Failure,
    Match,
    Record,
    SourceRef,
    Topics,
    parse_review,
    record_of,
    rfc3339,
)
from tests.archive.made import decision, some_signals
from tests.e2e.pictures import picture
from tests.e2e.pipeline_under_test import ANSWER, STOP, Pipeline, Worker
from tests.e2e.policies_under_test import write_policies
from tests.services.deadline import until
from tests.services.processes import HOST, free_port


def _answered(pipeline: Pipeline) -> None:
    """An image that is sent to review, and one that is a dead letter, as a worker answers them."""
    topics = Topics(pipeline.decisions, pipeline.dead_letters)
    sent = pipeline.send([picture(1), b"cut"])
    events = [
        Event(pipeline.images, 0, each.offset, each.key, each.value, list(each.headers), each.timestamp_ms / 1000)
        for each in sent
    ]
    seen, cut = events
    said = decision(
        0,
        some_signals(1, np.random.default_rng(0)),
        event_id=Item(seen).event_id,
        image_id="image-0",
        source=SourceRef(seen.topic, seen.partition, seen.offset),
        verdict="review",
        matches=[Match("weapons", "v", "review", 0.5, 0.15, "a knife", 0.5)],
        scores={"weapons": 0.5},
        decided_at=rfc3339(seen.timestamp),
    )
    failed = Failed(cut, Item(cut).event_id, Failure("decode", "truncated", "pipeline.errors.ItemError", "cut off"))
    for record in (record_of(Decided(seen, said), topics), record_of(failed, topics)):
        _put(pipeline, record)


def _put(pipeline: Pipeline, record: Record) -> None:
    pipeline.kafka.produce(
        record.topic, record.value, key=record.key, headers=[(name, value or b"") for name, value in record.headers]
    )


def test_a_judgement_is_a_review_in_kafka_and_a_replay_an_event(make_pipeline: Callable[..., Pipeline]) -> None:
    pipeline = make_pipeline(partitions=1)
    reviews = pipeline.kafka.create_topic(f"{pipeline.group}-reviews", 1)
    port, pages = free_port(), free_port()
    own: dict[str, object] = {"group": pipeline.group, "metrics_port": port, "metrics_host": HOST}
    own |= {"console_port": pages, "console_workers": f"{HOST}:{port}", "reviews_topic": reviews}
    own |= {"policies": write_policies(pipeline.folder / "policies"), "log_format": "json"}
    console = Worker(pipeline.command("console", env=None, **pipeline.topic_settings, **own), port)
    console.wait_until_ready()
    until(lambda: console.metric("sluice_console_stream_up") == 1, ANSWER, lambda: str(console.process))
    _answered(pipeline)
    until(lambda: console.metric("sluice_console_answers_total") == 2, ANSWER, lambda: str(console.process))
    with httpx2.Client(base_url=f"http://localhost:{pages}", timeout=60, follow_redirects=True) as browser:
        page = browser.get("/reviews").text
        event = page.split('data-event="')[1].split('"')[0]
        assert "Weapons" in page
        after = browser.post("/reviews/judge", data={"event": event, "label:weapons": "yes"})
        assert "Nothing waits" in after.text
        assert "image-0" in browser.post("/reviews/undo").text
        said = [parse_review(each.value or b"") for each in pipeline.kafka.read_all(reviews)]
        assert [(each.event_id, each.policy, each.label, each.reviewer) for each in said] == [
            (event, "weapons", "yes", "local"),
            (event, "weapons", "unsure", "local"),
        ]
        assert "truncated <b>1</b>" in browser.get("/dead-letters").text
        assert "Replay 1 event?" in browser.post("/dead-letters/replay", data={"0@0": "on"}).text
        assert "1 replayed" in browser.post("/dead-letters/replay", data={"0@0": "on", "sure": "yes"}).text
    assert [each.value for each in pipeline.kafka.read_all(pipeline.images)][1:] == [b"cut", b"cut"]
    done = [each["what"] for each in console.logged("console_did")]
    assert done == ["judged", "took a judgement back", "replayed dead letters"]
    assert console.process.terminate(STOP) == 0
