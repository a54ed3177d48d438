"""What a worker knows of the limits of policies beside what its fleet knows: compared on a thread of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

import structlog

from pipeline.path.limits import PolicyLimits
from pipeline.ports import FleetCounts, Standings

EVERY = 1.0
"""Seconds between two looks: so late a worker is held by what another saw."""
Fleet = tuple[Standings, FleetCounts]
_log = structlog.get_logger(__name__)


@contextmanager
def shared_limits(
    limits: PolicyLimits, fleet: Fleet | None, stop: Event, patience: float, every: float = EVERY
) -> Iterator[None]:
    """Share it until `stop` is set; nothing is shared without a `fleet`. No image waits for it."""
    if fleet is None:
        yield
        return
    thread = Thread(target=_share, args=(limits, fleet, stop, every), name="sluice-limits", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(patience)


def _share(limits: PolicyLimits, fleet: Fleet, stop: Event, every: float) -> None:
    while not stop.wait(every):
        try:
            limits.share(*fleet)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next look is tried
            with suppress(Exception):
                _log.error("sharing_limits_failed", reason=f"{type(error).__name__}: {error}")
