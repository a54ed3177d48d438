"""What a worker knows of the limits of policies beside what its fleet knows: compared on a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

import structlog

from pipeline.path.limits import PolicyLimits
from pipeline.ports import FleetCounts, Standings
from pipeline.rules.heads import CompiledPolicies

EVERY = 1.0
"""Seconds between two looks: so late a worker is held by what another saw."""
Fleet = tuple[Standings, FleetCounts]
_log = structlog.get_logger(__name__)


@contextmanager
def shared_limits(
    limits: PolicyLimits,
    live: Callable[[], CompiledPolicies],
    fleet: Fleet | None,
    stop: Event,
    patience: float,
    every: float = EVERY,
) -> Iterator[None]:
    """Share it until `stop` is set; nothing is shared without a `fleet`. No image waits for it, but the first.

    A worker that starts, or starts anew, has heard by then which policies are held, unless Redis is away.
    """
    if fleet is None:
        yield
        return
    _share(limits, live, fleet)
    thread = Thread(target=_go_on, args=(limits, live, fleet, stop, every), name="sluice-limits", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(patience)


def _go_on(
    limits: PolicyLimits, live: Callable[[], CompiledPolicies], fleet: Fleet, stop: Event, every: float
) -> None:
    while not stop.wait(every):
        _share(limits, live, fleet)


def _share(limits: PolicyLimits, live: Callable[[], CompiledPolicies], fleet: Fleet) -> None:
    try:
        limits.follow(live().policy_set)
        limits.share(*fleet)
    except Exception as error:  # noqa: BLE001 - whatever it is, the next look is tried
        with suppress(Exception):
            _log.error("sharing_limits_failed", reason=f"{type(error).__name__}: {error}")
