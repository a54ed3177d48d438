"""Poison at the head of every partition, decoders that go wrong, and decode processes that are killed."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import ClassVar

from tests.chaos.faults.fault import Fault
from tests.chaos.faults.processes import strike
from tests.chaos.images import Picture, odd_and_hostile
from tests.chaos.proc import family
from tests.chaos.rig import Rig
from tests.e2e.pictures import picture
from tests.poison import poison


class PoisonAtTheHead(Fault):
    """Each partition gets a record of another kind, and then all workers are killed: it is what they meet first."""

    name = "poison"
    in_a_deck = 6

    def begin(self, rig: Rig) -> None:
        kinds = list(odd_and_hostile())
        sent = [self.draw.choice(kinds) for _ in range(rig.stream.partitions)]
        for partition, kind in enumerate(sent):
            rig.producer.put(odd_and_hostile()[kind], partition)
        for target in rig.targets("worker", "moderator"):
            self.kills += strike(target, signal.SIGKILL)
        self.told = ", ".join(sent)


class _Marked(Fault):
    """Pictures whose mark makes a decoder go wrong, among ordinary ones."""

    deeds: ClassVar[tuple[str, ...]]
    pictures: ClassVar[int]
    lasts = 3.0

    def begin(self, rig: Rig) -> None:
        done = [self.draw.choice(self.deeds) for _ in range(self.pictures)]
        for deed in done:
            # Each another picture, or the second would be answered from memory.
            marked = poison(picture(self.draw.randrange(1_000, 1_000_000)), deed)
            partition = self.draw.randrange(rig.stream.partitions)
            rig.producer.put(Picture(f"a decoder's {deed}", marked), partition)
        self.told = ", ".join(done)


class DecoderDies(_Marked):
    name = "decoder-dies"
    in_a_deck = 2
    pictures = 5
    deeds = ("abort", "exit", "segfault", "memory", "raise", "wild")


class DecoderHangs(_Marked):
    name = "decoder-hangs"
    in_a_deck = 2
    pictures = 2  # each costs a core all that one image may have
    deeds = ("sleep", "spin", "lock")


class KillDecoder(Fault):
    """A decode process dies, or the one that they are forked from: an innocent image is decoded by another."""

    name = "kill-decoder"
    in_a_deck = 3

    def begin(self, rig: Rig) -> None:
        target = self.chosen(rig.targets("worker", "moderator"))
        below = family(target.pid)[1:] if target is not None else []
        if below:
            pid = self.draw.choice(below)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.kills += 1
                self.told = f"{pid} of {target.name}"
