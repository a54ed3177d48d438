"""What the broker no longer has, or has in a form that nobody can read, is never passed over in silence."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, TopicPartition

from pipeline.adapters.kafka import KafkaConnection, KafkaSource, KafkaWriter
from pipeline.errors import StopError
from pipeline.items import Batch
from pipeline.wire import Record
from tests.adapters.conftest import MOST, Heard, KafkaBus, Polling, collect, values
from tests.conftest import had_or_skipped
from tests.services.deadline import until
from tests.services.kafka import KafkaBroker
from tests.services.kafka import config as broker_config

PICTURES = [b"picture %d" % number for number in range(40)]
Lost = list[tuple[str, int, str, int]]


def one_partition(bus: KafkaBus, pictures: list[bytes]) -> None:
    bus.put(*pictures, partition_of=b"one key")


def take(source: Any, count: int) -> list[Batch]:
    batches = collect(source, count)
    for batch in batches:
        source.commit(batch)
    return batches


def expire(bus: KafkaBus, partition: int, before: int) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=bus.broker.bootstrap_servers)) as admin:
        admin.delete_records({TopicPartition(bus.topic, partition): before})


def slept(bus: KafkaBus) -> int:
    """Ten events were done; the worker sleeps, and thirty more come. Returns their partition."""
    one_partition(bus, PICTURES[:10])
    source = bus.source()
    batches = take(source, 10)
    source.close()
    one_partition(bus, PICTURES[10:])
    return batches[0].items[0].event.partition


def test_events_that_expired_while_nobody_polled_are_reported_and_the_rest_is_read(
    kafka_bus_of_four: KafkaBus,
) -> None:
    bus, heard = kafka_bus_of_four, Heard()
    partition = slept(bus)
    expire(bus, partition, 29)
    source = bus.source(hooks=heard)
    assert values(take(source, 11)) == PICTURES[29:]
    assert heard.losses == [(bus.topic, partition, "expired", 19)]
    source.close()
    assert bus.broker.committed(bus.group, bus.topic)[partition] == 40


def test_what_expired_is_reported_once_even_when_nothing_comes_after_it(kafka_bus_of_four: KafkaBus) -> None:
    bus = kafka_bus_of_four
    partition = slept(bus)
    expire(bus, partition, 40)
    for losses in ([(bus.topic, partition, "expired", 30)], []):
        heard = Heard()
        with Polling(bus.source(hooks=heard)) as polling:
            until(lambda: len(polling.places) == 4, 20, "an assignment")
            time.sleep(2.5)
        assert heard.losses == losses
    assert bus.broker.committed(bus.group, bus.topic)[partition] == 40


def test_a_worker_that_is_to_stop_for_lost_events_stops_and_takes_none(kafka_bus_of_four: KafkaBus) -> None:
    bus, heard = kafka_bus_of_four, Heard()
    partition = slept(bus)
    expire(bus, partition, 25)
    for _ in range(2):  # a restart alone does not help
        source = bus.source(hooks=heard, on_lost_events="stop")
        with pytest.raises(StopError, match=rf"{bus.topic}\[{partition}\]@10 .*expired.* 25"):
            collect(source, 1)
        source.close()
        assert bus.broker.committed(bus.group, bus.topic)[partition] == 10
    assert values(take(bus.source(), 15)) == PICTURES[25:]


def test_events_that_expire_under_a_paused_worker_are_reported(kafka_bus_of_four: KafkaBus) -> None:
    bus, heard = kafka_bus_of_four, Heard()
    one_partition(bus, PICTURES[:10])
    source = bus.source(hooks=heard)
    (batch, *_) = take(source, 10)
    source.pause()
    one_partition(bus, PICTURES[10:])
    expire(bus, batch.items[0].event.partition, 20)
    source.poll(0.1, MOST)
    source.resume()
    assert set(PICTURES[20:]) <= set(values(take(source, 20)))
    assert [loss[2] for loss in heard.losses] in ([], ["expired"])  # unless all of it was fetched before


@pytest.mark.parametrize("events", [5, 40], ids=["fewer events", "more events"])
def test_a_topic_made_anew_while_nobody_polled_is_read_from_its_beginning(
    kafka_bus_of_four: KafkaBus, events: int
) -> None:
    """The group's offsets outlive the topic, where the broker keeps them, and mean nothing in the new one."""
    bus, heard = kafka_bus_of_four, Heard()
    partition = slept(bus)
    saved = saved_offsets(bus)
    bus.make_anew()
    one_partition(bus, PICTURES[:events])
    put_back(bus, saved)
    source = bus.source(hooks=heard)
    assert values(take(source, events)) == PICTURES[:events]
    assert (bus.topic, partition, "recreated", 0) in heard.losses
    source.close()
    again = Heard()
    source = bus.source(hooks=again)
    assert source.poll(3.0, MOST) is None
    source.close()
    assert again.losses == []


