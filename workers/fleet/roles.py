"""From the settings of one worker to those of the processes that share its work."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workers.fleet.lifeline import Lifeline
from workers.fleet.process import Role
from workers.process.signals import LEAVING
from workers.process.startup import python
from workers.settings import Settings, environment_for

ENCODER_GRACE = 5.0
"""Seconds for an encoder to stop in. Nothing is drained: workers ask the next one again for what was under way."""


@contextmanager
def roles_in_folder(settings: Settings) -> Iterator[tuple[Role, list[Role]]]:
    """The encoder's role and the moderators', with their sockets in a folder that only this user can enter."""
    with tempfile.TemporaryDirectory(prefix="sluice-", ignore_cleanup_errors=True) as folder:
        yield roles(settings, Path(folder))


def roles(settings: Settings, folder: Path) -> tuple[Role, list[Role]]:
    """The encoder has all cores, for a model on the CPU; moderators share them for decoding, one each at least."""
    socket = folder / "encoder.sock"
    of_encoder, of_moderators = Lifeline(), Lifeline()
    encoder = Role(
        name="encoder",
        kind="encoder",
        argv=_argv("encoder", ENCODER_GRACE, "encoder", str(socket)),
        environment=_environment(settings, folder, "encoder"),
        health=_health(folder, "encoder"),
        lifeline=of_encoder,
        grace=ENCODER_GRACE,
    )
    cores = max(1, settings.cores // settings.moderators)
    grace = moderator_grace(settings)
    moderators = [
        Role(
            name=name,
            kind="moderator",
            argv=_argv(name, grace, "worker"),
            environment=_environment(settings, folder, name, encoder_socket=socket, cores=cores),
            health=_health(folder, name),
            lifeline=of_moderators,
            grace=grace,
            holds=[of_encoder],
        )
        for name in (f"moderator-{number}" for number in range(1, settings.moderators + 1))
    ]
    return encoder, moderators


def moderator_grace(settings: Settings) -> float:
    """Seconds in which a moderator drains and leaves its group."""
    return settings.drain_timeout + LEAVING


def _environment(settings: Settings, folder: Path, name: str, **own: object) -> dict[str, str]:
    update = {"moderators": 1, "metrics_host": str(_health(folder, name)), **own}
    return environment_for(settings.model_copy(update=update))


def _health(folder: Path, name: str) -> Path:
    return folder / f"{name}.http"


def _argv(name: str, grace: float, *command: str) -> list[str]:
    debug = ["--debug"] if "--debug" in sys.argv else []  # tracebacks here, tracebacks there
    return python("-m", "workers.fleet.child", name, str(grace), *command, *debug)
