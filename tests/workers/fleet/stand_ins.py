"""Stand-ins for a machine's processes; ``python -m tests.workers.fleet.stand_ins FOLDER ...`` supervises them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event

from workers.fleet.lifeline import Lifeline
from workers.fleet.process import Process, Role
from workers.fleet.supervisor import Supervisor
from workers.process.signals import INTERRUPTED, stop_on_signals


class Told:
    """Keeps what the supervisor tells."""

    def __init__(self) -> None:
        self.starts: list[str] = []
        self.killed: list[str] = []
        self.trouble: dict[str, int] = {}

    def restarted(self, kind: str) -> None:
        """One more."""
        self.starts.append(kind)

    def hung(self, kind: str) -> None:
        """One more."""
        self.killed.append(kind)

    def failing(self, kind: str, processes: int) -> None:
        """So many now."""
        self.trouble[kind] = processes


def role(name: str, folder: Path, behaviour: str, lifeline: Lifeline, *holds: Lifeline, grace: float = 10.0) -> Role:
    """What to give a `Process`."""
    argv = [sys.executable, "-m", "tests.workers.fleet.stand_in", name, str(grace), str(folder), behaviour]
    return Role(name, name.partition("-")[0], argv, {}, folder / name, lifeline, grace, holds)


def roles(folder: Path, behaviours: Sequence[str], grace: float = 10.0) -> tuple[Role, list[Role]]:
    """An encoder and moderators with these behaviours, in that order."""
    of_encoder, of_moderators = Lifeline(), Lifeline()
    encoder = role("encoder", folder, behaviours[0], of_encoder, grace=grace)
    moderators = [
        role(f"moderator-{number}", folder, behaviour, of_moderators, of_encoder, grace=grace)
        for number, behaviour in enumerate(behaviours[1:], 1)
    ]
    return encoder, moderators


if __name__ == "__main__":
    encoder, moderators = roles(Path(sys.argv[1]), sys.argv[2:] or ["serve"] * 3, grace=60.0)
    processes = [Process(each) for each in moderators]
    hurry = Event()
    stop = stop_on_signals(120.0, hurry.set)
    status = Supervisor(Process(encoder), processes, lambda: True, Told()).run(stop, hurry)
    sys.exit(INTERRUPTED if hurry.is_set() else status)