@pytest.mark.parametrize("losses", ["continue", "stop"])
def test_what_was_done_of_the_old_topic_is_never_committed_as_of_the_new_one(
    kafka_bus_of_four: KafkaBus, losses: str
) -> None:
    """From when a topic is found to be another until its beginning is known, and at the end of a worker that stops.

    A worker that took over in between would have passed over the first 40 events of the new topic.
    """
    bus = kafka_bus_of_four
    one_partition(bus, PICTURES)
    source: Any = bus.source(commit_interval=3600.0, on_lost_events=losses)
    batches = take(source, 40)
    partition = batches[0].items[0].event.partition
    bus.make_anew()
    one_partition(bus, PICTURES[:5])
    came: list[bytes | None] = []
    anew = f"topic-id:{id_of(bus)}"

    def believed() -> int:
        """The offset that is committed of the new topic."""
        saved = saved_offsets(bus).get(TopicPartition(bus.topic, partition))
        return saved.offset if saved is not None and saved.metadata == anew else 0

    def read_anew() -> bool:
        batch = source.poll(0.05, MOST)
        came.extend(values([batch]) if batch is not None else [])
        source._commit_now()
        assert believed() == 0
        return came == PICTURES[:5]

    if losses == "continue":
        until(read_anew, 60, "the events of the new topic")
    else:
        with pytest.raises(StopError, match="recreated"):
            until(read_anew, 60, "the events of the new topic")
    source.close()
    assert believed() == 0


def id_of(bus: KafkaBus) -> str:
    with closing(KafkaAdminClient(bootstrap_servers=bus.broker.bootstrap_servers)) as admin:
        [described] = admin.describe_topics([bus.topic])
    return str(described["topic_id"])


def saved_offsets(bus: KafkaBus) -> Any:
    with closing(KafkaAdminClient(bootstrap_servers=bus.broker.bootstrap_servers)) as admin:
        return admin.list_group_offsets({bus.group: None})[bus.group]


def put_back(bus: KafkaBus, saved: Any) -> None:
    """As a broker has them that forgets no offsets with their topic."""
    with closing(KafkaAdminClient(bootstrap_servers=bus.broker.bootstrap_servers)) as admin:
        admin.alter_group_offsets(bus.group, saved)


@pytest.mark.parametrize("events", [5, 40], ids=["fewer events", "more events"])
def test_a_topic_made_anew_under_a_worker_is_read_from_its_beginning(
    kafka_bus_of_four: KafkaBus, events: int
) -> None:
    bus, heard = kafka_bus_of_four, Heard()
    one_partition(bus, PICTURES[:20])
    with Polling(bus.source(hooks=heard)) as polling:
        until(lambda: len(values(polling.batches)) == 20, 20, "the old topic's events")
        old = len(polling.batches)
        bus.make_anew()
        one_partition(bus, [b"new " + picture for picture in PICTURES[:events]])
        wanted = {b"new " + picture for picture in PICTURES[:events]}
        until(lambda: set(values(polling.batches[old:])) >= wanted, 60, "every event of the new topic")
        for batch in polling.batches:
            polling.order(lambda batch=batch: polling.source.commit(batch))
        until(lambda: sum(bus.broker.committed(bus.group, bus.topic).values()) == events, 20, "the commit")


