"""Processes killed and frozen."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from random import Random
from typing import ClassVar

from tests.chaos.faults.fault import Fault
from tests.chaos.plan import MAX_POLL, SESSION
from tests.chaos.proc import family
from tests.chaos.rig import Rig, Target


def strike(target: Target, number: signal.Signals) -> bool:
    """Send a process a signal; False where it is gone by now. A unit's end is then known to be asked for."""
    if target.is_unit:
        return target.unit.signal(number)
    with suppress(ProcessLookupError):
        os.kill(target.pid, number)
        return True
    return False


class _Kill(Fault):
    kinds: ClassVar[tuple[str, ...]]

    def begin(self, rig: Rig) -> None:
        target = self.chosen(self.targets(rig))
        if target is not None and strike(target, signal.SIGKILL):
            self.kills += 1
            self.told = f"{target.name} ({target.pid})"

    def targets(self, rig: Rig) -> list[Target]:
        return rig.targets(*self.kinds)


class KillWorker(_Kill):
    """A worker or a moderator dies, as of the out-of-memory killer."""

    name = "kill-worker"
    in_a_deck = 16
    kinds = ("worker", "moderator")


class KillEncoder(_Kill):
    name = "kill-encoder"
    in_a_deck = 4
    kinds = ("encoder",)


class KillSupervisor(_Kill):
    """All that it has started must go with it, and come again. Where there is none, a worker dies."""

    name = "kill-supervisor"
    kinds = ("supervisor",)

    def targets(self, rig: Rig) -> list[Target]:
        return rig.targets(*self.kinds) or rig.targets("worker")


class KillAll(Fault):
    """Everything of ours at once, as when a machine goes down."""

    name = "kill-all"
    in_a_deck = 2

    def begin(self, rig: Rig) -> None:
        for target in rig.targets("worker", "moderator", "encoder", "supervisor"):
            self.kills += strike(target, signal.SIGKILL)
        self.told = f"{self.kills} processes"


class _Freeze(Fault):
    """Frozen with all that it has started, and thawed when its partitions are long another's: a zombie."""

    kinds: ClassVar[tuple[str, ...]] = ("worker", "moderator")

    def __init__(self, draw: Random) -> None:
        super().__init__(draw)
        self._frozen: list[int] = []

    def begin(self, rig: Rig) -> None:
        target = self.chosen(rig.targets(*self.kinds))
        if target is not None:
            self._frozen = family(target.pid)
            self.told = f"{target.name} ({target.pid})"
            self._send(signal.SIGSTOP)

    def end(self, rig: Rig) -> None:
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        for pid in self._frozen:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


class FreezeBriefly(_Freeze):
    """Short of the session's timeout: nothing should change hands."""

    name = "freeze-briefly"
    lasts = SESSION / 2


class FreezePastSession(_Freeze):
    name = "freeze-past-session"
    in_a_deck = 2
    lasts = SESSION + 4


class FreezePastPoll(_Freeze):
    name = "freeze-past-max-poll"
    in_a_deck = 2
    lasts = MAX_POLL + 4


class FreezeEncoder(_Freeze):
    name = "freeze-encoder"
    lasts = 8.0
    kinds = ("encoder",)
