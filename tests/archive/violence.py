"""Violence to archivers for as long as it is asked for, and then a count of what was lost or stands there twice.

python -m tests.archive.violence --minutes 10
"""

from __future__ import annotations

import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread
from typing import Annotated, NoReturn, Self

import typer
from msgspec.structs import replace

from pipeline.adapters.local.store import FolderStore
from pipeline.wire import FeaturesRecord, archive_record_bytes
from tests.archive.made import records
from tests.archive.streamed import events_in
from tests.e2e.archive_under_test import ArchiveUnderTest, archive_on
from tests.e2e.pipeline_under_test import START, Worker
from tests.services.kafka import KafkaBroker, Record

PARTITIONS, MEMBERS = 6, 3
PER_SECOND, REPEATED = 200, 0.05
SESSION = 6.0
"""Seconds after which the group takes a frozen one for dead: the least that a broker allows."""
AIM = 8.0
"""Seconds that a kill waits for a file to appear, so as to come between the file and its commit."""


class Producer:
    """Publishes new records of two models in turn and, for some, an old one again with another decision id."""

    def __init__(self, archive: ArchiveUnderTest) -> None:
        self._archive = archive
        self._stop = Event()
        self._thread = Thread(target=self._run)
        self.events: set[str] = set()
        self.records = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        sent: list[FeaturesRecord] = []
        chance = random.Random(1)
        for number in range(sys.maxsize):
            made = [_numbered(each, len(sent) + at) for at, each in enumerate(records(PER_SECOND, seed=number))]
            again = [chance.choice(sent[-5000:]) for _ in made if sent and chance.random() < REPEATED]
            redecided = [_redecided(each, f"{chance.getrandbits(128):032x}") for each in again]
            out = [*made, *redecided]
            chance.shuffle(out)
            self._archive.kafka.produce_all(self._archive.features, [_record(each) for each in out])
            sent += made
            self.events.update(each.decision.event_id for each in made)
            self.records += len(out)
            if self._stop.wait(1.0):
                return


class Violence:
    """Keeps `MEMBERS` archivers alive, and ends or freezes one of them again and again."""

    def __init__(self, archive: ArchiveUnderTest, chance: random.Random) -> None:
        self._archive, self._chance = archive, chance
        self.did: Counter[str] = Counter()
        self._members = [self._new() for _ in range(MEMBERS)]

    def once(self) -> None:
        """One act, and a new archiver for each that it has ended."""
        acts = (self.kill_at_a_file, self.kill_at_a_file, self.kill, self.kill_two, self.freeze)
        self._chance.choice(acts)()
        for at, member in enumerate(self._members):
            if not member.process.running:
                self._members[at] = self._new()

    def end(self) -> None:
        for member in self._members:
            member.process.kill()

    def kill_at_a_file(self) -> None:
        before, until = set(self._archive.segments()), time.monotonic() + AIM
        while time.monotonic() < until and not set(self._archive.segments()) - before:
            time.sleep(0.01)
        self.did["kills as a file appeared"] += bool(set(self._archive.segments()) - before)
        self._kill(*self._members)

    def kill(self) -> None:
        self._kill(self._chance.choice(self._members))

    def kill_two(self) -> None:
        self._kill(*self._chance.sample(self._members, 2))

    def freeze(self) -> None:
        member = self._chance.choice(self._members)
        member.process.pause()
        time.sleep(SESSION + 3)
        member.process.resume()
        self.did["frozen past the session"] += 1

    def _kill(self, *members: Worker) -> None:
        for member in members:
            member.process.kill()
            self.did["kills"] += 1

    def _new(self) -> Worker:
        return self._archive.archiver()


def main(minutes: Annotated[float, typer.Option()] = 10.0, seed: Annotated[int, typer.Option()] = 0) -> None:
    """Do violence for that long, and print what came of it; the exit status is 1 where an event is lost or twice."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        (folder / "kafka").mkdir()
        kafka = KafkaBroker(folder / "kafka")
        held.callback(kafka.close)
        kafka.start()
        how = {"archive_every": 2, "commit_interval": 2, "session_timeout": SESSION}
        archive = held.enter_context(archive_on(kafka, folder, partitions=PARTITIONS, **how))
        violence = Violence(archive, random.Random(seed))
        with Producer(archive) as producer:
            until = time.monotonic() + minutes * 60
            while time.monotonic() < until:
                time.sleep(random.uniform(0, 3))
                violence.once()
        violence.end()
        archive.archiver()
        archive.wait_until_committed(10 * START)
        _leave(archive, producer, violence)


def _leave(archive: ArchiveUnderTest, producer: Producer, violence: Violence) -> NoReturn:
    found = Counter(events_in(FolderStore(archive.folder)))
    said = {
        "records": producer.records,
        "events": len(producer.events),
        "segments": len(archive.segments()),
        **violence.did,
        "lost": len(producer.events - found.keys()),
        "twice": sum(times > 1 for times in found.values()),
        "strange": len(found.keys() - producer.events),
    }
    typer.echo(json.dumps(said, indent=1))
    sys.exit(1 if said["lost"] or said["twice"] or said["strange"] else 0)


def _numbered(record: FeaturesRecord, number: int) -> FeaturesRecord:
    model = replace(record.decision.model, fingerprint=("f00d", "beef")[number // 1000 % 2])
    named = {"event_id": f"{number:032x}", "image_id": f"image-{number}", "model": model}
    return replace(record, decision=replace(record.decision, **named))


def _redecided(record: FeaturesRecord, decision_id: str) -> FeaturesRecord:
    return replace(record, decision=replace(record.decision, decision_id=decision_id))


def _record(record: FeaturesRecord) -> Record:
    key = record.decision.image_id
    return Record(key.encode(), archive_record_bytes(record), (), int(key.removeprefix("image-")) % PARTITIONS)


if __name__ == "__main__":
    typer.run(main)
