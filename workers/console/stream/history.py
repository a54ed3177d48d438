"""What the console remembers over its own restart: counts, figures and changes, in a small file of its state."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Literal

import msgspec
import structlog

from pipeline.adapters.local.last_good import write_whole
from workers.console.fleet.samples import Row, Samples
from workers.console.stream.feed import Feed, Remembered
from workers.settings import Settings

EVERY = 60.0
"""Seconds between two writes: a console that is killed forgets no more than that."""
MOST_BYTES = 16 * 1024 * 1024
"""Of the file; some 300 KB of it are a day of 20 policies."""
_log = structlog.get_logger(__name__)


class Told(msgspec.Struct, frozen=True):
    """The file, as MessagePack; times are in seconds since the epoch."""

    schema: Literal["sluice.console-history.v1"]
    until: float
    """When it was written: of what came after it, until the console reads again, nothing is known."""
    feed: Remembered
    samples: dict[str, list[Row]]


class History:
    """Reads the file once, and writes it from `start` to `close`. What goes wrong is logged, and is no hindrance."""

    def __init__(self, path: Path, feed: Feed, samples: Samples, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._feed = feed
        self._samples = samples
        self._clock = clock
        self._stop = threading.Event()
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="sluice-console-history", daemon=True)

    def start(self) -> None:
        """Recall what was kept, before anything new is read, and begin to keep."""
        self._recall()
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10.0)
            self.keep()

    def keep(self) -> None:
        """Write it now, whole or not at all."""
        kept = self._feed.remembered()
        told = Told("sluice.console-history.v1", self._clock(), kept, self._samples.rows())
        content = msgspec.msgpack.encode(told)
        why = f"it would have {len(content):,} bytes" if len(content) > MOST_BYTES else ""
        try:
            if not why:
                write_whole(self._path, content)
        except OSError as error:
            why = str(error.strerror)
        if why and not self._failed:
            _log.warning("console_history_not_kept", file=str(self._path), reason=why)
        self._failed = bool(why)

    def _recall(self) -> None:
        try:
            content = self._path.read_bytes()
            told = msgspec.msgpack.decode(content, type=Told)
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError) as error:
            _log.warning("console_history_not_read", file=str(self._path), reason=str(error))
            return
        now = self._clock()
        self._feed.recall(told.feed, told.until, now)
        self._samples.recall(told.samples, now)

    def _run(self) -> None:
        while not self._stop.wait(EVERY):
            self.keep()


def history_of(settings: Settings, feed: Feed, samples: Samples) -> History | None:
    """The history of what these settings watch; None where no folder for state is set."""
    if settings.state is None:
        return None
    watched = settings.bootstrap_servers, settings.decisions_topic, settings.dead_letters_topic, settings.group
    name = sha256("\n".join(watched).encode()).hexdigest()[:16]
    return History(settings.state / f"console-history-{name}.msgpack", feed, samples)
