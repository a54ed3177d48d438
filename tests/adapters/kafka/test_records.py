"""Records as strangers write them, over the real broker and back again, and whatever bytes a parser may meet."""

from __future__ import annotations

import random
import tracemalloc
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import KafkaProducer, TopicPartition
from kafka.record import MemoryRecords, MemoryRecordsBuilder

from pipeline.adapters.kafka import format as kafka_format
from pipeline.adapters.kafka.fetcher import FairFetcher
from pipeline.adapters.kafka.format import ESCAPE, HEADERS_READ, InflatedError, name_bytes, name_from
from pipeline.adapters.kafka.partition_records import Ahead
from pipeline.adapters.kafka.records import event
from pipeline.errors import ServiceError
from pipeline.wire import Record
from tests.adapters.conftest import Heard, KafkaBus, collect, values

NAMES = [
    b"caf\xe9",
    b"\xff\xfe",
    b"",
    ESCAPE.encode(),
    ESCAPE.encode() + b"x",
    "π".encode(),
    b"\xed\xa0\x80",
    b"x" * 300,
]
MILLISECOND_TIMES = {
    "none": -1,
    "the epoch": 0,
    "microseconds": 1_764_000_000_000_000,
    "nanoseconds": 1_764_000_000_000_000_000,
    "the last": 2**63 - 1,
}
TIME_LIMITS = ("message.timestamp.after.max.ms", "message.timestamp.before.max.ms")


@given(st.binary())
def test_a_name_of_any_bytes_is_text_that_turns_back_into_them(raw: bytes) -> None:
    name = name_from(raw)
    assert name_bytes(name) == raw
    name.encode()  # JSON, a log or a terminal must not choke on it


@given(st.text())
def test_any_text_can_be_written_as_a_name(name: str) -> None:
    assert isinstance(name_bytes(name), bytes)


def test_names_and_headers_without_a_value_survive_byte_for_byte(kafka_bus_of_four: KafkaBus) -> None:
    """Read from one topic and written to it again: what a dead letter does."""
    bus = kafka_bus_of_four
    headers = [(name_from(name), value) for name in NAMES for value in (b"v", b"", None)]
    bus.writer().write([Record(bus.topic, b"k", b"first", headers)])
    source = bus.source()
    (event,) = (item.event for batch in collect(source, 1) for item in batch.items)
    assert [(name_bytes(name), value) for name, value in event.headers] == [
        (name, value) for name in NAMES for value in (b"v", b"", None)
    ]
    bus.writer().write([Record(bus.topic, b"k", b"again", event.headers)])
    (again,) = (item.event for batch in collect(source, 1) for item in batch.items)
    assert list(again.headers) == list(event.headers)
    assert name_from(b"caf\xe9") == ESCAPE + "café"


@pytest.mark.parametrize("time", MILLISECOND_TIMES)
def test_an_event_of_any_time_comes_through(kafka_bus_of_four: KafkaBus, time: str) -> None:
    bus, milliseconds = kafka_bus_of_four, MILLISECOND_TIMES[time]
    forever = str(2**63 - 1)  # as brokers before 3.6 take any time
    bus.broker.configure_topic(bus.topic, dict.fromkeys(TIME_LIMITS, forever))
    producer = KafkaProducer(bootstrap_servers=bus.broker.bootstrap_servers)
    producer.send(bus.topic, b"value", timestamp_ms=milliseconds).get(20)
    producer.close()
    (event,) = (item.event for batch in collect(bus.source(), 1) for item in batch.items)
    assert event.timestamp == milliseconds / 1000


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_every_codec_of_a_broker_is_read(kafka_bus_of_four: KafkaBus, new_topic: Any, codec: str) -> None:
    """The broker compresses anew what it is given."""
    bus = kafka_bus_of_four
    bus.topic = new_topic(partitions=4, config={"compression.type": codec})
    pictures = [b"picture %d" % number * 200 for number in range(50)]
    bus.put(*pictures, partition_of=b"one key")
    assert values(collect(bus.source(), 50)) == pictures


def test_a_missing_codec_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.adapters.kafka import check_libraries

    check_libraries()
    monkeypatch.setattr(kafka_format.codec, "lz4", None)
    with pytest.raises(ServiceError, match=r"lz4.*pip install 'kafka-python\[crc32c,lz4,snappy,zstd\]'"):
        check_libraries()


END = 1000
CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


def batch(codec: str, contents: list[bytes]) -> bytearray:
    """One batch as a producer makes it."""
    builder = MemoryRecordsBuilder(2, CODECS[codec], 1 << 30)
    for content in contents:
        builder.append(
            1_764_000_000_000, b"key", content, [("name", b"value"), (name_from(b"\xff"), kafka_format.NULL)]
        )
    builder.close()
    return bytearray(builder.buffer())


def headed(*counts: int) -> bytes:
    """A batch of records with so many empty headers, which gzip makes little of."""
    builder = MemoryRecordsBuilder(2, CODECS["gzip"], 1 << 30)
    for count in counts:
        builder.append(1_764_000_000_000, b"key", b"picture", [("", b"")] * count)
    builder.close()
    return bytes(builder.buffer())


def test_more_headers_than_are_read_are_passed_over_and_counted_and_the_next_record_is_read() -> None:
    records, lost, _ = read(headed(2, 1_000_000, HEADERS_READ, HEADERS_READ + 1, 3))
    events = [event(record) for record in records]
    assert [(len(each.headers), each.unread_headers) for each in events] == [
        (2, 0),
        (0, 1_000_000),
        (HEADERS_READ, 0),
        (0, HEADERS_READ + 1),
        (3, 0),
    ]
    assert {(each.key, each.value) for each in events} == {(b"key", b"picture")}
    assert lost == []


