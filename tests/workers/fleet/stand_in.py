"""A process that starts in a moment, in place of an encoder or a moderator.

``python -m tests.workers.fleet.stand_in NAME GRACE FOLDER BEHAVIOUR``: appends its name to ``FOLDER/started`` and,
when it has finished as it was told to, to ``FOLDER/finished``. It imports next to nothing, to start soon.
"""

from __future__ import annotations

import faulthandler
import signal
import sys
import time
from pathlib import Path
from threading import Event

from workers.fleet.lifeline import live_by_stdin

DRAINING = 0.3
"""Seconds that a moderator takes to finish: an order that holds by chance would show."""


def main(name: str, grace: str, folder: str, behaviour: str) -> int:
    """``serve`` until told to finish, ``deaf``: do not finish, ``stuck``: say so, ``N``: end so at once."""
    faulthandler.enable(2)
    live_by_stdin(float(grace))
    told = Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    note(Path(folder), "started", name)
    if behaviour.isdigit():
        return int(behaviour)
    if behaviour == "stuck":
        from prometheus_client import CollectorRegistry

        from workers.health.server import HealthServer

        HealthServer(str(Path(folder) / name), 0, CollectorRegistry(), lambda: "it is stuck", lambda: None)
    while not told.wait(0.05) or behaviour == "deaf":
        pass
    time.sleep(DRAINING if name.startswith("moderator") else 0)
    note(Path(folder), "finished", name)
    return 0


def note(folder: Path, what: str, name: str) -> None:
    with (folder / what).open("a") as file:
        file.write(f"{name}\n")


def noted(folder: Path, what: str) -> list[str]:
    """The names, in the order in which they came."""
    return (folder / what).read_text().split() if (folder / what).exists() else []


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
