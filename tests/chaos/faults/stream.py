"""The topic made anew under its readers, and events that expire before they are read."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from tests.chaos.faults.fault import Fault
from tests.chaos.plan import PARTITIONS
from tests.chaos.rig import IMAGES, IMAGES_CONFIG, Rig
from tests.services.deadline import until


class TopicRecreated(Fault):
    """Deleted and made again under the same name, with events in it that nobody has read."""

    name = "topic-recreated"
    lasts = 2.0

    def begin(self, rig: Rig) -> None:
        with rig.producer.paused():
            rig.kafka.delete_topic(IMAGES)
            until(lambda: _made(rig), 60, "the topic to be gone and made again")
            rig.stream.partitions = PARTITIONS
            rig.learn_epoch()
        self.told = f"epoch {rig.stream.epoch}"


class EventsExpired(Fault):
    """The workers stand still while events come, and all but the last few are gone when they go on."""

    name = "events-expired"
    lasts = 4.0

    def begin(self, rig: Rig) -> None:
        # Their groups: a worker that another fault kills meanwhile leaves a frozen one that nobody else would thaw.
        self._frozen = [unit.pid for unit in rig.units.living("worker") if unit.signal(signal.SIGSTOP, group=True)]

    def end(self, rig: Rig) -> None:
        before = {number: max(0, end - 2) for number, end in rig.kafka.end_offsets(IMAGES).items()}
        rig.kafka.delete_records(IMAGES, before)
        for group in self._frozen:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGCONT)
        self.told = f"before {before}"


def _made(rig: Rig) -> bool:
    try:
        rig.kafka.create_topic(IMAGES, PARTITIONS, IMAGES_CONFIG)
    except Exception:  # noqa: BLE001 - it is still being deleted
        time.sleep(0.3)
        return False
    return True
