"""One pipeline as it is deployed: topics on a real broker, and workers and commands as processes of their own.

Reads as what a platform engineer does: make the topics, start workers, send pictures, wait for the answers.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.answers import Answers, read_answers
from tests.e2e.pictures import Hostile
from tests.services.deadline import until
from tests.services.kafka import KafkaBroker, Record
from tests.services.processes import HOST, ChildProcess, free_port, http_get, python

START = 120.0
"""Seconds that a worker may take until it is ready: its imports cost six on an idle machine."""
ANSWER = 60.0
"""Seconds that answers may take."""
STOP = 40.0
"""Seconds that a worker may take to stop: its own limits for draining and for leaving the group sum to less."""
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""Several processes share few cores here: threads of one that wait for each other at every step would wait long."""


@dataclass(frozen=True)
class Worker:
    """A running ``sluice worker``."""

    process: ChildProcess
    port: int

    def wait_until_ready(self, within: float = START) -> None:
        """Wait until its model is warm and it has partitions."""
        self.process.wait_for_http(self.url("readyz"), within=within)

    def wait_for_partitions(self, number: int, within: float = START) -> None:
        """Wait until it owns that many partitions."""
        until(
            lambda: self.process.running and self.metric("sluice_assigned_partitions") == number,
            within,
            lambda: f"{number} partitions, not {self.metric('sluice_assigned_partitions')}, for {self.process}",
        )

    def url(self, path: str) -> str:
        """Its address for ``metrics``, ``healthz`` or ``readyz``."""
        return f"http://{HOST}:{self.port}/{path}"

    def metric(self, name: str, **labels: str) -> float:
        """The sum over the series of that name and these labels; 0 where there is none."""
        found = http_get(self.url("metrics"))
        samples = [] if found is None else text_string_to_metric_families(found[1])
        return sum(
            sample.value
            for family in samples
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def logged(self, event: str) -> list[dict[str, Any]]:
        """What it has logged so far under that name."""
        return logged(self.process, event)

    @property
    def last_word(self) -> str:
        """The one line in which it says why it ended; a library may still log while it does."""
        return last_word(self.process)

    def wait_for_log(self, event: str, number: int = 1, within: float = 30.0) -> list[dict[str, Any]]:
        """Wait until it has logged that at least `number` times."""
        until(
            lambda: len(self.logged(event)) >= number,
            within,
            lambda: f"{number} of {event!r} logged by {self.process}",
        )
        return self.logged(event)


@dataclass(frozen=True)
class Pipeline:
    """Topics, a group and settings that its workers and commands share."""

    kafka: KafkaBroker
    folder: Path
    running: ExitStack
    images: str
    decisions: str
    dead_letters: str
    settings: Mapping[str, object]
    group: str
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def topic_settings(self) -> dict[str, str]:
        """How the command line is told where its topics are."""
        return {
            "bootstrap_servers": self.kafka.bootstrap_servers,
            "images_topic": self.images,
            "decisions_topic": self.decisions,
            "dead_letters_topic": self.dead_letters,
        }

    def worker(self, *, env: Mapping[str, str] | None = None, **settings: object) -> Worker:
        """Start a worker and return at once; `settings` come before the pipeline's own."""
        port = free_port()
        own = {"group": self.group, "metrics_port": port, "metrics_host": HOST}
        return Worker(
            self.command("worker", env=env, **{**self.topic_settings, **self.settings, **own, **settings}), port
        )

    def workers(self, number: int, **settings: object) -> list[Worker]:
        """Start several at once and wait until each is ready."""
        started = [self.worker(**settings) for _ in range(number)]
        for worker in started:
            worker.wait_until_ready()
        return started

    def command(self, *words: str, env: Mapping[str, str] | None = None, **settings: object) -> ChildProcess:
        """Start ``sluice`` with these words and settings, as flags."""
        argv = python("-m", "workers", *words, *flags(settings))
        process = ChildProcess(
            argv, self.folder, env={**ONE_THREAD, **(env or {})}, name=f"{words[0]}-{next(self.numbers)}"
        )
        return self.running.enter_context(process)

    def send(self, images: Sequence[bytes | Hostile], *, start: int = 0) -> list[Record]:
        """Put images into the topic, in turn over its partitions, and return them as the broker has them."""
        partitions = len(self.kafka.end_offsets(self.images))
        records = [
            Record(f"image-{number}".encode(), _value(image), (("x-trace", b"%d" % number),), number % partitions)
            for number, image in enumerate(images, start)
        ]
        return self.kafka.produce_all(self.images, records)

    def answers(self) -> Answers:
        """All answers so far."""
        return read_answers(self.kafka.read_all(self.decisions), self.kafka.read_all(self.dead_letters))

    def answered(self) -> int:
        """How many answers there are, repeats among them."""
        return sum(sum(self.kafka.end_offsets(topic).values()) for topic in (self.decisions, self.dead_letters))

    def wait_for_answers(self, number: int, *processes: Worker, within: float = ANSWER) -> None:
        """Wait until there are that many; fails at once when one of the workers ends meanwhile."""

        def enough() -> bool:
            for worker in processes:
                assert worker.process.running, f"a worker ended before {number} answers: {worker.process}"
            return self.answered() >= number

        state = [str(worker.process) for worker in processes]
        until(enough, within, lambda: f"{number} answers; there are {self.answered()}; {state}")

    def committed(self) -> dict[int, int]:
        """The group's committed offset of each partition of the images topic."""
        return self.kafka.committed(self.group, self.images)

    def wait_until_committed(self, within: float = ANSWER) -> None:
        """Wait until the group has committed all that is in the images topic."""
        until(
            lambda: self.kafka.lag(self.group, self.images) == 0,
            within,
            lambda: f"all committed: {self.committed()} of {self.kafka.end_offsets(self.images)}",
        )

    def beside(self, **settings: object) -> Pipeline:
        """Another pipeline on the same images: a group and answers of its own."""
        name = unique("beside")
        decisions = self.kafka.create_topic(f"{name}-decisions")
        dead_letters = self.kafka.create_topic(f"{name}-dlq")
        chosen = {**self.settings, **settings}
        return replace(self, decisions=decisions, dead_letters=dead_letters, group=name, settings=chosen)


@contextmanager
def pipeline_on(
    kafka: KafkaBroker,
    folder: Path,
    *,
    partitions: int = 1,
    topics: Mapping[str, Mapping[str, str]] | None = None,
    **settings: object,
) -> Iterator[Pipeline]:
    """A pipeline with topics of its own on that broker; what it has started ends with it.

    `topics` holds settings of the broker's for the topics ``images``, ``decisions`` and ``dlq``.
    """
    name = unique("sluice")
    images, decisions, dead_letters = (f"{name}-{kind}" for kind in ("images", "decisions", "dlq"))
    for topic, number in ((images, partitions), (decisions, 2), (dead_letters, 1)):
        kafka.create_topic(topic, number, (topics or {}).get(topic.rpartition("-")[2]))
    with ExitStack() as running:
        yield Pipeline(kafka, folder, running, images, decisions, dead_letters, settings, group=name)


def logged(process: ChildProcess, event: str) -> list[dict[str, Any]]:
    """What a process has logged so far under that name, as JSON."""
    lines = (line for line in process.stderr().splitlines() if line.startswith("{"))
    return [entry for entry in map(json.loads, lines) if entry.get("event") == event]


def last_word(process: ChildProcess) -> str:
    """The one line in which a process says why it ended: in JSON, once it knows that its log is to be that."""
    said = [str(line["error"]) for line in logged(process, "stopped")]
    said += [line for line in process.stderr().splitlines() if line.startswith("sluice: ")]
    assert len(said) == 1, str(process)
    return said[0]


def flags(settings: Mapping[str, object]) -> list[str]:
    """``{"max_batch": 4, "fetch_allow_http": True}`` -> ``--max-batch 4 --fetch-allow-http``."""
    words: list[str] = []
    for name, value in settings.items():
        flag = "--" + name.replace("_", "-")
        words += [flag] if value is True else [flag, str(value)]
    return words


def unique(prefix: str) -> str:
    """A name that nothing else on the broker has."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def _value(image: bytes | Hostile) -> bytes | None:
    return image.value if isinstance(image, Hostile) else image
