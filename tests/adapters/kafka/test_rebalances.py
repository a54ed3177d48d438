"""Who has which partition after members have come, gone, slept, and come back: every partition is somebody's."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from threading import Event

import pytest

from tests.adapters.conftest import KafkaBus, Polling
from tests.services.deadline import until
from tests.services.kafka import KafkaBroker

pytestmark = pytest.mark.services


def asleep(polling: Polling) -> Event:
    """Let it poll no more until the event is set."""
    wake = Event()
    polling._orders.put(lambda: wake.wait(60))
    return wake


def test_no_partition_is_nobodys_after_a_member_was_put_out_and_came_back_to_more_members(
    kafka: KafkaBroker, new_topic: Callable[..., str], group_id: str
) -> None:
    """It came back claiming what it had held; what it was not to keep of that went to nobody, for ever.

    One member that does not poll holds the group together until all have joined, and is then put out too: so the
    first joins in the same round as the new ones, and nobody who really holds a partition has to let go of it.
    """
    bus = KafkaBus(kafka, new_topic(6), group_id)
    with ExitStack() as held:
        held.enter_context(bus.ending)
        put_out = held.enter_context(Polling(bus.source(max_poll_interval=3.0)))
        until(lambda: len(put_out.places) == 6, 30, "all six")
        holding = held.enter_context(Polling(bus.source(max_poll_interval=15.0)))
        until(lambda: len(put_out.places) == 3 == len(holding.places), 30, "three each")
        wake, release = asleep(put_out), asleep(holding)
        held.callback(release.set)
        until(lambda: len(bus.broker.members(bus.group)) == 1, 30, "one member fewer")
        members = [put_out, *(held.enter_context(Polling(bus.source())) for _ in range(2))]
        wake.set()

        def owned() -> list[tuple[str, int]]:
            return sorted(place for member in members for place in member.places)

        every = [(bus.topic, number) for number in range(6)]
        until(lambda: owned() == every, 60, lambda: f"six partitions with an owner: {owned()}")
