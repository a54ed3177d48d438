"""How processes ended, and what their logs say that no log should."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator

from tests.chaos.audit.breach import Breach
from tests.chaos.evidence import Evidence, LogLine
from tests.chaos.units import Exit

BY_ITSELF = {1, 2}
"""What a process may end with that nobody told to: it could not publish, or lacks something: deploy/README.md."""
TOLD = {0, 1, 2, 70, 128 + signal.SIGTERM, -signal.SIGTERM}
"""And one that was told to end: it drained, could not, was not through in time, or was only starting."""
SIGNS = ("Traceback (most recent call last)", "Fatal Python error", "terminate called", "Segmentation fault")
ODD_EVENTS = {"hook_failed", "watch_failed", "process_hangs", "process_killed", "thread_died"}
"""Events of the log that tell of a defect of ours."""


def undocumented_ends(evidence: Evidence) -> Iterator[Breach]:
    for each in evidence.exits:
        allowed = {"SIGKILL": {-signal.SIGKILL, *TOLD}, "SIGTERM": TOLD}.get(each.asked or "", BY_ITSELF)
        if each.status not in allowed:
            asked = f"after {each.asked}" if each.asked else "by itself"
            yield Breach(f"{each.unit} ended {asked} with {each.status}, {each.lived:.1f} s after its start")
    for line in evidence.log:
        if line.entry is not None and line.entry.get("event") == "process_died":
            status = line.entry.get("status")
            if status not in {-signal.SIGKILL, *BY_ITSELF}:
                yield Breach(f"{line.file}:{line.number}: {line.entry.get('died')} ended by itself with {status}")


def leftovers(evidence: Evidence) -> Iterator[Breach]:
    yield from map(Breach, evidence.leftovers)


def tracebacks(evidence: Evidence) -> Iterator[Breach]:
    for line in evidence.log:
        if _odd(line):
            yield Breach(f"{line.file}:{line.number}: {line.text[:2000]}")


def ends(evidence: Evidence) -> Counter[str]:
    """How often each kind of end came, for the table."""
    return Counter(_named(each) for each in evidence.exits)


def _odd(line: LogLine) -> bool:
    if line.entry is None:
        return any(sign in line.text for sign in SIGNS)
    return "exception" in line.entry or line.entry.get("event") in ODD_EVENTS


def _named(ended: Exit) -> str:
    return f"{ended.status} after {ended.asked}" if ended.asked else f"{ended.status} by itself"
