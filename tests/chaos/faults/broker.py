"""The broker killed, away for long, and hung."""

from __future__ import annotations

from tests.chaos.faults.fault import Fault
from tests.chaos.rig import Rig


class _BrokerAway(Fault):
    def begin(self, rig: Rig) -> None:
        rig.kafka.kill()

    def end(self, rig: Rig) -> None:
        rig.kafka.start()


class BrokerKilled(_BrokerAway):
    """Killed, and started again at once."""

    name = "broker-killed"


class BrokerAway30(_BrokerAway):
    name = "broker-away-30"
    lasts = 30.0


class BrokerAway90(_BrokerAway):
    name = "broker-away-90"
    lasts = 90.0


class BrokerHung(Fault):
    """Connections stay open, and nothing is answered."""

    name = "broker-hung"
    lasts = 12.0

    def begin(self, rig: Rig) -> None:
        rig.kafka.pause()

    def end(self, rig: Rig) -> None:
        rig.kafka.resume()