BATCH = 5


def damaged(kafka: Any, damage: Callable[[bytearray, int, int], None], *, topic: str = "images") -> None:
    """Five batches of five events; the third one's bytes on the broker's disk are damaged."""
    kafka.create_topic(topic, 1)
    writer = KafkaWriter(KafkaConnection(kafka.bootstrap_servers), delivery_timeout=30)
    for at in range(0, 25, BATCH):
        writer.write([Record(topic, None, picture * 30) for picture in PICTURES[at : at + BATCH]])
    writer.close()
    kafka.stop()
    (log,) = Path(kafka._config.data).glob(f"{topic}-0/*.log")
    content = bytearray(log.read_bytes())
    starts, at = [], 0
    while at + 12 <= len(content) and (size := int.from_bytes(content[at + 8 : at + 12], "big")):
        starts.append(at)
        at += 12 + size
    assert len(starts) >= 3, "too few batches: this test tests nothing"
    damage(content, starts[2], starts[3] if len(starts) > 3 else at)
    log.write_bytes(content)
    kafka.start()


def flip(content: bytearray, start: int, end: int) -> None:
    content[(start + 61 + end) // 2] ^= 0xFF


def test_a_batch_whose_checksum_is_wrong_does_not_stop_its_partition(kafka_of_own: Any) -> None:
    damaged(kafka_of_own, flip)
    heard = Heard()
    connection = KafkaConnection(kafka_of_own.bootstrap_servers)
    source = KafkaSource(connection, "images", "group", hooks=heard, commit_interval=0.0)
    read = values(take(source, 20))
    source.close()
    assert read == [picture * 30 for picture in PICTURES[:10] + PICTURES[15:25]]
    assert heard.losses == [("images", 0, "corrupt", 5)]
    assert kafka_of_own.committed("group", "images") == {0: 25}

    stops = KafkaSource(connection, "images", "another", on_lost_events="stop")
    with pytest.raises(StopError, match=r"images\[0\]@10 .*corrupt.* 15"):
        collect(stops, 25)
    stops.close()


def stretch(content: bytearray, start: int, end: int) -> None:
    """The batch says that it is longer than it is: the broker itself cannot tell where the next one begins."""
    content[start + 8 : start + 12] = (end - start - 12 + 7).to_bytes(4, "big")


def test_a_log_that_the_broker_cannot_read_itself_holds_up_no_other_partition(kafka_of_own: Any) -> None:
    damaged(kafka_of_own, stretch, topic="broken")
    kafka_of_own.create_topic("sound", 1)
    heard = Heard()
    connection = KafkaConnection(kafka_of_own.bootstrap_servers)
    source = KafkaSource(connection, ["broken", "sound"], "group", hooks=heard, commit_interval=0.0)
    batches: list[Batch] = []
    for picture in (b"a picture", b"another"):
        kafka_of_own.produce("sound", picture)
        batches += poll_until_value(source, picture)
    source.close()


def poll_until_value(source: Any, wanted: bytes, within: float = 30.0) -> list[Batch]:
    batches: list[Batch] = []
    deadline = time.monotonic() + within
    while wanted not in values(batches):
        assert time.monotonic() < deadline, f"no {wanted!r}"
        batch = source.poll(0.2, MOST)
        batches += [batch] if batch is not None else []
    return batches


def test_a_broker_that_takes_no_metadata_gets_commits_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(broker_config._COMMON, "offset.metadata.max.bytes", 8)
    folder = tmp_path / "kafka"
    folder.mkdir()
    broker = KafkaBroker(folder)
    try:
        had_or_skipped(broker.start)
        broker.create_topic("images", 1)
        broker.produce("images", b"a picture")
        source = KafkaSource(KafkaConnection(broker.bootstrap_servers), "images", "group")
        (batch,) = collect(source, 1)
        source.commit(batch)
        until(
            lambda: source.poll(0.1, MOST) is None and broker.committed("group", "images") == {0: 1}, 20, "the commit"
        )
        source.close()
    finally:
        broker.close()
