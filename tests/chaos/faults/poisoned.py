"""Poison at the head of every partition: what a worker meets first when it comes back from the dead."""

from __future__ import annotations

import signal

from tests.chaos.faults.fault import Fault
from tests.chaos.faults.processes import strike
from tests.chaos.images import poison
from tests.chaos.rig import Rig


class PoisonAtTheHead(Fault):
    """A record of every partition's own, and then all workers are killed."""

    name = "poison"
    in_a_deck = 6

    def begin(self, rig: Rig) -> None:
        kinds = list(poison())
        sent = [self.draw.choice(kinds) for _ in range(rig.stream.partitions)]
        for partition, kind in enumerate(sent):
            rig.producer.put(poison()[kind], partition)
        for target in rig.targets("worker", "moderator"):
            self.kills += strike(target, signal.SIGKILL)
        self.told = ", ".join(sent)
