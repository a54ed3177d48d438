"""What a run leaves behind for the audit: values alone, so that a test can make them up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.ledger import Sent
from tests.chaos.units import Exit
from tests.chaos.watch import Place, Sample


@dataclass(frozen=True)
class Given:
    """An answer as it lies in an output topic."""

    at: tuple[Place, int]
    """Topic, partition and offset of the answer itself."""
    number: int | None
    """The ledger's number that it carries along, in a header or in its key."""
    event_id: str
    source: tuple[int, int]
    """Partition and offset that it names as its event's."""
    decision_id: str | None = None
    """None for a dead letter."""
    verdict: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Struck:
    """A fault that has happened; times are of the monotonic clock."""

    name: str
    began: float
    ended: float
    kills: int = 0
    told: str = ""
    hit: bool | None = None
    """For a kill that was aimed: whether it came between publish and commit."""


@dataclass(frozen=True)
class RoundDone:
    """A round: it ended when its last fault ended, and the next one began at `until`."""

    strikes: Sequence[Struck]
    ended: float
    until: float

    @property
    def names(self) -> str:
        return " + ".join(strike.name for strike in self.strikes)


@dataclass(frozen=True)
class Told:
    """Events that a log has named as never to be read: of one epoch and partition, from one offset to another."""

    epoch: str
    partition: int
    since: int
    until: int | None
    """None: to the end, because the topic is another one."""
    reason: str

    def covers(self, sent: Sent) -> bool:
        return self.is_of(sent) and sent.offset >= self.since and (self.until is None or sent.offset < self.until)

    def is_of(self, sent: Sent) -> bool:
        """Whether it concerns the partition of that event at all."""
        return (self.epoch, self.partition) == (sent.epoch, sent.partition)


def covering(told: Iterable[Told], sent: Sent) -> Told | None:
    """What a log has said of that event.

    Where a topic is another one, that is so of all its partitions, and one member's word is enough for those of which
    nothing was said: their owner may have been killed in that very moment, and one that starts knows of nothing.
    """
    of_epoch = [each for each in told if each.epoch == sent.epoch]
    own = [each for each in of_epoch if each.is_of(sent)]
    if own:
        return next((each for each in own if each.covers(sent)), None)
    return next((each for each in of_epoch if each.reason == "recreated"), None)


@dataclass(frozen=True)
class LogLine:
    """A line of a log of ours, as an object where it is one."""

    file: str
    number: int
    text: str
    entry: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Memory:
    """Resident bytes by process name."""

    when: str
    resident: Mapping[str, int]


@dataclass
class Evidence:
    """One run."""

    seed: int
    sent: Sequence[Sent] = ()
    answers: Sequence[Given] = ()
    samples: Sequence[Sample] = ()
    rounds: Sequence[RoundDone] = ()
    exits: Sequence[Exit] = ()
    leftovers: Sequence[str] = ()
    log: Sequence[LogLine] = ()
    epochs: Mapping[str, float] = field(default_factory=dict)
    """When each epoch of the topic began, in seconds since 1970, in order."""
    quiet: tuple[float, float] = (0.0, 0.0)
    """The phase without faults, from the start of the workers on."""
    steady: float = 0.0
    """When every partition had its first commit."""
    unacknowledged: Sequence[str] = ()
    drained: bool = True
    memory: Sequence[Memory] = ()
    minutes: float = 0.0
