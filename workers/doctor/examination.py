"""Checks, all at once, each within its own time: one that hangs or raises holds up and hides no other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event, Thread

from pipeline.errors import SluiceError
from workers.doctor.finding import Finding, fail

THREAD = "sluice-doctor"
"""What its threads are called; one that hangs does not keep the process from ending."""


@dataclass(frozen=True)
class Check:
    """Something to look at, and the most seconds that looking may take.

    `look` gives a finding, or several where it looks at things of one kind; each has a name, added to the check's.
    What it raises is a failure: a `SluiceError` says itself what to do.
    """

    name: str
    look: Callable[[], Finding | dict[str, Finding]]
    seconds: float = 15.0


@dataclass
class _Running:
    check: Check
    started: float
    done: Event = field(default_factory=Event)
    found: dict[str, Finding] = field(default_factory=dict)

    def run(self) -> None:
        try:
            found = self.check.look()
        except SluiceError as error:
            found = _said_by(error)
        except Exception as error:  # noqa: BLE001 - whatever one check runs into, the others are told
            found = fail(f"{type(error).__name__}: {error}", "this check itself failed; please report it")
        self.found = {"": found} if isinstance(found, Finding) else found
        self.done.set()


def examine(checks: Sequence[Check], clock: Callable[[], float] = time.monotonic) -> Iterator[tuple[str, Finding]]:
    """What each check finds, in their order, by name; the first is there as soon as it is known."""
    running = [_Running(check, clock()) for check in checks]
    for each in running:
        Thread(target=each.run, name=THREAD, daemon=True).start()
    for each in running:
        left = each.started + each.check.seconds - clock()
        if each.done.wait(max(0.0, left)):
            found = each.found
        else:
            late = f"no answer within {each.check.seconds:g} s"
            found = {"": fail(late, "it hangs, or is too slow to work with: look at it, and at the network between")}
        for name, finding in found.items():
            yield f"{each.check.name} {name}".strip(), finding


def _said_by(error: SluiceError) -> Finding:
    """An error's words: mostly what is wrong, a semicolon, and what to do."""
    what, _, todo = " ".join(str(error).split()).partition("; ")
    return fail(what, todo or "a worker would end with this, too")
