"""A worker's standings of policies beside those of its fleet: compared now and then, on a thread of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

import structlog

from pipeline.path.limits import PolicyLimits
from pipeline.ports import Standings

EVERY = 2.0
"""Seconds between two looks: so late a worker is held by what another saw."""
_log = structlog.get_logger(__name__)


@contextmanager
def shared_standings(
    limits: PolicyLimits, standings: Standings | None, stop: Event, patience: float, every: float = EVERY
) -> Iterator[None]:
    """Share them until `stop` is set; nothing is shared without `standings`. No image waits for it."""
    if standings is None:
        yield
        return
    thread = Thread(target=_share, args=(limits, standings, stop, every), name="sluice-limits", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(patience)


def _share(limits: PolicyLimits, standings: Standings, stop: Event, every: float) -> None:
    while not stop.wait(every):
        try:
            limits.share(standings)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next look is tried
            with suppress(Exception):
                _log.error("sharing_limits_failed", reason=f"{type(error).__name__}: {error}")
