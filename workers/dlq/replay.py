"""Dead letters' events sent again: which may be, how fast, and how far a replay has come."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from msgspec.structs import replace

from pipeline.errors import Reason, RefusedError
from pipeline.ports import RecordWriter, Topic
from pipeline.rules.dead_letters import Wanted
from pipeline.wire import MOST_REPLAYS, Event, Record, replay_of
from workers.dlq.found import Found
from workers.dlq.originals import Originals
from workers.dlq.outcomes import REPLAYED

GROUP = "sluice-dlq-replay"
CHUNK_BYTES = 32 * 1024 * 1024
CHUNKS_A_SECOND = 4


class Refused(NamedTuple):
    """Why an event is not sent again: a word to count by, and what to do."""

    kind: str
    advice: str


GONE = Refused("gone", "the dead-letter topic did not take it whole, and its event is not in its own topic any more")


@dataclass(frozen=True, slots=True)
class Target:
    """Where events go: to the topic they came from, if that is `images`, or all to the topic `to`.

    `partitions` is how many the images topic has.
    """

    images: str
    partitions: int
    to: str | None = None

    def refusal(self, found: Found) -> Refused | None:
        """Why the dead letter's event is not to be sent again; None where it is."""
        letter = found.letter
        if letter.foreign or letter.source is None:
            return Refused("foreign", "it is no dead letter of Sluice's, or does not say where its event stood")
        if letter.reason == Reason.TOO_MANY_HEADERS:
            return Refused(
                "headers", "its event has more headers than are read: have its producer send it with fewer"
            )
        if letter.replays >= MOST_REPLAYS:
            return Refused(
                "exhausted", f"its event has failed after {letter.replays} replays, and fails for its own reasons"
            )
        if self.to is None and letter.source.topic != self.images:
            return Refused(
                "elsewhere", f"its event came from {letter.source.topic}, not {self.images}: name a topic with --to"
            )
        return None

    def replay_of(self, event: Event) -> Record:
        """The record to send. A partition that is not there (any more) leaves it to the key."""
        record = replay_of(event, self.to)
        return record if (record.partition or 0) < self.partitions else replace(record, partition=None)


def progress_name(wanted: Wanted, to: str | None) -> str:
    """The name under which the progress of a replay by these filters is kept: the group whose offsets it is."""
    if wanted.everything and to is None:
        return GROUP
    said = f"{wanted.said} to={to}".encode("utf-8", "surrogatepass")
    return f"{GROUP}-{sha256(said).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far replays by the same filters have come: `done` holds, by partition, the offset that is next.

    A replay of what one id names keeps none: whoever names it means it.
    """

    topic: Topic
    name: str
    keeps: bool
    done: Mapping[int, int]

    @classmethod
    def of(cls, topic: Topic, wanted: Wanted, to: str | None, *, again: bool, keeps: bool) -> Progress:
        """Ask for it. With `again`, nothing counts as done."""
        name, keeps = progress_name(wanted, to), keeps and wanted.id is None
        return cls(topic, name, keeps, {} if again or wanted.id is not None else topic.progress(name))

    def keep(self, offsets: Mapping[int, int]) -> None:
        """Keep how far it has come by now."""
        if self.keeps and offsets:
            self.topic.keep_progress(self.name, offsets)


class Replay:
    """Sends events at most `rate` a second, and tells what became of each as soon as it is known.

    Without a `writer` it only tells what would be sent. `keep` is called with the offsets up to which all is done,
    after each chunk that the broker has taken: who is interrupted repeats one chunk at most, under the same ids.
    """

    def __init__(
        self,
        target: Target,
        originals: Originals,
        writer: RecordWriter | None,
        rate: float,
        tell: Callable[[Found, str, str], object],
        keep: Callable[[Mapping[int, int]], object],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._target = target
        self._originals = originals
        self._writer = writer
        self._rate = rate
        self._most = max(1, int(rate / CHUNKS_A_SECOND))
        self._tell = tell
        self._keep = keep
        self._clock = clock
        self._sleep = sleep
        self._waiting: list[tuple[Found, Record]] = []
        self._bytes = 0
        self._seen: dict[int, int] = {}
        self._due = clock()

    def take(self, found: Found, *, meant: bool) -> None:
        """Take the next record of the topic, which is replayed if it is meant. Raises `PublishError`."""
        if meant:
            self._plan(found)
        self._seen[found.record.partition] = found.record.offset + 1
        if len(self._waiting) >= self._most or self._bytes >= CHUNK_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what waits, when its turn has come, and keep how far it has come. Raises `PublishError`."""
        refused = self._sent_by(self._writer) if self._writer is not None and self._waiting else {}
        for index, (found, _) in enumerate(self._waiting):
            self._tell(found, "refused" if index in refused else REPLAYED, refused.get(index, ""))
        self._waiting, self._bytes = [], 0
        self._keep(self._seen)

    def _plan(self, found: Found) -> None:
        refusal, event = self._target.refusal(found), None
        if refusal is None:
            event = self._originals.event_of(found)
        if event is None:
            self._tell(found, *(refusal or GONE))
        else:
            self._waiting.append((found, self._target.replay_of(event)))
            self._bytes += len(event.value or b"")

    def _sent_by(self, writer: RecordWriter) -> dict[int, str]:
        """Write what waits; returns why the broker refuses some of it, by index."""
        self._sleep(max(0.0, self._due - self._clock()))
        self._due = max(self._due, self._clock()) + len(self._waiting) / self._rate
        try:
            writer.write([record for _, record in self._waiting])
        except RefusedError as error:
            return dict(error.refused)
        return {}
