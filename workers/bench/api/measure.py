"""Rounds of the same images: through memory, straight to the desk, and over HTTP."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from threading import Event, Thread

import numpy as np
from prometheus_client import CollectorRegistry

from pipeline.errors import StopError
from pipeline.ports import Hooks
from pipeline.wire import Answer
from workers import assembly
from workers.assembly import Judge
from workers.bench import streams
from workers.bench.api.askers import ask_all
from workers.bench.api.client import framed
from workers.bench.clock import cpu_seconds
from workers.console.access.visitors import Access
from workers.console.api.desk import JUDGE, Desk
from workers.console.api.ends import DeskPublisher, DeskSource
from workers.console.api.run import desk_of, moderate, on_the_path, serving
from workers.process.startup import python
from workers.settings import Settings

CLIENTS = 16
ROUNDS = 5
ALONE = 60
"""Requests of a client that is alone, in each round."""
PATIENCE = 600.0


@dataclass(frozen=True, slots=True)
class Run:
    """So many requests, each of which waited for an answer before the next: seconds of each, and of all."""

    seconds: Sequence[float]
    wall: float
    cpu: float
    """CPU seconds of the process that serves, each request's part."""

    @property
    def p50(self) -> float:
        return float(np.median(self.seconds))

    @property
    def p99(self) -> float:
        return float(np.percentile(self.seconds, 99))

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.seconds) / self.wall


@dataclass(frozen=True, slots=True)
class Round:
    """One after the other: a lone asker without and with HTTP, all images through memory, `CLIENTS` likewise."""

    desk_alone: Run
    http_alone: Run
    memory: streams.Clockwork
    desk: Run
    http: Run

    @property
    def added(self) -> float:
        """Seconds that HTTP adds to the median of a lone request."""
        return self.http_alone.p50 - self.desk_alone.p50

    @property
    def of_memory(self) -> float:
        """The rate over HTTP / the rate of the pipeline through memory, where all images wait at once."""
        return self.http.rate / self.memory.cost().rate

    @property
    def of_desk(self) -> float:
        """The rate over HTTP / the rate of as many askers without HTTP."""
        return self.http.rate / self.desk.rate


def rounds(
    settings: Settings, judge: Judge, images: Sequence[bytes], say: Callable[[str], object]
) -> Iterator[Round]:
    """Measure `ROUNDS` of them; `judge` must remember no image. Raises `StopError` where a request fails."""
    settings = settings.model_copy(update={"api_host": "127.0.0.1", "api_port": 0})
    with _served(settings, judge) as (desk, port), _client(port, images) as client:
        asker = _Asker(desk, images)
        asker.run(2, 20)
        client(2, 20)
        for number in range(1, ROUNDS + 1):
            say(f"round {number} of {ROUNDS}")
            alone = _in_turn(partial(asker.run, 1, 1), partial(client, 1, 1))
            memory = streams.through_memory(settings, judge, images)
            yield Round(*alone, memory, asker.run(CLIENTS, len(images)), client(CLIENTS, len(images)))


def _in_turn(one: Callable[[], Run], other: Callable[[], Run]) -> tuple[Run, Run]:
    """`ALONE` requests of each, one after the other in turn: whatever else the machine does meets both."""
    ones, others = zip(*[(one(), other()) for _ in range(ALONE)], strict=True)
    return _together(ones), _together(others)


def _together(runs: Sequence[Run]) -> Run:
    seconds = [second for run in runs for second in run.seconds]
    return Run(seconds, sum(run.wall for run in runs), sum(run.cpu for run in runs) / len(runs))


@contextmanager
def _served(settings: Settings, judge: Judge) -> Iterator[tuple[Desk, int]]:
    stop = Event()
    desk = desk_of(settings, stop)
    with ExitStack() as held:
        fetcher = held.enter_context(closing(assembly.claim_fetcher(settings)))
        ends = DeskSource(desk), DeskPublisher(desk)
        moderator = held.enter_context(assembly.moderator(on_the_path(settings), judge, *ends, fetcher, Hooks()))
        server = held.enter_context(serving(settings, judge, desk, moderator.braked, Access(), CollectorRegistry()))
        thread = Thread(target=moderate, args=(moderator, desk), name="sluice-bench-api", daemon=True)
        thread.start()
        yield desk, server.port
        stop.set()
        thread.join(settings.drain_timeout)


class _Asker:
    """Asks at the desk itself, from threads of this process."""

    def __init__(self, desk: Desk, images: Sequence[bytes]) -> None:
        self._desk = desk
        self._images = cycle(images)

    def run(self, clients: int, count: int) -> Run:
        questions, cpu = [next(self._images) for _ in range(count)], cpu_seconds()
        found = ask_all([self._ask] * clients, questions)
        return Run(found.seconds, found.wall, (cpu_seconds() - cpu) / count)

    def _ask(self, image: bytes) -> None:
        through = Event()

        def answered(_: Answer | StopError) -> None:
            through.set()

        with self._desk.ticket() as ticket:
            ticket.ask(JUDGE, b"bench", image, (), answered)
            if not through.wait(PATIENCE):
                raise StopError("the bench's question was not answered")


@contextmanager
def _client(port: int, images: Sequence[bytes]) -> Iterator[Callable[[int, int], Run]]:
    """A client process, as a function of how many ask and how often in all."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "images")
        file.write_bytes(framed(images))
        process = subprocess.Popen(  # noqa: S603 - our own
            python("-m", "workers.bench.api.client"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdin is not None  # noqa: S101 - for the type checker, as below
        assert process.stdout is not None  # noqa: S101
        told, heard = process.stdin, process.stdout
        told.write(f"{port}\n{file}\n")

        def run(clients: int, count: int) -> Run:
            cpu = cpu_seconds()
            told.write(json.dumps({"clients": clients, "count": count}) + "\n")
            told.flush()
            answer = json.loads(heard.readline() or '{"failure": "the client has ended"}')
            if "failure" in answer:
                raise StopError(f"the bench's client has failed: {answer['failure']}")
            return Run(answer["seconds"], answer["wall"], (cpu_seconds() - cpu) / count)

        try:
            yield run
        finally:
            told.close()
            process.wait(PATIENCE)
            heard.close()
