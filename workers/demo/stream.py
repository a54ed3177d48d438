"""The demo's stream: two real workers in one process, a memory broker between them and a steady sender."""

from __future__ import annotations

import itertools
import random
import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Event as Flag
from threading import Lock, Semaphore, Thread
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

from pipeline.adapters.memory import MemoryBroker, MemoryFetcher, MemorySource, MemoryTextCache, MemoryWriter
from pipeline.adapters.prometheus import PrometheusHooks
from pipeline.errors import StopError
from pipeline.ports import HookChain, Hooks, Store
from pipeline.wire import Answer, Decided, Decision, Failed, Failure, Record
from workers import assembly, services
from workers.health.server import HealthServer
from workers.health.vitals import Vitals
from workers.moderator import Moderator
from workers.policies.other_model import SayOtherModel
from workers.policies.sent import policy_sets_sent
from workers.policies.watch import PolicyWatch, watched_policies
from workers.process.interrupts import interruptible
from workers.settings import Settings
from workers.terminal.console import Terminal

WORKERS = 2
PARTITIONS = 4
IN_FLIGHT = 32
"""Images sent but not answered yet: enough to keep both workers busy, few enough for an honest latency."""
PATIENCE = 120.0
REMEMBERED = 2_000
"""Records of each partition that stay in memory while the demo goes on: minutes of it, in some 30 MB."""
KEPT = 10_000
"""Answers that are kept for the summary: more than a demo has that ends."""


class Tally(Hooks):
    """Answers and their latencies in seconds, text-cache results, and room for the sender as answers come."""

    def __init__(self) -> None:
        self.answers: deque[Answer] = deque(maxlen=KEPT)
        self.latencies: deque[float] = deque(maxlen=KEPT)
        self.text_lookups: dict[str, int] = {"hit": 0, "miss": 0}
        self.room = Semaphore(IN_FLIGHT)
        self.count = 0
        self._lock = Lock()

    def answered(self, answer: Answer, latency: float | None) -> None:
        with self._lock:
            self.answers.append(answer)
            self.latencies.append(latency or 0.0)
            self.count += 1
        self.room.release()

    def text_cache(self, result: str, count: int) -> None:
        with self._lock:
            self.text_lookups[result] = self.text_lookups.get(result, 0) + count


@dataclass(frozen=True)
class Answers:
    """The answers in the order of their events, the seconds that the stream took, and what the tally counted."""

    decisions: list[Decision]
    failures: list[Failure]
    seconds: float
    latencies: list[float]
    text_lookups: dict[str, int]


