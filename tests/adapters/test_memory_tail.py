"""The twin of a look into topics: what it says of topics that the real one says of them, too."""

from __future__ import annotations

from pipeline.adapters.memory import MemoryBroker, MemoryTail
from pipeline.wire import Record


def test_a_topic_that_is_made_anew_is_read_from_its_beginning_and_no_other_again() -> None:
    broker = MemoryBroker(partitions=2)
    for topic in ("one", "other"):
        broker.append(Record(topic, None, b"before"))
    tail = MemoryTail(broker, "one", "other")
    for value in (b"a", b"b", b"c"):
        broker.append(Record("one", None, value, partition=0))
    assert [event.value for event in tail.read(0.0)] == [b"a", b"b", b"c"]
    broker.delete_topic("one")
    broker.create_topic("one", 3)
    for value in (b"d", b"e", b"f", b"g", b"h"):
        broker.append(Record("one", None, value, partition=0))
    broker.append(Record("one", None, b"i", partition=2))
    assert [event.value for event in tail.read(0.0)] == [b"d", b"e", b"f", b"g", b"h", b"i"]
    assert list(tail.read(0.0)) == []
