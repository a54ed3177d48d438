"""Workers added, removed and restarted in order, and partitions added."""

from __future__ import annotations

import signal

from tests.chaos.faults.fault import Fault
from tests.chaos.plan import MOST_PARTITIONS
from tests.chaos.rig import IMAGES, Rig

MOST_MORE = 1
"""Workers beyond those that the plan has."""


class WorkerAdded(Fault):
    name = "worker-added"
    lasts = 8.0

    def begin(self, rig: Rig) -> None:
        if len(_workers(rig)) < rig.plan.workers + MOST_MORE:
            self.told = rig.add_worker().name


class WorkerRemoved(Fault):
    """One is told to end (SIGTERM) and does not come again; where only the plan's are left, it comes again."""

    name = "worker-removed"

    def begin(self, rig: Rig) -> None:
        unit = self.chosen(rig.units.living("worker"))
        if unit is None:
            return
        unit.wanted = len(_workers(rig)) <= rig.plan.workers
        unit.signal(signal.SIGTERM, group=self.draw.random() < 0.5)
        self.told = f"{unit.name}, {'restarted' if unit.wanted else 'for good'}"


class PartitionsAdded(Fault):
    name = "partitions-added"
    lasts = 3.0

    def begin(self, rig: Rig) -> None:
        if rig.stream.partitions < MOST_PARTITIONS:
            rig.kafka.add_partitions(IMAGES, rig.stream.partitions + 2)
            rig.stream.partitions += 2
            self.told = f"{rig.stream.partitions} now"


def _workers(rig: Rig) -> list[str]:
    return [unit.name for unit in rig.units.all if unit.name.startswith("worker") and unit.wanted]
