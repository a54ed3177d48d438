"""What every `Source` does, twin or real."""

from __future__ import annotations

import time

from pipeline.items import Batch
from pipeline.wire import Record
from tests.adapters.conftest import MOST, Bus, Heard, Polling, collect, poll_until, values
from tests.services.deadline import until

PICTURES = [f"picture {number}".encode() for number in range(20)]


def test_poll_brings_what_was_written_before_the_group_existed(bus: Bus) -> None:
    bus.put(*PICTURES)
    assert sorted(values(collect(bus.source(), 20))) == sorted(PICTURES)


def test_poll_of_an_idle_topic_takes_the_timeout_and_brings_nothing(bus: Bus) -> None:
    source = bus.source()
    poll_until(lambda: bool(source._ours.partitions), source)
    started = time.monotonic()
    assert source.poll(0.3, MOST) is None
    assert 0.25 <= time.monotonic() - started < 10


def test_a_batch_is_no_larger_than_asked_for(bus: Bus) -> None:
    bus.put(*PICTURES)
    batches = collect(bus.source(), 20, most=7)
    assert max(map(len, batches)) <= 7
    assert sorted(values(batches)) == sorted(PICTURES)


def test_a_poll_may_ask_for_fewer_and_what_it_left_comes_next(bus: Bus) -> None:
    bus.put(*PICTURES)
    source = bus.source()
    first = []
    while not first:
        first = [batch] if (batch := source.poll(0.2, 2)) else []
    assert len(first[0]) <= 2
    assert sorted(values(first + collect(source, len(PICTURES) - len(first[0])))) == sorted(PICTURES)


def test_order_holds_within_a_partition(bus: Bus) -> None:
    bus.put(*PICTURES, partition_of=b"one key")
    assert values(collect(bus.source(), 20, most=3)) == PICTURES


def test_an_event_arrives_whole(bus: Bus) -> None:
    """Headers with repeated names, an empty header, a key of any bytes, and the time of writing in seconds."""
    headers = [("traceparent", b"00-1"), ("x", b""), ("x", b"\xff\x00")]
    bus.writer().write([Record(bus.topic, b"\xffkey", b"value", headers)])
    (item,) = collect(bus.source(), 1)[0].items
    assert (item.event.topic, item.event.key, item.event.value) == (bus.topic, b"\xffkey", b"value")
    assert list(item.event.headers) == headers
    assert abs(item.event.timestamp - time.time()) < 60


def test_no_key_and_no_value_survive(bus: Bus) -> None:
    bus.writer().write([Record(bus.topic, None, None), Record(bus.topic, b"k", None), Record(bus.topic, None, b"")])
    events = [item.event for batch in collect(bus.source(), 3) for item in batch.items]
    assert {(event.key, event.value) for event in events} == {(None, None), (b"k", None), (None, b"")}


def test_ten_megabytes_survive(bus: Bus) -> None:
    large = bytes(range(256)) * 39_062
    bus.writer().write([Record(bus.topic, b"large", large)])
    assert values(collect(bus.source(), 1)) == [large]


def test_what_was_not_committed_comes_again(bus: Bus) -> None:
    bus.put(*PICTURES)
    first = bus.source()
    collect(first, 20)
    first.close()
    assert sorted(values(collect(bus.source(), 20))) == sorted(PICTURES)


def test_what_was_committed_does_not_come_again(bus: Bus) -> None:
    bus.put(*PICTURES[:10])
    first = bus.source()
    for batch in collect(first, 10):
        first.commit(batch)
    first.close()
    bus.put(*PICTURES[10:])
    second = bus.source()
    assert sorted(values(collect(second, 10))) == PICTURES[10:]
    assert second.poll(0.5, MOST) is None


def test_a_batch_that_was_polled_and_not_committed_comes_again_after_one_that_was(bus: Bus) -> None:
    bus.put(*PICTURES, partition_of=b"one key")
    first = bus.source()
    batches = collect(first, 20, most=8)
    first.commit(batches[0])
    first.close()
    assert values(collect(bus.source(), 12)) == PICTURES[len(batches[0]) :]


def test_batches_are_committed_in_any_order_up_to_the_first_that_is_not_done(bus: Bus) -> None:
    """What is done early is neither lost nor committed before what stood in front of it."""
    bus.put(*PICTURES, partition_of=b"one key")
    heard = Heard()
    first = bus.source(hooks=heard)
    batches = collect(first, 20, most=6)
    late = batches[0]
    part = late.split(2)  # parts of a batch are done apart, too
    for batch in reversed(batches[1:]):
        first.commit(batch)
    poll_until(lambda: True, first)
    assert heard.done == 0
    first.commit(part)
    first.close()
    assert heard.done == 2

    second = bus.source(hooks=heard)
    again = collect(second, 18, most=6)
    assert values(again) == PICTURES[2:]
    for batch in reversed(again):
        second.commit(batch)
    second.close()
    assert heard.done == 20
    assert bus.source().poll(2.0, MOST) is None


def test_a_late_event_holds_back_no_other_partition(bus: Bus) -> None:
    for number in range(6):
        bus.put(*PICTURES[:5], partition_of=b"key %d" % number)
    heard = Heard()
    source = bus.source(hooks=heard)
    batches = collect(source, 30, most=4)
    late = batches[0].items[0].event
    behind = [item for batch in batches for item in batch.items if item.event.partition == late.partition]
    assert len(behind) < 30, "all keys in one partition: this test tests nothing"
    for batch in batches:
        items = [item for item in batch.items if item.event is not late]
        source.commit(Batch(items, batch.polled_at, batch.generation))
    poll_until(lambda: heard.done == 30 - len(behind), source)
    source.close()
    assert heard.done == 30 - len(behind)