def test_headers_that_are_passed_over_take_no_memory() -> None:
    content = headed(1_000_000)
    tracemalloc.start()
    records, _, _ = read(content)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(content) < 4_000
    assert len(records) == 1
    assert held < 4_000_000  # the inflated batch itself is 2 MB


@pytest.mark.parametrize("count", [HEADERS_READ, 2**31])
def test_a_record_that_says_it_has_more_headers_than_it_has_bytes_is_damaged(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} headers in 7 bytes"):
        kafka_format._headers(bytearray(encoded(count) + bytes(7)), 0, len(encoded(count)) + 7)


def encoded(number: int) -> bytes:
    """As a record writes a number: a varint of its zigzag."""
    written, left = bytearray(), number << 1
    while left > 0x7F:
        written.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([*written, left])


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_a_batch_that_inflates_past_the_limit_is_refused(codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = [b"\0" * 4_000_000]
    bomb = batch(codec, contents)
    assert len(bomb) < 400_000
    assert [record.value for record in MemoryRecords(bomb).next_batch()] == contents
    monkeypatch.setattr(kafka_format, "INFLATED_BYTES", 1_000_000)
    with pytest.raises(InflatedError):
        list(MemoryRecords(bomb).next_batch())


def fetched(content: bytes, end: int, before: Ahead | None = None) -> Any:
    part = FairFetcher.PartitionRecords(0, TopicPartition("images", 0), MemoryRecords(bytes(content)))
    part.lost, part.highwater, part.before, part.ahead = [], end, before, None
    return part


def read(content: bytes, end: int = END) -> tuple[list[Any], list[Any], int]:
    """Records, losses, and where reading goes on, of fetches that bring these bytes until nothing is left behind."""
    before = None
    while True:
        part = fetched(content, end, before)
        records = part.take(100_000)
        before = part.ahead
        if before is None:
            return records, part.lost, part.next_fetch_offset


def test_what_was_written_while_the_broker_read_is_not_lost() -> None:
    """It notes the partition's end first. Such records were passed over as damaged, 11 of 200,000."""
    first, second = batch("none", [b"a"] * 3), batch("none", [b"b"] * 3)
    second[0:8] = (3).to_bytes(8, "big")
    early = fetched(first + second, 3)
    assert [record.offset for record in early.take(100)] == [0, 1, 2]
    assert (early.lost, early.next_fetch_offset, bool(early)) == ([], 3, False)
    assert early.ahead == Ahead(3, 3)
    late = fetched(second, 6, early.ahead)
    assert [record.offset for record in late.take(100)] == [3, 4, 5]
    assert (late.lost, late.ahead) == ([], None)


def test_what_lies_behind_the_end_fetch_after_fetch_is_damaged() -> None:
    first, second = batch("none", [b"a"] * 3), batch("none", [b"b"] * 3)
    second[0:8] = (7_000_000).to_bytes(8, "big")
    records, (lost,), goes_on = read(first + second, 6)
    assert [record.offset for record in records] == [0, 1, 2]
    assert (lost.reason, lost.looked_for, lost.begins) == ("corrupt", 3, 4)
    assert goes_on == 4


def test_an_end_that_the_broker_told_too_early_loses_nothing(
    kafka_bus_of_four: KafkaBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse, told = FairFetcher._parse, Counter[str]()

    def too_early(self: FairFetcher, completion: Any) -> Any:
        part = parse(self, completion)
        if part is not None and part.before is None:
            part.highwater = part.next_fetch_offset
            told["early"] += 1
        return part

    monkeypatch.setattr(FairFetcher, "_parse", too_early)
    bus, heard = kafka_bus_of_four, Heard()
    bus.put(*[b"picture"] * 50)
    source = bus.source(hooks=heard, on_lost_events="stop")
    collect(source, 50)
    source.close()
    assert heard.losses == []
    assert told["early"] >= 4


@given(
    st.sampled_from(sorted(CODECS)),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=6),
    st.booleans(),
)
def test_damaged_bytes_never_raise_and_never_hide_what_is_missing(
    codec: str, damages: list[tuple[int, int]], truncate: bool
) -> None:
    """Every offset up to where reading goes on is either a record or part of a loss.

    But for a batch that says of itself that it stands somewhere else within the partition: as after a compaction.
    """
    content = batch(codec, [b"%d" % number * 20 for number in range(8)])
    for at, byte in damages:
        content[max(2, at % len(content))] = byte
    if int.from_bytes(content[:8], "big") < END:
        content[:8] = bytes(8)
    if truncate:
        del content[damages[0][0] % len(content) :]
    records, lost, goes_on = read(content)
    covered = {record.offset for record in records} | {
        offset for each in lost for offset in range(each.looked_for, each.begins)
    }
    assert covered >= set(range(min(goes_on, 8)))
    assert all(each.begins > each.looked_for for each in lost)


def test_what_follows_a_damaged_batch_is_read() -> None:
    first, second = batch("none", [b"a"] * 3), batch("zstd", [b"b"] * 3)
    second[0:8] = (3).to_bytes(8, "big")
    first[-1] ^= 0xFF
    records, (lost,), goes_on = read(first + second)
    assert [record.offset for record in records] == [3, 4, 5]
    assert (lost.reason, lost.looked_for, lost.begins, goes_on) == ("corrupt", 0, 3, 6)


def test_a_fetch_full_of_noise_ends() -> None:
    noise = random.Random(0).randbytes(5_000)
    read(noise)


def test_nothing_is_reported_of_an_ordinary_topic(kafka_bus_of_four: KafkaBus) -> None:
    bus, heard = kafka_bus_of_four, Heard()
    bus.put(*[b"picture"] * 50)
    source = bus.source(hooks=heard, on_lost_events="stop")
    collect(source, 50)
    source.close()
    assert heard.losses == []
