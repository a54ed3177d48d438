"""Whether a version of a policy is held, as workers tell each other: of two standings the later one holds."""

from __future__ import annotations

import re
from typing import NamedTuple

LATER = 3600.0
"""Seconds by which clocks may differ: what claims to be of later than that is not believed."""
MOST_BYTES = 64
_FORM = re.compile(rb"(\d{1,12}\.\d{3}) (\d{1,12}) (\d{1,12})")


class Standing(NamedTuple):
    """It is held since `at`, in seconds since the epoch, for so many flagged of so many images; released, of none.

    Times are whole milliseconds, as they are written.
    """

    at: float
    flagged: int = 0
    images: int = 0

    @property
    def held(self) -> bool:
        return self.images > 0


def standing_bytes(standing: Standing) -> bytes:
    """`MOST_BYTES` of them at most."""
    return b"%.3f %d %d" % standing


def parse_standing(value: bytes) -> Standing | None:
    """None for what cannot be one."""
    found = _FORM.fullmatch(value)
    if found is None or int(found[2]) > int(found[3]):
        return None
    return Standing(float(found[1]), int(found[2]), int(found[3]))


def name_of(policy: str, version: str) -> str:
    """What a standing is kept under."""
    return f"{policy}:{version}"
