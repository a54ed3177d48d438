"""Reviews and dead letters at the console beside a real Kafka, judged and replayed as without a script."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from threading import Barrier

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
from tests.services.redis import RedisServer

TOKENS = "ann:reviewer:aaaaaaaaaaaaaaaa,rob:reviewer:rrrrrrrrrrrrrrrr"


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
    own["state"] = pipeline.folder / "state"
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


def _sent_to_review(pipeline: Pipeline, count: int) -> None:
    """So many decisions that send an image to review, as a worker writes them."""
    rng = np.random.default_rng(0)
    topics = Topics(pipeline.decisions, pipeline.dead_letters)
    for number in range(count):
        event = Event(pipeline.images, 0, number, b"", b"", [], 1_790_000_000.0 + number)
        score = 0.5 + number / 100
        said = decision(
            number,
            some_signals(1, rng),
            source=SourceRef(pipeline.images, 0, number),
            verdict="review",
            matches=[Match("weapons", "v", "review", score, 0.15, "a knife", score)],
            scores={"weapons": score},
        )
        _put(pipeline, record_of(Decided(event, said), topics))


def test_two_who_race_at_two_consoles_with_one_redis_never_get_the_same(
    make_pipeline: Callable[..., Pipeline], empty_redis: RedisServer
) -> None:
    """Nor does one who is sent from one console to the other lose what they have in hand."""
    images, pipeline = 12, make_pipeline(partitions=1)
    reviews = pipeline.kafka.create_topic(f"{pipeline.group}-reviews", 1)
    own: dict[str, object] = {"group": pipeline.group, "metrics_host": HOST, "reviews_topic": reviews}
    own["state"] = pipeline.folder / "state"
    own |= {"policies": write_policies(pipeline.folder / "policies"), "redis_url": empty_redis.url}
    own |= {"console_tokens": TOKENS}
    started = list[tuple[Worker, str]]()
    for _ in range(2):
        port, pages = free_port(), free_port()
        own |= {"metrics_port": port, "console_port": pages, "console_workers": f"{HOST}:{port}"}
        command = pipeline.command("console", env=None, **pipeline.topic_settings, **own)
        started.append((Worker(command, port), f"http://localhost:{pages}"))
    consoles = [worker for worker, _ in started]
    for console in consoles:
        console.wait_until_ready()
        until(
            lambda it=console: it.metric("sluice_console_stream_up") == 1, ANSWER, lambda it=console: str(it.process)
        )
    _sent_to_review(pipeline, images)
    for console in consoles:
        until(lambda it=console: it.metric("sluice_console_answers_total") == images, ANSWER, str)
    start = Barrier(2)

    def all_that_comes(name: str, here: str, there: str) -> list[str]:
        said = {"authorization": f"Bearer {name[0] * 16}", "x-part": "1"}
        with httpx2.Client(timeout=60, headers=said) as browser:
            start.wait(60)
            events = list[str]()
            while found := re.search(r'data-event="(\w+)"', browser.get(f"{here}/reviews/next").text):
                at, events = (here if len(events) % 2 else there), [*events, found[1]]
                browser.post(f"{at}/reviews/judge", data={"event": found[1], "rest": "yes"}).raise_for_status()
            return events

    (_, one), (_, other) = started
    with ThreadPoolExecutor(2) as pool:
        anns, robs = pool.map(all_that_comes, ("ann", "rob"), (one, other), (other, one))
    assert len({*anns, *robs}) == len(anns) + len(robs) == images
    assert anns
    assert robs
    said = [parse_review(each.value or b"") for each in islice(pipeline.kafka.read_all(reviews), images + 1)]
    by = {(each.event_id, each.reviewer) for each in said}
    assert by == {*((each, "ann") for each in anns), *((each, "rob") for each in robs)}
    assert len(said) == images
    assert [console.process.terminate(STOP) for console in consoles] == [0, 0]
