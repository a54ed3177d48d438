"""The workers as the console sees them, looked at every second or two on threads of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from pipeline.errors import SluiceError
from pipeline.rules.flow.assignment import Partition, Standing
from workers.console.fleet.pages import Page, read_page
from workers.console.fleet.partitions import Place, places_after
from workers.console.fleet.processes import Process
from workers.console.fleet.samples import Samples
from workers.console.stream.changes import Change, Changes

LOOK, ASK = 2.0, 0.5
"""Seconds between two looks at metrics, and between two questions to the broker."""
FORGET = 600.0
"""Seconds after which a process that is away is no longer shown."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Looked:
    """When the broker last said where the group stands, and why it does not now."""

    at: float = 0.0
    why: str = "it has not been asked yet"


class Fleet:
    """Looks from `start` to `close`. Safe to ask from any thread."""

    def __init__(
        self,
        standings: Callable[[], Mapping[Partition, Standing]],
        metrics: Callable[[], Sequence[tuple[str, str | None]]],
        changes: Changes,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._standings = standings
        self._metrics = metrics
        self._changes = changes
        self._clock = clock
        self._places: dict[Partition, Place] = {}
        self._looked = Looked()
        self._processes: dict[str, Process] = {}
        self.samples = Samples()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=each, name=f"sluice-console-{each[0]}", daemon=True)
            for each in (("broker", self.ask, ASK), ("metrics", self.look, LOOK))
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(10.0)

    @property
    def places(self) -> Sequence[Place]:
        return list(self._places.values())

    @property
    def looked(self) -> Looked:
        return self._looked

    @property
    def processes(self) -> Sequence[Process]:
        return [each for _, each in sorted(self._processes.items())]

    def ask(self) -> None:
        """Ask the broker once where the group stands."""
        try:
            standings = self._standings()
        except SluiceError as error:
            self._looked = Looked(self._looked.at, str(error))
            return
        now = self._clock()
        self._places = places_after(self._places, standings, now)
        self._looked = Looked(now, "")
        self.samples.add(now, {"lag": float(sum(each.lag for each in self._places.values()))})

    def look(self) -> None:
        """Look once at every process."""
        found = dict(self._metrics())
        now = self._clock()
        known = {address: self._processes.get(address, Process(address)) for address in {*self._processes, *found}}
        after = {address: each.after(self._page(found.get(address), now), now) for address, each in known.items()}
        for address, process in after.items():
            self._tell(known[address], process, now)
            if process.version and process.away_since is None:
                self._changes.saw("release", process.version)
        self._processes = {
            address: each
            for address, each in after.items()
            if address in found or (each.away_since or now) > now - FORGET
        }
        self.samples.add(now, dict(figures(self.processes)))

    def _page(self, text: str | None, now: float) -> Page | None:
        try:
            return None if text is None else read_page(text, now)
        except ValueError:
            return None

    def _tell(self, before: Process, after: Process, now: float) -> None:
        if before.started and after.started and after.started != before.started:
            self._changes.note(Change(now, "worker", f"{after.kind} {after.address} restarted"))
        elif before.last.at and before.away_since is None and after.away_since is not None:
            self._changes.note(Change(now, "worker", f"{before.kind} {after.address} does not answer"))
        elif before.away_since is not None and after.away_since is None and before.last.at:
            self._changes.note(Change(now, "worker", f"{after.kind} {after.address} answers again"))

    def _repeat(self, name: str, step: Callable[[], None], every: float) -> None:
        while not self._stop.is_set():
            try:
                step()
            except Exception:  # noqa: BLE001 - the next look may go well
                _log.exception("console_look_failed", look=name)
            self._stop.wait(every)


def figures(processes: Sequence[Process]) -> dict[str, float]:
    """Of all processes together: seconds by stage and batch, waiting batches by queue, hits, and latencies."""
    found: dict[str, float] = {}
    here = [each for each in processes if each.away_since is None]
    for stage in sorted({name for each in here for name in each.last.by("sluice_stage_seconds_count", "stage")}):
        seconds, batches = (
            sum(each.rate(f"sluice_stage_seconds_{part}", stage=stage) or 0.0 for each in here)
            for part in ("sum", "count")
        )
        if batches:
            found[f"stage {stage}"] = seconds / batches
    for queue in sorted({name for each in here for name in each.last.by("sluice_queue_batches", "queue")}):
        found[f"queue {queue}"] = sum(each.last.by("sluice_queue_batches", "queue").get(queue, 0.0) for each in here)
    for cache in ("feature", "text", "shared_feature"):
        name = f"sluice_{cache}_cache_lookups_total"
        hits, misses = (sum(each.rate(name, result=kind) or 0.0 for each in here) for kind in ("hit", "miss"))
        if hits + misses:
            found[f"cache {cache.replace('_', ' ')}"] = hits / (hits + misses)
    for words, name in (("end to end", "sluice_end_to_end_seconds"), ("canary", "sluice_canary_latency_seconds")):
        seconds, count = (sum(each.rate(f"{name}_{part}") or 0.0 for each in here) for part in ("sum", "count"))
        if count:
            found[words] = seconds / count
    return found
