"""The network between the workers and Kafka: slow, cut, half open, and accepting what leads nowhere."""

from __future__ import annotations

from tests.chaos.faults.fault import Fault
from tests.chaos.rig import Rig
from tests.services.proxy import Mode


class NetworkSlow(Fault):
    """Everything takes a third of a second longer, in each direction."""

    name = "network-slow"
    lasts = 8.0

    def begin(self, rig: Rig) -> None:
        rig.proxy.latency = 0.3

    def end(self, rig: Rig) -> None:
        rig.proxy.latency = 0.0


class NetworkCut(Fault):
    """Every connection is closed, and new ones work."""

    name = "network-cut"
    in_a_deck = 2

    def begin(self, rig: Rig) -> None:
        rig.proxy.cut()


class _Misbehaving(Fault):
    mode: Mode

    def begin(self, rig: Rig) -> None:
        rig.proxy.mode = self.mode

    def end(self, rig: Rig) -> None:
        rig.proxy.mode = Mode.PASS


class NetworkHalfOpen(_Misbehaving):
    """Connections that nobody is at the other end of, old and new."""

    name = "network-half-open"
    lasts = 5.0
    mode = Mode.HALF_OPEN


class NetworkSwallows(_Misbehaving):
    """Connections go on with a hole."""

    name = "network-swallows"
    lasts = 4.0
    mode = Mode.SWALLOW


class NetworkHangsUp(_Misbehaving):
    """Connections are accepted and dropped."""

    name = "network-hangs-up"
    lasts = 6.0
    mode = Mode.HANG_UP
