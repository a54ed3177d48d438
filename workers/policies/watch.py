"""Edits of the policy folder go live while the worker runs; an edit that does not hold changes nothing.

The watch never ends before it is told to. What it cannot take up for reasons that are not the files' it tries again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import structlog

from pipeline.adapters.local.last_good import LastGood
from pipeline.adapters.local.policy_assets import AssetFiles
from pipeline.adapters.local.policy_folder import Reading, look_at, looks, settled
from pipeline.errors import PolicyError, Problem
from pipeline.path.live import LivePolicies
from pipeline.ports import Hooks
from pipeline.rules.policies.files import files_of
from pipeline.rules.policies.policy_set import PolicySet

FIRST_PAUSE = 1.0
"""Seconds before what failed is tried again; twice as long each time."""
LONGEST_PAUSE = 60.0

_log = structlog.get_logger(__name__)


class PolicyWatch:
    """Looks at a folder on a thread of its own, and offers what it finds to the live policies."""

    def __init__(
        self,
        folder: Path,
        known: Reading,
        live: LivePolicies,
        stop: Event,
        hooks: Hooks,
        *,
        last_good: LastGood | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`known` is what is live: what differs from it is an edit."""
        self._folder = folder
        self._live = live
        self._stop = stop
        self._hooks = hooks
        self._last_good = last_good
        self._clock = clock
        self._beside = AssetFiles(folder)
        self._answered = known.digest
        self._failed, self._due, self._pause = b"", 0.0, FIRST_PAUSE
        self._looked = clock()
        self._busy = False
        self._refused: str | None = None
        self._thread = Thread(target=self._run, name="sluice-policies", daemon=True)

    def start(self) -> None:
        self._looked = self._clock()
        self._thread.start()

    def join(self, patience: float) -> None:
        """Wait until the thread has ended, `patience` seconds at most; it ends when `stop` is set."""
        self._thread.join(patience)

    def stalled(self) -> float:
        """Seconds since the folder was last looked at; 0 while an edit is taken up, which the model may delay."""
        return 0.0 if self._busy and self._thread.is_alive() else self._clock() - self._looked

    def refused(self) -> str | None:
        """Why what is in the folder is not live; None where it is."""
        return self._refused

    def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self._stop.is_set():
            try:
                for _ in looks(self._folder, self._stop):
                    self._look()
                    pause = FIRST_PAUSE
            except Exception as error:  # noqa: BLE001 - whatever it is, the next edit must still be taken up
                with suppress(Exception):  # a log that cannot be written is no reason either
                    _log.error("policy_watch_failed", reason=_said(error), looks_again_in=pause)
            self._stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _look(self) -> None:
        digest = look_at(self._folder, self._beside).digest
        if digest != self._answered and not (digest == self._failed and self._clock() < self._due):
            reading = settled(self._folder, self._stop, self._beside)
            if reading is not None and reading.digest != self._answered:
                self._answer(reading)
        self._looked = self._clock()
        self._hooks.policies_looked_at()

    def _answer(self, reading: Reading) -> None:
        before = self._live().policy_set
        self._busy = True
        try:
            policy_set = self._offer(reading)
        except PolicyError as error:
            self._answered, self._refused = reading.digest, f"an older set decides: {error.problems[0]}"
            log_problems("policy_refused", error.problems)
            _log.error("policies_unchanged", live=before.version)
        except Exception as error:  # noqa: BLE001 - not the files' fault: they are offered again
            self._postpone(reading.digest)
            self._refused = f"an older set decides: {_said(error)}"
            self._hooks.policies_refused("error")
            _log.error("policies_unchanged", live=before.version, reason=_said(error), tried_again_in=self._pause / 2)
        else:
            self._answered, self._failed, self._pause = reading.digest, b"", FIRST_PAUSE
            self._refused = None
            self._taken_up(before, policy_set, reading)
        finally:
            self._looked, self._busy = self._clock(), False

    def _offer(self, reading: Reading) -> PolicySet:
        if reading.problems:
            self._hooks.policies_refused("invalid")
            raise PolicyError(list(reading.problems))
        return self._live.offer(reading.files, reading.assets, self._folder.as_posix())

    def _postpone(self, digest: bytes) -> None:
        if digest != self._failed:
            self._failed, self._pause = digest, FIRST_PAUSE
        self._due = self._clock() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _taken_up(self, before: PolicySet, now: PolicySet, reading: Reading) -> None:
        log_problems("policy_file_not_read", reading.slips)
        if now.version != before.version:
            old, new = ({policy.id for policy in policy_set.policies} for policy_set in (before, now))
            _log.info(
                "policies_live",
                version=now.version,
                policies=len(new),
                added=sorted(new - old),
                gone=sorted(old - new),
            )
        if self._last_good is not None:
            self._last_good.keep(files_of(now, reading.files), reading.assets)


@contextmanager
def watched_policies(watch: PolicyWatch, stop: Event, patience: float) -> Iterator[PolicyWatch]:
    """Watch until the block ends or `stop` is set.

    At the end an edit that is being taken up is waited for, `patience` seconds at most: a process that exits while
    another thread computes inside torch is aborted, and a worker that was told to stop must exit with 0.
    """
    watch.start()
    try:
        yield watch
    finally:
        stop.set()
        watch.join(patience)


def log_problems(event: str, problems: Sequence[Problem]) -> None:
    """Log each problem as a line of its own."""
    for problem in problems:
        _log.error(event, file=problem.file, line=problem.line, reason=problem.reason)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