class DemoStream:
    """Use it as a context: entering loads the model and starts the workers, leaving stops them."""

    def __init__(self, settings: Settings, archive: Store | None = None) -> None:
        """With an `archive`, what the workers remember is kept there, once the context has been left."""
        self._settings = settings
        self._archive = archive
        self._broker = MemoryBroker(PARTITIONS)
        self._tally = Tally()
        self._metrics = PrometheusHooks()
        self._vitals = Vitals(settings.stall_after)
        self._stop = Flag()
        self._errors: list[BaseException] = []
        self._threads: list[Thread] = []
        self._moderators: list[Moderator] = []
        self._judges: list[assembly.Judge] = []
        self._held = ExitStack()
        self._sending = self._sent = 0.0

    def __enter__(self) -> Self:
        settings = self._settings
        if self._archive is not None:
            from workers.demo.archiver import demo_archiver  # Parquet's library is slow to load

            self._held.enter_context(demo_archiver(settings, self._broker, self._archive))
        sets = policy_sets_sent(lambda: MemoryWriter(self._broker), settings.features_topic, on=settings.remembers)
        listeners = self._tally, self._metrics, self._vitals, SayOtherModel()
        hooks = HookChain(*listeners, self._held.enter_context(sets))
        model, text_cache = assembly.load_model(self._settings, hooks=hooks), MemoryTextCache(hooks)
        for _ in range(WORKERS):
            self._start(assembly.judge(self._settings, model, hooks, text_cache), hooks)
        return self

    def _start(self, judge: assembly.Judge, hooks: Hooks) -> None:
        """One worker, put together by the same assembly as in production, with memory at both ends."""
        settings = self._settings
        self._judges.append(judge)
        source = MemorySource(self._broker, [settings.images_topic], settings.group, hooks=hooks)
        publisher, fetcher = services.publisher(settings, MemoryWriter(self._broker), hooks), MemoryFetcher()
        moderator = self._held.enter_context(assembly.moderator(settings, judge, source, publisher, fetcher, hooks))
        self._moderators.append(moderator)
        self._vitals.watch_progress("worker", lambda: max(each.stalled() for each in self._moderators))
        watch = PolicyWatch(settings.policies, judge.reading, judge.live, self._stop, hooks)
        self._held.enter_context(watched_policies(watch, self._stop, settings.drain_timeout))
        thread = Thread(target=self._run, args=(moderator,), name="sluice-worker", daemon=True)
        thread.start()
        self._threads.append(thread)

    def _run(self, moderator: Moderator) -> None:
        try:
            moderator.run(self._stop)
        except Exception as error:  # noqa: BLE001 - raised again by the thread that sends
            self._errors.append(error)

    def send_all(self, images: Sequence[tuple[str, bytes]], terminal: Terminal) -> None:
        """Send every image once, a bounded number ahead of the answers, and wait for the last answer."""
        columns = (TextColumn("moderating"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
        self._sending = time.monotonic()
        with terminal.progress(*columns) as progress:
            task = progress.add_task("images", total=len(images), rate="")
            for image in images:
                self._send(*image)
                progress.update(task, completed=self._tally.count, rate=self._rate())
            deadline = time.monotonic() + PATIENCE
            while self._tally.count < len(images) and time.monotonic() < deadline and not self._errors:
                progress.update(task, completed=self._tally.count, rate=self._rate())
                time.sleep(0.01)
        self._sent = time.monotonic()
        if self._tally.count < len(images) and not self._errors:
            missing = len(images) - self._tally.count
            raise StopError(f"{missing} of {len(images)} images were not answered within {PATIENCE:g} s of the last")

    def serve(self, images: Sequence[tuple[str, bytes]], rate: float, terminal: Terminal) -> None:
        """Send images in random order at a steady rate, with the console and metrics up, until Ctrl-C."""
        settings = self._settings
        health = HealthServer(
            settings.metrics_host, settings.metrics_port, self._metrics.registry, *self._vitals.checks
        )
        self._held.callback(health.close)
        from workers.console.embedded import served_console  # a quarter of a second that other demos do without

        console = served_console(settings, self._broker, self._metrics.registry, self._judges[0])
        _, serving = self._held.enter_context(console)
        terminal.note(f"open {serving.address}")
        terminal.note(f"metrics: http://localhost:{health.port}/metrics   policies: {settings.policies}")
        terminal.note(f"{rate:g} images a second; edit a policy and watch; Ctrl-C stops")
        started = time.monotonic()
        try:
            with interruptible():
                for number in itertools.count(1):
                    name, image = random.choice(images)
                    self._send(f"{number}/{name}", image)
                    if number % REMEMBERED == 0:
                        self._broker.keep_newest(REMEMBERED)
                    time.sleep(max(0.0, started + number / rate - time.monotonic()))
        except KeyboardInterrupt:
            terminal.note(f"{self._tally.count} images moderated")

    def finish(self) -> Answers:
        """Stop the workers and tell what they answered. Raises what stopped one."""
        self._shut()
        if self._errors:
            raise self._errors[0]
        answers = sorted(self._tally.answers, key=lambda each: (each.event.partition, each.event.offset))
        return Answers(
            [each.decision for each in answers if isinstance(each, Decided)],
            [each.failure for each in answers if isinstance(each, Failed)],
            self._sent - self._sending,
            list(self._tally.latencies),
            self._tally.text_lookups,
        )

    def _send(self, name: str, image: bytes) -> None:
        while not self._tally.room.acquire(timeout=1.0):
            if self._errors:
                raise self._errors[0]
        self._broker.append(Record(self._settings.images_topic, name.encode(), image))

    def _rate(self) -> str:
        seconds = time.monotonic() - self._sending
        return f"{self._tally.count / seconds:.0f} images/s" if seconds else ""

    def _shut(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(self._settings.drain_timeout + 1)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shut()
        self._held.close()