def test_a_pause_brings_nothing_and_resume_brings_it(bus: Bus) -> None:
    source = bus.source()
    poll_until(lambda: bool(source._ours.partitions), source)
    bus.put(*PICTURES)
    first = collect(source, 1, most=5)  # what is left now waits in the client, already fetched
    source.pause()
    source.pause()
    assert [source.poll(0.1, MOST) for _ in range(5)] == [None] * 5
    source.resume()
    source.resume()
    rest = collect(source, 20 - len(values(first)))
    assert sorted(values(first + rest)) == sorted(PICTURES)


def test_a_long_pause_keeps_the_membership(bus: Bus) -> None:
    """Longer than the session timeout, with polls going on: no rebalance, no redelivery."""
    heard = Heard()
    source = bus.source(hooks=heard)
    poll_until(lambda: bool(heard.assignments), source)
    source.pause()
    bus.put(*PICTURES)
    until = time.monotonic() + 3
    while time.monotonic() < until:
        assert source.poll(0.1, MOST) is None
    assert heard.assignments == [4]
    source.resume()
    assert len(values(collect(source, 20))) == 20


def test_partitions_that_come_during_a_pause_are_paused_too(bus: Bus) -> None:
    bus.put(*PICTURES)
    source = bus.source()
    source.pause()
    heard = poll_until(lambda: len(source._ours.partitions) == 4, source)
    assert heard == []
    assert [source.poll(0.1, MOST) for _ in range(5)] == [None] * 5
    source.resume()
    assert len(values(collect(source, 20))) == 20


def shared(first: Polling, second: Polling) -> None:
    """Wait until each has two of the four partitions."""
    until(lambda: len(first.places) == len(second.places) == 2 and not first.places & second.places, 20, "a share")


def test_two_sources_of_a_group_share_the_partitions(bus: Bus) -> None:
    with Polling(bus.source()) as first, Polling(bus.source()) as second:
        shared(first, second)
        bus.put(*PICTURES)
        until(lambda: len(values(first.batches + second.batches)) >= 20, 20, "all events")
        assert sorted(values(first.batches + second.batches)) == sorted(PICTURES)


def test_a_source_takes_over_when_the_other_closes(bus: Bus) -> None:
    with Polling(bus.source()) as second:
        with Polling(bus.source()) as first:
            shared(first, second)
        until(lambda: len(second.places) == 4, 20, "the takeover")
        bus.put(*PICTURES)
        until(lambda: len(values(second.batches)) >= 20, 20, "all events")
        assert sorted(values(second.batches)) == sorted(PICTURES)


def test_a_commit_for_partitions_that_went_away_is_left_out(bus: Bus) -> None:
    """A batch polled before a rebalance is committed for what stayed, and repeated by the new owner for what went."""
    heard = Heard()
    bus.put(*PICTURES)
    with Polling(bus.source(hooks=heard)) as first:
        until(lambda: len(values(first.batches)) == 20, 20, "all events")
        polled = [item.event for batch in first.batches for item in batch.items]
        with Polling(bus.source()) as second:
            shared(first, second)
            gone = second.places
            for batch in list(first.batches):
                first.order(lambda batch=batch: first.source.commit(batch))
            lost = [event.value for event in polled if (event.topic, event.partition) in gone]
            until(lambda: heard.done >= 20 - len(lost), 20, "the commit")
            until(lambda: len(values(second.batches)) >= len(lost), 20, "the repetition")
            assert sorted(values(second.batches)) == sorted(lost)
        assert heard.done == 20 - len(lost)


def test_hooks_hear_of_assignments_and_commits_and_lag(bus: Bus) -> None:
    heard = Heard()
    bus.put(*PICTURES)
    source = bus.source(hooks=heard)
    for batch in collect(source, 20, most=5):
        source.commit(batch)
    poll_until(lambda: heard.done == 20 and sum(heard.lags.values()) == 0 and bool(heard.lags), source)
    assert heard.assignments == [4]


def test_close_is_idempotent_and_prompt(bus: Bus) -> None:
    source = bus.source()
    poll_until(lambda: bool(source._ours.partitions), source)
    started = time.monotonic()
    source.close()
    source.close()
    assert time.monotonic() - started < 10


def test_polls_of_no_length_are_enough_to_join_and_to_share(bus: Bus) -> None:
    """A worker under backpressure polls without waiting, and must not fall out of the group for it."""
    with (
        Polling(bus.source(), timeout=0.0, rest=0.2) as first,
        Polling(bus.source(), timeout=0.0, rest=0.2) as second,
    ):
        shared(first, second)


def test_a_topic_made_anew_is_read_from_its_beginning_and_its_events_tell_it_from_the_old_one(bus: Bus) -> None:
    bus.put(*PICTURES[:12], partition_of=b"one key")
    with Polling(bus.source()) as polling:
        until(lambda: len(values(polling.batches)) == 12, 20, "the old topic's events")
        polling.order(lambda: [polling.source.commit(batch) for batch in polling.batches])
        bus.make_anew()
        bus.put(*PICTURES[12:], partition_of=b"one key")
        until(lambda: set(values(polling.batches)) == set(PICTURES), 60, "the new topic's events")
    events = {item.event.value: item.event for batch in polling.batches for item in batch.items}
    old, new = ({events[value].topic_id for value in values} for values in (PICTURES[:12], PICTURES[12:]))
    assert len(old) == len(new) == 1
    assert "" not in old | new
    assert old != new
    assert events[PICTURES[12]].offset == 0
