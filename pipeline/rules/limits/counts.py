"""What the workers of a fleet counted, together: a policy is held by what all of them saw, and not each alone.

Every worker tells the others its own counts of the moving stretch of time, whole each time: one that is lost or told
twice changes nothing, and a Redis that forgot knows all again a second later. A picture that goes round comes to
many workers, so the flagged views travel as sketches, and those that are nearly the same count once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta

from pipeline.rules.limits.bound import beyond
from pipeline.rules.limits.sketches import BYTES, Sketches, different, sketches_of
from pipeline.rules.policies.policy_set import Limits
from pipeline.signals import Features
from pipeline.wire import refuses_deep

RECENT = 32
"""Sketches that a worker tells of a policy, at most: those of its last flagged images."""
MOST_SKETCHES = 2_048
"""Sketches that a worker tells of all policies together."""
MOST_COMPARED = 1_024
"""Sketches that are compared with each other, which takes a tenth of a second at most."""
MOST_BYTES = 256 * 1024
_Number = Annotated[int, Meta(ge=0, le=10**12)]


class Count(msgspec.Struct, frozen=True, array_like=True):
    """What a worker counted of one version of a policy, in the time that its limit names."""

    since: float
    """When the policy was released last, in seconds since the epoch; 0 where it never was."""
    images: _Number
    flagged: _Number
    sketches: Annotated[bytes, Meta(max_length=RECENT * BYTES)] = b""
    """Of flagged views, one after the other, the last ones alone."""


class Counted(NamedTuple):
    """The same in the worker itself, with the views as they are."""

    policy: str
    limits: Limits
    since: float
    images: int
    flagged: int
    views: Sequence[Features]


Counts = Mapping[str, Count]
"""By the name that `name_of` gives."""


class Told(msgspec.Struct, frozen=True, array_like=True):
    """The counts of one worker, which has a name that no other has."""

    worker: Annotated[str, Meta(min_length=1, max_length=64)]
    counts: dict[Annotated[str, Meta(max_length=256)], Count]


_encode = msgspec.msgpack.Encoder().encode
_decode = refuses_deep(msgspec.msgpack.Decoder(Told).decode)


def counts_bytes(worker: str, counts: Counts) -> bytes:
    """`MOST_BYTES` of them at most, for as many policies as a folder may have."""
    return _encode(Told(worker, dict(counts)))


def parse_counts(value: bytes) -> Told | None:
    """None for what cannot be one."""
    try:
        told = _decode(value)
    except (msgspec.DecodeError, ValueError):
        return None
    sound = all(each.flagged <= each.images and not len(each.sketches) % BYTES for each in told.counts.values())
    return told if sound else None


def counts_of(counted: Mapping[str, Counted]) -> dict[str, Count]:
    """What a worker tells the others; policies of which it saw nothing yet are left out."""
    seen = {name: each for name, each in counted.items() if each.images}
    most = min(RECENT, max(1, MOST_SKETCHES // max(1, len(seen))))
    return {
        name: Count(each.since, each.images, each.flagged, _sketched(each.views[-most:]))
        for name, each in seen.items()
    }


def together(name: str, mine: Count, others: Iterable[Counts], rate: float) -> tuple[int, int] | None:
    """Images and flagged ones that the fleet saw of a policy where those are beyond its limit, else None.

    Workers that count since another release than this one, or none, are left out. Where more was flagged than there
    are sketches, the rest is taken to repeat itself as much as those do.
    """
    known = (each.get(name) for each in others)
    counts = [mine, *(each for each in known if each is not None and each.since == mine.since)]
    images, flagged = sum(each.images for each in counts), sum(each.flagged for each in counts)
    if not beyond(images, flagged, rate):
        return None
    if len(counts) > 1:
        found = _sketches(counts)
        repeated = flagged - int(flagged * different(found) / len(found)) if len(found) else 0
        images, flagged = images - repeated, flagged - repeated
    return (images, flagged) if beyond(images, flagged, rate) else None


def _sketched(views: Sequence[Features]) -> bytes:
    return sketches_of(np.stack(views)).tobytes() if views else b""


def _sketches(counts: Sequence[Count]) -> Sketches:
    each = max(1, MOST_COMPARED // len(counts))
    parts = (count.sketches[-each * BYTES :] for count in counts)
    return np.frombuffer(b"".join(parts), np.uint8).reshape(-1, BYTES)
